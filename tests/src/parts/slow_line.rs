//! Every site's line carries 64 kbit/s and takes 800 ms each way.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::ledger;
use super::room::{Room, Scale};
use super::verdict::{Told, tenths};

const BITS_PER_SECOND: u64 = 64_000;
const LATENCY: Duration = Duration::from_millis(800);
/// Orders at scale 1.
const ORDERS: u32 = 40;
const SETTLED_WITHIN: Duration = Duration::from_secs(180);

/// Plays it.
pub async fn play(scale: Scale, keep: Option<PathBuf>) -> Result<Told> {
    let room = Room::open(Room::options("mosquitto-acl", keep)).await?;
    let chain = &room.chain;
    chain.wait_until_quiet().await?;
    for site in &chain.sites {
        site.line.set_rate(Some(BITS_PER_SECOND));
        site.line.set_latency(LATENCY);
    }
    let before = (chain.wire_bytes(), connections(&room));
    let begun = Instant::now();
    room.orders(scale.of(ORDERS), Duration::from_millis(150)).await?;
    room.settle(SETTLED_WITHIN * scale.0).await?;
    let taken = begun.elapsed();
    let bytes = chain.wire_bytes() - before.0;
    let reconnected = connections(&room) - before.1;
    for site in &chain.sites {
        site.line.set_rate(None);
        site.line.set_latency(Duration::ZERO);
    }
    let mut told = Told::default();
    ledger::check(&room, &[], &mut told).await?;
    told.require(reconnected == 0, || {
        format!("{reconnected} connections were given up though the lines were only slow")
    });
    told.figure("wire_bytes", bytes);
    told.figure("settled_seconds", tenths(taken));
    told.sentence = format!(
        "{} orders over 64 kbit/s and 800 ms: {bytes} B in {taken:.1?}, no connection lost, {} answered commands are \
         there once",
        told.figures["orders"], told.figures["commands_answered"]
    );
    Ok(told)
}

fn connections(room: &Room) -> u64 {
    room.chain.sites.iter().map(|site| site.line.traffic().connections).sum()
}
