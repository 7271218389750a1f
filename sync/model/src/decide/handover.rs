//! Handing over: the one act that cannot be undone.

use std::collections::BTreeSet;

use super::guard::{container, draw, facts, going_on, permission, refuse, some, together, wanted};
use super::{CodeCheck, Context, Decided, Decision};
use crate::command::{CaseCommand, PackLine};
use crate::fact::{Content, Permission, ProofMethod, Recipient, SiteFact};
use crate::fulfillment::Fulfillment;
use crate::header::Service;
use crate::id::ContainerId;
use crate::quantity::Quantity;
use crate::rejection::Rejection;

/// Hands over what is named, or all that is here. What has already happened is booked whatever the rules say:
/// only what was never picked cannot be.
pub(super) fn hand_over(case: &Fulfillment, command: &CaseCommand, ctx: &Context<'_>) -> Decided {
    let CaseCommand::HandOver { to, proof, proof_ref, manifest, override_reason, already_done, .. } = command
    else {
        return Ok(Decision::default());
    };
    if !already_done {
        going_on(case)?;
    }
    fits_service(case, *to, *proof)?;
    let items = items(case, command)?;
    if !already_done {
        may_leave(case, &items, *to, ctx)?;
        if !case.payment_ok(ctx.now) {
            return refuse(
                "payment_lapsed",
                "The payment no longer covers this order. Ask the customer to pay again.",
            );
        }
        if *proof == ProofMethod::Code {
            code_is_right(ctx.code)?;
        }
    }
    let permission = permission(case, override_reason.as_deref(), *already_done, ctx)?;
    let parcels: BTreeSet<&ContainerId> = items.iter().map(|item| &item.from).collect();
    let count = u32::try_from(parcels.len()).unwrap_or(u32::MAX);
    let collected = manifest.clone().map(|manifest| SiteFact::Collected { manifest, count });
    let handed_over = SiteFact::HandedOver {
        items,
        to: *to,
        proof: *proof,
        proof_ref: *proof_ref,
        manifest: manifest.clone(),
        permission,
    };
    if !already_done {
        together(&case.after(std::slice::from_ref(&handed_over)), ctx.now)?;
    }
    facts(collected.into_iter().chain([handed_over]).collect())
}

/// All that is here, as if it were handed over now.
pub(super) fn all_of_it(case: &Fulfillment) -> SiteFact {
    SiteFact::HandedOver {
        items: wanted(case),
        to: Recipient::Customer,
        proof: ProofMethod::Identification,
        proof_ref: None,
        manifest: None,
        permission: Permission::Granted,
    }
}

fn fits_service(case: &Fulfillment, to: Recipient, proof: ProofMethod) -> Result<(), Rejection> {
    let carrier = to == Recipient::Carrier;
    let fits = match case.header.service {
        Service::Pickup => !carrier,
        Service::Ship => carrier,
        Service::ShipToStore => true,
    };
    if !fits {
        return refuse("wrong_recipient", "This order does not go to somebody like that.");
    }
    match (carrier, proof) {
        (true, ProofMethod::Scan | ProofMethod::Signature) => Ok(()),
        (false, proof) if proof != ProofMethod::Scan => Ok(()),
        _ => refuse("wrong_proof", "Who takes this order is not checked in that way."),
    }
}

/// The units to hand over, container by container.
fn items(case: &Fulfillment, command: &CaseCommand) -> Result<Vec<Content>, Rejection> {
    let CaseCommand::HandOver { lines, containers, already_done, .. } = command else {
        return Ok(Vec::new());
    };
    let named: BTreeSet<&ContainerId> = containers.iter().collect();
    for id in &named {
        container(case, id)?;
    }
    let chosen = |id: &ContainerId| named.is_empty() || named.contains(id);
    let mut here: Vec<Content> = wanted(case).into_iter().filter(|content| chosen(&content.from)).collect();
    if *already_done && (here.is_empty() || !named.is_empty() || !lines.is_empty()) {
        // A box that was taken was taken with all that lay in it, wanted or not.
        here.extend(case.to_put_back.iter().filter(|content| chosen(&content.from)).cloned());
    }
    let items = if lines.is_empty() { here } else { by_lines(here, lines)? };
    match items.is_empty() {
        true => refuse("nothing_to_hand_over", "Nothing of this order is here to be handed over."),
        false => Ok(items),
    }
}

fn by_lines(mut here: Vec<Content>, lines: &[PackLine]) -> Result<Vec<Content>, Rejection> {
    let mut items = Vec::new();
    for PackLine { line, qty } in lines {
        some(*qty)?;
        match draw(here.iter().cloned(), *line, *qty) {
            Ok(drawn) => {
                // A line named twice does not get the same units twice.
                here.retain(|content| content.line != *line);
                items.extend(drawn);
            }
            Err(there) => {
                return refuse(
                    "not_picked",
                    format!("Only {there} units of line {line} are picked and here."),
                );
            }
        }
    }
    Ok(items)
}

fn may_leave(
    case: &Fulfillment,
    items: &[Content],
    to: Recipient,
    ctx: &Context<'_>,
) -> Result<(), Rejection> {
    if to != Recipient::Carrier {
        return match ctx.policy.ready_before_handover && !case.ready {
            true => refuse("not_ready", "Stage the order and mark it ready before it is handed over."),
            false => Ok(()),
        };
    }
    let parcels: BTreeSet<&ContainerId> = items.iter().map(|item| &item.from).collect();
    for id in parcels {
        let parcel = container(case, id)?;
        let units = |contents: &[Content]| -> Quantity { contents.iter().map(|content| content.qty).sum() };
        let taken: Quantity = items.iter().filter(|item| item.from == *id).map(|item| item.qty).sum();
        if !case.unwanted_in(id).is_empty() {
            return refuse(
                "put_back_first",
                format!("Units in {id} are not wanted any more. Take them out first."),
            );
        }
        if !parcel.packed {
            return refuse("not_packed", format!("Container {id} is not packed and closed."));
        }
        if !parcel.carrier_labeled() {
            return refuse("not_labeled", format!("Container {id} bears no carrier's label."));
        }
        if ctx.policy.stage_ship && parcel.staged_at.is_none() {
            return refuse("not_staged", format!("Container {id} is not staged yet."));
        }
        if taken != units(&parcel.contents) {
            return refuse("whole_parcels", format!("A carrier takes all of parcel {id} or nothing of it."));
        }
    }
    Ok(())
}

fn code_is_right(code: CodeCheck) -> Result<(), Rejection> {
    match code {
        CodeCheck::Right => Ok(()),
        CodeCheck::NotGiven => refuse("wrong_code", "Ask for the pickup code."),
        CodeCheck::Wrong => refuse("wrong_code", "The code is not right. Ask again."),
        CodeCheck::TooManyTries => {
            refuse("identify_instead", "Too many wrong codes. Ask for an identity document instead.")
        }
    }
}
