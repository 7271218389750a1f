//! The hub's database is put back to a copy of an hour ago while the stores go on.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::ledger;
use super::room::{Room, Scale};
use super::verdict::{Told, tenths};
use crate::demo::chain::ChainOptions;

/// Orders at scale 1 before the copy, after it, and when the hub is back.
const ORDERS: u32 = 16;
const RESTED_WITHIN: Duration = Duration::from_secs(120);
/// What an operator must be told.
const RESTORED: &str = "hub_restored";

/// Plays it.
pub async fn play(scale: Scale, keep: Option<PathBuf>) -> Result<Told> {
    let options = ChainOptions { copies: true, ..Room::options("mosquitto-acl", keep) };
    let room = Room::open(options).await?;
    let chain = &room.chain;
    let pause = Duration::from_millis(30);
    room.orders(scale.of(ORDERS), pause).await?;
    room.rest(RESTED_WITHIN).await?;
    let copy = chain.hub_api.post("/v1/backups", &json!({})).await?.ok("a copy")?;
    let copy = copy["file"].as_str().context("a copy is a file")?;
    let copy = chain.folder().join("copies").join(copy);

    let before = room.sent();
    room.orders(scale.of(ORDERS), pause).await?;
    for site in &chain.sites {
        chain.sell_something(&site.id, 3).await?;
    }
    room.rest(RESTED_WITHIN).await?;

    chain.hub.stop().await;
    let from = ["restore", "--from"].map(OsString::from).into_iter().chain([copy.into_os_string()]);
    chain.hub.run(&from.collect::<Vec<_>>()).await?;
    chain.hub.start().await?;
    chain.hub.wait_ready(&chain.hub_api).await?;
    // What the channels have and the hub lost: they send it again, as the runbook says.
    let again = room.deliver_again(&before).await?;
    room.orders(scale.of(ORDERS), pause).await?;
    let settled = room.settle(RESTED_WITHIN).await?;

    let mut told = Told::default();
    ledger::check(&room, &[RESTORED, "order_lost"], &mut told).await?;
    let raised = ledger::exceptions(&room).await?;
    told.require(raised.iter().any(|exception| exception["code"] == RESTORED), || {
        "nobody was told that the hub was restored".to_owned()
    });
    told.figure("orders_sent_again", again);
    told.figure("settled_seconds", tenths(settled));
    told.sentence = format!(
        "the hub lost {again} orders and what three sites did: all {} orders are there once after {settled:.1?}, {} \
         answered commands too, {RESTORED} was raised",
        told.figures["orders"], told.figures["commands_answered"]
    );
    Ok(told)
}
