//! A store works through a cut; then its line returns. How long until the hub has everything, and at what cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{STORE, picks, rounded};
use crate::demo::chain::Chain;
use crate::network::Cut;

/// Commands in one request while the line is cut.
const BATCH: usize = 100;
/// How long the drain may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Writes at least `events` events while the line is cut, and drains them.
pub async fn run(chain: &Arc<Chain>, events: u32) -> Result<Value> {
    let mut todo = picks::prepare(chain, events, picks::MANY).await?;
    chain.wait_until_quiet().await?;
    let store = chain.site(STORE)?;
    store.line.cut(Cut::Reset);
    while !todo.is_empty() {
        picks::give(&store.api, &picks::batch(todo.drain(..BATCH.min(todo.len())))).await?;
    }
    let waiting = unacknowledged(chain).await?;
    let synced = events_synced(chain).await?;
    let before = store.line.traffic();
    store.line.restore();
    let restored = Instant::now();
    while unacknowledged(chain).await? > 0 {
        if restored.elapsed() > PATIENCE {
            bail!("{} events are still waiting after {PATIENCE:?}", unacknowledged(chain).await?);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let taken = restored.elapsed();
    let after = store.line.traffic();
    let drained = events_synced(chain).await? - synced;
    let wire = (after.bytes_up + after.bytes_down) - (before.bytes_up + before.bytes_down);
    Ok(json!({
        "figure": "backlog", "changes_waiting": waiting, "events": drained,
        "seconds": rounded(taken.as_secs_f64()),
        "events_per_second": (drained as f64 / taken.as_secs_f64()).round(),
        "wire_bytes": wire, "bytes_up": after.bytes_up - before.bytes_up,
        "bytes_per_event": rounded(wire as f64 / drained as f64),
    }))
}

async fn unacknowledged(chain: &Chain) -> Result<u64> {
    let sync = chain.site(STORE)?.api.get("/v1/sync").await?;
    Ok(sync["unacknowledged"].as_u64().unwrap_or(u64::MAX))
}

async fn events_synced(chain: &Chain) -> Result<u64> {
    Ok(chain.hub_api.get("/v1/stats").await?["events_synced"].as_u64().unwrap_or(0))
}
