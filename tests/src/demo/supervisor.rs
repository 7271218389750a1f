//! The service manager of the demo: keeps real daemons running as child processes of the same executable.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::api::Api;

/// How long a daemon may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A daemon that is started again when it dies, unless it was stopped on purpose.
#[derive(Clone)]
pub struct Service {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    child: Arc<Mutex<Option<Child>>>,
    deaths: Arc<AtomicU64>,
}

impl Service {
    /// One of our own daemons, run from the lab's executable: `kind` is `edge` or `hub`.
    pub fn daemon(lab: &Path, name: &str, kind: &str, config: &Path, folder: &Path) -> Result<Self> {
        let arguments = ["daemon", kind, "--config"].map(OsString::from);
        let arguments = arguments.into_iter().chain([config.as_os_str().to_owned()]).collect();
        Ok(Self::program(name, lab.to_owned(), arguments, folder))
    }

    /// Any program.
    pub fn program(name: &str, program: PathBuf, arguments: Vec<OsString>, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program,
            arguments,
            environment: Vec::new(),
            log: folder.join(format!("{name}.log")),
            child: Arc::new(Mutex::new(None)),
            deaths: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Sets a variable of the daemon's environment: the way of secrets.
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same program with other settings, under another name.
    pub fn twin(&self, name: &str, config: &Path) -> Self {
        let mut arguments = self.arguments.clone();
        if let Some(last) = arguments.last_mut() {
            *last = config.as_os_str().to_owned();
        }
        let folder = self.log.parent().unwrap_or(Path::new("."));
        let twin = Self::program(name, self.program.clone(), arguments, folder);
        Self { environment: self.environment.clone(), ..twin }
    }

    /// Runs the program to its end with more arguments, such as a command of an operator; what it says.
    pub async fn run(&self, more: &[OsString]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(more);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let done = command.kill_on_drop(true).output().await?;
        if !done.status.success() {
            bail!("{} {more:?}: {}", self.name, String::from_utf8_lossy(&done.stderr));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// Where its log is.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Times it died without being told to.
    pub fn deaths(&self) -> u64 {
        self.deaths.load(Ordering::Relaxed)
    }

    fn spawn(&self) -> Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let errors = log.try_clone()?;
        Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {} ({})", self.name, self.program.display()))
    }

    /// Its process, while it runs.
    pub async fn pid(&self) -> Option<u32> {
        self.child.lock().await.as_ref().and_then(Child::id)
    }

    /// Starts it, if it does not run.
    pub async fn start(&self) -> Result<()> {
        let mut child = self.child.lock().await;
        if child.is_none() {
            *child = Some(self.spawn()?);
        }
        Ok(())
    }

    /// `kill -9`, and no restart.
    pub async fn stop(&self) {
        if let Some(mut child) = self.child.lock().await.take() {
            // Both can only fail when it is gone already.
            let _ = child.start_kill();
            let _ = child.wait().await;
        }
    }

    /// `kill -9`; whoever watches starts it again.
    pub async fn kill(&self) {
        if let Some(child) = self.child.lock().await.as_mut() {
            // It can only fail when it is gone already.
            let _ = child.start_kill();
        }
    }

    /// `kill -9`, and start again at once, as a service manager would; how long until `api` is ready.
    pub async fn crash(&self, api: &Api) -> Result<Duration> {
        self.stop().await;
        let died = Instant::now();
        self.start().await?;
        self.wait_ready(api).await?;
        Ok(died.elapsed())
    }

    /// Waits until `/readyz` says yes.
    pub async fn wait_ready(&self, api: &Api) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < READY_WITHIN {
            if api.try_get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if let Some(child) = self.child.lock().await.as_mut()
                && let Some(status) = child.try_wait()?
            {
                bail!("{} ended with {status} before it was ready; its log: {}", self.name, self.tail());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        bail!("{} is not ready after {READY_WITHIN:?}; its log: {}", self.name, self.tail())
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("{}\n{}", self.log.display(), lines[lines.len().saturating_sub(15)..].join("\n"))
    }

    /// Restarts it whenever it dies by itself. Runs until dropped.
    pub async fn watch(self) {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut child = self.child.lock().await;
            let died = matches!(child.as_mut().map(Child::try_wait), Some(Ok(Some(_))));
            if died {
                self.deaths.fetch_add(1, Ordering::Relaxed);
                *child = self.spawn().ok();
            }
        }
    }
}

/// A port that nobody uses right now.
pub fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}
