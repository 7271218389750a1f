//! Every document as it is here, and whether the projections are what a fold from scratch gives.

use std::collections::BTreeMap;

use outpost_model::event::{Event, Kind, Side, owner};
use outpost_model::fact::SiteFact;
use outpost_model::fold::fold;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::Header;
use outpost_model::id::{CaseId, DocumentKey, Sku};
use outpost_model::intent::HubEvent;
use outpost_model::ledger::Ledger;
use outpost_model::movements::movements;
use outpost_model::page::{HubPageEvent, LedgerFact};
use outpost_model::time::UtcMillis;
use outpost_sync::{Document, DocumentId, Incarnation};
use rusqlite::Connection;
use serde::Serialize;

use crate::store::right::RightsRow;
use crate::store::{StoreError, StoreResult, case, right, stock};

/// A document as it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentView {
    /// Its name.
    pub document: String,
    /// Its heads, hex, sorted.
    pub heads: Vec<String>,
    /// Its events.
    pub events: usize,
    /// BLAKE3 of the JSON of a case's state, folded from scratch.
    pub state_hash: Option<String>,
    /// Whether what is stored beside it equals the fold from scratch; absent when that was not asked for.
    pub projection_ok: Option<bool>,
}

/// What all documents together say of stock and rights.
#[derive(Default)]
struct Books {
    ledger: Ledger,
    rights: BTreeMap<Sku, RightsRow>,
}

/// All documents; with `verify` every projection is compared with a fold from scratch.
pub fn documents(conn: &Connection, verify: bool) -> StoreResult<Vec<DocumentView>> {
    let mut statement = conn
        .prepare("SELECT doc FROM sync_document UNION SELECT doc FROM sync_change WHERE doc IS NOT NULL")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut books = Books::default();
    let mut views = Vec::with_capacity(names.len());
    for name in names {
        views.push(view(conn, name, verify, &mut books)?);
    }
    if verify {
        let books_ok = books.match_store(conn)?;
        for view in views.iter_mut().filter(|view| view.projection_ok.is_none()) {
            view.projection_ok = Some(books_ok);
        }
    }
    Ok(views)
}

/// A case folded from its document alone; nothing when there is no such document.
pub fn folded(conn: &Connection, case: CaseId) -> StoreResult<Option<Fulfillment>> {
    let key = DocumentKey::Case(case);
    let Some(document) = open(conn, &key.to_string())? else { return Ok(None) };
    Ok(Some(read_case(&key, &document)?.0))
}

/// The hash two replicas compare a case's state by.
pub fn state_hash(state: &Fulfillment) -> StoreResult<String> {
    let json = serde_json::to_vec(state)
        .map_err(|error| StoreError::corrupt("fulfillment", state.header.case, error))?;
    Ok(blake3::hash(&json).to_hex().to_string())
}

fn view(conn: &Connection, name: String, verify: bool, books: &mut Books) -> StoreResult<DocumentView> {
    let document = open(conn, &name)?.ok_or_else(|| StoreError::corrupt("document", &name, "vanished"))?;
    let heads = document.heads().iter().map(ToString::to_string).collect();
    let events = document.len();
    let (mut hash, mut projection_ok) = (None, None);
    if verify {
        let key: DocumentKey = name.parse().map_err(|error| StoreError::corrupt("document", &name, error))?;
        match &key {
            DocumentKey::Case(id) => {
                let (state, facts) = read_case(&key, &document)?;
                hash = Some(state_hash(&state)?);
                projection_ok = Some(case::load(conn, *id)?.is_some_and(|row| row.state == state));
                books.take_case(&state, &facts);
            }
            DocumentKey::Ledger(..) => books.take_ledger(&key, &document)?,
            DocumentKey::HubPage(..) => books.take_hub_page(&key, &document)?,
            DocumentKey::SiteDay(_, date) => {
                let state = crate::store::site_day::load(conn, *date)?;
                projection_ok = Some(state.is_some_and(|state| state.n == events as u64));
            }
        }
    }
    Ok(DocumentView { document: name, heads, events, state_hash: hash, projection_ok })
}

fn open(conn: &Connection, name: &str) -> StoreResult<Option<Document>> {
    let corrupt = |why: String| StoreError::corrupt("document", name, why);
    let id = DocumentId::new(name).map_err(|error| corrupt(error.to_string()))?;
    let Some(kept) = outpost_journal::load(conn, &id)? else { return Ok(None) };
    // Opened to be read: no author is needed, and none is written.
    let document = Document::open(id, Incarnation([0; 16]), kept.saved.as_deref(), &kept.later);
    Ok(Some(document.map_err(|error| corrupt(error.to_string()))?))
}

fn read_case(key: &DocumentKey, document: &Document) -> StoreResult<(Fulfillment, Vec<Event<SiteFact>>)> {
    let corrupt = |why: String| StoreError::corrupt("document", key, why);
    let header: Header =
        serde_json::from_str(&document.header()).map_err(|error| corrupt(error.to_string()))?;
    let (mut facts, mut said) = (Vec::new(), Vec::new());
    for entry in document.entries() {
        let id = entry.id.parse().map_err(|error| corrupt(format!("{error}")))?;
        let event = Event::<SiteFact>::parse(id, &entry.text).map_err(|error| corrupt(error.to_string()))?;
        let kind = match &event.body {
            outpost_model::event::Body::Known(_) => Side::Site,
            outpost_model::event::Body::Unknown { kind, .. } => owner(kind).unwrap_or(Side::Hub),
        };
        if kind == Side::Site {
            facts.push(event);
        } else {
            said.push(Event::<HubEvent>::parse(id, &entry.text).map_err(|error| corrupt(error.to_string()))?);
        }
    }
    let state = fold(&header, &facts, &said);
    facts.sort_by_key(|event| event.n);
    Ok((state, facts))
}

fn events<K: Kind>(key: &DocumentKey, document: &Document) -> StoreResult<Vec<Event<K>>> {
    let corrupt = |why: String| StoreError::corrupt("document", key, why);
    let entries = document.entries().into_iter();
    entries
        .map(|entry| {
            let id = entry.id.parse().map_err(|error| corrupt(format!("{error}")))?;
            Event::parse(id, &entry.text).map_err(|error| corrupt(error.to_string()))
        })
        .collect()
}

impl Books {
    fn take_case(&mut self, state: &Fulfillment, facts: &[Event<SiteFact>]) {
        for event in facts {
            for movement in movements(&state.header, event, UtcMillis(0)) {
                self.ledger.book(&movement);
            }
        }
        for (sku, units) in state.promised() {
            self.rights.entry(sku).or_default().promised += units.delta();
        }
    }

    fn take_ledger(&mut self, key: &DocumentKey, document: &Document) -> StoreResult<()> {
        for event in events::<LedgerFact>(key, document)? {
            match event.known() {
                Some(LedgerFact::Booked { movements, .. }) => {
                    movements.iter().for_each(|movement| self.ledger.book(movement));
                }
                Some(LedgerFact::Granted { units }) => {
                    for unit in units {
                        self.rights.entry(unit.sku.clone()).or_default().granted += unit.qty.delta();
                    }
                }
                Some(LedgerFact::Recalled { .. }) | None => {}
            }
        }
        Ok(())
    }

    fn take_hub_page(&mut self, key: &DocumentKey, document: &Document) -> StoreResult<()> {
        for event in events::<HubPageEvent>(key, document)? {
            if let Some(HubPageEvent::Returned { units, .. }) = event.known() {
                for unit in units {
                    self.rights.entry(unit.sku.clone()).or_default().returned += unit.qty.delta();
                }
            }
        }
        Ok(())
    }

    fn match_store(&self, conn: &Connection) -> StoreResult<bool> {
        let mut stored = BTreeMap::new();
        stock::for_each(conn, |balance| {
            stored.insert(balance.key, balance.units);
        })?;
        let mut rights_ok = true;
        for (sku, rights) in &self.rights {
            rights_ok &= right::load(conn, sku)? == *rights && rights.unused() >= 0;
        }
        Ok(rights_ok && stored == *self.ledger.balances())
    }
}
