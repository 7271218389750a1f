//! Whether a site accepts and begins in time what it was offered: asked to give it back when it is slow, and taken away
//! where that cannot make two sites act on the same goods.

use jiff::tz::TimeZone;
use outpost_config::Rules;
use outpost_model::authority::Authority;
use outpost_model::fulfillment::{Answer, Fulfillment, Milestone};
use outpost_model::header::Service;
use outpost_model::id::{CaseId, ReasonCode};
use outpost_model::intent::HubEvent;
use outpost_model::time::UtcMillis;

use super::authority::Terms;
use super::{documents, label, recover, settle, stand};
use crate::error::HubError;
use crate::store::authority::Life;
use crate::store::{authority, case, enrollment, exception, order, recovery};
use crate::wake::News;
use crate::write::Unit;

/// How soon a case is looked at again that waits for an answer.
const AGAIN_AFTER_MS: i64 = 60_000;
/// Why work is taken from a site that is slow.
const REASON: &str = "no_capacity";

/// What is known around a case.
#[derive(Debug, Clone)]
pub struct Around {
    /// The site's time zone.
    pub zone: TimeZone,
    /// Whether the site is heard of.
    pub in_contact: bool,
    /// The hub's life.
    pub life: Life,
}

/// What to do about a case now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nobody has to look any more.
    Done,
    /// Look again then.
    Look(UtcMillis),
    /// Ask the site to give it back.
    AskBack,
    /// Take it away: nobody can act on it without asking any more.
    TakeAway,
    /// Tell a person: nobody else can do it.
    Tell,
}

/// When the hub may take a case away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// At once: the site was never allowed to act on it without asking.
    Beyond,
    /// From then on.
    Until(UtcMillis),
}

/// By when a case must be accepted and begun, in the site's open hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Accepted.
    pub accept_by: UtcMillis,
    /// Begun.
    pub start_by: UtcMillis,
}

/// The deadlines of a case; nothing at a site without hours.
pub fn deadlines(rules: &Rules, case: &Fulfillment, zone: &TimeZone) -> Option<Deadlines> {
    let header = &case.header;
    let terms = rules.deadlines.get(header.service);
    let hours = rules.calendar(&header.site).hours.get(header.service);
    let after = |term: std::time::Duration| {
        hours.add_open(zone, header.offered_at, i64::try_from(term.as_millis()).unwrap_or(i64::MAX / 4))
    };
    Some(Deadlines { accept_by: after(terms.accept)?, start_by: after(terms.start)? })
}

/// When a case may be taken away. A case of an earlier epoch may be covered by an authority the hub has lost. One that was
/// offered before the site was begun anew may be covered where the earlier appliance still runs, though its number in
/// the stream that was begun says nothing of that.
pub fn safety(
    row: &case::Row,
    known: Option<&Authority>,
    (life, begun_anew_at): (&Life, Option<UtcMillis>),
    terms: &Terms,
    bound_ms: i64,
) -> Safety {
    let header = &row.state.header;
    let before = begun_anew_at.filter(|at| header.offered_at < *at);
    let before = before.map(|at| at + terms.of(header.service) + bound_ms);
    let held_back = recover::may_revoke_from(life, terms, header.service);
    let held_back = before.map_or(held_back, |before| before.max(held_back));
    let known = known.filter(|known| known.epoch == life.epoch);
    let of_this_epoch = life.epoch <= 1 || header.offered_at >= life.begun_at;
    let covered = known.is_some_and(|known| row.position <= known.through);
    match (of_this_epoch && before.is_none(), covered) {
        (true, false) => Safety::Beyond,
        _ => {
            let until = known.and_then(|known| known.until.get(&header.service)).copied();
            let until = until.unwrap_or(UtcMillis(i64::MIN));
            Safety::Until(held_back.max(until + bound_ms))
        }
    }
}

/// What to do about a case now. Pure.
pub fn step(
    case: &Fulfillment,
    deadlines: Deadlines,
    in_contact: bool,
    safety: Safety,
    now: UtcMillis,
) -> Step {
    if case.is_closed() || case.ended().is_some() || case.milestone() > Milestone::Accepted {
        return Step::Done;
    }
    let due = if case.accepted { deadlines.start_by } else { deadlines.accept_by };
    if now < due {
        return Step::Look(due);
    }
    // The customer has chosen this very place.
    if case.header.service == Service::Pickup {
        return Step::Tell;
    }
    let asked = case.intents.values().filter(|intent| intent.kind == "release_requested");
    let answers: Vec<&Answer> = asked.map(|intent| &intent.answer).collect();
    let free = match safety {
        Safety::Beyond => true,
        Safety::Until(until) => now > until,
    };
    match (answers.is_empty(), answers.contains(&&Answer::Pending)) {
        // A silent site is not asked where it needs not be: it could not answer.
        (_, _) if !in_contact && free => Step::TakeAway,
        (true, _) => Step::AskBack,
        (false, true) => Step::Look(now + AGAIN_AFTER_MS),
        // A person there has refused: it is theirs.
        (false, false) => Step::Done,
    }
}

/// Looks at a case, and does what is due.
pub async fn look(unit: &mut Unit, id: CaseId, rules: &Rules, around: &Around) -> Result<Step, HubError> {
    let Some(found) = case::get(unit.db(), id).await? else { return Ok(Step::Done) };
    if !unit.holds(&found.state.header.site).await? {
        // Whoever works for the site looks.
        return Ok(Step::Look(unit.now() + AGAIN_AFTER_MS));
    }
    // The order first, as everywhere.
    let Some(mut order) = order::lock(unit.db(), found.state.header.order).await? else {
        return Ok(Step::Done);
    };
    let mut cases = case::of_order(unit.db(), order.order.id).await?;
    let Some(index) = cases.iter().position(|row| row.state.header.case == id) else { return Ok(Step::Done) };
    let row = &mut cases[index];
    let site = row.state.header.site.clone();
    let now = unit.now();
    let Some(deadlines) = deadlines(rules, &row.state, &around.zone) else {
        case::look_at(unit.db(), id, None).await?;
        return Ok(Step::Done);
    };
    let terms = Terms::new(around.life.epoch, rules);
    let known = authority::lock(unit.db(), &site).await?;
    let bound_ms = i64::try_from(rules.authority.clock_bound.as_millis()).unwrap_or(i64::MAX / 4);
    let begun_anew_at = enrollment::begun_anew_at(unit.db(), &site).await?;
    let safety = safety(row, known.as_ref(), (&around.life, begun_anew_at), &terms, bound_ms);
    let mut step = step(&row.state, deadlines, around.in_contact, safety, now);
    if matches!(step, Step::AskBack | Step::TakeAway) && recovery::waits(unit.db(), &site).await? {
        step = Step::Look(now + AGAIN_AFTER_MS);
    }
    let reason = ReasonCode::new(REASON).map_err(|error| HubError::Invariant(error.to_string()))?;
    let next = match step {
        Step::Done => None,
        Step::Look(at) => Some(at),
        Step::AskBack => {
            stand::ask(unit, row, HubEvent::ReleaseRequested { reason }).await?;
            Some(now + AGAIN_AFTER_MS)
        }
        Step::TakeAway => {
            documents::say(unit, row, Vec::new(), vec![HubEvent::Revoked { reason }]).await?;
            let said_at = unit.stream(&site).await?.mark.n;
            case::note_revoked(unit.db(), id, said_at).await?;
            label::over(unit, id).await?;
            settle::with(unit, &mut order, &cases).await?;
            None
        }
        Step::Tell => {
            tell(unit, row).await?;
            None
        }
    };
    case::look_at(unit.db(), id, next).await?;
    unit.wakes.news.insert(News::Case(id));
    Ok(step)
}

async fn tell(unit: &mut Unit, row: &case::Row) -> Result<(), HubError> {
    let header = &row.state.header;
    unit.raise(exception::New {
        code: "pickup_late",
        sentence: format!(
            "{} has not begun order {}, which a customer wants to collect there.",
            header.site, header.order_number
        ),
        once: format!("pickup_late {}", header.case),
        order: Some(header.order),
        case: Some(header.case),
        site: Some(header.site.clone()),
        payload: None,
    })
    .await?;
    Ok(())
}
