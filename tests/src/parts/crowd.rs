//! A whole fleet loses its broker, works on, and comes back at the same moment.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::ledger;
use super::room::{Room, Scale};
use super::verdict::{Told, tenths};
use crate::api::new_command_id;
use crate::demo::chain::ChainOptions;
use crate::demo::goods::Want;
use crate::demo::story::until_within;
use crate::network::Cut;

/// Sites at scale 1, each a daemon of its own.
const SITES: u32 = 10;
/// Counter sales at each site while the line is cut.
const SALES: usize = 60;
const SETTLED_WITHIN: Duration = Duration::from_secs(120);

/// Plays it.
pub async fn play(scale: Scale, keep: Option<PathBuf>) -> Result<Told> {
    let sites = scale.of(SITES);
    let options = ChainOptions {
        sites: Some(sites as usize),
        usual_pace: true,
        ..Room::options("mosquitto-acl", keep)
    };
    let room = Room::open_without_staff(options).await?;
    let chain = &room.chain;
    until_within(SETTLED_WITHIN * scale.0, "the fleet to be quiet", || chain.is_quiet()).await?;
    chain.sites.iter().for_each(|site| site.line.cut(Cut::Reset));
    let skus = chain.goods().common();
    for site in &chain.sites {
        let sell = |k: usize| json!({ "do": "sell", "sku": skus[k % skus.len()], "qty": 1, "receipt": new_command_id() });
        site.staff.act_all((0..SALES).map(sell).collect()).await?;
        // A case for each waits at the hub.
        room.order(&Want::only_at(&site.id)).await?;
    }
    let before = (chain.wire_bytes(), connections(&room));
    chain.sites.iter().for_each(|site| site.line.restore());
    let restored = Instant::now();
    until_within(SETTLED_WITHIN * scale.0, "all sites to be back", || chain.is_quiet()).await?;
    let taken = restored.elapsed();
    let (bytes, connected) = (chain.wire_bytes() - before.0, connections(&room) - before.1);
    let hub = resident_mb(chain.hub.pid().await.context("the hub runs")?)?;
    let mut told = Told::default();
    ledger::check(&room, &[], &mut told).await?;
    told.figure("sites", sites);
    told.figure("back_in_seconds", tenths(taken));
    told.figure("connections", connected);
    told.figure("wire_bytes", bytes);
    told.figure("hub_resident_mb", hub);
    told.sentence = format!(
        "{sites} sites with {SALES} sales each came back at once: all there after {taken:.1?} ({connected} connections, \
         {bytes} B, hub at {hub} MB), {} answered commands are there once",
        told.figures["commands_answered"]
    );
    Ok(told)
}

fn connections(room: &Room) -> u64 {
    room.chain.sites.iter().map(|site| site.line.traffic().connections).sum()
}

fn resident_mb(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a process has a size")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1_024)
}
