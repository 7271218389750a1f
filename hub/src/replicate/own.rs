//! What the hub wrote in an earlier life and lost when it was restored: sites give it back by repair. It is kept and
//! folded as if it had just been written, and not sent again: the site has it.
//!
//! An earlier life ends only by a restore, so only then are there names under which the hub wrote and does not write
//! now. Nothing is ever taken under the present name.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::event::{Event, Kind, Side, may_write_in};
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::Header;
use outpost_model::id::{DocumentKey, EventId, SiteId, Sku};
use outpost_model::intent::HubEvent;
use outpost_model::page::{HubPageEvent, PageHeader};
use outpost_sync::repair::Standing;
use outpost_sync::{Content, Document, Entry, Incoming, Inspection, Item};

use super::admit::Refused;
use super::parking::lacks_dependency;
use crate::app::{adopt, settle};
use crate::error::HubError;
use crate::store::document::{self, Frontier};
use crate::store::place::Place;
use crate::store::{case, exception, item, recovery, rights};
use crate::wake::News;
use crate::write::Unit;

/// What became of an own change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is here now, or was.
    Yes,
    /// Something that it builds on is missing: another comparison brings both.
    NotNow,
    /// It must not be taken.
    Refused(Refused),
}

/// Takes an own change back.
pub(super) async fn take(
    unit: &mut Unit,
    site: &SiteId,
    incoming: &Incoming,
    inspection: &Inspection,
) -> Result<Taken, HubError> {
    let Item::Change(change) = &incoming.item else { return Ok(Taken::Refused("record_by_site")) };
    let known = item::known(unit.db(), &[change.doc.to_string()]).await?;
    if known.contains(&(change.doc.clone(), change.hash)) {
        return Ok(Taken::Yes);
    }
    let key = match change.doc.as_str().parse::<DocumentKey>() {
        Ok(key @ DocumentKey::Case(_)) => key,
        Ok(DocumentKey::HubPage(of, page)) if of == *site => DocumentKey::HubPage(of, page),
        Ok(_) => return Ok(Taken::Refused("kind_of_the_site")),
        Err(_) => return Ok(Taken::Refused("unknown_document")),
    };
    let row = document::named(unit.db(), std::slice::from_ref(&change.doc)).await?.remove(&change.doc);
    match (&inspection.content, row) {
        (_, Some(row)) if row.site != *site => Ok(Taken::Refused("document_of_another_site")),
        (_, Some(row)) if row.place.standing == Standing::Sealed => Ok(Taken::Refused("document_sealed")),
        (_, Some(row)) if row.quarantined.is_some() => Ok(Taken::NotNow),
        (Content::Header(_), Some(_)) => Ok(Taken::Refused("founded_twice")),
        (Content::Header(text), None) => found(unit, site, incoming, inspection, (&key, text)).await,
        (Content::Entries { .. }, None) => Ok(Taken::NotNow),
        (Content::Entries { entries, .. }, Some(row)) => {
            if lacks_dependency(unit.db(), change, &[]).await? {
                return Ok(Taken::NotNow);
            }
            follow(unit, site, incoming, inspection, (&key, entries, row)).await
        }
    }
}

async fn found(
    unit: &mut Unit,
    site: &SiteId,
    incoming: &Incoming,
    founding: &Inspection,
    (key, text): (&DocumentKey, &str),
) -> Result<Taken, HubError> {
    let Item::Change(change) = &incoming.item else { return Ok(Taken::Refused("record_by_site")) };
    let header: Option<Header> = match key {
        DocumentKey::Case(id) => match serde_json::from_str::<Header>(text) {
            Ok(header) if header.case == *id && header.site == *site => Some(header),
            _ => return Ok(Taken::Refused("malformed_header")),
        },
        _ => match serde_json::from_str::<PageHeader>(text) {
            Ok(header) if header.site == *site => None,
            _ => return Ok(Taken::Refused("malformed_header")),
        },
    };
    if let Some(header) = &header {
        let mut wanted = BTreeMap::new();
        for line in &header.lines {
            *wanted.entry(line.sku.clone()).or_insert(0) += u64::from(line.qty.get());
        }
        if waits_for_grants(unit, site, &wanted).await? {
            return Ok(Taken::NotNow);
        }
    }
    let row = document::Row {
        doc: change.doc.clone(),
        site: site.clone(),
        site_n: 0,
        hub_n: 0,
        frontier: Frontier::founded(founding, change.hash),
        quarantined: None,
        packed: false,
        place: Place::founded(change.hash),
    };
    document::put(unit.db(), &[&row]).await?;
    keep(unit, site, incoming).await?;
    let Some(header) = header else { return Ok(Taken::Yes) };
    offered(unit, header).await?;
    Ok(Taken::Yes)
}

/// Whether the grants that these units need are still on their way: the site is waited for, and what is known of its
/// grants, less what was promised from them, does not cover these.
async fn waits_for_grants(
    unit: &mut Unit,
    site: &SiteId,
    wanted: &BTreeMap<Sku, u64>,
) -> Result<bool, HubError> {
    if !recovery::waits(unit.db(), site).await? {
        return Ok(false);
    }
    let skus: Vec<Sku> = wanted.keys().cloned().collect();
    let unused = rights::unused(unit.db(), &skus).await?.remove(site).unwrap_or_default();
    Ok(wanted.iter().any(|(sku, qty)| unused.get(sku).copied().unwrap_or(0) < *qty))
}

/// Keeps the change itself. A document must never believe in one that is not there.
async fn keep(unit: &mut Unit, site: &SiteId, incoming: &Incoming) -> Result<(), HubError> {
    match item::keep(unit.db(), &[(site, incoming)]).await? {
        1 => Ok(()),
        _ => Err(HubError::Invariant(format!(
            "position {} of {site} was given twice",
            item::place(incoming.position)
        ))),
    }
}

/// A case that the hub had lost: it counts against the site's rights again, or somebody must know that it cannot.
async fn offered(unit: &mut Unit, header: Header) -> Result<(), HubError> {
    let (site, id, order) = (header.site.clone(), header.case, header.order);
    let mut covered = true;
    for line in &header.lines {
        covered &= rights::promise(unit.db(), &site, &line.sku, u64::from(line.qty.get())).await?;
    }
    if !covered {
        unit.raise(exception::New {
            code: "promise_not_covered",
            sentence: format!(
                "{site} works on {}, which the restored hub had promised beyond its rights.",
                header.order_number
            ),
            once: format!("promise_not_covered {id}"),
            order: Some(order),
            case: Some(id),
            site: Some(site),
            payload: None,
        })
        .await?;
    }
    adopt::order(unit, &header).await?;
    let now = unit.now();
    // Its place in the stream of that life is not known any more: authority covered it then.
    let row = case::Row { state: Fulfillment::offered(header), position: 0, updated_at: now };
    case::put(unit.db(), &[&row]).await?;
    unit.wakes.news.insert(News::Case(id));
    // What is with this site is not to be routed a second time.
    settle::orders(unit, &BTreeSet::from([order]), |_| None).await
}

async fn follow(
    unit: &mut Unit,
    site: &SiteId,
    incoming: &Incoming,
    inspection: &Inspection,
    (key, entries, mut row): (&DocumentKey, &[Entry], document::Row),
) -> Result<Taken, HubError> {
    let Item::Change(change) = &incoming.item else { return Ok(Taken::Refused("record_by_site")) };
    if row.frontier.check(inspection).is_err() {
        let changes = item::changes(unit.db(), &change.doc).await?;
        let merged = Document::open(change.doc.clone(), unit.actor(), None, &changes)
            .map_err(|error| HubError::corrupt("item", &change.doc, error))?
            .merge(std::slice::from_ref(change));
        if merged.is_err() {
            return Ok(Taken::Refused("does_not_follow"));
        }
    }
    let last = row.hub_n;
    match key {
        DocumentKey::Case(id) => {
            let events: Vec<Event<HubEvent>> = match read(key, entries, last) {
                Ok(events) => events,
                Err(reason) => return Ok(Taken::Refused(reason)),
            };
            let Some(mut case) = case::get(unit.db(), *id).await? else { return Ok(Taken::NotNow) };
            events.iter().for_each(|event| case.state.apply_hub(event));
            case.updated_at = unit.now();
            case::put(unit.db(), &[&case]).await?;
            unit.wakes.news.insert(News::Case(*id));
        }
        _ => {
            let events: Vec<Event<HubPageEvent>> = match read(key, entries, last) {
                Ok(events) => events,
                Err(reason) => return Ok(Taken::Refused(reason)),
            };
            let returned = events.iter().filter_map(|event| match event.known() {
                Some(HubPageEvent::Returned { units, .. }) => Some(units),
                _ => None,
            });
            let returned: Vec<_> = returned.flatten().collect();
            let mut wanted = BTreeMap::new();
            for units in &returned {
                *wanted.entry(units.sku.clone()).or_insert(0) += u64::from(units.qty.get());
            }
            if waits_for_grants(unit, site, &wanted).await? {
                return Ok(Taken::NotNow);
            }
            for units in &returned {
                rights::give_back(unit.db(), site, &units.sku, u64::from(units.qty.get())).await?;
            }
        }
    }
    row.hub_n += entries.len() as u64;
    row.advance(inspection, change.hash);
    document::put(unit.db(), &[&row]).await?;
    keep(unit, site, incoming).await?;
    Ok(Taken::Yes)
}

/// Entries as events of the hub, numbered on from `last`.
fn read<K: Kind>(key: &DocumentKey, entries: &[Entry], last: u64) -> Result<Vec<Event<K>>, Refused> {
    #[derive(serde::Deserialize)]
    struct Kinded {
        kind: String,
    }
    let mut events: Vec<Event<K>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let id: EventId = entry.id.parse().map_err(|_| "malformed_event_id")?;
        let kinded: Kinded = serde_json::from_str(&entry.text).map_err(|_| "malformed_event")?;
        if !may_write_in(key, Side::Hub, &kinded.kind) {
            return Err("kind_of_the_site");
        }
        events.push(Event::parse(id, &entry.text).map_err(|_| "malformed_event")?);
    }
    events.sort_by_key(|event| event.n);
    let numbers = events.iter().map(|event| event.n);
    if numbers.eq(last + 1..last + 1 + events.len() as u64) {
        Ok(events)
    } else {
        Err("number_out_of_sequence")
    }
}
