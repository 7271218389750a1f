//! What a site's change may do: its author is one of the site's, the document is the site's, the change follows on the
//! document, and every event is of a kind that sites write.

use std::collections::BTreeMap;

use outpost_model::defects::{Planted, is_planted};
use outpost_model::event::{Body, Event, Kind, Side};
use outpost_model::fact::SiteFact;
use outpost_model::id::{DocumentKey, EventId, SiteId};
use outpost_model::may_write_in;
use outpost_model::page::{LedgerFact, PageHeader, SiteDayFact};
use outpost_sync::{Change, Content, Entry, Incarnation, Inspection, InstallId};

/// What a change says, understood and allowed.
#[derive(Debug)]
pub enum Admitted {
    /// It founds a page of the site.
    Founded,
    /// Facts of a case.
    Case(Vec<Event<SiteFact>>),
    /// Entries of a ledger page.
    Ledger(Vec<Event<LedgerFact>>),
    /// Facts of a day.
    Day(Vec<Event<SiteDayFact>>),
}

/// Why a change is set aside: a stable code.
pub type Refused = &'static str;

/// The most units one movement may move: sums of any number that fits a database stay far from overflowing.
const DELTA_MAX: u64 = 1_000_000_000;

/// Whether the site may write under this name.
pub fn author(
    author: Incarnation,
    incarnations: &BTreeMap<Incarnation, InstallId>,
    hub: Incarnation,
) -> Result<(), Refused> {
    // Nobody but the hub writes under its name, whatever a site has announced: its own next change would collide.
    let own = author == hub && !is_planted(Planted::TrustTheSender);
    let stranger =
        !incarnations.contains_key(&author) && author != hub && !is_planted(Planted::SkipTheIncarnationCheck);
    if own || stranger {
        return Err("author_not_registered");
    }
    Ok(())
}

/// The document as the model names it, when it may be this site's. Whose a case is, only the database knows.
pub fn document(change: &Change, site: &SiteId) -> Result<DocumentKey, Refused> {
    let key: DocumentKey = change.doc.as_str().parse().map_err(|_| "unknown_document")?;
    match &key {
        DocumentKey::Case(_) => Ok(key),
        DocumentKey::Ledger(owner, _) | DocumentKey::SiteDay(owner, _) if owner == site => Ok(key),
        DocumentKey::Ledger(..) | DocumentKey::SiteDay(..) => Err("document_of_another_site"),
        DocumentKey::HubPage(..) => Err("document_of_the_hub"),
    }
}

/// What the change says. Whether its first number is the next one, only the database knows ([`Admitted::first`]).
pub fn content(key: &DocumentKey, site: &SiteId, inspection: &Inspection) -> Result<Admitted, Refused> {
    match (&inspection.content, key) {
        (Content::Header(_), DocumentKey::Case(_) | DocumentKey::HubPage(..)) => Err("header_by_site"),
        (Content::Header(text), DocumentKey::Ledger(..) | DocumentKey::SiteDay(..)) => {
            let header: PageHeader = serde_json::from_str(text).map_err(|_| "malformed_header")?;
            let page = if let DocumentKey::Ledger(_, page) = key { *page } else { 0 };
            if header.site == *site && header.page == page {
                Ok(Admitted::Founded)
            } else {
                Err("malformed_header")
            }
        }
        (Content::Entries { entries, .. }, DocumentKey::Case(_)) => events(key, entries).map(Admitted::Case),
        (Content::Entries { entries, .. }, DocumentKey::Ledger(..)) => {
            let events = events(key, entries)?;
            if events.iter().all(within_measure) {
                Ok(Admitted::Ledger(events))
            } else {
                Err("quantity_out_of_range")
            }
        }
        (Content::Entries { entries, .. }, DocumentKey::SiteDay(..)) => {
            events(key, entries).map(Admitted::Day)
        }
        (Content::Entries { .. }, DocumentKey::HubPage(..)) => Err("document_of_the_hub"),
    }
}

fn within_measure(event: &Event<LedgerFact>) -> bool {
    match event.known() {
        Some(LedgerFact::Booked { movements, .. }) => {
            movements.iter().all(|movement| movement.delta.unsigned_abs() <= DELTA_MAX)
        }
        Some(LedgerFact::Granted { .. } | LedgerFact::Recalled { .. }) | None => true,
    }
}

impl Admitted {
    /// The number of the first event; nothing in a founding.
    pub fn first(&self) -> Option<u64> {
        match self {
            Self::Founded => None,
            Self::Case(events) => events.first().map(|event| event.n),
            Self::Ledger(events) => events.first().map(|event| event.n),
            Self::Day(events) => events.first().map(|event| event.n),
        }
    }
}

fn events<K: Kind>(key: &DocumentKey, entries: &[Entry]) -> Result<Vec<Event<K>>, Refused> {
    let mut events = Vec::with_capacity(entries.len());
    for entry in entries {
        let id: EventId = entry.id.parse().map_err(|_| "malformed_event_id")?;
        let event = Event::<K>::parse(id, &entry.text).map_err(|_| "malformed_event")?;
        let foreign = match &event.body {
            Body::Known(_) => false,
            Body::Unknown { kind, .. } => !may_write_in(key, Side::Site, kind),
        };
        if foreign {
            return Err("kind_of_the_hub");
        }
        events.push(event);
    }
    // A change keeps its entries by id; their numbers say in which order they were written.
    events.sort_by_key(|event| event.n);
    if events.windows(2).any(|pair| pair[0].n.checked_add(1) != Some(pair[1].n)) {
        return Err("number_out_of_sequence");
    }
    Ok(events)
}
