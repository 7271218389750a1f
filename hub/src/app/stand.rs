//! Holds an order, or approves it: by a person, or by a rule when what it waited for has come.

use outpost_model::id::{LineNo, OrderId, ReasonCode};
use outpost_model::intent::HubEvent;
use outpost_model::milestone::Standing;
use outpost_model::rejection::Rejection;

use super::errand::{self, Errand};
use super::{documents, settle};
use crate::error::{HubError, Verdict};
use crate::store::{case, exception, intent, order, recovery};
use crate::write::Unit;

fn no_order() -> Rejection {
    Rejection::new("no_such_order", "There is no such order.")
}

/// Holds an order: nothing more of it is routed, and sites are asked not to go on.
pub async fn hold(unit: &mut Unit, id: OrderId, reason: &ReasonCode) -> Result<Verdict<()>, HubError> {
    let Some(mut row) = order::lock(unit.db(), id).await? else { return Ok(Err(no_order())) };
    match row.progress.standing {
        Standing::Held => return Ok(Ok(())),
        Standing::Cancelled => {
            return Ok(Err(Rejection::new(
                "already_cancelled",
                "The order is cancelled; there is nothing to hold.",
            )));
        }
        Standing::Captured | Standing::Approved => {}
    }
    row.progress.standing = Standing::Held;
    row.reason = Some(reason.to_string());
    let mut cases = case::of_order(unit.db(), id).await?;
    let waiting = recovery::sites(unit.db()).await?;
    let can_hear = |case: &case::Row| !waiting.contains(&case.state.header.site);
    for case in cases.iter_mut().filter(|case| !case.state.is_closed() && !case.state.held && can_hear(case))
    {
        ask(unit, case, HubEvent::HoldRequested { reason: reason.clone() }).await?;
    }
    settle::with(unit, &mut row, &cases).await?;
    Ok(Ok(()))
}

/// Approves an order: a person takes the responsibility, whatever held it.
pub async fn approve(unit: &mut Unit, id: OrderId) -> Result<Verdict<()>, HubError> {
    let Some(mut row) = order::lock(unit.db(), id).await? else { return Ok(Err(no_order())) };
    if row.progress.standing == Standing::Cancelled {
        return Ok(Err(Rejection::new(
            "already_cancelled",
            "The order is cancelled; it cannot be approved.",
        )));
    }
    row.progress.approved_by_person = true;
    row.progress.reroutes = 0;
    go_on(unit, row).await?;
    Ok(Ok(()))
}

/// Approves an order that waited for its payment.
pub async fn approve_by_rule(unit: &mut Unit, row: order::Row) -> Result<(), HubError> {
    go_on(unit, row).await
}

async fn go_on(unit: &mut Unit, mut row: order::Row) -> Result<(), HubError> {
    let id = row.order.id;
    let held_for = row.reason.take();
    row.progress.standing = Standing::Approved;
    let mut cases = case::of_order(unit.db(), id).await?;
    let waiting = recovery::sites(unit.db()).await?;
    let can_hear = |case: &case::Row| !waiting.contains(&case.state.header.site);
    for case in cases.iter_mut().filter(|case| !case.state.is_closed() && holds(case) && can_hear(case)) {
        ask(unit, case, HubEvent::UnholdRequested).await?;
    }
    if let Some(code) = held_for {
        let now = unit.now();
        exception::overtaken(unit.db(), id, &code, now).await?;
    }
    settle::with(unit, &mut row, &cases).await
}

/// Says to a site what could not be said while the restored hub waited for it: that its part is cancelled, on hold, or
/// not on hold any more.
pub async fn catch_up(
    unit: &mut Unit,
    order: &order::Row,
    case: &mut case::Row,
    reason: &ReasonCode,
) -> Result<(), HubError> {
    let lines: Vec<LineNo> = order.progress.withdrawn.iter().copied().collect();
    if !lines.is_empty() && super::cancel::is_open(case, &order.progress.withdrawn) {
        let of_case: Vec<LineNo> = case
            .state
            .header
            .lines
            .iter()
            .map(|line| line.line)
            .filter(|line| lines.contains(line))
            .collect();
        let lines = if of_case.len() == case.state.header.lines.len() { Vec::new() } else { of_case };
        return ask(unit, case, HubEvent::CancelRequested { lines, reason: reason.clone() }).await;
    }
    match (order.progress.standing, holds(case)) {
        (Standing::Held, false) => ask(unit, case, HubEvent::HoldRequested { reason: reason.clone() }).await,
        (Standing::Approved, true) => ask(unit, case, HubEvent::UnholdRequested).await,
        _ => Ok(()),
    }
}

/// Whether the site holds it or was asked to.
fn holds(case: &case::Row) -> bool {
    let asked = case.state.intents.values().any(|intent| {
        intent.kind == "hold_requested" && intent.answer == outpost_model::fulfillment::Answer::Pending
    });
    case.state.held || asked
}

/// Sends an intent and notes it, so that its answer is waited for.
pub async fn ask(unit: &mut Unit, case: &mut case::Row, kind: HubEvent) -> Result<(), HubError> {
    let name = kind.name();
    let (order, id) = (case.state.header.order, case.state.header.case);
    let site = case.state.header.site.clone();
    if !errand::ours(unit, &site).await? {
        let ask = Errand::Say { case: id, records: Vec::new(), kinds: vec![kind], ask: true };
        return errand::leave(unit, &site, &ask).await;
    }
    let events = documents::say(unit, case, Vec::new(), vec![kind]).await?;
    let now = unit.now();
    for event in events {
        intent::put(unit.db(), event, (order, id), name, now).await?;
    }
    Ok(())
}
