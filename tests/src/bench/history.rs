//! Whether catching up costs more when there is a history: the same backlog, first without one, then after ten times
//! as many events.

use anyhow::Result;
use serde_json::{Value, json};

use super::measure;
use super::ours::Ours;
use super::{SyncArgs, rounded};

/// How many times the backlog the history has.
const TIMES: usize = 10;
/// Units of a line.
const UNITS: u32 = 20;

/// Drains a backlog, then a history, then such a backlog again.
pub async fn run(args: &SyncArgs) -> Result<Value> {
    let events = args.history_events as usize;
    // Each part may take some more than it asks for: the first scan of a case is two events.
    let all = args.history_events * (2 + TIMES as u32) + 2 * measure::WRITE as u32;
    let mut ours = Ours::with_work(&args.setup, all, UNITS).await?;
    let without = measure::backlog(&mut ours, events).await?;
    let history = measure::backlog(&mut ours, TIMES * events).await?;
    let with = measure::backlog(&mut ours, events).await?;
    let ratio = |key: &str| {
        let of = |figures: &Value| figures[key].as_f64().unwrap_or(f64::NAN);
        rounded(of(&with) / of(&without))
    };
    let (cpu, bytes) = (ratio("cpu_us_per_event"), ratio("bytes_per_event"));
    Ok(
        json!({ "events": events, "history": TIMES * events, "without": without, "of_the_history": history, "with": with,
        "cpu_ratio": cpu, "bytes_ratio": bytes }),
    )
}
