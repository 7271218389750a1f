//! The foreign program as a child process.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use outpost_lab::demo::chain::Chain;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};

/// A file of the repository.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A script of `tests/readers`, with the packages it needs.
pub fn script<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> Command {
    let packages = std::env::var_os("OUTPOST_TEST_READERS")
        .expect("OUTPOST_TEST_READERS must name the folder of the foreign readers; tests/run sets it up");
    let mut command = Command::new("node");
    command
        .arg(file("tests/readers").join(name))
        .args(arguments)
        .env("NODE_PATH", Path::new(&packages).join("node_modules"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a script to its end; the JSON it printed.
pub async fn answer(mut command: Command) -> Value {
    let output = command.output().await.unwrap_or_else(|error| panic!("node could not be started: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The foreign program while it listens to a site's topics.
pub struct Listening {
    child: Child,
    /// Kept open, so that it can go on talking.
    _errors: BufReader<ChildStderr>,
}

impl Listening {
    pub async fn start(chain: &Chain, site: &str, dump: &Path) -> Self {
        let keys = format!("{}/v1/sites/{site}/keys", chain.hub_api.base());
        let broker = format!("mqtt://{}", chain.broker_address());
        let arguments = ["--site", site, "--keys", &keys, "--broker", &broker, "--json", "--dump"];
        let mut command =
            script("listen.cjs", arguments.map(OsStr::new).into_iter().chain([dump.as_os_str()]));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        tokio::time::timeout(Duration::from_secs(20), errors.read_line(&mut line)).await.unwrap().unwrap();
        assert_eq!(line.trim(), "listening");
        Self { child, _errors: errors }
    }

    /// Interrupts it; its report.
    pub async fn report(self) -> Value {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let output = self.child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A list in a report; empty when it is not there.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}
