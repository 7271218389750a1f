//! Looks at cases whose time to be accepted or begun has come.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use outpost_model::id::{CaseId, SiteId};
use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::deadline::{self, Around, Step};
use crate::error::HubError;
use crate::store::{case, line, site};

const EVERY: Duration = Duration::from_secs(1);
/// Cases of one pass.
const PASS_MAX: i64 = 64;
/// A site that was not heard of for so many hellos counts as silent.
const HELLOS_MISSED: u32 = 3;
/// When a case is looked at again that could not be.
const FAILED_AGAIN_AFTER_MS: i64 = 60_000;

/// Runs until it is cancelled.
pub async fn run(hub: Hub, token: CancellationToken) -> Result<(), HubError> {
    loop {
        let outcome = pass(&hub).await;
        let more = matches!(&outcome, Ok(steps) if steps.len() as i64 == PASS_MAX);
        survived("deadlines", outcome.map(drop))?;
        if more {
            continue;
        }
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Looks at the cases that are due.
pub async fn pass(hub: &Hub) -> Result<Vec<Step>, HubError> {
    let mut connection = hub.store.read().acquire().await?;
    let due: Vec<(CaseId, SiteId)> = case::due(&mut connection, hub.now(), PASS_MAX).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let lines = line::all(&mut connection).await?;
    let sites: BTreeMap<SiteId, site::Site> =
        site::all(&mut connection).await?.into_iter().map(|site| (site.site.clone(), site)).collect();
    drop(connection);
    let silent_after = (hub.settings.sync.hello_interval * HELLOS_MISSED).as_millis() as i64;
    let mut steps = Vec::with_capacity(due.len());
    for (id, at) in due.into_iter().filter(|(_, at)| hub.leases.serves(at)) {
        let zone = sites.get(&at).and_then(|site| TimeZone::get(&site.zone).ok()).unwrap_or(TimeZone::UTC);
        let in_contact = lines.get(&at).is_some_and(|line| hub.now().since(line.last_seen) <= silent_after);
        let (around, book) = (Around { zone, in_contact, life: hub.life }, hub.rules.current());
        let looked = hub.writer.run(at.clone(), move |unit| {
            let (around, book) = (around.clone(), book.clone());
            Box::pin(async move { deadline::look(unit, id, &book.rules, &around).await })
        });
        match looked.await {
            Ok(step) => steps.push(step),
            // A case that fails whenever it is looked at must not keep the others waiting.
            Err(HubError::Failed(reason)) => {
                tracing::error!(case = %id, site = %at, reason, "a case could not be looked at");
                let later = hub.now() + FAILED_AGAIN_AFTER_MS;
                let put_off = hub.writer.run(at, move |unit| {
                    Box::pin(async move { case::look_at(unit.db(), id, Some(later)).await })
                });
                put_off.await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(steps)
}
