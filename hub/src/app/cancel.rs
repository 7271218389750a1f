//! Cancels an order or some of its lines: what no site has is cancelled here, every site with a part of it is asked.

use std::collections::BTreeSet;

use outpost_model::fulfillment::Answer;
use outpost_model::id::{LineNo, OrderId, ReasonCode};
use outpost_model::intent::HubEvent;
use outpost_model::milestone::Standing;
use outpost_model::rejection::Rejection;

use super::{settle, stand};
use crate::error::{HubError, Verdict};
use crate::store::{case, order, recovery};
use crate::write::Unit;

/// What was done at once and what waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cancelled {
    /// Cases whose site was asked.
    pub asked: Vec<outpost_model::id::CaseId>,
    /// Whether nothing of it was with a site, so that it is over now.
    pub over: bool,
}

/// Cancels lines of an order; none named means all.
pub async fn cancel(
    unit: &mut Unit,
    id: OrderId,
    reason: &ReasonCode,
    lines: &[LineNo],
) -> Result<Verdict<Cancelled>, HubError> {
    let Some(mut row) = order::lock(unit.db(), id).await? else {
        return Ok(Err(Rejection::new("no_such_order", "There is no such order.")));
    };
    let known: BTreeSet<LineNo> = row.order.lines.iter().map(|line| line.line).collect();
    if let Some(stranger) = lines.iter().find(|line| !known.contains(line)) {
        return Ok(Err(Rejection::new("no_such_line", format!("The order has no line {stranger}."))));
    }
    if row.progress.standing == Standing::Cancelled {
        return Ok(Err(Rejection::new("already_cancelled", "The order is cancelled already.")));
    }
    let wanted: BTreeSet<LineNo> =
        if lines.is_empty() { known.clone() } else { lines.iter().copied().collect() };
    let mut cases = case::of_order(unit.db(), id).await?;
    let mut concerned: Vec<usize> =
        (0..cases.len()).filter(|index| is_open(&cases[*index], &wanted)).collect();
    let unrouted = row.route_at.is_some() || cases.is_empty();
    if concerned.is_empty() && !unrouted {
        let sentence =
            "Nothing of it can be cancelled any more: it has left the sites or was cancelled before.";
        return Ok(Err(Rejection::new("nothing_to_cancel", sentence)));
    }
    let whole = wanted == known;
    row.progress.withdrawn.extend(wanted.iter().copied());
    // A site the restored hub still waits for is asked when it has shown what it has.
    let waiting = recovery::sites(unit.db()).await?;
    let later = concerned.iter().any(|index| waiting.contains(&cases[*index].state.header.site));
    concerned.retain(|index| !waiting.contains(&cases[*index].state.header.site));
    let mut asked = Vec::with_capacity(concerned.len());
    for index in concerned {
        let case = &mut cases[index];
        let covers_all = case.state.header.lines.iter().all(|line| wanted.contains(&line.line));
        let lines = if covers_all {
            Vec::new()
        } else {
            case.state
                .header
                .lines
                .iter()
                .map(|line| line.line)
                .filter(|line| wanted.contains(line))
                .collect()
        };
        stand::ask(unit, case, HubEvent::CancelRequested { lines, reason: reason.clone() }).await?;
        asked.push(case.state.header.case);
    }
    if asked.is_empty() && !later && whole && cases.iter().all(|case| case.state.handovers.is_empty()) {
        row.progress.standing = Standing::Cancelled;
        row.reason = Some(reason.to_string());
    }
    settle::with(unit, &mut row, &cases).await?;
    let over = row.progress.standing == Standing::Cancelled;
    Ok(Ok(Cancelled { asked, over }))
}

/// Whether the site still has something of these lines, as far as is known, and was not asked before.
pub(super) fn is_open(case: &case::Row, wanted: &BTreeSet<LineNo>) -> bool {
    let state = &case.state;
    let pending = state.intents.values().any(|intent| {
        intent.kind == "cancel_requested"
            && intent.answer == Answer::Pending
            && (intent.lines.is_empty() || wanted.iter().all(|line| intent.lines.contains(line)))
    });
    let has = state.lines.iter().any(|(line, units)| {
        wanted.contains(line) && !(units.open.is_zero() && units.picked.is_zero() && units.staged.is_zero())
    });
    !pending && has && !state.is_closed()
}
