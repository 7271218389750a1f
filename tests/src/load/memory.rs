//! What an edge with many cases in its database needs: memory, and time to start.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{STORE, orders, rounded};
use crate::demo::chain::Chain;
use crate::demo::goods::Want;

/// How long the cases may take to arrive.
const PATIENCE: Duration = Duration::from_secs(1_200);

/// Sends orders until the store has `cases` cases, then starts its daemon again and looks at it.
pub async fn run(chain: &Arc<Chain>, cases: u32) -> Result<Value> {
    let store = chain.site(STORE)?;
    let begun = Instant::now();
    let captured = orders::run(chain, cases, 32, |_| Want::pickup(STORE, 1)).await?;
    eprintln!("captured: {captured}");
    loop {
        let there = cases_at(chain).await?;
        if there >= u64::from(cases) {
            break;
        }
        if begun.elapsed() > PATIENCE {
            bail!("only {there} of {cases} cases have reached the store after {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let arrived = begun.elapsed();
    chain.wait_until_quiet().await?;
    let working = resident_kib(store.service.pid().await.context("the daemon runs")?)?;
    let started = store.service.crash(&store.api).await?;
    // Some work, so that what a day's first screens need is in memory.
    for _ in 0..20 {
        store.api.get("/v1/tasks?limit=100").await?;
    }
    let fresh = resident_kib(store.service.pid().await.context("the daemon runs")?)?;
    Ok(json!({
        "figure": "memory", "cases": cases_at(chain).await?,
        "seconds_to_deliver": rounded(arrived.as_secs_f64()),
        "resident_mb_after_receiving": rounded(working as f64 / 1_024.0),
        "resident_mb_after_start": rounded(fresh as f64 / 1_024.0),
        "start_seconds": rounded(started.as_secs_f64()),
    }))
}

async fn cases_at(chain: &Chain) -> Result<u64> {
    let site = chain.hub_api.get(&format!("/v1/sites/{STORE}")).await?;
    let open = site["open_cases"].as_u64().context("the hub says how many cases a site has open")?;
    let under_way = site["unacknowledged"].as_u64().unwrap_or(u64::MAX);
    // A case is there when the site has acknowledged it; what is under way is more than the cases among it.
    Ok(open.saturating_sub(under_way))
}

fn resident_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a process has a size")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// What this process itself has resident.
pub fn own_kib() -> Result<u64> {
    resident_kib(std::process::id())
}
