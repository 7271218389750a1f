//! Packs closed cases, a block at a time, so that others get their turn at the writer.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::archive::{self, BLOCK_DOCUMENTS};
use crate::error::HubError;

const EVERY: Duration = Duration::from_secs(60);
/// Between two blocks.
const REST: Duration = Duration::from_millis(200);

/// Runs until it is cancelled.
pub async fn run(hub: Hub, token: CancellationToken) -> Result<(), HubError> {
    loop {
        let packed = pass(&hub, BLOCK_DOCUMENTS).await;
        let pause = if matches!(packed, Ok(1..)) { REST } else { EVERY };
        survived("archive", packed.map(drop))?;
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Packs a block of cases that have been closed long enough, when there are at least `least`.
pub async fn pass(hub: &Hub, least: usize) -> Result<usize, HubError> {
    let after = i64::try_from(hub.settings.archive.after.as_millis()).unwrap_or(i64::MAX / 4);
    hub.writer
        .run("archive", move |unit| {
            Box::pin(async move {
                let before = unit.now() + -after;
                archive::pack(unit, before, least).await
            })
        })
        .await
}
