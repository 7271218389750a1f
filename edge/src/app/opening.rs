//! Opening stock as the hub imported it: booked once per batch.

use outpost_model::id::{LocationId, Sku};
use outpost_model::page::LedgerFact;
use outpost_model::quantity::Quantity;
use outpost_model::stock::{Movement, MovementReason, Place, StockKey, StockStatus};
use serde::Deserialize;

use crate::store::source;
use crate::write::{MOVEMENTS_IN_ENTRY_MAX, Stop, Unit};

/// Units of a SKU that lie at a location.
#[derive(Debug, Deserialize)]
pub struct OpeningLine {
    /// What.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// How many.
    pub qty: Quantity,
}

/// Books a batch of opening stock, unless it was booked before.
pub fn book(unit: &mut Unit<'_>, batch: &str, lines: &[OpeningLine]) -> Result<(), Stop> {
    if !source::book(unit.tx(), &format!("opening/{batch}"), unit.now())? {
        return Ok(());
    }
    let now = unit.now();
    let movements: Vec<Movement> = lines
        .iter()
        .filter(|line| !line.qty.is_zero())
        .map(|line| Movement {
            key: StockKey {
                sku: line.sku.clone(),
                place: Place::Location(line.location.clone()),
                status: StockStatus::Sellable,
                lot: None,
                serial: None,
                owner: None,
            },
            delta: line.qty.delta(),
            reason: MovementReason::Opening,
            occurred_at: now,
            booked_at: now,
            case: None,
        })
        .collect();
    for movements in movements.chunks(MOVEMENTS_IN_ENTRY_MAX) {
        let source = Some(batch.to_owned());
        unit.ledger(LedgerFact::Booked { movements: movements.to_vec(), source })?;
    }
    Ok(())
}
