//! Checks that several verbs share.

use super::{Context, Decided, Decision};
use crate::authority::NoAuthority;
use crate::command::Held;
use crate::fact::{Content, Permission, SiteFact};
use crate::fulfillment::{Container, End, Fulfillment, LineQuantities};
use crate::header::{PartialRule, Service};
use crate::id::{ContainerId, LineNo};
use crate::quantity::Quantity;
use crate::rejection::Rejection;
use crate::time::UtcMillis;

/// A refusal.
pub(super) fn refuse<T>(code: &'static str, sentence: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection::new(code, sentence))
}

pub(super) fn facts(facts: Vec<SiteFact>) -> Decided {
    Ok(Decision { facts, proposals: Vec::new() })
}

/// Refuses what has ended or is closed.
pub(super) fn not_finished(case: &Fulfillment) -> Result<(), Rejection> {
    match case.ended() {
        Some(End::Rejected(_)) => refuse("rejected", "This site has rejected the order."),
        Some(End::Released(_)) => refuse("released", "This site has given the order back."),
        Some(End::Revoked(_)) => {
            refuse("revoked", "The order was given to another site. Put back what was picked.")
        }
        Some(End::Cancelled) => refuse("cancelled", "The order was cancelled. Put back what was picked."),
        Some(End::Expired) => refuse("expired", "Nobody came in time and the goods were set aside."),
        None if case.is_closed() => refuse("finished", "Nothing is left to do for this order."),
        None => Ok(()),
    }
}

/// Refuses what has ended, is closed or must wait.
pub(super) fn going_on(case: &Fulfillment) -> Result<(), Rejection> {
    not_finished(case)?;
    match case.held {
        true => refuse("on_hold", "The order is on hold. Leave everything as it is and wait."),
        false => Ok(()),
    }
}

pub(super) fn only_for(case: &Fulfillment, services: &[Service]) -> Result<(), Rejection> {
    match services.contains(&case.header.service) {
        true => Ok(()),
        false => refuse("wrong_service", "That is not done for an order that is delivered this way."),
    }
}

pub(super) fn line(case: &Fulfillment, line: LineNo) -> Result<&LineQuantities, Rejection> {
    match case.lines.get(&line) {
        Some(quantities) => Ok(quantities),
        None => refuse("unknown_line", format!("The order has no line {line} at this site.")),
    }
}

pub(super) fn some(qty: Quantity) -> Result<(), Rejection> {
    match qty.is_zero() {
        true => refuse("no_quantity", "The quantity must be at least one."),
        false => Ok(()),
    }
}

pub(super) fn container<'a>(case: &'a Fulfillment, id: &ContainerId) -> Result<&'a Container, Rejection> {
    match case.containers.get(id) {
        Some(container) if container.gone => {
            refuse("container_gone", format!("Container {id} has left the site."))
        }
        Some(container) => Ok(container),
        None => refuse("unknown_container", format!("Nothing of this order lies in container {id}.")),
    }
}

/// A container that units may be put into.
pub(super) fn room_in(case: &Fulfillment, id: &ContainerId, ctx: &Context<'_>) -> Result<(), Rejection> {
    if ctx.container_holder.is_some_and(|holder| holder != case.header.case) {
        return refuse("container_in_use", format!("Container {id} holds goods of another order."));
    }
    match case.containers.get(id) {
        Some(container) if container.gone => {
            refuse("container_gone", format!("Container {id} has left the site: take another one."))
        }
        Some(container) if container.packed => {
            refuse("container_closed", format!("Container {id} is packed and closed: open it first."))
        }
        _ => Ok(()),
    }
}

/// The permission to stamp into an irrevocable act.
pub(super) fn permission(
    case: &Fulfillment,
    override_reason: Option<&str>,
    already_done: bool,
    ctx: &Context<'_>,
) -> Result<Permission, Rejection> {
    if case.update_needed && !already_done {
        return refuse("update_needed", "This site's software must be updated before that can be done.");
    }
    let override_reason = override_reason.map(str::trim).filter(|reason| !reason.is_empty());
    let overrides = override_reason.is_some() && matches!(ctx.permission, Held::No(_));
    if overrides && !ctx.policy.override_allowed {
        return refuse("override_not_allowed", "This site's rules do not let a supervisor decide that.");
    }
    match (ctx.permission.permission(override_reason, already_done), &ctx.permission) {
        (Some(permission), _) => Ok(permission),
        (None, Held::No(why)) => refuse("no_authority", no_authority(*why)),
        (None, Held::Yes) => refuse("no_authority", no_authority(NoAuthority::None)),
    }
}

fn no_authority(why: NoAuthority) -> &'static str {
    match why {
        NoAuthority::None => {
            "This site was never told that it may do this by itself. Wait for the line or ask a supervisor."
        }
        NoAuthority::Beyond => {
            "The hub does not know yet that this order is here, and may give it to another site. Wait for the \
             line or ask a supervisor."
        }
        NoAuthority::Expired => {
            "The line has been down for too long: the hub may have given the order to another site. Ask a supervisor."
        }
        NoAuthority::TimeUnknown => {
            "Since the restart this site does not know the time for certain. Wait for the line or ask a supervisor."
        }
        NoAuthority::PastLost => {
            "This site's computer has lost some of its work, and the order may have been given away in it. Wait \
             until the hub has given it back, or ask a supervisor."
        }
    }
}

/// Units of a line out of wanted contents, container by container: what to take for `qty`, or how many there are.
pub(super) fn draw(
    contents: impl IntoIterator<Item = Content>,
    line: LineNo,
    qty: Quantity,
) -> Result<Vec<Content>, Quantity> {
    let mut drawn = Vec::new();
    let mut left = qty;
    for content in contents.into_iter().filter(|content| content.line == line) {
        let here = content.qty.min(left);
        if !here.is_zero() {
            left = left.saturating_sub(here);
            drawn.push(Content { qty: here, ..content });
        }
    }
    if left.is_zero() { Ok(drawn) } else { Err(qty.saturating_sub(left)) }
}

/// All wanted contents of a case, container by container.
pub(super) fn wanted(case: &Fulfillment) -> Vec<Content> {
    case.containers.keys().flat_map(|id| case.wanted_in(id)).collect()
}

/// Refuses when what belongs together would go in parts, were the case to look like `after`.
pub(super) fn together(after: &Fulfillment, now: UtcMillis) -> Result<(), Rejection> {
    let lacking = |line: &LineQuantities| !(line.short + line.open + line.picked + line.staged).is_zero();
    let going = |line: &LineQuantities| !line.handed_over.is_zero();
    let group_of = |line: LineNo| after.header.line(line).and_then(|line| line.group.as_ref());
    for (number, _) in after.lines.iter().filter(|(_, units)| going(units)) {
        let Some(group) = group_of(*number) else { continue };
        let other =
            after.lines.iter().find(|(other, units)| group_of(**other) == Some(group) && lacking(units));
        if let Some((other, _)) = other {
            return refuse(
                "group_incomplete",
                format!("Line {number} goes only together with line {other}, which is not complete."),
            );
        }
    }
    let any = |test: &dyn Fn(&LineQuantities) -> bool| after.lines.values().any(test);
    match after.header.partial {
        _ if !any(&going) => Ok(()),
        PartialRule::AllOrNothing if any(&lacking) => refuse(
            "all_or_nothing",
            "The customer wants all of the order or nothing, and something is missing.",
        ),
        PartialRule::AskCustomer { deadline, .. } if now < deadline && any(&|line| !line.short.is_zero()) => {
            refuse(
                "customer_is_asked",
                "Something is missing and the customer is being asked. Wait for the answer.",
            )
        }
        PartialRule::AskCustomer { ship_by_default: false, .. } if any(&lacking) => {
            refuse("all_or_nothing", "The customer did not agree to less than all of the order.")
        }
        _ => Ok(()),
    }
}
