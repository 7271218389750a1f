//! Latency of a scan at a steady rate: at the server (queue, commit and answer) and as a client on loopback sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{STORE, disk, picks, rounded};
use crate::demo::chain::Chain;

/// Scans that are not counted: connections open, caches fill.
const WARM_UP: u64 = 40;

/// Scans at `rate` a second for `seconds`. A disk that rests between two syncs takes longer for each than one that is
/// kept busy, so the sync that is compared with is measured at the same pace, in the pauses between scans.
pub async fn run(chain: &Arc<Chain>, rate: u32, seconds: u32) -> Result<Value> {
    let scans = rate * seconds + WARM_UP as u32;
    let mut todo = picks::prepare(chain, scans, picks::USUAL).await?;
    chain.wait_until_quiet().await?;
    let api = chain.site(STORE)?.api.clone();
    let pace = Duration::from_secs(1) / rate;
    let disk = disk::Paced::start(pace)?;
    let mut clock = tokio::time::interval(pace);
    let mut under_way = JoinSet::new();
    for _ in 0..scans {
        let Some(pick) = todo.pop_front() else { break };
        clock.tick().await;
        let api = api.clone();
        under_way.spawn(async move {
            let body = picks::batch([pick]);
            let begun = Instant::now();
            let served_us = picks::give(&api, &body).await?;
            anyhow::Ok((served_us, u64::try_from(begun.elapsed().as_micros())?))
        });
    }
    let (mut served, mut seen) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    let mut done = 0;
    while let Some(scan) = under_way.join_next().await {
        let (served_us, seen_us) = scan??;
        done += 1;
        if done > WARM_UP {
            served.record(served_us)?;
            seen.record(seen_us)?;
        }
    }
    let (sync_p50, sync_p99) = disk.finish().await?;
    let multiple = |micros: u64| rounded(micros as f64 / sync_p50.as_micros() as f64);
    let (p50, p99) = (served.value_at_quantile(0.5), served.value_at_quantile(0.99));
    Ok(json!({
        "figure": "scan", "scans": served.len(), "rate_per_second": rate,
        "fdatasync_p50_us": sync_p50.as_micros() as u64, "fdatasync_p99_us": sync_p99.as_micros() as u64,
        "server_p50_us": p50, "server_p99_us": p99, "server_max_us": served.max(),
        "client_p50_us": seen.value_at_quantile(0.5), "client_p99_us": seen.value_at_quantile(0.99),
        "p50_in_fdatasyncs": multiple(p50), "p99_in_fdatasyncs": multiple(p99),
    }))
}
