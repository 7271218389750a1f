//! Brings an order's row in line with its cases: where it stands, whether something is to be routed, and what a person
//! must look at.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::fulfillment::{Exception, Fulfillment};
use outpost_model::id::{CaseId, OrderId};
use outpost_model::milestone::{OrderState, Standing, order_state};

use super::need::need;
use crate::error::HubError;
use crate::store::{case, exception, order};
use crate::wake::News;
use crate::write::Unit;

/// Settles orders whose cases have changed in this transaction. `here` knows those cases as they are now; others are
/// read.
pub async fn orders<'c>(
    unit: &mut Unit,
    ids: &BTreeSet<OrderId>,
    here: impl Fn(CaseId) -> Option<&'c case::Row>,
) -> Result<(), HubError> {
    if ids.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let rows = order::lock_all(unit.db(), &keys).await?;
    if rows.len() != ids.len() {
        return Err(HubError::Invariant("a case of an order that does not exist".to_owned()));
    }
    let of_orders = case::ids_of_orders(unit.db(), &keys).await?;
    let elsewhere: Vec<CaseId> =
        of_orders.iter().map(|(_, case)| *case).filter(|case| here(*case).is_none()).collect();
    let elsewhere = case::some(unit.db(), &elsewhere).await?;
    let mut cases: BTreeMap<OrderId, Vec<&Fulfillment>> = BTreeMap::new();
    for (order, case) in &of_orders {
        let row = here(*case).or_else(|| elsewhere.get(case));
        cases.entry(*order).or_default().extend(row.map(|row| &row.state));
    }
    let mut changed = Vec::with_capacity(rows.len());
    for mut row in rows {
        let before = (row.state, row.reason.clone(), row.route_at, row.progress.clone());
        let states = cases.remove(&row.order.id).unwrap_or_default();
        settle(unit, &mut row, &states);
        if before != (row.state, row.reason.clone(), row.route_at, row.progress.clone()) {
            changed.push(row);
        }
    }
    order::update_all(unit.db(), &changed).await
}

/// The same for a row that is locked and cases that were read in this transaction.
pub async fn with(unit: &mut Unit, row: &mut order::Row, cases: &[case::Row]) -> Result<(), HubError> {
    let states: Vec<&Fulfillment> = cases.iter().map(|case| &case.state).collect();
    settle(unit, row, &states);
    order::update(unit.db(), row).await
}

/// Brings the row in line, in memory.
fn settle(unit: &mut Unit, row: &mut order::Row, states: &[&Fulfillment]) {
    let physical = row.order.lines.iter().filter(|line| line.physical);
    let wanted = physical.clone().any(|line| !row.progress.withdrawn.contains(&line.line));
    let under_way = states.iter().any(|case| !case.is_closed());
    let delivered = states.iter().any(|case| !case.handovers.is_empty());
    if !wanted && physical.count() > 0 && !under_way && !delivered {
        row.progress.standing = Standing::Cancelled;
    }
    let open = match row.progress.standing {
        Standing::Approved => need(&row.order, &row.progress.withdrawn, states),
        Standing::Captured | Standing::Held | Standing::Cancelled => Vec::new(),
    };
    if open.is_empty() {
        row.route_at = None;
        if row.progress.standing == Standing::Approved {
            row.reason = None;
        }
    } else if row.route_at.is_none() {
        row.route_at = Some(unit.now());
        unit.wakes.routing = true;
    }
    row.state = state(row, states);
    unit.wakes.news.insert(News::Order(row.order.id));
}

/// Where an order stands.
pub fn state(row: &order::Row, cases: &[&Fulfillment]) -> OrderState {
    if row.progress.standing == Standing::Approved && !row.order.lines.iter().any(|line| line.physical) {
        // There was nothing for a site to do, so nothing is left to do.
        return OrderState::Fulfilled;
    }
    order_state(&row.order, row.progress.standing, cases)
}

/// Raises what the fold sees in a case now and did not see before; resolves what it does not see any more.
pub async fn raise_new(
    unit: &mut Unit,
    row: &case::Row,
    before: &BTreeSet<Exception>,
) -> Result<(), HubError> {
    let header = &row.state.header;
    let once = |exception: &Exception| format!("{} {} {}", exception.code, header.case, exception.event);
    for seen in row.state.exceptions.difference(before) {
        let what = match seen.code.as_str() {
            "outside_authority" => "did something irrevocable without contact for order",
            "authority_override" => "acted on a supervisor's word for order",
            "observed_not_handed_over" => "has not handed over what a carrier says it has, of order",
            "handed_over_though_revoked" => "handed over what had been taken away from it, of order",
            _ => "reports something a person must look at in order",
        };
        unit.raise(exception::New {
            code: &seen.code,
            sentence: format!("{} {what} {} ({}).", header.site, header.order_number, seen.code),
            once: once(seen),
            order: Some(header.order),
            case: Some(header.case),
            site: Some(header.site.clone()),
            payload: None,
        })
        .await?;
    }
    let now = unit.now();
    for gone in before.difference(&row.state.exceptions) {
        exception::gone(unit.db(), &once(gone), now).await?;
    }
    Ok(())
}
