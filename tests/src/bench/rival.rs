//! The peers that are not ours: two child processes, site and hub, that are told what to write on standard input and
//! say on standard output what is durable and what is visible.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_util::task::AbortOnDropHandle;

use super::SyncArgs;
use super::measure::{Peer, Plan};
use super::work;
use crate::demo::broker::{Broker, Tuning};
use crate::demo::supervisor::free_port;
use crate::network::Line;

/// A child and what it says.
struct Worker {
    pid: u32,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Worker {
    /// Starts it and waits until it says `ready`.
    async fn start(program: &Path, arguments: &[OsString], variables: &[(&str, OsString)]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let pid = child.id().context("a child has an id")?;
        let input = child.stdin.take().context("a child has an input")?;
        let output = BufReader::new(child.stdout.take().context("a child has an output")?).lines();
        let mut worker = Self { pid, input, output, child };
        worker.hear("ready").await?;
        Ok(worker)
    }

    async fn hear(&mut self, expected: &str) -> Result<()> {
        let line = tokio::time::timeout(Duration::from_secs(60), self.output.next_line()).await??;
        ensure!(line.as_deref() == Some(expected), "expected {expected:?} of a peer, heard {line:?}");
        Ok(())
    }
}

/// A site and a hub of somebody else's making.
pub struct Rival {
    name: &'static str,
    setting: &'static str,
    site: Worker,
    events: Box<dyn Iterator<Item = Value> + Send>,
    visible: Arc<AtomicU64>,
    line: Line,
    processes: Vec<(&'static str, u32)>,
    _hub: (Child, ChildStdin),
    _counting: AbortOnDropHandle<()>,
    _broker: Option<Broker>,
    _folder: tempfile::TempDir,
}

impl Peer for Rival {
    fn name(&self) -> (&'static str, &'static str) {
        (self.name, self.setting)
    }

    async fn write(&mut self, entries: usize) -> Result<usize> {
        let some: Vec<Value> = self.events.by_ref().take(entries).collect();
        let written = some.len();
        let mut line = serde_json::to_vec(&json!({ "events": some }))?;
        line.push(b'\n');
        self.site.input.write_all(&line).await?;
        self.site.input.flush().await?;
        self.site.hear("stored").await?;
        Ok(written)
    }

    fn visible(&self) -> Arc<AtomicU64> {
        self.visible.clone()
    }

    fn line(&self) -> &Line {
        &self.line
    }

    async fn settle(&self) -> Result<()> {
        // What is visible was acknowledged or will be; the measurement waits for a silent line besides.
        Ok(())
    }

    fn processes(&self) -> &[(&'static str, u32)] {
        &self.processes
    }
}

struct Parts {
    name: &'static str,
    setting: &'static str,
    site: Worker,
    hub: Worker,
    line: Line,
    broker: Option<Broker>,
    folder: tempfile::TempDir,
}

impl Rival {
    async fn of(parts: Parts, plan: &Plan) -> Result<Self> {
        let Parts { name, setting, site, hub, line, broker, folder } = parts;
        let mut processes = vec![("site", site.pid), ("hub", hub.pid)];
        if let Some(broker) = &broker {
            processes.extend(broker.pid().await.map(|pid| ("broker", pid)));
        }
        let visible = Arc::new(AtomicU64::new(0));
        let Worker { input, output, child, .. } = hub;
        let counting = AbortOnDropHandle::new(tokio::spawn(count(output, visible.clone())));
        let orders = plan.events().div_ceil(super::measure::EVENTS_OF_AN_ORDER as usize);
        Ok(Self {
            name,
            setting,
            site,
            events: Box::new(work::events(orders)),
            visible,
            line,
            processes,
            _hub: (child, input),
            _counting: counting,
            _broker: broker,
            _folder: folder,
        })
    }
}

/// The hub says `visible N` whenever that changed.
async fn count(mut output: Lines<BufReader<ChildStdout>>, visible: Arc<AtomicU64>) {
    while let Ok(Some(line)) = output.next_line().await {
        if let Some(count) = line.strip_prefix("visible ").and_then(|count| count.parse().ok()) {
            visible.store(count, Ordering::Relaxed);
        }
    }
}

fn folder() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("outpost-bench-").tempdir()?)
}

/// PouchDB at the site, replicating continuously to express-pouchdb at the hub.
pub async fn pouchdb(args: &SyncArgs, plan: &Plan) -> Result<Rival> {
    let packages = installed(args.packages.clone()).await?;
    let folder = folder()?;
    let node = PathBuf::from("node");
    let variables = [("NODE_PATH", packages.join("node_modules").into_os_string())];
    let script = |name: &str| scripts().join(name).into_os_string();
    let port = free_port()?;
    let data = |side: &str| folder.path().join(side).into_os_string();
    let hub = [script("hub.cjs"), data("hub"), port.to_string().into()];
    let hub = Worker::start(&node, &hub, &variables).await?;
    let line = Line::lay(([127, 0, 0, 1], port).into())?;
    let site = [script("site.cjs"), data("site"), format!("http://{}/events", line.address()).into()];
    let site = Worker::start(&node, &site, &variables).await?;
    let setting = "LevelDB with a sync at every write on both sides, a document an event, over HTTP";
    Rival::of(Parts { name: "pouchdb", setting, site, hub, line, broker: None, folder }, plan).await
}

/// Plain JSON, a message an event, from a SQLite outbox through Mosquitto to SQLite.
pub async fn json(plan: &Plan) -> Result<Rival> {
    let folder = folder()?;
    let broker = Broker::prepare_tuned("mosquitto", folder.path(), Tuning::QueuesWithoutLimit)?;
    broker.start().await?;
    let lab = std::env::current_exe()?;
    let line = Line::lay(broker.address().parse()?)?;
    let arguments = |side: &str, address: String| {
        [OsString::from("peer"), side.into(), folder.path().join(side).into_os_string(), address.into()]
    };
    let hub = Worker::start(&lab, &arguments("hub", broker.address().to_owned()), &[]).await?;
    let site = Worker::start(&lab, &arguments("site", line.address().to_string()), &[]).await?;
    let setting = "SQLite with synchronous=FULL on both sides, QoS 1 through Mosquitto, 100 in flight";
    Rival::of(Parts { name: "json", setting, site, hub, line, broker: Some(broker), folder }, plan).await
}

/// The folder of the scripts and of the list of packages.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// Installs the packages outside of the checkout, unless they are there already.
async fn installed(folder: Option<PathBuf>) -> Result<PathBuf> {
    let cache = || {
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home)
    };
    let folder = match folder {
        Some(folder) => folder,
        None => cache().context("--packages: neither HOME nor XDG_CACHE_HOME is set")?.join("outpost/peers"),
    };
    let list = std::fs::read_to_string(scripts().join("package.json"))?;
    let stamp = folder.join("stamp");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == list) {
        return Ok(folder);
    }
    eprintln!("installing PouchDB in {} …", folder.display());
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("package.json"), &list)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--silent"]).current_dir(&folder).stdout(Stdio::null());
    let status =
        npm.status().await.context("npm could not be started: it is the Debian package of that name")?;
    if !status.success() {
        bail!("npm install ended with {status}");
    }
    std::fs::write(stamp, list)?;
    Ok(folder)
}
