//! Deletes personal data whose time has come.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::error::HubError;
use crate::store::contact;

const EVERY: Duration = Duration::from_secs(3_600);

/// Runs until it is cancelled.
pub async fn run(hub: Hub, token: CancellationToken) -> Result<(), HubError> {
    loop {
        let deleted = hub
            .writer
            .run("retention", |unit| {
                Box::pin(async move {
                    let now = unit.now();
                    contact::expire(unit.db(), now).await
                })
            })
            .await;
        if let Ok(rows @ 1..) = deleted {
            tracing::info!(rows, "personal data was deleted, its time had come");
        }
        survived("retention", deleted.map(drop))?;
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
