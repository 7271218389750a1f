//! What a fact of a case moves in the stock book: from the fact alone, so that the hub books the same.
//!
//! Goods of a case lie in containers in status `staged`; on hand falls when they are handed over.

use crate::event::Event;
use crate::fact::{Content, SiteFact};
use crate::header::Header;
use crate::id::{ContainerId, LocationId, Sku};
use crate::quantity::Quantity;
use crate::stock::{Movement, MovementReason, Place, StockKey, StockStatus};
use crate::time::UtcMillis;

/// The movements that a site event of a case means; none for most. Those of one event sum to zero, except for a
/// handover.
pub fn movements(header: &Header, event: &Event<SiteFact>, booked_at: UtcMillis) -> Vec<Movement> {
    let Some(fact) = event.known() else { return Vec::new() };
    changes(fact)
        .into_iter()
        .filter(|change| change.delta != 0)
        .map(|Change { key, delta, reason }| Movement {
            key,
            delta,
            reason,
            occurred_at: event.at,
            booked_at,
            case: Some(header.case),
        })
        .collect()
}

struct Change {
    key: StockKey,
    delta: i64,
    reason: MovementReason,
}

fn changes(fact: &SiteFact) -> Vec<Change> {
    match fact {
        SiteFact::Picked { sku, qty, lot, serial, location, container, .. } => {
            let at = |place, status| StockKey {
                lot: lot.clone(),
                serial: serial.clone(),
                ..plain(sku, place, status)
            };
            let from = at(Place::Location(location.clone()), StockStatus::Sellable);
            let to = at(Place::Container(container.clone()), StockStatus::Staged);
            transfer(from, to, *qty, MovementReason::Pick)
        }
        SiteFact::Substituted { with, qty, location, container, .. } => transfer(
            plain(with, Place::Location(location.clone()), StockStatus::Sellable),
            plain(with, Place::Container(container.clone()), StockStatus::Staged),
            *qty,
            MovementReason::Pick,
        ),
        SiteFact::Unpicked { content, location } => back(content, location, MovementReason::Unpick),
        SiteFact::PutBack { content, location } => back(content, location, MovementReason::PutBack),
        SiteFact::Shorted { sku, location: Some(location), suspect, .. } => transfer(
            plain(sku, Place::Location(location.clone()), StockStatus::Sellable),
            plain(sku, Place::Location(location.clone()), StockStatus::Suspect),
            *suspect,
            MovementReason::StatusChange,
        ),
        SiteFact::Packed { container, contents, .. } => contents
            .iter()
            .filter(|content| content.from != *container)
            .flat_map(|content| {
                let to = in_container(content, container);
                transfer(in_container(content, &content.from), to, content.qty, MovementReason::Pack)
            })
            .collect(),
        SiteFact::HandedOver { items, .. } => items
            .iter()
            .map(|item| Change {
                key: in_container(item, &item.from),
                delta: -item.qty.delta(),
                reason: MovementReason::Handover,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn plain(sku: &Sku, place: Place, status: StockStatus) -> StockKey {
    StockKey { sku: sku.clone(), place, status, lot: None, serial: None, owner: None }
}

fn of(content: &Content, place: Place, status: StockStatus) -> StockKey {
    let (lot, serial) = (content.lot.clone(), content.serial.clone());
    StockKey { lot, serial, ..plain(&content.sku, place, status) }
}

fn in_container(content: &Content, container: &ContainerId) -> StockKey {
    of(content, Place::Container(container.clone()), StockStatus::Staged)
}

fn back(content: &Content, location: &LocationId, reason: MovementReason) -> Vec<Change> {
    let to = of(content, Place::Location(location.clone()), StockStatus::Sellable);
    transfer(in_container(content, &content.from), to, content.qty, reason)
}

fn transfer(from: StockKey, to: StockKey, qty: Quantity, reason: MovementReason) -> Vec<Change> {
    vec![Change { key: from, delta: -qty.delta(), reason }, Change { key: to, delta: qty.delta(), reason }]
}
