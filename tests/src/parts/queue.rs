//! The hub stands still while sites send, and a site while the hub sends; the broker keeps what it keeps.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::ledger;
use super::room::{Room, Scale};
use super::verdict::{Told, tenths};
use crate::demo::supervisor::Service;

/// How long each stands still: less than what the broker takes for death.
const STILL: Duration = Duration::from_secs(8);
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// Orders at scale 1.
const ORDERS: u32 = 48;

/// What the broker keeps for whoever is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// What Mosquitto keeps when nobody says otherwise: 20 under way and 1,000 more.
    Default,
    /// One under way and two more.
    Short,
}

/// Plays it.
pub async fn play(queue: Queue, scale: Scale, keep: Option<PathBuf>) -> Result<Told> {
    let broker = if queue == Queue::Default { "mosquitto-acl" } else { "mosquitto-short" };
    let room = Room::open(Room::options(broker, keep)).await?;
    let chain = &room.chain;
    let begun = Instant::now();
    let orders = scale.of(ORDERS);
    let stopping = async {
        for round in 0..scale.of(2) as usize {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let service = if round % 2 == 0 { &chain.hub } else { &chain.sites[round / 2 % 3].service };
            stand_still(service, STILL).await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(stopping, room.orders(orders, Duration::from_millis(40)))?;
    room.settle(SETTLED_WITHIN).await?;
    let taken = begun.elapsed();
    let mut told = Told::default();
    ledger::check(&room, &[], &mut told).await?;
    let dropped = dropped(&chain.broker_log());
    told.require(queue == Queue::Default || dropped > 0, || {
        "the broker dropped nothing: the scenario shows nothing".to_owned()
    });
    told.figure("times_dropping", dropped);
    told.figure("settled_seconds", tenths(taken));
    told.sentence = format!(
        "hub and a site stood still {STILL:?} each at a broker that {}: {} orders, {} answered commands are there once",
        if dropped > 0 { format!("dropped messages {dropped} times") } else { "dropped nothing".to_owned() },
        told.figures["orders"],
        told.figures["commands_answered"]
    );
    Ok(told)
}

/// The process is there and does nothing, as in a machine that swaps.
async fn stand_still(service: &Service, time: Duration) -> Result<()> {
    let pid = service.pid().await.context("the daemon runs")?.to_string();
    signal("-STOP", &pid)?;
    tokio::time::sleep(time).await;
    signal("-CONT", &pid)
}

fn signal(which: &str, pid: &str) -> Result<()> {
    let status = std::process::Command::new("kill").args([which, pid]).status()?;
    if !status.success() {
        bail!("kill {which} {pid}: {status}");
    }
    Ok(())
}

/// How often the broker says that it drops messages; it says so once for each time a queue has run full.
fn dropped(log: &str) -> usize {
    log.lines().filter(|line| line.contains("being dropped")).count()
}
