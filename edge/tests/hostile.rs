//! Changes made by somebody with the hub's key to break the site that reads them, with checksums that are right: each costs
//! a bounded time and memory, is set aside, and work goes on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

#[path = "../../sync/engine/tests/forge/attack.rs"]
mod attack;
#[path = "../../sync/engine/tests/forge/mod.rs"]
mod forge;

use std::time::{Duration, Instant};

use attack::{dear, mutated};
use forge::{Forged, change};
use outpost_edge::store;
use outpost_edge::testing::Bench;
use outpost_edge::write::{Answer, Job};
use outpost_model::header::Service;
use outpost_sync::{Change, Item};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Cases that the changes pretend to belong to: the first refused one holds its case.
const CASES: usize = 40;
/// Mutated changes for each.
const EACH: usize = 15;

/// The memory this process ever had at once, in KiB.
fn memory_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// A change as the hub would write it next.
fn genuine(founding: &Change) -> Forged {
    let read = outpost_sync::Inspection::of(founding, &outpost_sync::Limits::PROTOCOL).unwrap();
    let text = r#"{"n":1,"seen":0,"at":1,"by":"hub","kind":"hold_requested","data":{"reason":"payment"}}"#;
    let id = format!("{:032x}.0", 7);
    Forged {
        deps: vec![founding.hash.0],
        author: read.author.0.to_vec(),
        ..Forged::entries(&[(id.as_str(), text)])
    }
}

#[test]
fn no_forged_change_of_the_hub_stops_a_site_or_costs_much() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 100);
    bench.offer(Service::Pickup, CASES as u32);
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let foundings: Vec<Change> = bench
        .hub
        .all_changes()
        .into_iter()
        .filter(|change| change.doc.as_str().starts_with("case/") && change.deps().unwrap().is_empty())
        .collect();
    assert_eq!(foundings.len(), CASES);
    let bombs = dear(&genuine(&foundings[0]));
    let (mut forged, mut aside, mut slowest) = (0, 0, Duration::ZERO);
    let before = memory_peak();
    for (founding, i) in foundings.iter().zip(0..) {
        let next = genuine(founding);
        let first = bombs.get(i).map(Forged::content);
        let others: Vec<Vec<u8>> = (0..EACH).map(|_| mutated(next.content(), &mut rng)).collect();
        for content in first.into_iter().chain(others) {
            let Ok(change) = change(founding.doc.as_str(), 1, &content) else { continue };
            let item = bench.hub.item(Item::Change(change));
            let job = Job::Merge(bench.hub.batch(vec![item]));
            let started = Instant::now();
            let Answer::Merged(refused) = bench.job(job) else { panic!("it was not counted as received") };
            slowest = slowest.max(started.elapsed());
            (forged, aside) = (forged + 1, aside + refused.len());
        }
    }
    let grown = memory_peak().saturating_sub(before);
    println!(
        "{forged} forged changes, {aside} set aside, slowest {slowest:?}, memory peak grown by {grown} KiB"
    );
    assert!(forged > CASES * EACH / 2 && aside > forged / 2, "{aside} of {forged}");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    assert!(grown < 64 << 10, "{grown} KiB");
    let other = bench.offer(Service::Pickup, 1)[0];
    assert!(matches!(bench.pick(other, "T-1"), Answer::Applied(_)), "work goes on");
    let views = store::query::verify::documents(bench.core.connection(), true).unwrap();
    assert!(views.iter().all(|view| view.projection_ok == Some(true)));
}
