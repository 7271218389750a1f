//! Merging what the hub wrote: run by the writer, in the transaction that also keeps the progress. An item that
//! cannot be taken is kept aside with its reason and counts as received, so that it blocks nobody.

use outpost_journal::Stored;
use outpost_model::event::Event;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::Header;
use outpost_model::id::DocumentKey;
use outpost_model::intent::HubEvent;
use outpost_model::page::HubPageEvent;
use outpost_sync::{Batch, Change, Incoming, Item, MergeError, Record, Refusal};

use super::admit::{Admitted, Refused, admit};
use super::receive;
use crate::app;
use crate::store::case::{self, CaseRow};
use crate::store::right::RightsDelta;
use crate::store::{right, serial};
use crate::write::{Stop, Unit};

/// The hub's name among the journal's peers.
pub const HUB: &str = "hub";
/// Frames kept for inspection at most; the oldest go first.
pub const FRAMES_KEPT_MAX: usize = 200;

/// Takes in a batch; says which items were kept aside.
pub fn merge(unit: &mut Unit<'_>, batch: &Batch) -> Result<Vec<Refusal>, Stop> {
    let mut refusals = Vec::new();
    for incoming in &batch.items {
        let taken = match &incoming.item {
            Item::Change(change) => take_change(unit, incoming, change)?,
            Item::Record(record) => take_record(unit, incoming, record)?,
        };
        if let Err(refused) = taken {
            refusals.push(keep_aside(unit, incoming, refused.code())?);
        }
    }
    Ok(refusals)
}

/// Keeps items aside that broke the transaction they were applied in.
pub fn set_aside(unit: &mut Unit<'_>, batch: &Batch, reason: &str) -> Result<Vec<Refusal>, Stop> {
    batch.items.iter().map(|incoming| keep_aside(unit, incoming, reason)).collect()
}

fn keep_aside(unit: &mut Unit<'_>, incoming: &Incoming, reason: &str) -> Result<Refusal, Stop> {
    outpost_journal::set_aside(unit.tx(), HUB, unit.now().0, incoming, reason)?;
    let subject = match &incoming.item {
        Item::Change(change) => change.doc.to_string(),
        Item::Record(record) => format!("record/{}", record.kind),
    };
    let position = format!("{}/{}", incoming.position.incarnation, incoming.position.n);
    tracing::warn!(subject, position, reason, "an item of the hub was set aside");
    unit.raise("refused_item", &subject, &position, app::sentence("refused_item"))?;
    Ok(Refusal { position: incoming.position, reason: reason.to_owned() })
}

fn store(unit: &Unit<'_>, incoming: &Incoming) -> Result<Stored, Stop> {
    Ok(outpost_journal::store(unit.tx(), HUB, unit.now().0, incoming)?)
}

fn take_record(
    unit: &mut Unit<'_>,
    incoming: &Incoming,
    record: &Record,
) -> Result<Result<(), Refused>, Stop> {
    let received = match receive::read(record) {
        Ok(received) => received,
        Err(refused) => return Ok(Err(refused)),
    };
    if store(unit, incoming)? == Stored::New {
        receive::receive(unit, record, received)?;
    }
    Ok(Ok(()))
}

fn take_change(
    unit: &mut Unit<'_>,
    incoming: &Incoming,
    change: &Change,
) -> Result<Result<(), Refused>, Stop> {
    let admitted = match admit(&unit.site().id, change) {
        Ok(admitted) => admitted,
        Err(refused) => return Ok(Err(refused)),
    };
    match admitted {
        Admitted::CaseOffered(header) => {
            if let Err(refused) = found(unit, incoming, change)? {
                return Ok(refused.map_or(Ok(()), Err));
            }
            offered(unit, *header, incoming.position.n)?;
        }
        Admitted::PageFounded => {
            if let Err(refused) = found(unit, incoming, change)? {
                return Ok(refused.map_or(Ok(()), Err));
            }
        }
        Admitted::CaseEvents(DocumentKey::Case(id), events) => {
            let Some(row) = case::load(unit.tx(), id)? else { return Ok(Err(Refused::MissingDependency)) };
            if let Err(refused) = join(unit, incoming, change, row.state.hub_n, &events)? {
                return Ok(refused.map_or(Ok(()), Err));
            }
            said(unit, row, &events)?;
        }
        Admitted::PageEvents(key, events) => {
            let (tx, known) = (unit.tx(), unit.documents());
            let Some(entries) = known.len(tx, &key)? else { return Ok(Err(Refused::MissingDependency)) };
            if let Err(refused) = join(unit, incoming, change, entries as u64, &events)? {
                return Ok(refused.map_or(Ok(()), Err));
            }
            for event in &events {
                page_said(unit, event)?;
            }
        }
        Admitted::CaseEvents(..) => return Ok(Err(Refused::UnknownDocument)),
    }
    Ok(Ok(()))
}

/// Whether to go on with a change: not when it was here already (nothing inside), not when it is refused.
type Taken = Result<(), Option<Refused>>;

/// Takes in a founding change.
fn found(unit: &mut Unit<'_>, incoming: &Incoming, change: &Change) -> Result<Taken, Stop> {
    let tx = unit.tx();
    if unit.documents().exists(tx, &change.doc)? {
        if !unit.documents().contains(tx, change)? {
            return Ok(Err(Some(Refused::Foreign)));
        }
        store(unit, incoming)?;
        return Ok(Err(None));
    }
    unit.documents().found(change)?;
    Ok(if store(unit, incoming)? == Stored::New { Ok(()) } else { Err(None) })
}

/// Merges a change that adds events, numbered on from `last`.
fn join<K>(
    unit: &mut Unit<'_>,
    incoming: &Incoming,
    change: &Change,
    last: u64,
    events: &[Event<K>],
) -> Result<Taken, Stop> {
    let tx = unit.tx();
    if unit.documents().contains(tx, change)? {
        store(unit, incoming)?;
        return Ok(Err(None));
    }
    if (last + 1..).zip(events).any(|(n, event)| event.n != n) {
        return Ok(Err(Some(Refused::Sequence)));
    }
    match unit.documents().merge(tx, change)? {
        Ok(_) => {}
        Err(error) => return Ok(Err(Some(refused(&error)))),
    }
    Ok(if store(unit, incoming)? == Stored::New { Ok(()) } else { Err(None) })
}

fn refused(error: &MergeError) -> Refused {
    match error {
        MergeError::Malformed { .. } => Refused::MalformedChange,
        MergeError::MissingDependency { .. } => Refused::MissingDependency,
        MergeError::Sequence { .. } => Refused::Sequence,
        MergeError::Foreign { .. } => Refused::Foreign,
        MergeError::EntryExists { .. } => Refused::EntryExists,
        MergeError::Full { .. } => Refused::DocumentFull,
        MergeError::Poisoned { .. } => Refused::Poisoned,
    }
}

fn offered(unit: &mut Unit<'_>, header: Header, position: u64) -> Result<(), Stop> {
    let key = DocumentKey::Case(header.case).to_string();
    let row = CaseRow { state: Fulfillment::offered(header), position };
    unit.act_by_rule();
    unit.save_case(None, &row)?;
    unit.audit(&key, &["offered".to_owned()])
}

/// Folds what the hub said of a case, and answers what can be answered by rule in the same breath.
fn said(unit: &mut Unit<'_>, mut row: CaseRow, events: &[Event<HubEvent>]) -> Result<(), Stop> {
    let before = row.state.clone();
    for event in events {
        row.state.apply_hub(event);
    }
    unit.save_case(Some(&before), &row)?;
    app::answer_by_rule(unit, &mut row)
}

fn page_said(unit: &mut Unit<'_>, event: &Event<HubPageEvent>) -> Result<(), Stop> {
    let Some(said) = event.known() else { return Ok(()) };
    match said {
        HubPageEvent::Returned { units, recall } => {
            for unit_of in units {
                let delta = RightsDelta { returned: unit_of.qty.delta(), ..RightsDelta::default() };
                right::add(unit.tx(), &unit_of.sku, delta)?;
                unit.touch_stock(&unit_of.sku);
            }
            if let Some(recall) = recall {
                right::answered(unit.tx(), *recall)?;
            }
        }
        HubPageEvent::SerialsLeased { extension, company_prefix, first, count } => {
            serial::lease(unit.tx(), *extension, company_prefix, *first, *count)?;
        }
        HubPageEvent::SerialsVoided { first, .. } => serial::void(unit.tx(), *first)?,
    }
    Ok(())
}
