//! Which sites do which part of an order: pure, deterministic, and every verdict kept with its reasons.

mod assign;
mod filter;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::header::{PartialRule, Service};
use crate::id::{GroupId, LineNo, SiteId, Sku};
use crate::order::Delivery;
use crate::quantity::Quantity;

/// A place on earth, degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coordinates {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// What is to be delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// How and where to.
    pub delivery: Delivery,
    /// Where that is, as far as it is known: the destination of a parcel or the site of collection.
    pub near: Option<Coordinates>,
    /// What.
    pub lines: Vec<DemandLine>,
    /// What to do when only part can be had.
    pub partial: PartialRule,
    /// Sites that must not be asked (again), and why: a reason code such as `rejected`.
    pub excluded: BTreeMap<SiteId, String>,
}

/// One line to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemandLine {
    /// The order line.
    pub line: LineNo,
    /// What.
    pub sku: Sku,
    /// How many.
    pub qty: Quantity,
    /// Lines of a group are never parted.
    pub group: Option<GroupId>,
}

/// A site that may be asked, as the hub knows it now.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The site.
    pub site: SiteId,
    /// What it offers.
    pub services: BTreeSet<Service>,
    /// Countries it ships to; empty means all.
    pub countries: BTreeSet<String>,
    /// Beginnings of postal codes it ships to; empty means all.
    pub postal_prefixes: BTreeSet<String>,
    /// Where it is.
    pub at: Option<Coordinates>,
    /// Whether it has not closed ahead of its calendar; nights are the promise's business. Does not matter for a
    /// pickup: the customer chose the site.
    pub open: bool,
    /// Whether it has paused the service.
    pub paused: bool,
    /// Whether it has been out of contact for longer than the service allows.
    pub silent: bool,
    /// Cases it may still take today; absent: no limit.
    pub capacity_left: Option<u32>,
    /// Cases it works on.
    pub load: u32,
    /// The merchant's preference; lower goes first.
    pub priority: i32,
    /// Rights the hub may still promise there, by SKU.
    pub unused: BTreeMap<Sku, u64>,
}

/// How sites are compared; the first criterion that tells them apart decides, then the site's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Nearest first; unknown places last.
    Distance,
    /// Most unused rights for the demanded SKUs first.
    Rights,
    /// Fewest cases in work first.
    Load,
    /// Lowest priority number first.
    Priority,
}

/// Over how many sites an order may be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Not at all.
    Never,
    /// Over at most this many sites.
    AtMost(u8),
}

/// The merchant's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutingRules {
    /// Criteria in order of weight.
    pub sort: Vec<Sort>,
    /// How an order may be split.
    pub split: Split,
}

/// Part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The order line.
    pub line: LineNo,
    /// How many.
    pub qty: Quantity,
}

/// What one site is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The site.
    pub site: SiteId,
    /// What; never empty.
    pub lines: Vec<Part>,
}

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is asked.
    Chosen,
    /// It could have been asked.
    Passed,
    /// It could not.
    Refused,
}

/// A candidate, the verdict and the reasons for and against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    /// The site.
    pub site: SiteId,
    /// The verdict.
    pub verdict: Verdict,
    /// What speaks for it, as codes with values such as `distance_km=12`.
    pub reasons_for: Vec<String>,
    /// What speaks against it.
    pub reasons_against: Vec<String>,
}

/// Who does what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Work for sites, in the order they were chosen.
    pub assignments: Vec<Assignment>,
    /// All candidates in the order they were ranked; those refused last.
    pub considered: Vec<Considered>,
    /// What nobody can do.
    pub unassigned: Vec<Part>,
}

/// Plans who does what. The same input gives the same plan: nothing depends on the order of candidates.
///
/// A pickup goes to the site the customer chose or to nobody. Otherwise one site that has everything is preferred,
/// then two, then as many as the rules allow, taking at each step the one that has most of what is left.
pub fn route(demand: &Demand, candidates: &[Candidate], rules: &RoutingRules) -> Plan {
    let mut ranked = Vec::new();
    let mut refused = Vec::new();
    for candidate in candidates {
        let against = filter::against(demand, candidate);
        match against.is_empty() {
            true => ranked.push(candidate),
            false => refused.push(Considered {
                site: candidate.site.clone(),
                verdict: Verdict::Refused,
                reasons_for: filter::in_favor(demand, candidate),
                reasons_against: against,
            }),
        }
    }
    filter::rank(demand, &mut ranked, &rules.sort);
    refused.sort_by(|one, other| one.site.cmp(&other.site));
    let blocks = assign::blocks(demand);
    let assignments = assign::assign(demand, &blocks, &ranked, rules.split);
    let mut considered: Vec<Considered> =
        ranked.iter().map(|candidate| verdict(demand, &blocks, candidate, &assignments)).collect();
    considered.extend(refused);
    let unassigned = assign::left_over(demand, &assignments);
    Plan { assignments, considered, unassigned }
}

fn verdict(
    demand: &Demand,
    blocks: &[assign::Block],
    candidate: &Candidate,
    assignments: &[Assignment],
) -> Considered {
    let chosen = assignments.iter().any(|assignment| assignment.site == candidate.site);
    let has = assign::units(&assign::take(candidate, blocks));
    let asked: u64 = demand.lines.iter().map(|line| u64::from(line.qty.get())).sum();
    let covers = format!("has={has}/{asked}");
    let mut reasons_for = filter::in_favor(demand, candidate);
    let mut reasons_against = Vec::new();
    if has == asked {
        reasons_for.push(covers)
    } else {
        reasons_against.push(covers)
    }
    if !chosen {
        reasons_against
            .push(if assignments.is_empty() { "not_enough_in_all" } else { "others_first" }.to_owned());
    }
    let verdict = if chosen { Verdict::Chosen } else { Verdict::Passed };
    Considered { site: candidate.site.clone(), verdict, reasons_for, reasons_against }
}
