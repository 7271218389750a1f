//! The broker of the demo: embedded in the hub, or a real Mosquitto as a process of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::supervisor::{Service, free_port};

/// Where frames go through.
pub struct Broker {
    address: String,
    mosquitto: Option<Service>,
}

impl Broker {
    /// Chooses a broker by name (`embedded` or `mosquitto`) and a free port for it.
    pub fn prepare(name: &str, at: &Path) -> Result<Self> {
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let mosquitto = match name {
            "embedded" => None,
            "mosquitto" => {
                let config = at.join("mosquitto.conf");
                std::fs::write(
                    &config,
                    format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"),
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
