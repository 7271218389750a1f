//! Units are taken from a shelf into a container.

use outpost_model::barcode::Barcode;
use outpost_model::command::CaseCommand;
use outpost_model::decide::{Book, Scanned};
use outpost_model::id::{LocationId, Sku};
use outpost_model::quantity::Quantity;

use super::case::{carry_out, context, other_holder};
use crate::store::case::CaseRow;
use crate::store::{product, standing};
use crate::write::{Stop, Unit};

/// Picks units of a line.
pub fn pick(unit: &mut Unit<'_>, row: &mut CaseRow, command: &CaseCommand) -> Result<(), Stop> {
    let CaseCommand::Pick { line, barcode, location, container, .. } = command else {
        return Err(Stop::Broken("not a pick".to_owned()));
    };
    let policy = unit.site().policy();
    let mut context = context(unit, &policy);
    context.scanned = scanned(unit, barcode.as_deref())?;
    let sku = match &context.scanned {
        Scanned::Product(sku, _) => Some(sku.clone()),
        _ => row.state.header.line(*line).map(|line| line.sku.clone()),
    };
    if let Some(sku) = sku {
        context.book = book(unit, &sku, Some(location))?;
    }
    context.container_holder = other_holder(unit, row, container)?;
    carry_out(unit, row, command, &context)
}

/// What a barcode means here; a SKU typed or printed as a barcode is one unit of it.
fn scanned(unit: &Unit<'_>, barcode: Option<&str>) -> Result<Scanned, Stop> {
    let Some(text) = barcode else { return Ok(Scanned::Nothing) };
    let Ok(code) = Barcode::parse(text) else { return Ok(Scanned::Unknown) };
    if let Some((sku, qty)) = product::by_barcode(unit.tx(), &code.to_string())? {
        return Ok(Scanned::Product(sku, qty));
    }
    match Sku::new(text.trim()) {
        Ok(sku) if product::load(unit.tx(), &sku)?.is_some() => Ok(Scanned::Product(sku, Quantity::ONE)),
        _ => Ok(Scanned::Unknown),
    }
}

/// What the book says of a SKU at a location.
pub fn book(unit: &Unit<'_>, sku: &Sku, location: Option<&LocationId>) -> Result<Book, Stop> {
    // What the hub may still promise is spoken for too, perhaps already and not heard of here.
    let standing = standing::of(unit.tx(), sku, location)?;
    Ok(Book { at_location: standing.sellable_there, free: standing.walk_in() })
}
