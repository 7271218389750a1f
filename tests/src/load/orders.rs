//! Orders captured a second: webhooks in, each durable before it is answered, several under way at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{STORE, disk, rounded};
use crate::demo::chain::Chain;
use crate::demo::goods::{Placed, Want};

/// A mix of shipments and orders collected at the loaded store.
pub fn mixed(k: u32) -> Want {
    if k.is_multiple_of(2) { Want::ship(1 + k as usize % 3) } else { Want::pickup(STORE, 1) }
}

/// Sends `count` orders with `in_flight` requests under way.
pub async fn run(chain: &Arc<Chain>, count: u32, in_flight: u32, want: fn(u32) -> Want) -> Result<Value> {
    let (sync, _) = disk::fdatasync().await?;
    let placed = (0..count).map(|k| chain.goods().place(&want(k)));
    let placed: Arc<Vec<Placed>> = Arc::new(placed.collect::<Result<_>>()?);
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut channels = JoinSet::new();
    for _ in 0..in_flight {
        let (chain, placed, next) = (chain.clone(), placed.clone(), next.clone());
        channels.spawn(async move {
            let mut latency = Histogram::<u64>::new(3)?;
            while let Some(order) = placed.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                let begun = Instant::now();
                chain.deliver(order).await?;
                latency.record(u64::try_from(begun.elapsed().as_micros())?)?;
            }
            anyhow::Ok(latency)
        });
    }
    let mut latency = Histogram::<u64>::new(3)?;
    while let Some(channel) = channels.join_next().await {
        latency.add(channel??)?;
    }
    let taken = begun.elapsed().as_secs_f64();
    Ok(json!({
        "figure": "orders", "orders": latency.len(), "in_flight": in_flight,
        "fdatasync_p50_us": sync.as_micros() as u64,
        "orders_per_second": (latency.len() as f64 / taken).round(),
        "seconds": rounded(taken),
        "p50_us": latency.value_at_quantile(0.5), "p99_us": latency.value_at_quantile(0.99),
    }))
}
