//! The site's answers to the hub's intents.
//!
//! | | nothing picked | goods in a container | carrier label on it | customer at the counter | handed over | closed otherwise |
//! |---|---|---|---|---|---|---|
//! | cancel | accepted | accepted, put back | accepted, label destroyed | a person | refused | refused |
//! | amend down | accepted | accepted, put back | accepted | a person | refused | refused |
//! | amend up | accepted from free stock | accepted until packed | refused | a person | refused | refused |
//! | hold | accepted | accepted | accepted | a person | refused | refused |
//! | unhold | accepted | accepted | accepted | accepted | refused | refused |
//! | release | accepted | a person | refused | a person | refused | refused |
//! | extend (pickup) | accepted | accepted | accepted | accepted | refused | refused |
//!
//! Refused are: what was handed over as `already_handed_over`, what is closed without a handover as `finished`.
//! The whole matrix, milestone by milestone, is a snapshot beside the tests. Nothing here asks whether authority
//! covers the case: giving up work can never make two holders of it.

use crate::decide::Context;
use crate::fact::{CancelledLine, Effect, LabelKind, SiteFact};
use crate::fulfillment::{Answer, End, Fulfillment, Milestone};
use crate::header::Service;
use crate::id::{EventId, LineNo, ReasonCode};
use crate::intent::HubEvent;
use crate::quantity::Quantity;
use crate::time::UtcMillis;

/// Why an intent is refused by rule. Stable: they stand in facts.
pub mod reasons {
    /// Nothing is left to do for the case, or it is no longer this site's.
    pub const FINISHED: &str = "finished";
    /// What it is about has left the site.
    pub const ALREADY_HANDED_OVER: &str = "already_handed_over";
    /// A carrier's label is on it.
    pub const ALREADY_LABELED: &str = "already_labeled";
    /// It is packed: nothing can be added.
    pub const ALREADY_PACKED: &str = "already_packed";
    /// The customer was told to come.
    pub const ALREADY_READY: &str = "already_ready";
    /// Nobody fetched it; the goods are set aside.
    pub const EXPIRED: &str = "expired";
    /// There is not enough on the shelf that nobody else was promised.
    pub const NOT_IN_STOCK: &str = "not_in_stock";
    /// Only a pickup can be kept longer.
    pub const NOT_A_PICKUP: &str = "not_a_pickup";
    /// It is kept that long already.
    pub const NOT_LATER: &str = "not_later";
    /// The case has no such line.
    pub const UNKNOWN_LINE: &str = "unknown_line";
    /// All of them.
    pub const ALL: [&str; 10] = [
        FINISHED,
        ALREADY_HANDED_OVER,
        ALREADY_LABELED,
        ALREADY_PACKED,
        ALREADY_READY,
        EXPIRED,
        NOT_IN_STOCK,
        NOT_A_PICKUP,
        NOT_LATER,
        UNKNOWN_LINE,
    ];
}

/// The facts that answer a pending intent by rule; nothing when it is answered already, not known, or a person has
/// to decide. For an amendment, the context's book is that of the line's SKU. See [`answer_all`].
pub fn answer(case: &Fulfillment, intent: EventId, ctx: &Context<'_>) -> Option<Vec<SiteFact>> {
    let asked = pending(case, intent)?;
    match carry_out(case, intent, asked, ctx) {
        Ok(_) if needs_person(case, asked) => None,
        Ok(facts) => Some(facts),
        Err(reason) => Some(vec![SiteFact::IntentRefused { intent, reason: reason_code(reason) }]),
    }
}

/// The facts that answer every pending intent that a rule can answer, oldest first: for a daemon to call whenever the
/// hub's words have arrived. A revocation, for one, settles what waited for a person.
///
/// What depends on stock is left to [`answer`], which is handed the book of that one SKU.
pub fn answer_all(case: &Fulfillment, ctx: &Context<'_>) -> Vec<SiteFact> {
    let mut facts = Vec::new();
    let mut pending = case.pending().peekable();
    if pending.peek().is_none() {
        return facts;
    }
    let mut after = case.clone();
    for intent in pending {
        let answers = answer(&after, intent, ctx).filter(|facts| !looked_at_stock(facts)).unwrap_or_default();
        after = after.after(&answers);
        facts.extend(answers);
    }
    facts
}

fn looked_at_stock(facts: &[SiteFact]) -> bool {
    facts.iter().any(|fact| match fact {
        SiteFact::IntentAccepted { effect, .. } => matches!(effect, Effect::Added { .. }),
        SiteFact::IntentRefused { reason, .. } => reason.as_str() == reasons::NOT_IN_STOCK,
        _ => false,
    })
}

/// The intent, while it has no answer.
pub(crate) fn pending(case: &Fulfillment, intent: EventId) -> Option<&HubEvent> {
    case.intents.get(&intent).filter(|entry| entry.answer == Answer::Pending)?.asked.as_ref()
}

/// Whether a person decides, though it could be carried out.
fn needs_person(case: &Fulfillment, asked: &HubEvent) -> bool {
    match asked {
        HubEvent::UnholdRequested | HubEvent::ExtendRequested { .. } => false,
        HubEvent::ReleaseRequested { .. } => case.arrived || !case.here().is_zero(),
        _ => case.arrived,
    }
}

/// The facts that carry an intent out, or why it cannot be.
pub(crate) fn carry_out(
    case: &Fulfillment,
    intent: EventId,
    asked: &HubEvent,
    ctx: &Context<'_>,
) -> Result<Vec<SiteFact>, &'static str> {
    possible(case, asked)?;
    let accepted = |effect| SiteFact::IntentAccepted { intent, effect };
    match asked {
        HubEvent::CancelRequested { lines, .. } => cancel(case, intent, &cancelled_lines(case, lines)?),
        HubEvent::AmendRequested { line, qty } => amend(case, intent, *line, *qty, ctx),
        HubEvent::HoldRequested { .. } if case.held => Ok(vec![accepted(Effect::Nothing)]),
        HubEvent::HoldRequested { .. } => Ok(vec![accepted(Effect::Held)]),
        HubEvent::UnholdRequested if case.held => Ok(vec![accepted(Effect::Unheld)]),
        HubEvent::UnholdRequested => Ok(vec![accepted(Effect::Nothing)]),
        HubEvent::ReleaseRequested { reason } => release(case, accepted(Effect::Nothing), reason),
        HubEvent::ExtendRequested { until } => extend(case, intent, *until),
        // Not intents: nothing asks for an answer to them.
        _ => Err(reasons::FINISHED),
    }
}

/// What holds for every intent, whatever it asks.
fn possible(case: &Fulfillment, asked: &HubEvent) -> Result<(), &'static str> {
    let expired = case.end == Some(End::Expired) && case.revoked.is_none();
    let cancelled_again =
        case.ended() == Some(End::Cancelled) && matches!(asked, HubEvent::CancelRequested { .. });
    match case.milestone() {
        // The hub opens an intercept or a return for what has left, and forgets what never did.
        Milestone::Closed if !case.handed_over().is_zero() => Err(reasons::ALREADY_HANDED_OVER),
        Milestone::Closed => Err(reasons::FINISHED),
        _ if cancelled_again => Ok(()),
        _ if expired => match asked {
            HubEvent::CancelRequested { .. } | HubEvent::ExtendRequested { .. } => Ok(()),
            _ => Err(reasons::EXPIRED),
        },
        _ if case.ended().is_some() => Err(reasons::FINISHED),
        Milestone::HandedOver => Err(reasons::ALREADY_HANDED_OVER),
        _ => Ok(()),
    }
}

/// What cancelling these lines takes back; all lines when none is named.
fn cancelled_lines(case: &Fulfillment, named: &[LineNo]) -> Result<Vec<CancelledLine>, &'static str> {
    if let Some(_unknown) = named.iter().find(|line| !case.lines.contains_key(line)) {
        return Err(reasons::UNKNOWN_LINE);
    }
    let about = || case.lines.iter().filter(|(line, _)| named.is_empty() || named.contains(line));
    let taken: Vec<_> = about()
        .map(|(line, units)| CancelledLine {
            line: *line,
            open: units.open,
            to_put_back: units.picked + units.staged,
        })
        .filter(|line| !(line.open + line.to_put_back).is_zero())
        .collect();
    let gone = about().any(|(_, units)| !units.handed_over.is_zero());
    if taken.is_empty() && gone { Err(reasons::ALREADY_HANDED_OVER) } else { Ok(taken) }
}

/// Cancels units: parcels that lose units are opened, the labels of those that lose all are destroyed.
fn cancel(
    case: &Fulfillment,
    intent: EventId,
    lines: &[CancelledLine],
) -> Result<Vec<SiteFact>, &'static str> {
    let accepted = SiteFact::IntentAccepted { intent, effect: Effect::Cancelled { lines: lines.to_vec() } };
    let after = case.after(std::slice::from_ref(&accepted));
    let mut facts = vec![accepted];
    let nothing_left = after.open().is_zero() && after.here().is_zero();
    for (id, container) in case.containers.iter().filter(|(_, container)| !container.gone) {
        let left = after.wanted_in(id);
        if left == case.wanted_in(id) && !(left.is_empty() && nothing_left) {
            continue;
        }
        for label in
            container.labels.iter().filter(|label| label.kind == LabelKind::Carrier && left.is_empty())
        {
            facts.push(SiteFact::LabelDestroyed { container: id.clone(), number: label.number.clone() });
        }
        if container.packed {
            facts.push(SiteFact::Unpacked { container: id.clone() });
        }
    }
    Ok(facts)
}

/// Delivers another quantity of a line: fewer is a cancellation of the difference, open units first.
fn amend(
    case: &Fulfillment,
    intent: EventId,
    line: LineNo,
    qty: Quantity,
    ctx: &Context<'_>,
) -> Result<Vec<SiteFact>, &'static str> {
    let units = case.lines.get(&line).ok_or(reasons::UNKNOWN_LINE)?;
    let here = units.picked + units.staged;
    let now = units.open + here + units.handed_over;
    if qty < units.handed_over {
        return Err(reasons::ALREADY_HANDED_OVER);
    }
    if qty <= now {
        let fewer = now.saturating_sub(qty);
        let open = fewer.min(units.open);
        let taken = CancelledLine { line, open, to_put_back: fewer.saturating_sub(open) };
        return match fewer.is_zero() {
            true => Ok(vec![SiteFact::IntentAccepted { intent, effect: Effect::Nothing }]),
            false => cancel(case, intent, &[taken]),
        };
    }
    let more = qty.saturating_sub(now);
    let countable = Quantity::new(u64::from(case.ordered(line).get()) + u64::from(more.get())).is_ok();
    let (packed, labeled) = case.containers.values().fold((false, false), |(packed, labeled), container| {
        (packed || container.packed, labeled || container.carrier_labeled())
    });
    match () {
        _ if labeled => Err(reasons::ALREADY_LABELED),
        _ if packed => Err(reasons::ALREADY_PACKED),
        _ if case.ready => Err(reasons::ALREADY_READY),
        _ if !countable || ctx.book.free < more.delta() => Err(reasons::NOT_IN_STOCK),
        _ => Ok(vec![SiteFact::IntentAccepted { intent, effect: Effect::Added { line, qty: more } }]),
    }
}

/// Gives the case back, to be done elsewhere.
fn release(
    case: &Fulfillment,
    accepted: SiteFact,
    reason: &ReasonCode,
) -> Result<Vec<SiteFact>, &'static str> {
    let labeled = case.containers.values().any(|container| !container.gone && container.carrier_labeled());
    match () {
        _ if labeled => Err(reasons::ALREADY_LABELED),
        _ if case.ready => Err(reasons::ALREADY_READY),
        _ => Ok(vec![accepted, SiteFact::Released { reason: reason.clone() }]),
    }
}

/// Keeps a pickup longer; one that had expired waits again.
fn extend(case: &Fulfillment, intent: EventId, until: UtcMillis) -> Result<Vec<SiteFact>, &'static str> {
    if case.header.service != Service::Pickup {
        return Err(reasons::NOT_A_PICKUP);
    }
    if case.hold_until.is_some_and(|kept| until <= kept) {
        return Err(reasons::NOT_LATER);
    }
    Ok(vec![SiteFact::IntentAccepted { intent, effect: Effect::Extended { until } }])
}

pub(crate) fn reason_code(reason: &'static str) -> ReasonCode {
    ReasonCode::new(reason).expect("the list of reasons holds lower-case letters and underscores only")
}

impl Fulfillment {
    /// The state once these facts are written, as far as decisions need it: the events have no ids yet.
    pub(crate) fn after(&self, facts: &[SiteFact]) -> Self {
        let mut after = self.clone();
        for fact in facts {
            after.take_fact(UNWRITTEN, fact);
        }
        after
    }
}

const UNWRITTEN: EventId = EventId { command: crate::id::CommandId(uuid::Uuid::nil()), index: 0 };
