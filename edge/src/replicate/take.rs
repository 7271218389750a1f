//! One change on its way in: checked, merged into its document, folded.

use outpost_journal::Stored;
use outpost_model::event::Event;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::Header;
use outpost_model::id::DocumentKey;
use outpost_model::intent::HubEvent;
use outpost_model::page::HubPageEvent;
use outpost_sync::{Change, Incoming, Inspection, Limits, MergeError};

use super::admit::{Admitted, Refused, admit};
use super::apply::HUB;
use super::own;
use crate::app;
use crate::store::case::{self, CaseRow, Place};
use crate::store::right::RightsDelta;
use crate::store::serial::Leased;
use crate::store::{right, serial};
use crate::write::{News, Stop, Unit};

/// A change and, when it comes by the hub's stream, its place there. Repaired changes and those that have waited stand
/// in no stream.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub change: &'a Change,
    pub incoming: Option<&'a Incoming>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was new and is applied.
    Applied,
    /// It was here already.
    Known,
    /// Something that it builds on is not here.
    Waits,
    /// It must not be taken.
    Refused(Refused),
}

impl From<Refused> for Taken {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Arrival<'_> {
    /// Keeps the change itself, and the progress it makes.
    pub(super) fn keep(&self, unit: &Unit<'_>) -> Result<Taken, Stop> {
        let (tx, now) = (unit.tx(), unit.now().0);
        let stored = match self.incoming {
            Some(incoming) => outpost_journal::store(tx, HUB, now, incoming)?,
            None => outpost_journal::keep(tx, now, self.change)?,
        };
        Ok(if stored == Stored::New { Taken::Applied } else { Taken::Known })
    }

    /// Notes only that it was received: the document has it.
    fn count(&self, unit: &Unit<'_>) -> Result<Taken, Stop> {
        if let Some(incoming) = self.incoming {
            outpost_journal::count(unit.tx(), HUB, incoming)?;
        }
        Ok(Taken::Known)
    }
}

/// Takes a change in, whoever wrote it: the hub, or this site in an earlier life.
pub(super) fn take(unit: &mut Unit<'_>, arrival: Arrival<'_>) -> Result<Taken, Stop> {
    let change = arrival.change;
    if unit.knows(change)? {
        // The hub offers the case anew in another life of its stream: authority is measured there from now on.
        if let Some(incoming) = arrival.incoming
            && let Ok(Admitted::CaseOffered(header)) = admit(&unit.site().id, change)
        {
            case::place(unit.tx(), header.case, incoming.position.into())?;
            unit.tell(News::Case(header.case));
        }
        return arrival.count(unit);
    }
    if arrival.incoming.is_none()
        && let Ok(inspection) = Inspection::of(change, &Limits::PROTOCOL)
        && outpost_journal::vouched(unit.tx(), inspection.author)?
    {
        return own::take(unit, arrival, inspection);
    }
    match admit(&unit.site().id, change) {
        Ok(admitted) => of_hub(unit, arrival, admitted),
        Err(refused) => Ok(refused.into()),
    }
}

fn of_hub(unit: &mut Unit<'_>, arrival: Arrival<'_>, admitted: Admitted) -> Result<Taken, Stop> {
    match admitted {
        Admitted::CaseOffered(header) => {
            let taken = found(unit, arrival)?;
            if taken == Taken::Applied {
                // Without a place in the stream it is not known what the hub believes to be covered.
                let place = arrival.incoming.map_or(Place::NOWHERE, |incoming| incoming.position.into());
                offered(unit, *header, place)?;
            }
            Ok(taken)
        }
        Admitted::PageFounded => found(unit, arrival),
        Admitted::CaseEvents(DocumentKey::Case(id), events) => {
            let Some(row) = case::load(unit.tx(), id)? else { return Ok(Taken::Waits) };
            let taken = join(unit, arrival, row.state.hub_n, &events)?;
            if taken == Taken::Applied {
                said(unit, row, &events)?;
            }
            Ok(taken)
        }
        Admitted::PageEvents(key, events) => {
            let (tx, known) = (unit.tx(), unit.documents());
            let Some(entries) = known.len(tx, &key)? else { return Ok(Taken::Waits) };
            let taken = join(unit, arrival, entries as u64, &events)?;
            if taken == Taken::Applied {
                for event in &events {
                    page_said(unit, event)?;
                }
            }
            Ok(taken)
        }
        Admitted::CaseEvents(..) => Ok(Refused::UnknownDocument.into()),
    }
}

/// Takes in a founding change.
pub(super) fn found(unit: &mut Unit<'_>, arrival: Arrival<'_>) -> Result<Taken, Stop> {
    let tx = unit.tx();
    if unit.documents().exists(tx, &arrival.change.doc)? {
        return Ok(Refused::Foreign.into());
    }
    unit.documents().found(arrival.change)?;
    arrival.keep(unit)
}

/// Merges a change that adds events, numbered on from `last`.
pub(super) fn join<K>(
    unit: &mut Unit<'_>,
    arrival: Arrival<'_>,
    last: u64,
    events: &[Event<K>],
) -> Result<Taken, Stop> {
    let tx = unit.tx();
    if !unit.documents().has_dependencies(tx, arrival.change)? {
        return Ok(Taken::Waits);
    }
    if (last + 1..).zip(events).any(|(n, event)| event.n != n) {
        return Ok(Refused::Sequence.into());
    }
    match unit.documents().merge(tx, arrival.change)? {
        Ok(_) => arrival.keep(unit),
        Err(MergeError::MissingDependency { .. }) => Ok(Taken::Waits),
        Err(error) => Ok(refused(&error).into()),
    }
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

fn offered(unit: &mut Unit<'_>, header: Header, place: Place) -> Result<(), Stop> {
    let key = DocumentKey::Case(header.case).to_string();
    let row = CaseRow { state: Fulfillment::offered(header), place };
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
            let leased = serial::lease(unit.tx(), *extension, company_prefix, *first, *count)?;
            if leased == Leased::Overlaps {
                let block = format!("{extension}/{company_prefix}/{first}");
                unit.raise("serials_overlap", "site/serials", &block, app::sentence("serials_overlap"))?;
            }
        }
        HubPageEvent::SerialsVoided { first, count } => serial::void(unit.tx(), *first, *count)?,
    }
    Ok(())
}
