//! The site of plain JSON: an outbox that is emptied in order.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop};
use rusqlite::{Connection, params};
use serde_json::Value;
use tokio::sync::Notify;

use super::{AGAIN_AFTER, IN_FLIGHT, TOPIC, open, options};

/// Rows read from the outbox at once.
const ROWS: u32 = 500;
/// Acknowledged rows that are deleted in one commit.
const DELETED_AT_ONCE: usize = 100;

/// Stores what comes on standard input, and publishes it whenever there is a line.
pub async fn run(outbox: &Path, broker: &str) -> Result<()> {
    let connection = open(outbox)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL)",
    )?;
    let written = Arc::new(Notify::new());
    let wake = written.clone();
    let storing = tokio::task::spawn_blocking(move || store(connection, &written));
    tokio::select! {
        stored = storing => stored?,
        published = publish(outbox, broker, &wake) => published,
    }
}

/// One line of input is one commit.
fn store(mut connection: Connection, written: &Notify) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "ready")?;
    for line in std::io::stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let transaction = connection.transaction()?;
        for event in line["events"].as_array().context("a line has events")? {
            let mut insert = transaction.prepare_cached("INSERT INTO outbox (event) VALUES (?1)")?;
            insert.execute(params![event.to_string()])?;
        }
        transaction.commit()?;
        written.notify_one();
        writeln!(output, "stored")?;
    }
    Ok(())
}

/// One connection after the other, each from the first row that is left.
async fn publish(outbox: &Path, broker: &str, written: &Notify) -> Result<()> {
    let connection = open(outbox)?;
    loop {
        let (client, mut events) = AsyncClient::new(options("plain-site", broker)?, usize::from(IN_FLIGHT));
        let under_way = Mutex::new(UnderWay::default());
        // An error means that the line broke. The halves are never cancelled in the middle of a packet.
        let _ = tokio::select! {
            handed = hand_over(&connection, &client, &under_way, written) => handed,
            heard = hear(&connection, &mut events, &under_way) => heard,
        };
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// Rows that were handed to the client, in order, and those that have a packet id.
#[derive(Default)]
struct UnderWay {
    handed: VecDeque<i64>,
    in_flight: HashMap<u16, i64>,
    acknowledged: Vec<i64>,
}

impl UnderWay {
    fn is_empty(&self) -> bool {
        self.handed.is_empty() && self.in_flight.is_empty()
    }
}

fn locked(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client takes as many as may be in flight, and lets the rest wait.
async fn hand_over(
    connection: &Connection,
    client: &AsyncClient,
    under_way: &Mutex<UnderWay>,
    written: &Notify,
) -> Result<()> {
    let mut cursor = 0;
    loop {
        let rows = rows_after(connection, cursor)?;
        if rows.is_empty() {
            written.notified().await;
        }
        for (row, event) in rows {
            cursor = row;
            locked(under_way).handed.push_back(row);
            client.publish(TOPIC, QoS::AtLeastOnce, false, event).await?;
        }
    }
}

async fn hear(connection: &Connection, events: &mut EventLoop, under_way: &Mutex<UnderWay>) -> Result<()> {
    loop {
        let event = events.poll().await?;
        let mut under_way = locked(under_way);
        match event {
            Event::Outgoing(Outgoing::Publish(id)) => {
                if let Some(row) = under_way.handed.pop_front() {
                    under_way.in_flight.insert(id, row);
                }
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                let row = under_way.in_flight.remove(&ack.pkid);
                under_way.acknowledged.extend(row);
                if under_way.acknowledged.len() >= DELETED_AT_ONCE || under_way.is_empty() {
                    delete(connection, &mut under_way.acknowledged)?;
                }
            }
            _ => {}
        }
    }
}

fn rows_after(connection: &Connection, cursor: i64) -> Result<Vec<(i64, String)>> {
    let mut rows =
        connection.prepare_cached("SELECT n, event FROM outbox WHERE n > ?1 ORDER BY n LIMIT ?2")?;
    let rows = rows.query_map(params![cursor, ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn delete(connection: &Connection, acknowledged: &mut Vec<i64>) -> Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for row in acknowledged.drain(..) {
        transaction.prepare_cached("DELETE FROM outbox WHERE n = ?1")?.execute(params![row])?;
    }
    Ok(transaction.commit()?)
}
