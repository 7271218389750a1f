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

/// The hub's account at a broker that asks for one.
pub const HUB_ACCOUNT: &str = "hub";

/// Where frames go through.
pub struct Broker {
    address: String,
    mosquitto: Option<Service>,
    /// Where a broker that asks for accounts keeps them.
    accounts: Option<Accounts>,
}

struct Accounts {
    file: PathBuf,
    password: String,
}

impl Broker {
    /// Chooses a broker by name and a free port for it: `embedded` in the hub; `mosquitto` as it is installed, open to
    /// all; `mosquitto-acl` with an account for the hub and each site, and rules of who may use which topic;
    /// `mosquitto-64k`, `mosquitto-16k` and `mosquitto-short` the same with short packets and with short queues.
    pub fn prepare(name: &str, at: &Path) -> Result<Self> {
        Self::prepare_tuned(name, at, Tuning::Shipped)
    }

    /// The same, with a Mosquitto that is set up otherwise.
    pub fn prepare_tuned(name: &str, at: &Path, tuning: Tuning) -> Result<Self> {
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let tuned = match tuning {
            Tuning::Shipped => "",
            Tuning::QueuesWithoutLimit => "max_queued_messages 0\nmax_inflight_messages 0\n",
        };
        let open = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n{tuned}");
        let guarded = |more: &str| {
            let accounts = Accounts::prepare(at)?;
            anyhow::Ok((format!("{}{more}", accounts.settings(port, at)?), Some(accounts)))
        };
        let (settings, accounts) = match name {
            "embedded" => return Ok(Self { address, mosquitto: None, accounts: None }),
            "mosquitto" => (open, None),
            "mosquitto-acl" => guarded("")?,
            // Packets are half as long as frames may be. The log tells how long they are.
            "mosquitto-64k" => guarded("max_packet_size 65536\nmessage_size_limit 65536\nlog_type all\n")?,
            // Shorter ones than most brokers can be told to take.
            "mosquitto-16k" => guarded("max_packet_size 16384\nmessage_size_limit 16384\nlog_type all\n")?,
            // Room for one message under way and two more: whoever is slow misses the rest.
            "mosquitto-short" => guarded("max_inflight_messages 1\nmax_queued_messages 2\nlog_type all\n")?,
            other => bail!(
                "--broker: found {other:?}, allowed: embedded, mosquitto, mosquitto-acl, mosquitto-64k, mosquitto-16k, mosquitto-short"
            ),
        };
        let config = at.join("mosquitto.conf");
        std::fs::write(&config, settings)?;
        let arguments = ["-c".into(), config.into_os_string()].map(OsString::from).to_vec();
        let mosquitto = Some(Service::program("mosquitto", find("mosquitto")?, arguments, at));
        Ok(Self { address, mosquitto, accounts })
    }

    /// An account for `user`, as lines of a daemon's `[broker]` settings; nothing where the broker asks for none. A
    /// site's account has the site's name, by which the broker tells which topics are its own.
    pub fn account(&self, user: &str) -> Result<String> {
        let Some(accounts) = &self.accounts else { return Ok(String::new()) };
        accounts.add(user)?;
        Ok(format!("username = {user:?}\npassword = {:?}\n", accounts.password))
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

    /// Has it read its accounts again.
    pub async fn reload(&self) -> Result<()> {
        if let (Some(mosquitto), Some(_)) = (&self.mosquitto, &self.accounts)
            && let Some(pid) = mosquitto.pid().await
        {
            std::process::Command::new("kill").args(["-HUP", &pid.to_string()]).status()?;
        }
        Ok(())
    }

    /// Its log; empty when it has none of its own.
    pub fn log(&self) -> String {
        let log = self.mosquitto.as_ref().map(|mosquitto| std::fs::read(mosquitto.log()).unwrap_or_default());
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    /// `kill -9` and a new start.
    pub async fn restart(&self) -> Result<()> {
        if let Some(mosquitto) = &self.mosquitto {
            mosquitto.stop().await;
        }
        self.start().await
    }
}

impl Accounts {
    fn prepare(at: &Path) -> Result<Self> {
        let password = format!("{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>());
        let accounts = Self { file: at.join("mosquitto.passwords"), password };
        std::fs::write(&accounts.file, "")?;
        accounts.add(HUB_ACCOUNT)?;
        Ok(accounts)
    }

    /// What an operator would write: the hub may use all topics, a site its own two.
    fn settings(&self, port: u16, at: &Path) -> Result<String> {
        let rules = at.join("mosquitto.acl");
        std::fs::write(
            &rules,
            "user hub\ntopic read outpost/v1/+/+/up\ntopic write outpost/v1/+/+/down\n\n\
             pattern write outpost/v1/+/%u/up\npattern read outpost/v1/+/%u/down\n",
        )?;
        // Started as root it would become a user who may not read this folder.
        Ok(format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous false\npersistence false\n\
             password_file {}\nacl_file {}\n",
            self.file.display(),
            rules.display()
        ))
    }

    fn add(&self, user: &str) -> Result<()> {
        let known = std::fs::read_to_string(&self.file)?;
        if known.lines().any(|line| line.starts_with(&format!("{user}:"))) {
            return Ok(());
        }
        let done = std::process::Command::new(find("mosquitto_passwd")?)
            .arg("-b")
            .args([self.file.as_os_str(), user.as_ref(), self.password.as_ref()])
            .output()?;
        if !done.status.success() {
            bail!("mosquitto_passwd: {}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(())
    }
}

fn find(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    match folders.map(|folder| folder.join(program)).find(|file| file.is_file()) {
        Some(file) => Ok(file),
        None => bail!("{program} is not installed: it is in the Debian package mosquitto"),
    }
}
