//! A store without a line for as long as five days of work take to be done; then the line comes back.
//!
//! The work of the days is done as fast as the store's daemon takes it: the clocks are not moved.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ledger;
use super::room::{Room, Scale};
use super::verdict::{Told, tenths};
use crate::api::new_command_id;
use crate::demo::chain::Site;
use crate::demo::goods::Want;
use crate::demo::story::until_within;
use crate::network::Cut;
use crate::staff::Until;

/// Events at scale 1; 20 times as many are five days of a busy store.
const EVENTS: u32 = 10_000;
/// Units that an order asks for, each a pick.
const PICKS: u32 = 100;
/// Orders that a screen shows at once.
const ORDERS_MAX: u32 = 400;
/// Commands in one request.
const BATCH: usize = 100;
/// The line that comes back.
const BITS_PER_SECOND: u64 = 1_000_000;
const LATENCY: Duration = Duration::from_millis(20);
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);
const DRAINED_WITHIN: Duration = Duration::from_secs(120);
const SETTLED_WITHIN: Duration = Duration::from_secs(120);

/// Plays it.
pub async fn play(scale: Scale, keep: Option<PathBuf>) -> Result<Told> {
    let room = Room::open(Room::options("mosquitto-acl", keep)).await?;
    let chain = &room.chain;
    let site = &chain.sites[0];
    chain.all_staff_until(Until::Untouched);
    let events = scale.of(EVENTS);
    let orders = (events / 2 / PICKS).min(ORDERS_MAX);
    for _ in 0..orders {
        room.order(&Want::pickup(&site.id, 2).units(PICKS / 2)).await?;
    }
    let patience = DELIVERED_WITHIN * scale.0;
    until_within(patience, "the orders to reach the store", || async {
        Ok(site.staff.tasks().await?.len() >= orders as usize && chain.is_quiet().await?)
    })
    .await?;
    let mut picks = picks(site).await?;
    site.line.set_rate(Some(BITS_PER_SECOND));
    site.line.set_latency(LATENCY);
    site.line.cut(Cut::Reset);
    let synced = events_synced(&room).await?;
    let worked = Instant::now();
    let mut todo = Vec::new();
    let skus = chain.goods().common();
    for k in picks.len()..events as usize {
        todo.push(
            json!({ "do": "sell", "sku": skus[k % skus.len()], "qty": 1, "receipt": new_command_id() }),
        );
        // By turns, as the days go by.
        todo.extend(picks.pop_front());
    }
    todo.extend(picks);
    for batch in todo.chunks(BATCH) {
        let applied = site.staff.act_all(batch.to_vec()).await?;
        anyhow::ensure!(
            applied.iter().all(|applied| *applied),
            "the store refused work while it was offline"
        );
    }
    let worked = worked.elapsed();
    // Orders and labels wait for the store at the hub.
    for _ in 0..20 {
        room.order(&Want::only_at(&site.id)).await?;
    }
    let before = site.line.traffic();
    site.line.restore();
    let restored = Instant::now();
    // A store that tried in vain for long waits up to ten seconds before it tries again.
    until_within(DELIVERED_WITHIN, "the store to connect", || async {
        Ok(site.line.traffic().connections > before.connections)
    })
    .await?;
    let connected = restored.elapsed();
    until_within(DRAINED_WITHIN * scale.0, "the backlog to reach the hub", || async {
        let sync = site.api.get("/v1/sync").await?;
        Ok(sync["line"]["up"] == true && sync["unacknowledged"].as_u64() == Some(0))
    })
    .await?;
    let taken = restored.elapsed() - connected;
    let after = site.line.traffic();
    let bytes = after.bytes_up - before.bytes_up;
    let needed = Duration::from_secs_f64(bytes as f64 * 8.0 / BITS_PER_SECOND as f64);
    let synced = events_synced(&room).await? - synced;
    chain.all_staff_until(Until::HandedOver);
    room.settle(SETTLED_WITHIN * scale.0).await?;
    let mut told = Told::default();
    ledger::check(&room, &[], &mut told).await?;
    told.require(synced >= u64::from(events), || {
        format!("{synced} events reached the hub, {events} were written")
    });
    let ratio = taken.as_secs_f64() / needed.as_secs_f64();
    told.figure("events", synced);
    told.figure("written_in_seconds", tenths(worked));
    told.figure("connected_after_seconds", tenths(connected));
    told.figure("drained_in_seconds", tenths(taken));
    told.figure("bytes_up", bytes);
    told.figure("bytes_per_event", (bytes as f64 / synced as f64 * 10.0).round() / 10.0);
    told.figure("times_what_the_line_needs", (ratio * 100.0).round() / 100.0);
    told.sentence = format!(
        "{synced} events written offline reached the hub over 1 Mbit/s in {taken:.1?} ({bytes} B, {ratio:.2} times what \
         the line needs): {} answered commands are there once",
        told.figures["commands_answered"]
    );
    Ok(told)
}

/// Every unit to pick at the store, a command each.
async fn picks(site: &Site) -> Result<VecDeque<Value>> {
    let mut picks = VecDeque::new();
    for task in site.staff.tasks().await? {
        let case = task["case"].as_str().context("a task has a case")?;
        let view = site.api.get(&format!("/v1/fulfillments/{case}")).await?;
        for line in view["lines"].as_array().into_iter().flatten() {
            let (barcode, location) = (&line["barcodes"][0]["code"], &line["locations"][0]["location"]);
            for _ in 0..PICKS / 2 {
                picks.push_back(json!({ "case": case, "do": "pick", "line": line["line"], "qty": 1,
                    "barcode": barcode, "location": location, "container": format!("T-{}", &case[24..]) }));
            }
        }
    }
    Ok(picks)
}

async fn events_synced(room: &Room) -> Result<u64> {
    Ok(room.chain.hub_api.get("/v1/stats").await?["events_synced"].as_u64().unwrap_or(0))
}
