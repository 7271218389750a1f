//! Units that are not to be had.

use super::guard::{facts, going_on, line, refuse, some};
use super::pick::taken_on;
use super::{Context, Decided, Proposal};
use crate::command::CaseCommand;
use crate::fact::SiteFact;
use crate::fulfillment::Fulfillment;
use crate::header::{HeaderLine, PartialRule};
use crate::id::{LineNo, LocationId, ReasonCode};
use crate::quantity::Quantity;

/// Books the short, makes what the book still holds there suspect, and proposes a count: the book is never set to
/// zero on somebody's word. What belongs to the missing units is proposed to be given up too.
pub(super) fn short(
    case: &Fulfillment,
    number: LineNo,
    qty: Quantity,
    reason: &ReasonCode,
    location: Option<&LocationId>,
    ctx: &Context<'_>,
) -> Decided {
    going_on(case)?;
    some(qty)?;
    let open = line(case, number)?.open;
    let Some(asked) = case.header.line(number).filter(|_| qty <= open) else {
        return refuse("over_short", format!("Only {open} units of line {number} are still to be picked."));
    };
    let doubtful = ctx.policy.suspect_reasons.contains(reason);
    let held = u64::try_from(ctx.book.at_location).ok().and_then(|units| Quantity::new(units).ok());
    let suspect = match location {
        Some(_) if doubtful => held.unwrap_or_default().min(qty),
        _ => Quantity::ZERO,
    };
    let shorted = SiteFact::Shorted {
        line: number,
        sku: asked.sku.clone(),
        qty,
        reason: reason.clone(),
        location: location.cloned(),
        suspect,
    };
    let mut decision = facts(taken_on(case, shorted))?;
    if let Some(location) = location.filter(|_| doubtful) {
        decision.proposals.push(Proposal::Count { sku: asked.sku.clone(), location: location.clone() });
    }
    for other in case.header.lines.iter().filter(|other| belongs(case, asked, other)) {
        give_up(case, other, reason, &mut decision.proposals);
    }
    Ok(decision)
}

/// Whether the other line cannot go without this one.
fn belongs(case: &Fulfillment, short: &HeaderLine, other: &HeaderLine) -> bool {
    let grouped = short.group.is_some() && short.group == other.group;
    let whole = case.header.partial == PartialRule::AllOrNothing;
    other.line != short.line && (grouped || whole)
}

fn give_up(case: &Fulfillment, other: &HeaderLine, reason: &ReasonCode, proposals: &mut Vec<Proposal>) {
    let open = case.lines.get(&other.line).map_or(Quantity::ZERO, |units| units.open);
    let mut propose = |qty: Quantity| {
        let reason = reason.clone();
        proposals.push(Proposal::Command {
            command: CaseCommand::Short { line: other.line, qty, reason, location: None },
        });
    };
    if !open.is_zero() {
        propose(open);
    }
    // What is picked already has no shelf of its own to go back to here: the person says where, then it is short.
    let units = case.lines.get(&other.line).map_or(Quantity::ZERO, |units| units.picked + units.staged);
    if !units.is_zero() {
        proposals.push(Proposal::Return { line: other.line, qty: units });
    }
}
