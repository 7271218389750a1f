//! `kill -9` of edge, hub and broker in a loop while staff pick and orders come.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::ledger;
use super::room::{Room, Scale};
use super::verdict::{Told, tenths};

/// Kills at scale 1: each kind of process as often as the others.
const KILLS: u32 = 12;
/// How long the rest may take when nobody is killed any more.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// A killed daemon serves again within this, without help.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// Plays it.
pub async fn play(scale: Scale, keep: Option<PathBuf>) -> Result<Told> {
    let room = Room::open(Room::options("mosquitto-acl", keep)).await?;
    let chain = &room.chain;
    let kills = scale.of(KILLS);
    let mut told = Told::default();
    let mut slowest = Duration::ZERO;
    let killing = async {
        let mut random = StdRng::seed_from_u64(11);
        for round in 0..kills {
            tokio::time::sleep(Duration::from_millis(random.random_range(100..900))).await;
            let site = &chain.sites[(round / 3) as usize % chain.sites.len()];
            let back = match round % 3 {
                0 => site.service.crash(&site.api).await?,
                1 => chain.hub.crash(&chain.hub_api).await?,
                _ => {
                    chain.restart_broker().await?;
                    Duration::ZERO
                }
            };
            slowest = slowest.max(back);
            chain.sell_something(&site.id, 1).await?;
        }
        anyhow::Ok(())
    };
    // As many orders as it takes to keep everybody busy through all kills.
    let ordering = room.orders(kills * 3, Duration::from_millis(120));
    tokio::try_join!(killing, ordering)?;
    let settled = room.settle(SETTLED_WITHIN).await?;
    ledger::check(&room, &[], &mut told).await?;
    told.require(slowest < BACK_WITHIN, || format!("a daemon needed {slowest:?} to serve again"));
    told.figure("kills", kills);
    told.figure("slowest_start_seconds", tenths(slowest));
    told.figure("settled_seconds", tenths(settled));
    told.sentence = format!(
        "{kills} kills of edges, hub and broker under {} orders: {} answered commands are there once, slowest start \
         {slowest:.1?}, settled after {settled:.1?}",
        told.figures["orders"], told.figures["commands_answered"]
    );
    Ok(told)
}
