//! Routes what of an order is with nobody: plan by the rules, promise on locked rights, make the cases, and keep why.

use std::collections::BTreeMap;

use outpost_model::fulfillment::Fulfillment;
use outpost_model::id::{OrderId, SiteId, Sku};
use outpost_model::milestone::Standing;
use outpost_model::order::Delivery;
use outpost_model::routing::{Assignment, Demand, DemandLine, Plan, route as plan};

use super::authority::Terms;
use super::need::{failed_sites, need};
use super::offer::{Offer, offer};
use super::picture::Picture;
use super::settle;
use crate::error::HubError;
use crate::store::query::timeline::Decision;
use crate::store::{case, counter, decision, exception, order, rights};
use crate::write::Unit;

/// Plans that are made anew when somebody else has taken the rights in between.
const ATTEMPTS_MAX: u32 = 4;
/// When an order nobody can take is looked at again, unless a grant brings it forward.
const RETRY_AFTER_MS: i64 = 5 * 60_000;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routed {
    /// All that was open is with a site now.
    All,
    /// Something is still open.
    InPart,
    /// Nobody can take it.
    Nobody,
    /// There was nothing to route.
    Nothing,
}

/// Routes an order. `labels` says whether carrier labels are bought.
pub async fn route(
    unit: &mut Unit,
    id: OrderId,
    picture: &Picture,
    labels: bool,
) -> Result<Routed, HubError> {
    let Some(mut row) = order::lock(unit.db(), id).await? else { return Ok(Routed::Nothing) };
    let cases = case::of_order(unit.db(), id).await?;
    let states: Vec<&Fulfillment> = cases.iter().map(|case| &case.state).collect();
    let lines = need(&row.order, &row.progress.withdrawn, &states);
    if row.progress.standing != Standing::Approved || lines.is_empty() {
        settle::with(unit, &mut row, &cases).await?;
        return Ok(Routed::Nothing);
    }
    let now = unit.now();
    let terms = Terms::new(0, &picture.book().rules);
    if let Some(until) = picture.recovery().holds(&row, &terms, now) {
        row.route_at = Some(until.min(now + RETRY_AFTER_MS));
        row.reason = Some("hub_restored".to_owned());
        order::update(unit.db(), &row).await?;
        return Ok(Routed::Nothing);
    }
    let again = !cases.is_empty();
    let most = picture.book().rules.routing.reroutes_max;
    if again && row.progress.reroutes >= most {
        stop(unit, &mut row, most).await?;
        return Ok(Routed::Nobody);
    }
    let demand = demand(&row, lines, &states, picture);
    let planned = promised_plan(unit, &demand, picture).await?;
    let generation = row.progress.generation;
    row.progress.generation += 1;
    let mut made = Vec::with_capacity(planned.assignments.len());
    for assignment in &planned.assignments {
        let service = demand.delivery.service();
        let units = assignment.lines.iter().map(|part| part.qty.get()).sum();
        let promise = picture.promise(&assignment.site, service, units, unit.now()).ok_or_else(|| {
            HubError::Invariant(format!("{} was chosen without a promise", assignment.site))
        })?;
        let hold_days = picture.book().rules.pickup.hold_days;
        let rules = picture.book().version.as_str();
        let case = offer(unit, &row, &Offer { assignment, promise, hold_days, rules, labels }).await?;
        picture.give(&assignment.site);
        made.push(case);
    }
    if again && !made.is_empty() {
        row.progress.reroutes += 1;
        unit.count(counter::REROUTES, made.len() as i64);
    }
    if made.is_empty() {
        row.progress.generation = generation;
    }
    let outcome = outcome(&planned);
    keep(unit, &row, generation, picture, planned, made, outcome).await?;
    conclude(unit, &mut row, outcome).await?;
    let cases = case::of_order(unit.db(), id).await?;
    let states: Vec<&Fulfillment> = cases.iter().map(|case| &case.state).collect();
    row.state = settle::state(&row, &states);
    order::update(unit.db(), &row).await?;
    Ok(outcome)
}

fn demand(row: &order::Row, lines: Vec<DemandLine>, cases: &[&Fulfillment], picture: &Picture) -> Demand {
    let near = match &row.order.delivery {
        Delivery::Ship { country, postal_code, .. } => picture.near(country, postal_code),
        Delivery::Pickup { site } | Delivery::ShipToStore { site } => picture.place(site),
    };
    Demand {
        delivery: row.order.delivery.clone(),
        near,
        excluded: failed_sites(&lines, cases),
        lines,
        partial: row.order.partial,
    }
}

/// A plan whose units are promised. When a row was taken by another order meanwhile, what was promised so far is
/// taken back and the plan is made anew from what is left.
async fn promised_plan(unit: &mut Unit, demand: &Demand, picture: &Picture) -> Result<Plan, HubError> {
    let mut skus: Vec<Sku> = demand.lines.iter().map(|line| line.sku.clone()).collect();
    skus.sort();
    skus.dedup();
    let rules = picture.routing();
    let units = demand.lines.iter().map(|line| line.qty.get()).sum();
    let mut last = None;
    for _ in 0..ATTEMPTS_MAX {
        let mut unused = rights::unused(unit.db(), &skus).await?;
        let candidates = picture.candidates(demand.delivery.service(), units, &mut unused, unit.now());
        let planned = plan(demand, &candidates, &rules);
        if promise_all(unit, demand, &planned.assignments).await? {
            return Ok(planned);
        }
        last = Some(planned);
    }
    // Contended to the end: nothing is promised, and the order is looked at again.
    let mut planned = last.unwrap_or_default();
    let parts = planned.assignments.drain(..).flat_map(|assignment| assignment.lines);
    planned.unassigned.extend(parts);
    Ok(planned)
}

/// Promises in the order of (site, SKU), so that transactions do not wait for each other in a circle.
async fn promise_all(unit: &mut Unit, demand: &Demand, assignments: &[Assignment]) -> Result<bool, HubError> {
    let mut units: BTreeMap<(&SiteId, &Sku), u64> = BTreeMap::new();
    for assignment in assignments {
        for part in &assignment.lines {
            let line = demand.lines.iter().find(|line| line.line == part.line).ok_or_else(|| {
                HubError::Invariant(format!("line {} was planned and not asked for", part.line))
            })?;
            *units.entry((&assignment.site, &line.sku)).or_insert(0) += u64::from(part.qty.get());
        }
    }
    let mut done: Vec<(&SiteId, &Sku, u64)> = Vec::with_capacity(units.len());
    for ((site, sku), qty) in units {
        if !rights::promise(unit.db(), site, sku, qty).await? {
            for (site, sku, qty) in done {
                rights::undo(unit.db(), site, sku, qty).await?;
            }
            return Ok(false);
        }
        done.push((site, sku, qty));
    }
    Ok(true)
}

fn outcome(planned: &Plan) -> Routed {
    match (planned.assignments.is_empty(), planned.unassigned.is_empty()) {
        (false, true) => Routed::All,
        (false, false) => Routed::InPart,
        (true, _) => Routed::Nobody,
    }
}

async fn keep(
    unit: &mut Unit,
    row: &order::Row,
    generation: u32,
    picture: &Picture,
    planned: Plan,
    cases: Vec<outpost_model::id::CaseId>,
    outcome: Routed,
) -> Result<(), HubError> {
    if outcome == Routed::Nobody && row.reason.as_deref() == Some("no_site_left") {
        // It was looked at again and nothing has changed: one such decision is enough to read.
        return Ok(());
    }
    let decision = Decision {
        at: unit.now(),
        generation,
        rules: picture.book().version.as_str().to_owned(),
        outcome: match outcome {
            Routed::All => "routed",
            Routed::InPart => "partly_routed",
            Routed::Nobody | Routed::Nothing => "no_site",
        }
        .to_owned(),
        cases,
        considered: planned.considered,
        unassigned: planned.unassigned,
    };
    let id = unit.ids().uuid();
    decision::put(unit.db(), id, row.order.id, &decision).await
}

async fn conclude(unit: &mut Unit, row: &mut order::Row, outcome: Routed) -> Result<(), HubError> {
    if outcome == Routed::All {
        row.route_at = None;
        row.reason = None;
        let now = unit.now();
        exception::overtaken(unit.db(), row.order.id, "no_site_left", now).await?;
        return Ok(());
    }
    row.route_at = Some(unit.now() + RETRY_AFTER_MS);
    row.reason = Some("no_site_left".to_owned());
    let number = &row.order.number;
    unit.raise(exception::New {
        code: "no_site_left",
        sentence: format!("No site can take what is left of order {number}. Its routing decision says why."),
        once: format!("no_site_left {}", row.order.id),
        order: Some(row.order.id),
        ..Default::default()
    })
    .await?;
    Ok(())
}

async fn stop(unit: &mut Unit, row: &mut order::Row, most: u32) -> Result<(), HubError> {
    row.route_at = None;
    row.progress.standing = Standing::Held;
    row.reason = Some("reroutes_exhausted".to_owned());
    let number = &row.order.number;
    unit.raise(exception::New {
        code: "reroutes_exhausted",
        sentence: format!("Order {number} was routed anew {most} times. Decide what becomes of it."),
        once: format!("reroutes_exhausted {} {}", row.order.id, row.progress.reroutes),
        order: Some(row.order.id),
        ..Default::default()
    })
    .await?;
    let cases = case::of_order(unit.db(), row.order.id).await?;
    let states: Vec<&Fulfillment> = cases.iter().map(|case| &case.state).collect();
    row.state = settle::state(row, &states);
    order::update(unit.db(), row).await
}
