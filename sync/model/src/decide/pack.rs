//! Packing, opening, staging, and telling the customer to come.

use super::guard::{container, draw, facts, going_on, only_for, refuse, room_in, some, together, wanted};
use super::{Context, Decided, Decision};
use crate::command::PackLine;
use crate::fact::{Content, Dimensions, SiteFact};
use crate::fulfillment::Fulfillment;
use crate::header::Service;
use crate::id::{ContainerId, LocationId};
use crate::quantity::Quantity;

pub(super) fn pack(
    case: &Fulfillment,
    target: &ContainerId,
    lines: &[PackLine],
    weight_g: Option<u32>,
    dimensions: Option<Dimensions>,
    ctx: &Context<'_>,
) -> Decided {
    going_on(case)?;
    room_in(case, target, ctx)?;
    if !case.unwanted_in(target).is_empty() {
        return refuse(
            "put_back_first",
            format!("Units in {target} are not wanted any more. Put them back, then pack."),
        );
    }
    // What lies in the parcel already is packed with the rest, whatever was named.
    let mut contents = case.wanted_in(target);
    let loose: Vec<Content> = wanted(case)
        .into_iter()
        .filter(|content| content.from != *target)
        .filter(|content| !case.containers.get(&content.from).is_some_and(|from| from.packed))
        .collect();
    if lines.is_empty() {
        contents.extend(loose);
    } else {
        let already = contents.clone();
        let mut left = loose;
        for PackLine { line, qty } in lines {
            some(*qty)?;
            let inside: Quantity =
                already.iter().filter(|content| content.line == *line).map(|content| content.qty).sum();
            match draw(left.iter().cloned(), *line, qty.saturating_sub(inside)) {
                Ok(drawn) => {
                    left.retain(|content| content.line != *line);
                    contents.extend(drawn);
                }
                Err(there) => {
                    let there = there + inside;
                    return refuse(
                        "not_picked",
                        format!("Only {there} units of line {line} are picked and not packed."),
                    );
                }
            }
        }
    }
    if contents.is_empty() {
        return refuse("nothing_to_pack", "Nothing is picked that is not packed already.");
    }
    facts(vec![SiteFact::Packed { container: target.clone(), contents, weight_g, dimensions }])
}

/// Allowed whatever became of the case: goods must be taken out to be put back.
pub(super) fn unpack(case: &Fulfillment, id: &ContainerId) -> Decided {
    match container(case, id)?.packed {
        true => facts(vec![SiteFact::Unpacked { container: id.clone() }]),
        false => Ok(Decision::default()),
    }
}

/// Allowed whatever became of the case: goods that were set aside wait somewhere too.
pub(super) fn stage(
    case: &Fulfillment,
    id: &ContainerId,
    location: &LocationId,
    ctx: &Context<'_>,
) -> Decided {
    let at = container(case, id)?;
    if at.contents.is_empty() {
        return refuse("nothing_here", format!("Container {id} is empty."));
    }
    let pickup = case.header.service == Service::Pickup;
    if pickup && ctx.policy.pack_pickup && !at.packed && case.ended().is_none() {
        return refuse("not_packed", format!("Pack container {id} before it is staged."));
    }
    match at.staged_at.as_ref() == Some(location) {
        true => Ok(Decision::default()),
        false => facts(vec![SiteFact::Staged { container: id.clone(), location: location.clone() }]),
    }
}

pub(super) fn mark_ready(case: &Fulfillment, ctx: &Context<'_>) -> Decided {
    only_for(case, &[Service::Pickup])?;
    going_on(case)?;
    if case.ready {
        return Ok(Decision::default());
    }
    let open = case.open();
    if !open.is_zero() {
        return refuse("open_units", format!("{open} units are still to be picked or reported missing."));
    }
    if case.here().is_zero() {
        return refuse("nothing_here", "Nothing of this order is here to be fetched.");
    }
    if let Some((id, _)) = case.waiting_containers().find(|(_, at)| at.staged_at.is_none()) {
        return refuse("not_staged", format!("Container {id} is not staged yet."));
    }
    let all = super::handover::all_of_it(case);
    together(&case.after(std::slice::from_ref(&all)), ctx.now)?;
    facts(vec![SiteFact::Ready])
}
