//! Who is asked to do what, and why.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{q, sku};
use outpost_model::header::{PartialRule, Service};
use outpost_model::id::{GroupId, LineNo, SiteId};
use outpost_model::order::Delivery;
use outpost_model::routing::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn site(name: &str) -> SiteId {
    SiteId::new(name).unwrap()
}

fn candidate(name: &str, unused: &[(&str, u64)]) -> Candidate {
    Candidate {
        site: site(name),
        services: BTreeSet::from(Service::ALL),
        countries: BTreeSet::new(),
        postal_prefixes: BTreeSet::new(),
        at: None,
        open: true,
        paused: false,
        silent: false,
        capacity_left: None,
        load: 0,
        priority: 0,
        unused: unused.iter().map(|(name, units)| (sku(name), *units)).collect(),
    }
}

fn ship() -> Delivery {
    Delivery::Ship {
        country: "DE".to_owned(),
        postal_code: "10115".to_owned(),
        method: "standard".to_owned(),
    }
}

fn demand(lines: &[(&str, u32, Option<&str>)]) -> Demand {
    Demand {
        delivery: ship(),
        near: Some(Coordinates { latitude: 52.53, longitude: 13.38 }),
        lines: lines
            .iter()
            .zip(1..)
            .map(|((name, qty, group), line)| DemandLine {
                line: LineNo(line),
                sku: sku(name),
                qty: q(*qty),
                group: group.map(|group| GroupId::new(group).unwrap()),
            })
            .collect(),
        partial: PartialRule::ShipAvailable,
        excluded: BTreeMap::new(),
    }
}

fn rules(split: Split) -> RoutingRules {
    RoutingRules { sort: vec![Sort::Distance, Sort::Rights, Sort::Load, Sort::Priority], split }
}

/// Site, then line and quantity of each part.
fn shape(plan: &Plan) -> Vec<(String, Vec<(u16, u32)>)> {
    let parts = |parts: &[Part]| parts.iter().map(|part| (part.line.0, part.qty.get())).collect();
    plan.assignments.iter().map(|entry| (entry.site.to_string(), parts(&entry.lines))).collect()
}

fn against(plan: &Plan, name: &str) -> Vec<String> {
    plan.considered.iter().find(|entry| entry.site == site(name)).unwrap().reasons_against.clone()
}

#[test]
fn every_filter_speaks_for_itself() {
    let mugs = [("MUG", 9)];
    let change = |name: &str, act: &dyn Fn(&mut Candidate)| {
        let mut changed = candidate(name, &mugs);
        act(&mut changed);
        changed
    };
    let candidates = [
        change("abroad", &|site| site.countries = BTreeSet::from(["FR".to_owned()])),
        change("at-home", &|site| site.countries = BTreeSet::from(["DE".to_owned()])),
        change("closed", &|site| site.open = false),
        change("elsewhere", &|site| site.postal_prefixes = BTreeSet::from(["8".to_owned()])),
        change("empty", &|site| site.unused.clear()),
        change("excluded", &|_| {}),
        change("full", &|site| site.capacity_left = Some(0)),
        change("no-parcels", &|site| site.services = BTreeSet::from([Service::Pickup])),
        change("nearly-full", &|site| site.capacity_left = Some(1)),
        change("paused", &|site| site.paused = true),
        change("silent", &|site| site.silent = true),
    ];
    let mut wanted = demand(&[("MUG", 1, None)]);
    wanted.excluded.insert(site("excluded"), "rejected".to_owned());
    let plan = route(&wanted, &candidates, &rules(Split::Never));
    insta::assert_json_snapshot!("filters", plan);
}

#[test]
fn criteria_decide_in_their_order() {
    let mut near = candidate("near", &[("MUG", 1)]);
    near.at = Some(Coordinates { latitude: 52.52, longitude: 13.40 });
    let mut far = candidate("far", &[("MUG", 5)]);
    far.at = Some(Coordinates { latitude: 48.14, longitude: 11.58 });
    let unknown = candidate("unknown", &[("MUG", 50)]);
    let all = [unknown, far, near];
    let first = |sort: &[Sort]| {
        let rules = RoutingRules { sort: sort.to_vec(), split: Split::Never };
        shape(&route(&demand(&[("MUG", 1, None)]), &all, &rules))[0].0.clone()
    };
    assert_eq!(first(&[Sort::Distance]), "near");
    assert_eq!(first(&[Sort::Rights]), "unknown");
    assert_eq!(first(&[]), "far", "the id decides between equals");
    let mut busy = all.clone();
    busy[1].load = 3;
    let by_load = RoutingRules { sort: vec![Sort::Load, Sort::Distance], split: Split::Never };
    assert_eq!(shape(&route(&demand(&[("MUG", 1, None)]), &busy, &by_load))[0].0, "near");
    busy[0].priority = -1;
    let by_priority = RoutingRules { sort: vec![Sort::Priority], split: Split::Never };
    assert_eq!(shape(&route(&demand(&[("MUG", 1, None)]), &busy, &by_priority))[0].0, "unknown");
}

#[test]
fn distances_are_great_circles() {
    let mut berlin = candidate("berlin", &[("MUG", 1)]);
    berlin.at = Some(Coordinates { latitude: 52.5200, longitude: 13.4050 });
    let mut wanted = demand(&[("MUG", 1, None)]);
    wanted.near = Some(Coordinates { latitude: 48.1374, longitude: 11.5755 });
    let plan = route(&wanted, &[berlin], &rules(Split::Never));
    // Berlin to Munich as the crow flies is 504 km.
    assert!(plan.considered[0].reasons_for.contains(&"distance_km=505".to_owned()), "{:?}", plan.considered);
}

#[test]
fn one_site_with_everything_is_preferred_to_two_better_ones() {
    let candidates = [
        candidate("a", &[("MUG", 1)]),
        candidate("b", &[("TRAY", 1)]),
        candidate("c", &[("MUG", 1), ("TRAY", 1)]),
    ];
    let wanted = demand(&[("MUG", 1, None), ("TRAY", 1, None)]);
    let plan = route(&wanted, &candidates, &rules(Split::AtMost(3)));
    assert_eq!(shape(&plan), [("c".to_owned(), vec![(1, 1), (2, 1)])]);
    assert_eq!(against(&plan, "a"), ["has=1/2", "others_first"]);
}

#[test]
fn a_split_is_as_small_as_it_can_be() {
    // The greedy way would begin with "a", which has most, and need three sites.
    let candidates = [
        candidate("a", &[("MUG", 2), ("TRAY", 2)]),
        candidate("b", &[("MUG", 3)]),
        candidate("c", &[("TRAY", 3)]),
    ];
    let wanted = demand(&[("MUG", 3, None), ("TRAY", 3, None)]);
    let plan = route(&wanted, &candidates, &rules(Split::AtMost(2)));
    assert_eq!(shape(&plan), [("b".to_owned(), vec![(1, 3)]), ("c".to_owned(), vec![(2, 3)])]);
    assert!(plan.unassigned.is_empty());
}

#[test]
fn pairs_are_tried_among_the_best_only() {
    let plan = |before: usize| {
        let mut candidates: Vec<_> = (0..before)
            .map(|place| candidate(&format!("a-{place:03}"), &[("MUG", 2), ("TRAY", 2)]))
            .collect();
        candidates.push(candidate("b", &[("MUG", 3)]));
        candidates.push(candidate("c", &[("TRAY", 3)]));
        let by_id = RoutingRules { sort: vec![], split: Split::AtMost(2) };
        let wanted = demand(&[("MUG", 3, None), ("TRAY", 3, None)]);
        shape(&route(&wanted, &candidates, &by_id)).into_iter().map(|(site, _)| site).collect::<Vec<_>>()
    };
    // Two of the first kind do it together as well, and rank higher.
    assert_eq!(plan(2), ["a-000", "a-001"]);
    assert_eq!(plan(1), ["b", "c"]);
    let mut lone: Vec<_> =
        (0..63).map(|place| candidate(&format!("a-{place:03}"), &[("LID", 1), ("MUG", 1)])).collect();
    lone.push(candidate("b", &[("MUG", 3)]));
    lone.push(candidate("c", &[("TRAY", 3)]));
    let by_id = RoutingRules { sort: vec![], split: Split::AtMost(2) };
    let wanted = demand(&[("MUG", 3, None), ("TRAY", 3, None)]);
    let found = shape(&route(&wanted, &lone, &by_id));
    assert_eq!(found.len(), 2, "the greedy way finds the one that stands beyond the 64th place");
}

#[test]
fn a_split_ends_at_its_limit() {
    let candidates =
        [candidate("a", &[("MUG", 1)]), candidate("b", &[("MUG", 1)]), candidate("c", &[("MUG", 1)])];
    let wanted = demand(&[("MUG", 3, None)]);
    let left = |split| {
        route(&wanted, &candidates, &rules(split)).unassigned.iter().map(|part| part.qty.get()).sum::<u32>()
    };
    assert_eq!([Split::Never, Split::AtMost(0), Split::AtMost(1)].map(left), [2, 2, 2]);
    assert_eq!([Split::AtMost(2), Split::AtMost(3)].map(left), [1, 0]);
}

#[test]
fn all_or_nothing_is_not_begun() {
    let candidates = [candidate("a", &[("MUG", 1)])];
    let mut wanted = demand(&[("MUG", 2, None)]);
    wanted.partial = PartialRule::AllOrNothing;
    let plan = route(&wanted, &candidates, &rules(Split::AtMost(3)));
    assert_eq!((shape(&plan).len(), plan.unassigned.len()), (0, 1));
    assert_eq!(against(&plan, "a"), ["has=1/2", "not_enough_in_all"]);
}

#[test]
fn a_group_stays_together_or_waits() {
    let group = Some("set");
    let candidates = [candidate("a", &[("MUG", 1), ("LID", 1)]), candidate("b", &[("TRAY", 1)])];
    let wanted = demand(&[("MUG", 1, group), ("LID", 1, None), ("TRAY", 1, group)]);
    let plan = route(&wanted, &candidates, &rules(Split::AtMost(3)));
    assert_eq!(shape(&plan), [("a".to_owned(), vec![(2, 1)])]);
    assert_eq!(plan.unassigned.iter().map(|part| part.line.0).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn two_lines_of_one_product_share_its_rights() {
    let candidates = [candidate("a", &[("MUG", 3)])];
    let wanted = demand(&[("MUG", 2, None), ("MUG", 2, None)]);
    let plan = route(&wanted, &candidates, &rules(Split::Never));
    assert_eq!(shape(&plan), [("a".to_owned(), vec![(1, 2), (2, 1)])]);
}

#[test]
fn a_pickup_goes_to_the_chosen_site_or_to_nobody() {
    let mut chosen = candidate("chosen", &[("MUG", 1)]);
    chosen.open = false;
    let candidates = [candidate("better", &[("MUG", 9)]), chosen.clone()];
    let mut wanted = demand(&[("MUG", 1, None)]);
    wanted.delivery = Delivery::Pickup { site: site("chosen") };
    assert_eq!(shape(&route(&wanted, &candidates, &rules(Split::AtMost(3))))[0].0, "chosen");
    chosen.silent = true;
    let plan = route(&wanted, &[candidates[0].clone(), chosen], &rules(Split::AtMost(3)));
    assert!(plan.assignments.is_empty());
    assert_eq!(against(&plan, "better"), ["not_the_chosen_site"]);
    assert_eq!(against(&plan, "chosen"), ["silent"]);
}

proptest! {
    #[test]
    fn plans_promise_no_more_than_rights_and_forget_nothing(
        stocks in vec(vec(0_u64..4, 3), 0..6),
        wanted in vec((0_usize..3, 1_u32..5, any::<bool>()), 1..5),
        sites_max in 0_u8..4,
        turned in any::<prop::sample::Index>(),
    ) {
        let names = ["MUG", "TRAY", "LID"];
        let mut candidates: Vec<_> = stocks
            .iter()
            .enumerate()
            .map(|(place, units)| {
                let unused: Vec<_> = names.iter().copied().zip(units.iter().copied()).collect();
                candidate(&format!("s{place}"), &unused)
            })
            .collect();
        let lines: Vec<_> = wanted.iter().map(|(what, qty, set)| (names[*what], *qty, set.then_some("set"))).collect();
        let demand = demand(&lines);
        let rules = rules(Split::AtMost(sites_max));
        let plan = route(&demand, &candidates, &rules);
        for line in &demand.lines {
            let of = |parts: &[Part]| parts.iter().filter(|part| part.line == line.line).map(|part| part.qty.get()).sum::<u32>();
            let given: u32 = plan.assignments.iter().map(|entry| of(&entry.lines)).sum();
            prop_assert_eq!(given + of(&plan.unassigned), line.qty.get());
        }
        for entry in &plan.assignments {
            prop_assert!(!entry.lines.is_empty());
            let has = &candidates.iter().find(|candidate| candidate.site == entry.site).unwrap().unused;
            let mut asked: BTreeMap<_, u64> = BTreeMap::new();
            for part in &entry.lines {
                let line = demand.lines.iter().find(|line| line.line == part.line).unwrap();
                *asked.entry(line.sku.clone()).or_default() += u64::from(part.qty.get());
                if line.group.is_some() {
                    prop_assert_eq!(part.qty, line.qty, "a group is not parted");
                }
            }
            for (sku, units) in asked {
                prop_assert!(units <= has.get(&sku).copied().unwrap_or(0));
            }
        }
        prop_assert!(plan.assignments.len() <= usize::from(sites_max.max(1)));
        prop_assert_eq!(plan.considered.len(), candidates.len());
        // Another order of candidates gives the same plan.
        if !candidates.is_empty() {
            let by = turned.index(candidates.len());
            candidates.rotate_left(by);
            candidates.reverse();
            prop_assert_eq!(route(&demand, &candidates, &rules), plan);
        }
    }
}
