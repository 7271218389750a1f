//! Packs the documents of closed cases, and takes one out again when something is still to be said of it.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::defects::{Planted, is_planted};
use outpost_model::fulfillment::Fulfillment;
use outpost_model::id::{CaseId, DocumentKey, SiteId};
use outpost_model::time::UtcMillis;
use outpost_sync::repair::Standing;
use outpost_sync::{Document, DocumentId};

use crate::error::HubError;
use crate::store::block::{self, READER};
use crate::store::{archive, case, document, item};
use crate::write::Unit;

/// Documents of a block.
pub const BLOCK_DOCUMENTS: usize = 100;

/// Packs cases that were closed before an instant: a full block, or one that is at least `least` long. Returns how many
/// documents were packed.
pub async fn pack(unit: &mut Unit, before: UtcMillis, least: usize) -> Result<usize, HubError> {
    let worker = unit.worker();
    let seen = archive::candidates(unit.db(), (&worker, before), BLOCK_DOCUMENTS as i64).await?;
    // From here on nothing of these sites is stored by another transaction: what was true before may not be true now.
    let sites: BTreeSet<SiteId> = seen.into_iter().map(|candidate| candidate.site).collect();
    unit.hold(&sites.iter().collect::<Vec<_>>()).await?;
    let mut candidates = archive::candidates(unit.db(), (&worker, before), BLOCK_DOCUMENTS as i64).await?;
    candidates.retain(|candidate| unit.has(&candidate.site));
    if candidates.len() < least.max(1) {
        return Ok(0);
    }
    let mut block = block::Writer::default();
    let mut docs = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let doc = name(candidate.case)?;
        let changes = item::changes(unit.db(), &doc).await?;
        let places = archive::places(unit.db(), &doc).await?;
        let mut document = Document::open(doc.clone(), READER, None, &changes)
            .map_err(|error| HubError::corrupt("item", &doc, error))?;
        let mut of_changes = Vec::with_capacity(changes.len());
        let damaged = |error| HubError::corrupt("item", &doc, error);
        for change in document.changes().map_err(damaged)? {
            let place = places
                .get(&change.hash)
                .ok_or_else(|| HubError::Invariant(format!("a change of {doc} that was never received")))?;
            of_changes.push(place.clone());
        }
        block.add(&doc, &of_changes, &document.save_plain().map_err(damaged)?);
        docs.push((candidate.case, doc, changes.len()));
    }
    let bytes = block.finish()?;
    // What will be forgotten is read back from what will be kept, before anything is forgotten.
    for (_, doc, count) in &docs {
        let back = block::find(&bytes, doc)?;
        if back.len() != *count {
            return Err(HubError::Invariant(format!("{doc} cannot be read back from its block")));
        }
    }
    let docs: Vec<(CaseId, DocumentId)> = docs.into_iter().map(|(case, doc, _)| (case, doc)).collect();
    let now = unit.now();
    archive::put(unit.db(), now, &docs, bytes).await?;
    for (_, doc) in &docs {
        stand(unit, doc, Standing::Archived).await?;
    }
    Ok(docs.len())
}

/// Takes out those of the documents that are packed: something is to be said of them, or a site repeats itself.
pub async fn take_out(unit: &mut Unit, docs: &[DocumentId]) -> Result<usize, HubError> {
    let found = archive::blocks_of(unit.db(), docs).await?;
    let mut blocks: BTreeMap<u64, Vec<DocumentId>> = BTreeMap::new();
    for (doc, block) in found {
        blocks.entry(block).or_default().push(doc);
    }
    let mut count = 0;
    for (id, docs) in blocks {
        let bytes = archive::bytes(unit.db(), id).await?;
        for doc in docs {
            let Ok(DocumentKey::Case(case)) = doc.as_str().parse() else { continue };
            let rows = document::some(unit.db(), &[doc.to_string()]).await?;
            let Some(row) = rows.get(&doc) else { continue };
            let changes = block::find(&bytes, &doc)?;
            let changes = changes.into_iter().map(|(place, change)| (place, change.hash, change.bytes));
            archive::unpack(unit.db(), (&doc, case), &row.site, changes.collect()).await?;
            stand(unit, &doc, Standing::Live).await?;
            if is_planted(Planted::ResurrectAnArchivedCase)
                && let Some(mut row) = case::get(unit.db(), case).await?
            {
                row.state = Fulfillment::offered(row.state.header);
                case::put(unit.db(), &[&row]).await?;
            }
            count += 1;
        }
    }
    Ok(count)
}

/// Packed documents are left out of what repair compares with their site.
async fn stand(unit: &mut Unit, doc: &DocumentId, standing: Standing) -> Result<(), HubError> {
    let found = document::named(unit.db(), std::slice::from_ref(doc)).await?;
    for mut row in found.into_values() {
        row.place.standing = standing;
        document::put(unit.db(), &[&row]).await?;
    }
    Ok(())
}

fn name(case: CaseId) -> Result<DocumentId, HubError> {
    DocumentId::new(DocumentKey::Case(case).to_string())
        .map_err(|error| HubError::Invariant(error.to_string()))
}
