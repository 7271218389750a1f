//! The use case "merge changes": batches of sites' items, their projection and all they trigger, in one transaction.
//!
//! [`group`] is a plain function over a unit of work: it spawns nothing and reads no clock, so that a simulator can call
//! it too.

use std::sync::Arc;

use outpost_config::SsccSettings;
use outpost_model::id::SiteId;
use outpost_sync::{Batch, Incoming, Item, Position, Refusal};

use super::admit::Refused;
use super::mend;
use super::merge::Merge;
use super::react;
use super::reading::ReadBatch;
use crate::error::HubError;
use crate::store::{counter, document, exception, quarantine};
use crate::write::Unit;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It is in the database, except for what is named, which is in quarantine.
    Stored(Vec<Refusal>),
    /// The same, but some items found no room to wait for what they build on: they count as never received.
    StoredBut {
        /// What is in quarantine.
        refused: Vec<Refusal>,
        /// What must come again.
        later: Vec<Position>,
    },
    /// Nothing of it was taken: the appliance that signed it is not the site's any more.
    Revoked,
    /// Nothing of it was taken: another worker works for the site.
    NotHeld,
}

impl Applied {
    pub(super) fn stored(refused: Vec<Refusal>, later: Vec<Position>) -> Self {
        if later.is_empty() { Self::Stored(refused) } else { Self::StoredBut { refused, later } }
    }
}

/// Applies one batch: [`group`] with nobody else in it.
pub async fn apply(unit: &mut Unit, batch: &Batch, sscc: &SsccSettings) -> Result<Applied, HubError> {
    let read = Arc::new(ReadBatch::of(batch.clone()));
    let answers = group(unit, &[read], sscc).await?;
    answers.into_iter().next().ok_or_else(|| HubError::Invariant("a batch without an answer".to_owned()))
}

/// Applies batches, whichever sites they are of, and answers in their order. What cannot be taken is put in quarantine
/// and named; everything else is in the database. An error concerns all of them: the caller tries smaller groups.
pub async fn group(
    unit: &mut Unit,
    batches: &[Arc<ReadBatch>],
    sscc: &SsccSettings,
) -> Result<Vec<Applied>, HubError> {
    let mut merge = Merge::load(unit, batches).await?;
    let mut answers = Vec::with_capacity(batches.len());
    for batch in batches {
        answers.push(merge.take(unit, batch).await?);
    }
    let woken = merge.woken();
    let projection = merge.write(unit).await?;
    react::react(unit, &projection, sscc).await?;
    for (site, docs) in &woken {
        if let Some(read) = batches.iter().find(|read| read.batch.site == *site) {
            mend::wake(unit, &read.batch, docs, sscc).await?;
        }
    }
    Ok(answers)
}

/// Puts a batch in quarantine that broke the transaction it was applied in.
pub async fn give_up(unit: &mut Unit, batch: &Batch, reason: Refused) -> Result<Vec<Refusal>, HubError> {
    let unread = [Arc::new(ReadBatch { batch: batch.clone(), readings: Vec::new() })];
    let mut merge = Merge::load(unit, &unread).await?;
    let mut refusals = Vec::with_capacity(batch.items.len());
    for incoming in &batch.items {
        if merge.count(&batch.site, incoming) {
            set_aside(unit, &batch.site, incoming, reason).await?;
            if let Some(doc) = incoming.item.doc() {
                document::quarantine(unit.db(), &batch.site, doc, reason).await?;
            }
        }
        refusals.push(refusal(incoming, reason));
    }
    unit.count(counter::ITEMS_QUARANTINED, refusals.len() as i64);
    merge.write(unit).await?;
    Ok(refusals)
}

pub(super) fn refusal(incoming: &Incoming, reason: Refused) -> Refusal {
    Refusal { position: incoming.position, reason: reason.to_owned() }
}

/// Keeps an item in quarantine, whole, and says so to a person.
pub(super) async fn set_aside(
    unit: &mut Unit,
    site: &SiteId,
    incoming: &Incoming,
    reason: Refused,
) -> Result<(), HubError> {
    let (id, now) = (unit.ids().uuid(), unit.now());
    let (doc, hash, bytes) = match &incoming.item {
        Item::Change(change) => (Some(change.doc.as_str()), Some(&change.hash.0[..]), &change.bytes),
        Item::Record(record) => (None, None, &record.bytes),
    };
    quarantine::put(unit.db(), id, site, (doc, hash), reason, now, bytes).await?;
    let about = doc.unwrap_or("a record");
    unit.raise(exception::New {
        code: "quarantined",
        sentence: format!("{site} wrote something into {about} that cannot be taken ({reason})."),
        once: format!("quarantined {site} {about}"),
        site: Some(site.clone()),
        ..Default::default()
    })
    .await?;
    Ok(())
}
