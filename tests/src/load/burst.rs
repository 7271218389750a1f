//! Commands a second under burst, against the limit of group commit.
//!
//! With n commands waiting at any time, a group of n costs one sync and n times the work of a row, so that no more
//! than n / (sync + n · row) commands a second can be durable. Sync and row are measured in the same run: the row by
//! batches of commands that share one commit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::handheld::{Handheld, request};
use super::picks::{self, Pick};
use super::{STORE, disk, rounded};
use crate::api::Api;
use crate::demo::chain::Chain;

/// Commands in a batch that measures the work of a row.
const BATCH: usize = 60;
/// Such batches.
const BATCHES: usize = 20;
/// Commands a second that are prepared for each second of burst; more than any disk here allows.
const PREPARED_PER_SECOND: u32 = 9_000;

/// `clients` handhelds scan as fast as they are answered, for `seconds`.
pub async fn run(chain: &Arc<Chain>, clients: u32, seconds: u32) -> Result<Value> {
    let mut todo = picks::prepare(chain, seconds * PREPARED_PER_SECOND, picks::MANY).await?;
    chain.wait_until_quiet().await?;
    let api = chain.site(STORE)?.api.clone();
    let authority = api.base().trim_start_matches("http://").to_owned();
    let (sync, _) = disk::fdatasync().await?;
    let mut batches = rows(&api, &mut todo).await?;
    let after: VecDeque<Pick> = todo.split_off(todo.len().saturating_sub(BATCHES * BATCH));
    let requests: VecDeque<Vec<u8>> = todo.into_iter().map(|pick| request(&authority, pick)).collect();

    let shared = Arc::new(Mutex::new(requests));
    let mut connected = Vec::new();
    for _ in 0..clients {
        connected.push(Handheld::connect(&authority).await?);
    }
    let begun = Instant::now();
    let end = begun + Duration::from_secs(u64::from(seconds));
    let mut handhelds = JoinSet::new();
    for mut handheld in connected {
        let shared = shared.clone();
        handhelds.spawn(async move {
            let mut done = 0_u64;
            while Instant::now() < end {
                let request = shared.lock().await.pop_front().context("ran out of prepared picks")?;
                handheld.give(&request).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(handheld) = handhelds.join_next().await {
        done += handheld??;
    }
    let per_second = done as f64 / begun.elapsed().as_secs_f64();
    batches.extend(rows(&api, &mut { after }).await?);
    batches.sort_unstable();
    let row = batches[batches.len() / 2].saturating_sub(sync) / BATCH as u32;
    let n = f64::from(clients);
    let limit = n / (sync.as_secs_f64() + n * row.as_secs_f64());
    Ok(json!({
        "figure": "burst", "clients": clients, "commands": done,
        "fdatasync_p50_us": sync.as_micros() as u64, "row_us": row.as_micros() as u64,
        "commands_per_second": per_second.round(), "limit_per_second": limit.round(),
        "part_of_limit": rounded(per_second / limit),
    }))
}

/// How long batches of commands take that share one commit. Measured before the burst and after it: a machine of which
/// others have a part is not equally fast all the time.
async fn rows(api: &Api, todo: &mut VecDeque<Pick>) -> Result<Vec<Duration>> {
    let mut batches = Vec::new();
    for _ in 0..BATCHES {
        let body = picks::batch(todo.drain(..BATCH.min(todo.len())));
        let begun = Instant::now();
        picks::give(api, &body).await?;
        batches.push(begun.elapsed());
    }
    Ok(batches)
}
