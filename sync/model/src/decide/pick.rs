//! Picking, substituting and undoing a pick.

use super::guard::{container, draw, facts, going_on, line, not_finished, refuse, room_in, some};
use super::{Context, Decided, Scanned};
use crate::command::CaseCommand;
use crate::fact::SiteFact;
use crate::fulfillment::Fulfillment;
use crate::id::{ContainerId, LineNo, LocationId, Sku};
use crate::quantity::Quantity;
use crate::rejection::Rejection;

pub(super) fn pick(case: &Fulfillment, command: &CaseCommand, ctx: &Context<'_>) -> Decided {
    let CaseCommand::Pick { line: number, qty, barcode, lot, serial, net_weight_g, location, container } =
        command
    else {
        return Ok(super::Decision::default());
    };
    going_on(case)?;
    some(*qty)?;
    line(case, *number)?;
    let Some(asked) = case.header.line(*number) else {
        return refuse("unknown_line", format!("The order has no line {number} at this site."));
    };
    scan_fits(&asked.sku, barcode.is_some(), *qty, ctx)?;
    serial_fits(case, &asked.sku, serial.as_deref(), *qty)?;
    not_full(case, *number, *qty)?;
    room_in(case, container, ctx)?;
    let picked = SiteFact::Picked {
        line: *number,
        sku: asked.sku.clone(),
        qty: *qty,
        barcode: barcode.clone(),
        lot: lot.clone(),
        serial: serial.clone(),
        net_weight_g: *net_weight_g,
        location: location.clone(),
        container: container.clone(),
    };
    facts(taken_on(case, picked))
}

pub(super) fn substitute(
    case: &Fulfillment,
    number: LineNo,
    with: &Sku,
    qty: Quantity,
    location: &LocationId,
    container: &ContainerId,
    ctx: &Context<'_>,
) -> Decided {
    going_on(case)?;
    some(qty)?;
    line(case, number)?;
    if case.substitutes.get(&number) != Some(&Some(with.clone())) {
        return refuse("not_approved", format!("The customer has not agreed to {with} for line {number}."));
    }
    // There is no barcode in this command: what was scanned, if anything, was looked up to find the substitute.
    scan_fits(with, ctx.scanned != Scanned::Nothing, qty, ctx)?;
    not_full(case, number, qty)?;
    room_in(case, container, ctx)?;
    let substituted = SiteFact::Substituted {
        line: number,
        with: with.clone(),
        qty,
        location: location.clone(),
        container: container.clone(),
    };
    facts(taken_on(case, substituted))
}

pub(super) fn unpick(
    case: &Fulfillment,
    number: LineNo,
    qty: Quantity,
    from: &ContainerId,
    location: &LocationId,
) -> Decided {
    not_finished(case)?;
    some(qty)?;
    line(case, number)?;
    if container(case, from)?.packed {
        return refuse("container_closed", format!("Container {from} is packed and closed: open it first."));
    }
    match draw(case.wanted_in(from), number, qty) {
        Ok(contents) => facts(
            contents
                .into_iter()
                .map(|content| SiteFact::Unpicked { content, location: location.clone() })
                .collect(),
        ),
        Err(there) => refuse(
            "not_in_container",
            format!("Of line {number} only {there} units lie in container {from}."),
        ),
    }
}

/// The first work on a case takes it on.
pub(super) fn taken_on(case: &Fulfillment, fact: SiteFact) -> Vec<SiteFact> {
    if case.accepted { vec![fact] } else { vec![SiteFact::Accepted, fact] }
}

fn scan_fits(sku: &Sku, scanned: bool, qty: Quantity, ctx: &Context<'_>) -> Result<(), Rejection> {
    match &ctx.scanned {
        Scanned::Unknown => refuse("unknown_barcode", "This code is not in the list of products."),
        Scanned::Product(found, _) if found != sku => {
            refuse("wrong_item", format!("That is {found}; {sku} is wanted."))
        }
        Scanned::Product(_, pack) if pack.get() > 1 && !qty.get().is_multiple_of(pack.get()) => refuse(
            "pack_size",
            format!("This code stands for {pack} units: enter a multiple of {pack} or scan a single unit."),
        ),
        Scanned::Product(..) => Ok(()),
        Scanned::Nothing if scanned => refuse("unknown_barcode", "This code is not in the list of products."),
        Scanned::Nothing if ctx.policy.manual_confirm => Ok(()),
        Scanned::Nothing => refuse("scan_required", "Scan the product: this site does not confirm by hand."),
    }
}

fn serial_fits(case: &Fulfillment, sku: &Sku, serial: Option<&str>, qty: Quantity) -> Result<(), Rejection> {
    let Some(serial) = serial else { return Ok(()) };
    if qty != Quantity::ONE {
        return refuse("serial_quantity", "A serial number belongs to a single unit.");
    }
    let mut contents = case.containers.values().flat_map(|container| &container.contents);
    match contents.any(|content| content.sku == *sku && content.serial.as_deref() == Some(serial)) {
        true => refuse("serial_taken", format!("The unit with serial number {serial} is picked already.")),
        false => Ok(()),
    }
}

/// Two people may work on one task: both scans count until the line would be over-picked.
fn not_full(case: &Fulfillment, number: LineNo, qty: Quantity) -> Result<(), Rejection> {
    let units = line(case, number)?;
    let (open, ordered) = (units.open, case.ordered(number));
    if qty <= open {
        return Ok(());
    }
    let sentence = if !open.is_zero() {
        format!("Line {number} needs only {open} more. Put the rest back.")
    } else if !units.cancelled.is_zero() {
        format!(
            "Line {number} is full: {} of its {ordered} units were cancelled. Put it back.",
            units.cancelled
        )
    } else if !units.short.is_zero() {
        format!("Line {number} is full: {} of its {ordered} units were reported missing.", units.short)
    } else {
        let faster =
            case.last_picked_by.get(&number).map(|by| format!(", the last by {by}")).unwrap_or_default();
        format!("Line {number} is already full: all {ordered} units are picked{faster}. Put it back.")
    };
    refuse("over_pick", sentence)
}
