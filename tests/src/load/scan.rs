//! Latency of a scan at a steady rate, seen by a client on loopback: HTTP, queue, commit and answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{STORE, disk, picks, rounded};
use crate::demo::chain::Chain;

/// Scans that are not counted: connections open, caches fill.
const WARM_UP: u32 = 40;

/// Scans at `rate` a second for `seconds`.
pub async fn run(chain: &Arc<Chain>, rate: u32, seconds: u32) -> Result<Value> {
    let scans = rate * seconds + WARM_UP;
    let mut todo = picks::prepare(chain, scans).await?;
    let before = disk::fdatasync().await?;
    let api = chain.site(STORE)?.api.clone();
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut under_way = JoinSet::new();
    for _ in 0..scans {
        let Some(pick) = todo.pop_front() else { break };
        clock.tick().await;
        let api = api.clone();
        under_way.spawn(async move {
            let body = picks::batch([pick]);
            let begun = Instant::now();
            picks::give(&api, &body).await.map(|_| begun.elapsed())
        });
    }
    let mut latency = Histogram::<u64>::new(3)?;
    let mut done = 0;
    while let Some(scan) = under_way.join_next().await {
        let taken = scan??;
        done += 1;
        if done > WARM_UP {
            latency.record(u64::try_from(taken.as_micros())?)?;
        }
    }
    let after = disk::fdatasync().await?;
    let sync = (before.0 + after.0) / 2;
    let multiple = |micros: u64| rounded(micros as f64 / sync.as_micros() as f64);
    let (p50, p99) = (latency.value_at_quantile(0.5), latency.value_at_quantile(0.99));
    Ok(json!({
        "figure": "scan", "scans": latency.len(), "rate_per_second": rate,
        "fdatasync_p50_us": sync.as_micros() as u64,
        "fdatasync_p99_us": (before.1.max(after.1)).as_micros() as u64,
        "p50_us": p50, "p99_us": p99, "max_us": latency.max(),
        "p50_in_fdatasyncs": multiple(p50), "p99_in_fdatasyncs": multiple(p99),
    }))
}
