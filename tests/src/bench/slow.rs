//! A long backlog over a slow line, against the time that its bytes need.

use anyhow::Result;
use serde_json::{Value, json};

use super::measure::{self, Peer};
use super::ours::Ours;
use super::{SyncArgs, rounded};

/// Units of a line, where many scans are needed and few orders.
const UNITS: u32 = 48;

/// Writes the backlog while the line is cut, and drains it at the given rate.
pub async fn run(args: &SyncArgs) -> Result<Value> {
    let mut ours = Ours::with_work(&args.setup, args.slow_events, UNITS).await?;
    ours.line().set_rate(Some(args.slow_rate));
    let drained = measure::backlog(&mut ours, args.slow_events as usize).await?;
    let up = drained["bytes_up"].as_u64().unwrap_or(0);
    let needed = up as f64 * 8.0 / args.slow_rate as f64;
    let took = drained["converged_seconds"].as_f64().unwrap_or(f64::NAN);
    let reconnect = drained["reconnect_seconds"].as_f64().unwrap_or(f64::NAN);
    Ok(json!({
        "events": args.slow_events, "bits_per_second": args.slow_rate, "bytes_up": up,
        "bytes_per_event": drained["bytes_per_event"], "bytes_need_seconds": rounded(needed),
        "converged_seconds": took, "reconnect_seconds": reconnect,
        "ratio": rounded(took / needed), "ratio_once_connected": rounded((took - reconnect) / needed),
        "memory_mib": { "site": super::process::peak_mib(ours.processes()[0].1)?, "hub": super::process::peak_mib(ours.processes()[1].1)? },
    }))
}
