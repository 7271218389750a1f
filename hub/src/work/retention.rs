//! Deletes what concerns persons when its time has come: first the keys, which closes it in every copy, then the bytes.

use std::time::Duration;

use outpost_model::time::UtcMillis;
use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::seal_earlier::seal_earlier;
use crate::error::HubError;
use crate::store::sealed;

const EVERY: Duration = Duration::from_secs(3_600);
/// Between two goes of one pass: others write meanwhile.
const PAUSE: Duration = Duration::from_millis(50);
/// Rows of each table in one transaction.
const ROWS_MAX: i64 = 250;

/// Runs until it is cancelled.
pub async fn run(hub: Hub, token: CancellationToken) -> Result<(), HubError> {
    loop {
        survived("retention", pass(&hub, &token).await)?;
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn pass(hub: &Hub, token: &CancellationToken) -> Result<(), HubError> {
    while hub.writer.run("retention", |unit| Box::pin(seal_earlier(unit))).await? {
        tokio::time::sleep(PAUSE).await;
    }
    let boot_ms = u64::try_from(hub.clock.since_boot().as_millis()).unwrap_or(u64::MAX);
    let now = hub.store.vault().time(hub.now(), boot_ms, hub.clock.boot_id()).await?;
    let mut rows = 0;
    while !token.is_cancelled() {
        let gone = go(hub, now).await?;
        rows += gone.iter().sum::<u64>();
        if gone.iter().all(|gone| *gone < ROWS_MAX as u64) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    if rows > 0 {
        tracing::info!(rows, "what concerned persons was deleted, its time had come");
    }
    Ok(())
}

/// One go, in bounded transactions: how many keys, records, payloads and frames went.
pub async fn go(hub: &Hub, now: UtcMillis) -> Result<[u64; 4], HubError> {
    let keys = hub.store.vault().expire(now, ROWS_MAX).await?;
    let set_aside = now + -hub.store.vault().kept().set_aside_ms;
    let [records, payloads, frames] = hub
        .writer
        .run("retention", move |unit| {
            Box::pin(async move { sealed::expire(unit.db(), now, set_aside, ROWS_MAX).await })
        })
        .await?;
    Ok([keys, records, payloads, frames])
}
