//! Stores a batch. One that breaks its transaction is taken apart: it is halved until the item that breaks it stands
//! alone, and alone it is put in quarantine. The other items are stored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use outpost_config::SsccSettings;
use outpost_sync::{Batch, Position, Refusal};

use super::apply::{self, Applied};
use super::intake::together;
use super::reading::ReadBatch;
use crate::Hub;
use crate::error::HubError;
use crate::write::Writer;

/// The pause before an item that fails alone is tried once more: trouble with the database may pass.
const SECOND_TRY_AFTER: Duration = Duration::from_secs(1);
/// The reason of an item that cannot be applied though it was admitted.
const CANNOT_BE_APPLIED: &str = "cannot_be_applied";

/// Reads a batch and has it stored, beside the conversation: frames that come meanwhile are taken in, so that what waits
/// for one commit is one batch for the next.
pub async fn store(hub: Hub, batch: Batch) -> Result<Applied, HubError> {
    if let Some(trouble) = hub.store.storage().refuses_batches() {
        return Err(HubError::Storage(trouble));
    }
    let count = batch.items.len() as u64;
    let started = hub.clock.since_boot();
    let applied = hub.intake.store(Arc::new(ReadBatch::of(batch))).await?;
    let taken = hub.clock.since_boot().saturating_sub(started);
    metrics::histogram!("hub_apply_seconds").record(taken.as_secs_f64());
    metrics::counter!("hub_items_applied").increment(count);
    Ok(applied)
}

/// Stores what can be stored. Items that were committed before something failed are handed over again and then found to
/// be there.
pub(super) async fn apart(
    writer: &Writer,
    lane: usize,
    sscc: &Arc<SsccSettings>,
    batch: &Batch,
) -> Result<Applied, HubError> {
    let mut refusals: Vec<Refusal> = Vec::new();
    let mut deferred: Vec<Position> = Vec::new();
    let mut parts = VecDeque::from(halves(batch));
    while let Some(part) = parts.pop_front() {
        match attempt(writer, lane, sscc, &part).await {
            Ok(Applied::Stored(refused)) => refusals.extend(refused),
            Ok(Applied::StoredBut { refused, later }) => {
                refusals.extend(refused);
                deferred.extend(later);
            }
            Ok(other) => return Ok(other),
            // No fault of any item.
            Err(error @ (HubError::Stopping | HubError::FateUnknown(_) | HubError::Storage(_))) => {
                return Err(error);
            }
            Err(_) if part.items.len() > 1 => {
                for half in halves(&part).into_iter().rev() {
                    parts.push_front(half);
                }
            }
            Err(error) => {
                tracing::error!(%error, site = %batch.site, "an item cannot be stored");
                match alone(writer, lane, sscc, part).await? {
                    Applied::Stored(refused) => refusals.extend(refused),
                    Applied::StoredBut { refused, later } => {
                        refusals.extend(refused);
                        deferred.extend(later);
                    }
                    other => return Ok(other),
                }
            }
        }
    }
    Ok(Applied::stored(refusals, deferred))
}

async fn attempt(
    writer: &Writer,
    lane: usize,
    sscc: &Arc<SsccSettings>,
    batch: &Batch,
) -> Result<Applied, HubError> {
    let read = Arc::new(ReadBatch::of(batch.clone()));
    let mut answers = together(writer, lane, sscc, Arc::from([read])).await?;
    answers.pop().ok_or_else(|| HubError::Invariant("a batch without an answer".to_owned()))
}

/// One more attempt, and quarantine when that fails as well. A database that takes neither says that the trouble is not
/// the item's.
async fn alone(
    writer: &Writer,
    lane: usize,
    sscc: &Arc<SsccSettings>,
    item: Batch,
) -> Result<Applied, HubError> {
    tokio::time::sleep(SECOND_TRY_AFTER).await;
    match attempt(writer, lane, sscc, &item).await {
        Err(error @ (HubError::Stopping | HubError::FateUnknown(_) | HubError::Storage(_))) => {
            return Err(error);
        }
        Err(_) => {}
        applied => return applied,
    }
    let item = Arc::new(item);
    let refused = writer
        .run_in(lane, move |unit| {
            let item = item.clone();
            Box::pin(async move { apply::give_up(unit, &item, CANNOT_BE_APPLIED).await })
        })
        .await?;
    Ok(Applied::Stored(refused))
}

/// The halves of a batch; a single item is its own only half.
fn halves(batch: &Batch) -> Vec<Batch> {
    let (first, second) = batch.items.split_at(batch.items.len() / 2);
    let part =
        |items: &[_]| Batch { site: batch.site.clone(), install: batch.install, items: items.to_vec() };
    [first, second].into_iter().filter(|items| !items.is_empty()).map(part).collect()
}
