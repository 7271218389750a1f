//! What a batch says, as far as it can be read without the database: done beside the transactions, on any core.

use outpost_model::id::DocumentKey;
use outpost_sync::{Batch, Change, Inspection, Item, Limits};

use super::admit::{self, Admitted, Refused};

/// A batch, read.
#[derive(Debug)]
pub struct ReadBatch {
    /// As the session handed it over.
    pub batch: Batch,
    /// What each of its items says, in the same order.
    pub readings: Vec<Reading>,
}

/// What an item says. Each part holds the first thing that is wrong up to it.
#[derive(Debug)]
pub struct Reading {
    /// The change, understood; a record is no change.
    pub inspection: Result<Inspection, Refused>,
    /// The document as the model names it.
    pub key: Result<DocumentKey, Refused>,
    /// Its events.
    pub content: Result<Admitted, Refused>,
}

impl ReadBatch {
    /// Reads every item.
    pub fn of(batch: Batch) -> Self {
        let readings = batch
            .items
            .iter()
            .map(|incoming| match &incoming.item {
                Item::Change(change) => Reading::of(change, &batch),
                Item::Record(_) => Reading::refused("record_by_site"),
            })
            .collect();
        Self { batch, readings }
    }
}

impl Reading {
    fn of(change: &Change, batch: &Batch) -> Self {
        let inspection = match Inspection::of(change, &Limits::PROTOCOL) {
            Ok(inspection) => inspection,
            Err(_) => return Self::refused("malformed_change"),
        };
        let key = admit::document(change, &batch.site);
        let content = match &key {
            Ok(key) => admit::content(key, &batch.site, &inspection),
            Err(reason) => Err(*reason),
        };
        Self { inspection: Ok(inspection), key, content }
    }

    fn refused(reason: Refused) -> Self {
        Self { inspection: Err(reason), key: Err(reason), content: Err(reason) }
    }
}
