//! Scans to give: every one a different unit of an open case at the loaded store.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::STORE;
use crate::api::{Api, command, new_command_id};
use crate::demo::chain::Chain;
use crate::demo::goods::Want;
use crate::demo::story::until;

/// Lines of an order.
const LINES: usize = 2;
/// Units a line of a usual order asks for: each is a scan.
pub const USUAL: u32 = 2;
/// Units of a line where many scans are needed and few orders.
pub const MANY: u32 = 50;

/// A pick that nobody has done yet.
pub type Pick = Value;

/// Sends orders until the store has at least `count` units to pick, and lists them, one scan each.
pub async fn prepare(chain: &Arc<Chain>, count: u32, units: u32) -> Result<VecDeque<Pick>> {
    let orders = count.div_ceil(units * LINES as u32);
    let mut sending = JoinSet::new();
    for _ in 0..orders {
        let chain = chain.clone();
        sending.spawn(async move { chain.send(&Want::pickup(STORE, LINES).units(units)).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    let store = chain.site(STORE)?;
    until("the orders to reach the store", || async {
        Ok(store.staff.tasks().await?.len() >= orders as usize)
    })
    .await?;
    let mut picks = VecDeque::new();
    for task in store.staff.tasks().await? {
        let case = task["case"].as_str().context("a task has a case")?;
        let view = store.api.get(&format!("/v1/fulfillments/{case}")).await?;
        for line in view["lines"].as_array().into_iter().flatten() {
            let (barcode, location) = (&line["barcodes"][0]["code"], &line["locations"][0]["location"]);
            for _ in 0..units {
                picks.push_back(json!({ "case": case, "do": "pick", "line": line["line"], "qty": 1,
                    "barcode": barcode, "location": location, "container": format!("T-{}", &case[24..]) }));
            }
        }
    }
    Ok(picks)
}

/// The body of a batch of picks.
pub fn batch(picks: impl IntoIterator<Item = Pick>) -> Value {
    let commands = picks.into_iter().map(|pick| command(&new_command_id(), "load", "load-1", pick));
    json!({ "commands": commands.collect::<Vec<_>>() })
}

/// Gives a batch; how long the daemon says it took, in microseconds.
pub async fn give(api: &Api, body: &Value) -> Result<u64> {
    Ok(give_counted(api, body).await?.0)
}

/// Gives a batch; how long the daemon says it took, in microseconds, and how many events it made.
pub async fn give_counted(api: &Api, body: &Value) -> Result<(u64, usize)> {
    let answer = api.post("/v1/commands", body).await?;
    let served_us = answer.served_us.context("the daemon says how long it took")?;
    let outcomes = answer.ok("picks")?;
    let outcomes = outcomes["outcomes"].as_array().cloned().unwrap_or_default();
    let refused = outcomes.iter().find(|outcome| outcome["result"] != "applied");
    anyhow::ensure!(refused.is_none(), "a pick was not applied: {refused:?}");
    let events = outcomes.iter().filter_map(|outcome| outcome["events"].as_array());
    Ok((served_us, events.map(Vec::len).sum()))
}
