//! At the pickup counter: who came, what they do not want, how long it is kept.

use super::guard::{draw, facts, line, not_finished, only_for, refuse, some, wanted};
use super::{Context, Decided, Decision};
use crate::fact::SiteFact;
use crate::fulfillment::{End, Fulfillment};
use crate::header::Service;
use crate::id::{LineNo, ReasonCode};
use crate::quantity::Quantity;
use crate::time::UtcMillis;

pub(super) fn arrived(case: &Fulfillment, via: &str) -> Decided {
    only_for(case, &[Service::Pickup])?;
    not_finished(case)?;
    match case.arrived {
        true => Ok(Decision::default()),
        false => facts(vec![SiteFact::CustomerArrived { via: via.to_owned() }]),
    }
}

pub(super) fn decline(case: &Fulfillment, number: LineNo, qty: Quantity, reason: &ReasonCode) -> Decided {
    only_for(case, &[Service::Pickup])?;
    not_finished(case)?;
    some(qty)?;
    line(case, number)?;
    match draw(wanted(case), number, qty) {
        Ok(contents) => facts(
            contents
                .into_iter()
                .map(|content| SiteFact::Declined { content, reason: reason.clone() })
                .collect(),
        ),
        Err(there) => refuse("not_picked", format!("Only {there} units of line {number} are here.")),
    }
}

pub(super) fn refuse_handover(case: &Fulfillment, reason: &ReasonCode) -> Decided {
    only_for(case, &[Service::Pickup])?;
    not_finished(case)?;
    facts(vec![SiteFact::HandoverRefused { reason: reason.clone() }])
}

/// One that had expired, and is not all put back yet, waits again.
pub(super) fn keep_longer(case: &Fulfillment, until: UtcMillis, ctx: &Context<'_>) -> Decided {
    only_for(case, &[Service::Pickup])?;
    let waits_again = case.ended() == Some(End::Expired) && !case.here().is_zero();
    if !waits_again {
        not_finished(case)?;
    }
    if until <= ctx.now {
        return refuse("bad_time", "That time has passed already.");
    }
    if case.hold_until.is_some_and(|kept| until <= kept) {
        return refuse("not_later", "It is kept that long already.");
    }
    facts(vec![SiteFact::KeptLonger { until }])
}

pub(super) fn expire(case: &Fulfillment, ctx: &Context<'_>) -> Decided {
    only_for(case, &[Service::Pickup])?;
    not_finished(case)?;
    if case.arrived {
        return refuse("customer_is_here", "The customer is here.");
    }
    match case.hold_until {
        Some(until) if until < ctx.now => facts(vec![SiteFact::PickupExpired]),
        Some(until) => refuse("not_expired", format!("It is kept until {until}.")),
        None => refuse("not_expired", "It is kept without a limit."),
    }
}
