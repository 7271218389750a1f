//! What of an order is still to be given to a site, and to which sites not again. Pure.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::fulfillment::{End, Fulfillment};
use outpost_model::id::{LineNo, SiteId};
use outpost_model::order::Order;
use outpost_model::quantity::Quantity;
use outpost_model::routing::DemandLine;

/// What is wanted and neither with a site nor delivered. A cancelled or declined unit counts as settled, since its
/// promise is used up; a short one and one of a case that was given back is wanted anew.
pub fn need(order: &Order, withdrawn: &BTreeSet<LineNo>, cases: &[&Fulfillment]) -> Vec<DemandLine> {
    let mut lines = Vec::new();
    for line in order.lines.iter().filter(|line| line.physical && !withdrawn.contains(&line.line)) {
        let covered: Quantity = cases.iter().map(|case| covered(case, line.line)).sum();
        let open = line.qty.saturating_sub(covered);
        if !open.is_zero() {
            let group = line.group.clone();
            lines.push(DemandLine { line: line.line, sku: line.sku.clone(), qty: open, group });
        }
    }
    lines
}

fn covered(case: &Fulfillment, line: LineNo) -> Quantity {
    let Some(units) = case.lines.get(&line) else { return Quantity::ZERO };
    match given_back(case) {
        Some(_) => units.handed_over,
        None => units.sum().saturating_sub(units.short),
    }
}

/// Whether sites have more of an order than was ordered, or amended since.
pub fn is_doubled(order: &Order, cases: &[&Fulfillment]) -> bool {
    order.lines.iter().filter(|line| line.physical).any(|line| {
        let added = |case: &&Fulfillment| case.added.get(&line.line).copied().unwrap_or(Quantity::ZERO);
        let covered: Quantity = cases.iter().map(|case| covered(case, line.line)).sum();
        covered > line.qty + cases.iter().map(added).sum()
    })
}

/// Why a case is no longer its site's, where that is so.
pub fn given_back(case: &Fulfillment) -> Option<&'static str> {
    match case.ended() {
        Some(End::Rejected(_)) => Some("rejected"),
        Some(End::Released(_)) => Some("released"),
        Some(End::Revoked(_)) => Some("revoked"),
        Some(End::Cancelled | End::Expired) | None => None,
    }
}

/// Sites that have failed one of these lines, each with why: they are not asked again.
pub fn failed_sites(lines: &[DemandLine], cases: &[&Fulfillment]) -> BTreeMap<SiteId, String> {
    let mut failed = BTreeMap::new();
    for case in cases {
        let concerned = |line: &DemandLine| case.lines.get(&line.line);
        let site = &case.header.site;
        if let Some(reason) = given_back(case) {
            if lines.iter().any(|line| concerned(line).is_some()) {
                failed.insert(site.clone(), reason.to_owned());
            }
        } else if lines.iter().filter_map(concerned).any(|units| !units.short.is_zero()) {
            failed.entry(site.clone()).or_insert_with(|| "short".to_owned());
        }
    }
    failed
}
