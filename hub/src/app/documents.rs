//! How the hub writes: founding documents and saying something in them. Every change goes into the site's stream in
//! the same transaction.

use outpost_model::event::{Body, By, Event, Kind};
use outpost_model::header::Header;
use outpost_model::id::{CommandId, DocumentKey, EventId, SiteId};
use outpost_model::intent::HubEvent;
use outpost_model::page::{HubPageEvent, PAGE_ENTRIES_MAX, PageHeader};
use outpost_sync::{Document, DocumentId, Entry, Inspection, Item, Limits, Record};

use super::archive;
use super::errand::{self, Errand};
use crate::error::HubError;
use crate::store::document::{self, Frontier};
use crate::store::place::Place;
use crate::store::{case, item, to_json};
use crate::write::Unit;

fn failed(key: &DocumentKey, reason: impl ToString) -> HubError {
    HubError::Document { doc: key.to_string(), reason: reason.to_string() }
}

/// Founds a document of a site, after the records it needs, and returns the position of its founding change; or
/// [`case::NOT_SENT`] when it is left to the worker who works for the site.
pub async fn found(
    unit: &mut Unit,
    site: &SiteId,
    key: &DocumentKey,
    header: &str,
    before: Vec<Record>,
) -> Result<u64, HubError> {
    if !errand::ours(unit, site).await? {
        let records = before.into_iter().map(Into::into).collect();
        let found = Errand::Found { document: key.to_string(), header: header.to_owned(), records };
        errand::leave(unit, site, &found).await?;
        return Ok(case::NOT_SENT);
    }
    let doc = DocumentId::new(key.to_string()).map_err(|error| failed(key, error))?;
    let (_, change) =
        Document::create(doc.clone(), unit.actor(), header).map_err(|error| failed(key, error))?;
    let founding = Inspection::of(&change, &Limits::PROTOCOL).map_err(|error| failed(key, error))?;
    let row = document::Row {
        doc,
        site: site.clone(),
        site_n: 0,
        hub_n: 0,
        frontier: Frontier::founded(&founding, change.hash),
        quarantined: None,
        packed: false,
        place: Place::founded(change.hash),
    };
    document::put(unit.db(), &[&row]).await?;
    let mut items: Vec<Item> = before.into_iter().map(Item::Record).collect();
    items.push(Item::Change(change));
    unit.append(site, &items).await
}

/// Says something of a case: the events are written into its document, folded, and on their way to the site. The row is
/// read again under the site's lock. When another worker works for the site it is left to him, and no event is named.
pub async fn say(
    unit: &mut Unit,
    row: &mut case::Row,
    before: Vec<Record>,
    kinds: Vec<HubEvent>,
) -> Result<Vec<EventId>, HubError> {
    let site = row.state.header.site.clone();
    let case = row.state.header.case;
    let key = DocumentKey::Case(case);
    if !errand::ours(unit, &site).await? {
        let records = before.into_iter().map(Into::into).collect();
        errand::leave(unit, &site, &Errand::Say { case, records, kinds, ask: false }).await?;
        return Ok(Vec::new());
    }
    *row = case::get(unit.db(), case).await?.ok_or_else(|| failed(&key, "its case is gone"))?;
    let seen = row.state.site_n;
    let last = row.state.hub_n + row.state.waiting_hub.len() as u64;
    let events = compose(unit, kinds, last, seen, |kind| {
        matches!(
            kind,
            HubEvent::CancelRequested { .. }
                | HubEvent::HoldRequested { .. }
                | HubEvent::ReleaseRequested { .. }
                | HubEvent::Revoked { .. }
        )
    });
    extend(unit, &site, &key, before, entries(&events)).await?;
    for event in &events {
        row.state.apply_hub(event);
    }
    row.updated_at = unit.now();
    case::put(unit.db(), &[&*row]).await?;
    Ok(events.into_iter().map(|event| event.id).collect())
}

/// Says something of a site as a whole, on its current page; opens the next one when that is full.
pub async fn say_on_page(
    unit: &mut Unit,
    site: &SiteId,
    kinds: Vec<HubPageEvent>,
) -> Result<Vec<EventId>, HubError> {
    if !errand::ours(unit, site).await? {
        errand::leave(unit, site, &Errand::Page { kinds }).await?;
        return Ok(Vec::new());
    }
    let count = kinds.len() as u64;
    let head = unit.stream(site).await?;
    if head.page_n > 0 && head.page_n + count > PAGE_ENTRIES_MAX {
        (head.page, head.page_n) = (head.page + 1, 0);
    }
    let (page, last) = (head.page, head.page_n);
    let key = DocumentKey::HubPage(site.clone(), page);
    if last == 0 {
        let header = to_json(&PageHeader { site: site.clone(), page })?;
        found(unit, site, &key, &header, Vec::new()).await?;
    }
    let events = compose(unit, kinds, last, 0, |_| false);
    extend(unit, site, &key, Vec::new(), entries(&events)).await?;
    unit.stream(site).await?.page_n = last + count;
    Ok(events.into_iter().map(|event| event.id).collect())
}

/// What a case is founded with.
pub fn header_text(header: &Header) -> Result<String, HubError> {
    to_json(header)
}

fn compose<K>(
    unit: &mut Unit,
    kinds: Vec<K>,
    last: u64,
    seen: u64,
    critical: impl Fn(&K) -> bool,
) -> Vec<Event<K>> {
    let command = CommandId(unit.ids().uuid());
    let at = unit.now();
    kinds
        .into_iter()
        .zip(0_u16..)
        .map(|(kind, index)| Event {
            id: EventId { command, index },
            n: last + 1 + u64::from(index),
            seen,
            at,
            by: By::hub(),
            critical: critical(&kind),
            body: Body::Known(kind),
        })
        .collect()
}

fn entries<K: Kind>(events: &[Event<K>]) -> Vec<Entry> {
    events.iter().map(|event| Entry { id: event.id.to_string(), text: event.to_text() }).collect()
}

async fn extend(
    unit: &mut Unit,
    site: &SiteId,
    key: &DocumentKey,
    before: Vec<Record>,
    entries: Vec<Entry>,
) -> Result<(), HubError> {
    // The stream's row is locked first: two transactions cannot write the same document at the same time.
    unit.stream(site).await?;
    let doc = DocumentId::new(key.to_string()).map_err(|error| failed(key, error))?;
    archive::take_out(unit, std::slice::from_ref(&doc)).await?;
    let mut found = document::some(unit.db(), &[doc.to_string()]).await?;
    let mut row = found.remove(&doc).ok_or_else(|| failed(key, "it does not exist"))?;
    let changes = item::changes(unit.db(), &doc).await?;
    let mut document =
        Document::open(doc, unit.actor(), None, &changes).map_err(|error| failed(key, error))?;
    let mut items: Vec<Item> = before.into_iter().map(Item::Record).collect();
    for entries in Limits::PROTOCOL.cut(&entries, unit.limits().change_operations_max) {
        let change = document
            .append(entries)
            .map_err(|error| failed(key, error))?
            .ok_or_else(|| failed(key, "these events are there already"))?;
        let inspection = Inspection::of(&change, &Limits::PROTOCOL).map_err(|error| failed(key, error))?;
        row.hub_n += entries.len() as u64;
        row.advance(&inspection, change.hash);
        items.push(Item::Change(change));
    }
    document::put(unit.db(), &[&row]).await?;
    unit.append(site, &items).await?;
    Ok(())
}
