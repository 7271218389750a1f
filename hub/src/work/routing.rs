//! Routes orders whose time has come, in groups that share a picture of the sites and mostly a commit.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use outpost_daemon::ReadyCheck;
use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::picture::Picture;
use crate::app::route::route;
use crate::error::HubError;
use crate::store::order;

/// Orders of one pass: few enough that the picture stays true, and that others get their turn at the writer.
const PASS_MAX: i64 = 64;
const EVERY: Duration = Duration::from_secs(1);

/// Runs until it is cancelled.
pub async fn run(
    hub: Hub,
    labels: bool,
    check: ReadyCheck,
    token: CancellationToken,
) -> Result<(), HubError> {
    loop {
        let outcome = all(&hub, labels).await;
        match &outcome {
            Ok(()) => check.ready(),
            Err(error) => check.not_ready(error.to_string()),
        }
        survived("routing", outcome)?;
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = hub.wakers.routing.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Routes until nothing is due.
pub async fn all(hub: &Hub, labels: bool) -> Result<(), HubError> {
    while pass(hub, labels).await? {}
    Ok(())
}

async fn pass(hub: &Hub, labels: bool) -> Result<bool, HubError> {
    let mut connection = hub.store.read().acquire().await?;
    let now = hub.now();
    let due = order::due(&mut connection, now, PASS_MAX).await?;
    if due.is_empty() {
        return Ok(false);
    }
    let picture = Arc::new(Picture::take(&mut connection, hub.rules.current(), now).await?);
    drop(connection);
    let routed = due.iter().map(|order| {
        let (order, picture) = (*order, picture.clone());
        hub.writer.run(order, move |unit| {
            let picture = picture.clone();
            Box::pin(async move { route(unit, order, &picture, labels).await })
        })
    });
    let mut failed = None;
    for (order, outcome) in due.iter().zip(join_all(routed).await) {
        if let Err(error) = outcome {
            tracing::error!(%error, %order, "an order could not be routed");
            failed = Some(error);
        }
    }
    // An order that fails must not spin: the next pass comes by the timer.
    failed.map_or(Ok(true), Err)
}
