//! Taking a case on, giving it up, and answering what the hub asks.

use super::guard::{facts, not_finished, refuse};
use super::{Book, Context, Decided, Decision};
use crate::answer::{carry_out, pending};
use crate::fact::SiteFact;
use crate::fulfillment::{Container, Fulfillment};
use crate::id::{EventId, ReasonCode};
use crate::rejection::Rejection;

pub(super) fn accept(case: &Fulfillment) -> Decided {
    not_finished(case)?;
    match case.accepted {
        true => Ok(Decision::default()),
        false => facts(vec![SiteFact::Accepted]),
    }
}

pub(super) fn reject(case: &Fulfillment, reason: &ReasonCode) -> Decided {
    not_finished(case)?;
    let touched = !case.handed_over().is_zero() || case.containers.values().any(holds_something);
    if touched {
        return refuse(
            "already_picked",
            "Something is picked already. Put it back and give the order back instead.",
        );
    }
    no_labels(case)?;
    facts(vec![SiteFact::Rejected { reason: reason.clone() }])
}

/// Asks for no authority: giving work up can never make two holders of it.
pub(super) fn release(case: &Fulfillment, reason: &ReasonCode) -> Decided {
    not_finished(case)?;
    if case.containers.values().any(holds_something) {
        return refuse(
            "still_in_containers",
            "Goods of this order still lie in containers. Put them back first.",
        );
    }
    no_labels(case)?;
    if case.open().is_zero() {
        return refuse("nothing_open", "Nothing of this order is open: there is nothing to give back.");
    }
    facts(vec![SiteFact::Released { reason: reason.clone() }])
}

fn holds_something(container: &Container) -> bool {
    !container.contents.is_empty()
}

fn no_labels(case: &Fulfillment) -> Result<(), Rejection> {
    match case.containers.values().any(|container| !container.gone && container.carrier_labeled()) {
        true => refuse("destroy_label_first", "A carrier's label was issued. Destroy it first."),
        false => Ok(()),
    }
}

pub(super) fn answer_intent(
    case: &Fulfillment,
    intent: EventId,
    accept: bool,
    reason: Option<&ReasonCode>,
    ctx: &Context<'_>,
) -> Decided {
    let Some(asked) = pending(case, intent) else {
        return match case.intents.contains_key(&intent) {
            true => refuse("intent_answered", "That request has been answered already."),
            false => refuse("intent_unknown", "There is no such request for this order."),
        };
    };
    if accept {
        // A person who accepts has looked at the shelf, or answers for it.
        let looked = Context { book: Book { free: i64::MAX, ..ctx.book }, ..ctx.clone() };
        return match carry_out(case, intent, asked, &looked) {
            Ok(written) => facts(written),
            Err(reason) => refuse("cannot_accept", format!("That cannot be done any more: {reason}.")),
        };
    }
    match reason {
        Some(reason) => facts(vec![SiteFact::IntentRefused { intent, reason: reason.clone() }]),
        None => refuse("reason_needed", "Say why the request is refused."),
    }
}
