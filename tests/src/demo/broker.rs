//! The broker of the demo: embedded in the hub, or a real Mosquitto as a process of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::supervisor::{Service, free_port};

/// How a Mosquitto is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning {
    /// As its package ships it.
    Shipped,
    /// It keeps any number of messages for a client, and sends any number at once.
    QueuesWithoutLimit,
}

/// Where frames go through.
pub struct Broker {
    address: String,
    mosquitto: Option<Service>,
}

impl Broker {
    /// Chooses a broker by name (`embedded` or `mosquitto`) and a free port for it.
    pub fn prepare(name: &str, at: &Path) -> Result<Self> {
        Self::prepare_tuned(name, at, Tuning::Shipped)
    }

    /// The same, with a Mosquitto that is set up otherwise.
    pub fn prepare_tuned(name: &str, at: &Path, tuning: Tuning) -> Result<Self> {
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let mosquitto = match name {
            "embedded" => None,
            "mosquitto" => {
                let config = at.join("mosquitto.conf");
                let tuned = match tuning {
                    Tuning::Shipped => "",
                    Tuning::QueuesWithoutLimit => "max_queued_messages 0\nmax_inflight_messages 0\n",
                };
                std::fs::write(
                    &config,
                    format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n{tuned}"),
                )?;
                let arguments = ["-c".into(), config.into_os_string()].map(OsString::from).to_vec();
                Some(Service::program("mosquitto", find_mosquitto()?, arguments, at))
            }
            other => bail!("--broker: found {other:?}, allowed: embedded, mosquitto"),
        };
        Ok(Self { address, mosquitto })
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it runs inside the hub.
    pub fn is_embedded(&self) -> bool {
        self.mosquitto.is_none()
    }

    /// Starts it, where it is a process of its own.
    pub async fn start(&self) -> Result<()> {
        let Some(mosquitto) = &self.mosquitto else { return Ok(()) };
        mosquitto.start().await?;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if tokio::net::TcpStream::connect(&self.address).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        bail!("mosquitto does not listen on {}; its log: {}", self.address, mosquitto.tail())
    }

    /// Its process, where it is one of its own.
    pub async fn pid(&self) -> Option<u32> {
        match &self.mosquitto {
            Some(mosquitto) => mosquitto.pid().await,
            None => None,
        }
    }

    /// `kill -9` and a new start.
    pub async fn restart(&self) -> Result<()> {
        if let Some(mosquitto) = &self.mosquitto {
            mosquitto.stop().await;
        }
        self.start().await
    }
}

fn find_mosquitto() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    match folders.map(|folder| folder.join("mosquitto")).find(|file| file.is_file()) {
        Some(file) => Ok(file),
        None => bail!("mosquitto is not installed: it is the Debian package of that name"),
    }
}
