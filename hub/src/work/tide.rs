//! Writes down how far the database has come, looks whether it was replaced under the running hub, and waits for the
//! sites of a restored one.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::{epoch, recover};
use crate::error::HubError;

/// A copy that somebody makes by hand is known to be old after so long.
const EVERY: Duration = Duration::from_secs(10);
/// While sites are waited for.
const EVERY_WAITING: Duration = Duration::from_secs(1);

/// Runs until it is cancelled. Fails when the database was replaced: the next start begins a new epoch.
pub async fn run(hub: Hub, token: CancellationToken) -> Result<(), HubError> {
    loop {
        let waiting = look(&hub).await;
        let every = if matches!(waiting, Ok(1..)) { EVERY_WAITING } else { EVERY };
        survived("recovery", waiting.map(drop))?;
        match rise(&hub).await {
            Err(HubError::Replaced) => return Err(HubError::Replaced),
            outcome => survived("tide", outcome)?,
        }
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = hub.wakers.end.notified() => return Err(HubError::Replaced),
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// Notes how far the database has come, inside of it and then outside.
pub async fn rise(hub: &Hub) -> Result<(), HubError> {
    let witness = hub.store.witness();
    let told = witness.told().map_or(0, |told| told.tide);
    let risen = hub.writer.run("tide", move |unit| Box::pin(epoch::rise(unit, told))).await?;
    let tide = risen.ok_or(HubError::Replaced)?;
    witness.testify(|told| told.tide = tide).map_err(|error| HubError::Keys(error.to_string()))
}

/// Looks at the sites that are waited for; returns how many there are.
pub async fn look(hub: &Hub) -> Result<usize, HubError> {
    if hub.life.epoch <= 1 {
        return Ok(0);
    }
    hub.writer.run("recovery", |unit| Box::pin(recover::look(unit))).await
}
