//! The hub of plain JSON: what comes is stored in groups, and acknowledged after their commit.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event};
use rusqlite::{Connection, params};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{AGAIN_AFTER, TOPIC, open, options};

/// Messages in one commit.
const GROUP: usize = 1_000;
/// How long the broker keeps messages for a hub that is away, in seconds.
const SESSION_SECONDS: u32 = 3_600;

/// Stores events until its input ends.
pub async fn run(inbox: &Path, broker: &str) -> Result<()> {
    let connection = open(inbox)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, case_id TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID",
    )?;
    let mut options = options("plain-hub", broker)?;
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(SESSION_SECONDS));
    options.set_manual_acks(true);
    let (client, mut events) = AsyncClient::new(options, GROUP);
    let (queue, queued) = mpsc::channel(GROUP);
    let storing = tokio::spawn(store(connection, queued, client.clone()));
    let hearing = async move {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => client.subscribe(TOPIC, QoS::AtLeastOnce).await?,
                Ok(Event::Incoming(Packet::SubAck(_))) => writeln!(std::io::stdout(), "ready")?,
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    queue.send(publish).await.context("nobody stores")?;
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
            }
        }
    };
    // Whoever started this is gone when its end of the pipe is.
    std::thread::spawn(|| {
        let ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(i32::from(ended.is_err()));
    });
    tokio::select! {
        stored = storing => stored?,
        heard = hearing => heard,
    }
}

async fn store(
    mut connection: Connection,
    mut queued: mpsc::Receiver<Publish>,
    client: AsyncClient,
) -> Result<()> {
    let mut group = Vec::with_capacity(GROUP);
    let mut count = 0;
    while queued.recv_many(&mut group, GROUP).await > 0 {
        count += tokio::task::block_in_place(|| commit(&mut connection, &group))?;
        writeln!(std::io::stdout(), "visible {count}")?;
        for publish in group.drain(..) {
            client.ack(&publish).await?;
        }
    }
    Ok(())
}

/// One commit; how many of them were new.
fn commit(connection: &mut Connection, group: &[Publish]) -> Result<usize> {
    let transaction = connection.transaction()?;
    let mut new = 0;
    for publish in group {
        let event: Value = serde_json::from_slice(&publish.payload)?;
        let (id, case) = (event["_id"].as_str(), event["case"].as_str());
        let body = std::str::from_utf8(&publish.payload)?;
        let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO event VALUES (?1, ?2, ?3)")?;
        new += insert.execute(params![id, case, body])?;
    }
    transaction.commit()?;
    Ok(new)
}
