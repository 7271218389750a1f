//! Quarantine: what the hub says that it has set aside, and the way out when this site was mended.

use outpost_model::rejection::Rejection;
use outpost_sync::repair::Standing;
use outpost_sync::{DocumentId, Refusal};

use crate::replicate::apply;
use crate::store::{exception, setting};
use crate::write::{Answer, News, Stop, Unit};

/// The setting that holds the version that tried all held documents last.
const TRIED_BY: &str = "held_tried_by";
/// Held documents that an update tries at once.
const AT_ONCE: usize = 1_000;

/// The hub has set aside something of this site's stream: its document is held there, and left alone until that ends.
pub fn refused(unit: &mut Unit<'_>, refusal: &Refusal) -> Result<Answer, Stop> {
    let position = refusal.position;
    let doc = outpost_journal::document_at(unit.tx(), position)?;
    if let Some(doc) = &doc {
        outpost_journal::note(unit.tx(), doc, Standing::Held, Some(&refusal.reason))?;
    }
    let subject = doc.map_or_else(|| "site/journal".to_owned(), |doc| doc.to_string());
    let event = format!("{}/{} {}", position.incarnation, position.n, refusal.reason);
    unit.raise("item_refused", &subject, &event, super::sentence("item_refused"))?;
    unit.tell(News::Sync);
    Ok(Answer::Done)
}

/// A new version of the program tries once what an earlier one could not take.
pub fn release_after_update(unit: &mut Unit<'_>, version: &str) -> Result<Answer, Stop> {
    if setting::load::<String>(unit.tx(), TRIED_BY)?.as_deref() == Some(version) {
        return Ok(Answer::Done);
    }
    for (doc, entry) in outpost_journal::held(unit.tx(), AT_ONCE)? {
        if entry.standing == Standing::Held {
            release(unit, &doc)?;
        }
    }
    setting::save(unit.tx(), TRIED_BY, &version)?;
    Ok(Answer::Done)
}

/// The receiver is mended: what was set aside of a document is tried again, in the order in which it came.
pub fn release(unit: &mut Unit<'_>, doc: &DocumentId) -> Result<Answer, Stop> {
    let entry = outpost_journal::entry(unit.tx(), doc)?;
    if entry.is_none_or(|entry| entry.standing != Standing::Held) {
        return Ok(Answer::Rejected(Rejection::new(
            "not_held",
            "Nothing of this document is set aside here.",
        )));
    }
    let room = unit.site().room;
    if let Some(reason) = apply::release(unit, doc, room)? {
        let sentence =
            format!("It still cannot be taken ({reason}). Update this site's program, then try again.");
        return Ok(Answer::Rejected(Rejection::new("still_refused", sentence)));
    }
    exception::resolve(unit.tx(), unit.now(), "refused_item", doc.as_str())?;
    unit.audit(doc.as_str(), &["released".to_owned()])?;
    unit.tell(News::Sync);
    Ok(Answer::Done)
}
