//! A sale over the counter has happened: it is booked, whatever the book thinks of it.

use outpost_model::decide::sale;
use outpost_model::id::{LocationId, Sku};
use outpost_model::quantity::Quantity;
use outpost_model::rejection::Rejection;

use super::{grant, room};
use crate::store::{product, source, stock};
use crate::write::{Stop, Unit};

/// The longest receipt line, bytes.
const RECEIPT_BYTES_MAX: usize = 80;

/// Books a sale; the same receipt line is booked once.
pub fn sell(
    unit: &mut Unit<'_>,
    sku: &Sku,
    qty: Quantity,
    location: Option<&LocationId>,
    receipt: Option<&str>,
) -> Result<(), Stop> {
    if receipt.is_some_and(|receipt| receipt.is_empty() || receipt.len() > RECEIPT_BYTES_MAX) {
        let sentence = format!("A receipt line has 1 to {RECEIPT_BYTES_MAX} bytes.");
        return Err(Rejection::new("receipt_form", sentence).into());
    }
    // Decided first: what is refused must leave no trace, not even of its receipt.
    let (at, now) = (unit.at(), unit.now());
    let shelf = match location {
        Some(location) => Some(location.clone()),
        None => stock::fullest_shelf(unit.tx(), sku)?,
    };
    let booked = sale(sku, qty, shelf.as_ref(), receipt, at, now)?;
    if !room::in_ledger(unit)? {
        return Err(room::too_many_documents());
    }
    if let Some(receipt) = receipt
        && !source::book(unit.tx(), &format!("receipt/{receipt}"), unit.now())?
    {
        return Ok(());
    }
    let event = unit.ledger(booked)?.to_string();
    if product::load(unit.tx(), sku)?.is_none() {
        unit.raise("unknown_sku", &format!("sku/{sku}"), &event, super::sentence("unknown_sku"))?;
    }
    grant::look_for_oversold(unit, sku, &event)
}
