//! Merging what came from the hub: run by the writer, in the transaction that also keeps the progress. An item that
//! cannot be taken is kept aside with its reason and counts as received, so that it blocks nobody; one that builds on
//! what is not here waits.

use outpost_journal::{ParkLimits, Parked, SetAside, Stored};
use outpost_sync::repair::{Mend, Standing};
use outpost_sync::{Batch, Change, DocumentId, Incoming, Item, Position, Record, Refusal};

use super::admit::Refused;
use super::receive;
use super::take::{Arrival, Taken, take};
use crate::app;
use crate::write::{Stop, Unit};

/// The hub's name among the journal's peers.
pub const HUB: &str = "hub";
/// Frames kept for inspection at most; the oldest go first.
pub const FRAMES_KEPT_MAX: usize = 200;
/// The reason of what is set aside only because something before it was.
const HELD: &str = "document_held";

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Items that were set aside; they count as received.
    pub refused: Vec<Refusal>,
    /// Items without room to wait; they do not, and come again.
    pub later: Vec<Position>,
}

/// What became of one change.
enum Settled {
    Done,
    Aside(String),
    NoRoom,
}

/// Takes in a batch.
pub fn merge(unit: &mut Unit<'_>, batch: &Batch, room: ParkLimits) -> Result<Merged, Stop> {
    let mut merged = Merged::default();
    for incoming in &batch.items {
        let settled = match &incoming.item {
            Item::Change(change) => settle(unit, Arrival { change, incoming: Some(incoming) }, room)?,
            Item::Record(record) => match take_record(unit, incoming, record)? {
                Ok(()) => Settled::Done,
                Err(refused) => {
                    keep_aside(unit, SetAside::Item(incoming), refused.code())?;
                    Settled::Aside(refused.code().to_owned())
                }
            },
        };
        match settled {
            Settled::Done => {}
            Settled::Aside(reason) => merged.refused.push(Refusal { position: incoming.position, reason }),
            Settled::NoRoom => merged.later.push(incoming.position),
        }
    }
    Ok(merged)
}

/// Takes in what repair brought.
pub fn mend(unit: &mut Unit<'_>, mend: &Mend, room: ParkLimits) -> Result<(), Stop> {
    outpost_journal::vouch(unit.tx(), &mend.past)?;
    for (doc, standing) in &mend.notes {
        outpost_journal::note(unit.tx(), doc, *standing, None)?;
        if *standing == Standing::Held {
            raise(unit, "held_by_hub", doc, "")?;
        }
    }
    for change in &mend.changes {
        // What finds no room to wait is not lost: the next comparison finds it again.
        settle(unit, Arrival { change, incoming: None }, room)?;
    }
    Ok(())
}

/// Keeps items aside that broke the transaction they were applied in.
pub fn set_aside(unit: &mut Unit<'_>, batch: &Batch, reason: &str) -> Result<Merged, Stop> {
    let mut merged = Merged::default();
    for incoming in &batch.items {
        keep_aside(unit, SetAside::Item(incoming), reason)?;
        merged.refused.push(Refusal { position: incoming.position, reason: reason.to_owned() });
    }
    Ok(merged)
}

/// Keeps repaired changes aside that broke the transaction they were applied in.
pub fn set_changes_aside(unit: &mut Unit<'_>, changes: &[Change], reason: &str) -> Result<(), Stop> {
    changes.iter().try_for_each(|change| keep_aside(unit, SetAside::Change(change), reason))
}

/// Applies a change and all that waited for it, lets it wait, or sets it aside.
fn settle(unit: &mut Unit<'_>, arrival: Arrival<'_>, room: ParkLimits) -> Result<Settled, Stop> {
    let aside = arrival.incoming.map_or(SetAside::Change(arrival.change), SetAside::Item);
    if is_held(unit, &arrival.change.doc)? {
        keep_aside(unit, aside, HELD)?;
        return Ok(Settled::Aside(HELD.to_owned()));
    }
    match take(unit, arrival)? {
        Taken::Applied => {
            wake(unit, &arrival.change.doc)?;
            Ok(Settled::Done)
        }
        Taken::Known => Ok(Settled::Done),
        Taken::Waits => {
            let (tx, now) = (unit.tx(), unit.now().0);
            let parked = outpost_journal::park(tx, HUB, now, arrival.change, arrival.incoming, room)?;
            Ok(if parked == Parked::Full { Settled::NoRoom } else { Settled::Done })
        }
        Taken::Refused(refused) => {
            keep_aside(unit, aside, refused.code())?;
            Ok(Settled::Aside(refused.code().to_owned()))
        }
    }
}

fn is_held(unit: &Unit<'_>, doc: &DocumentId) -> Result<bool, Stop> {
    let entry = outpost_journal::entry(unit.tx(), doc)?;
    Ok(entry.is_some_and(|entry| entry.standing == Standing::Held))
}

/// Applies what has waited for a document's newest changes, as long as that frees more.
pub(super) fn wake(unit: &mut Unit<'_>, doc: &DocumentId) -> Result<(), Stop> {
    loop {
        let waiting = outpost_journal::parked_of(unit.tx(), doc)?;
        let count = waiting.len();
        let mut left = 0;
        for change in &waiting {
            if is_held(unit, doc)? {
                outpost_journal::unpark(unit.tx(), change)?;
                keep_aside(unit, SetAside::Change(change), HELD)?;
                continue;
            }
            match take(unit, Arrival { change, incoming: None })? {
                Taken::Waits => left += 1,
                Taken::Applied | Taken::Known => outpost_journal::unpark(unit.tx(), change)?,
                Taken::Refused(refused) => {
                    outpost_journal::unpark(unit.tx(), change)?;
                    keep_aside(unit, SetAside::Change(change), refused.code())?;
                }
            }
        }
        if left == 0 || left == count {
            return Ok(());
        }
    }
}

/// Tries the changes of a held document again, in the order in which they came: after an update, or when a person
/// says so. From the first one that still cannot be taken on they are held again; says why then.
pub fn release(unit: &mut Unit<'_>, doc: &DocumentId, room: ParkLimits) -> Result<Option<String>, Stop> {
    let changes = outpost_journal::held_changes(unit.tx(), doc)?;
    outpost_journal::release(unit.tx(), doc, Standing::Live)?;
    let mut first = None;
    for change in &changes {
        if let Settled::Aside(reason) = settle(unit, Arrival { change, incoming: None }, room)? {
            first.get_or_insert(reason);
        }
    }
    Ok(first)
}

pub(super) fn keep_aside(unit: &mut Unit<'_>, what: SetAside<'_>, reason: &str) -> Result<(), Stop> {
    let subject = match what {
        SetAside::Change(change) => change.doc.to_string(),
        SetAside::Item(incoming) => match &incoming.item {
            Item::Change(change) => change.doc.to_string(),
            Item::Record(record) => format!("record/{}", record.kind),
        },
    };
    let event = match what {
        SetAside::Change(change) => change.hash.to_string(),
        SetAside::Item(incoming) => format!("{}/{}", incoming.position.incarnation, incoming.position.n),
    };
    outpost_journal::set_aside(unit.tx(), HUB, unit.now().0, what, reason)?;
    tracing::warn!(subject, event, reason, "something of the hub was set aside");
    unit.raise("refused_item", &subject, &event, app::sentence("refused_item"))?;
    Ok(())
}

fn raise(unit: &mut Unit<'_>, code: &'static str, doc: &DocumentId, event: &str) -> Result<(), Stop> {
    unit.raise(code, doc.as_str(), event, app::sentence(code))?;
    Ok(())
}

fn take_record(
    unit: &mut Unit<'_>,
    incoming: &Incoming,
    record: &Record,
) -> Result<Result<(), Refused>, Stop> {
    let received = match receive::read(unit, record)? {
        Ok(received) => received,
        Err(refused) => return Ok(Err(refused)),
    };
    if matches!(received, receive::Received::Opening(_)) && !app::room::in_ledger(unit)? {
        return Ok(Err(Refused::TooManyDocuments));
    }
    if outpost_journal::store(unit.tx(), HUB, unit.now().0, incoming)? == Stored::New {
        receive::receive(unit, record, received)?;
    }
    Ok(Ok(()))
}
