//! Plain JSON over MQTT, done well: an outbox and an inbox in SQLite, a message an event, QoS 1, a window of messages in
//! flight, acknowledgements after the commit.
//!
//! What it does not do is worth knowing when figures are compared: nothing is signed, a message that the broker has
//! acknowledged is lost with the broker, and whether two sides have the same is not known to either.

mod hub;
mod site;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rumqttc::v5::MqttOptions;
use rusqlite::Connection;

/// Where events go.
const TOPIC: &str = "events/up";
/// Messages without an acknowledgement.
const IN_FLIGHT: u16 = 100;
/// Waits so long before it connects anew.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Runs one side until its input ends.
pub async fn run(side: &str, arguments: &[OsString]) -> Result<()> {
    let [folder, broker] = arguments else { bail!("peer: a folder and a broker are needed") };
    let (folder, broker) = (Path::new(folder), broker.to_str().context("an address is text")?);
    std::fs::create_dir_all(folder)?;
    match side {
        "site" => site::run(&folder.join("outbox.db"), broker).await,
        "hub" => hub::run(&folder.join("inbox.db"), broker).await,
        other => bail!("peer: found {other:?}, allowed: site, hub"),
    }
}

fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.busy_timeout(Duration::from_secs(10))?;
    Ok(connection)
}

fn options(client: &str, broker: &str) -> Result<MqttOptions> {
    let (host, port) = broker.rsplit_once(':').context("a broker has a host and a port")?;
    let mut options = MqttOptions::new(client, host, port.parse()?);
    options.set_keep_alive(Duration::from_secs(10));
    options.set_outgoing_inflight_upper_limit(IN_FLIGHT);
    Ok(options)
}
