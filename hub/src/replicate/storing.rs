//! Stores a batch of a site's items, beside the conversation: frames that come meanwhile are taken in, so that what
//! waits for one commit is one batch for the next.
//!
//! An item that breaks its transaction must not hold up the others: the batch is halved until it stands alone, and
//! alone it is put in quarantine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outpost_model::defects::{Planted, is_planted};
use outpost_sync::{Batch, Input, Refusal};

use super::apply::{self, Applied};
use crate::Hub;
use crate::error::HubError;

/// The pause before an item that fails alone is tried once more: trouble with the database may pass.
const SECOND_TRY_AFTER: Duration = Duration::from_secs(1);
/// The reason of an item that cannot be applied though it was admitted.
const CANNOT_BE_APPLIED: &str = "cannot_be_applied";

/// What the session is told, and whether the keys of the site must be read again.
#[derive(Debug)]
pub struct Stored {
    /// The answer to the session's question.
    pub input: Input,
    /// The appliance that signed is not the site's any more.
    pub revoked: bool,
}

/// Stores a batch. Items that were committed before something failed are handed over again and then found to be
/// there.
pub async fn store(hub: Hub, batch: Batch) -> Result<Stored, HubError> {
    let started = Instant::now();
    let (site, count) = (batch.site.clone(), batch.items.len());
    let mut refusals: Vec<Refusal> = Vec::new();
    let mut parts = VecDeque::from([batch]);
    if let Some(trouble) = hub.store.storage().refuses_batches() {
        tracing::warn!(%site, code = trouble.code(), "a batch is not stored now; it is sent again");
        return Ok(Stored { input: Input::StoreFailed, revoked: false });
    }
    while let Some(part) = parts.pop_front() {
        let part = Arc::new(part);
        match attempt(&hub, part.clone()).await {
            Ok(Applied::Stored(refused)) => refusals.extend(refused),
            Ok(Applied::Revoked) => {
                tracing::warn!(%site, "a frame of an appliance that was replaced is refused");
                return Ok(Stored { input: Input::StoreFailed, revoked: true });
            }
            Err(error @ (HubError::Stopping | HubError::FateUnknown(_))) => return Err(error),
            // No fault of any item.
            Err(error @ HubError::Storage(_)) => {
                tracing::error!(%error, %site, "nothing can be stored now");
                return Ok(Stored { input: Input::StoreFailed, revoked: false });
            }
            Err(error) if part.items.len() > 1 => {
                tracing::error!(%error, %site, items = part.items.len(), "a batch was not stored; it is halved");
                let (first, second) = halves(&part);
                parts.push_front(second);
                parts.push_front(first);
            }
            Err(error) => {
                tracing::error!(%error, %site, "an item cannot be stored");
                match alone(&hub, part).await {
                    Ok(refused) => refusals.extend(refused),
                    Err(error @ (HubError::Stopping | HubError::FateUnknown(_))) => return Err(error),
                    Err(error) => {
                        tracing::error!(%error, %site, "nothing can be stored now");
                        return Ok(Stored { input: Input::StoreFailed, revoked: false });
                    }
                }
            }
        }
    }
    metrics::histogram!("hub_apply_seconds").record(started.elapsed().as_secs_f64());
    metrics::counter!("hub_items_applied").increment(count as u64);
    if is_planted(Planted::QuarantineBlocksTheStream) && !refusals.is_empty() {
        return Ok(Stored { input: Input::StoreFailed, revoked: false });
    }
    Ok(Stored { input: Input::Stored { refused: refusals }, revoked: false })
}

async fn attempt(hub: &Hub, batch: Arc<Batch>) -> Result<Applied, HubError> {
    let sscc = Arc::new(hub.settings.sscc.clone());
    hub.writer
        .run(batch.site.clone(), move |unit| {
            let (batch, sscc) = (batch.clone(), sscc.clone());
            Box::pin(async move { apply::apply(unit, &batch, &sscc).await })
        })
        .await
}

/// One more attempt, and quarantine when that fails as well. A database that takes neither says that the trouble is
/// not the item's.
async fn alone(hub: &Hub, item: Arc<Batch>) -> Result<Vec<Refusal>, HubError> {
    tokio::time::sleep(SECOND_TRY_AFTER).await;
    match attempt(hub, item.clone()).await {
        Ok(Applied::Stored(refused)) => return Ok(refused),
        Ok(Applied::Revoked) => return Err(HubError::Failed("the appliance was replaced".to_owned())),
        Err(error @ (HubError::Stopping | HubError::FateUnknown(_) | HubError::Storage(_))) => {
            return Err(error);
        }
        Err(_) => {}
    }
    hub.writer
        .run(item.site.clone(), move |unit| {
            let item = item.clone();
            Box::pin(async move { apply::give_up(unit, &item, CANNOT_BE_APPLIED).await })
        })
        .await
}

fn halves(batch: &Batch) -> (Batch, Batch) {
    let (first, second) = batch.items.split_at(batch.items.len() / 2);
    let part =
        |items: &[_]| Batch { site: batch.site.clone(), install: batch.install, items: items.to_vec() };
    (part(first), part(second))
}
