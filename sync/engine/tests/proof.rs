//! A hub whose database was put back while it went on in its life: the site that knows more proves it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use outpost_sync::{Notice, Side};

const PROOF: u8 = 13;

/// The site has seven items of the hub, and was greeted when it had them.
fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.connect();
    world.run_until_quiet();
    for _ in 0..3 {
        world.write(Side::Hub, "case/1", 1);
        world.write(Side::Hub, "case/2", 1);
        world.run_until_quiet();
    }
    world.run(120_000);
    assert_eq!(world.alice.applied.len(), 8);
    world
}

fn put_the_hub_back(world: &mut World, items: usize) {
    world.cut();
    world.bob.lose_tail(items);
    world.bob.reopen();
    world.connect();
}

fn claims(world: &World) -> Vec<(u64, bool)> {
    let claims = world.bob.notices.iter().filter_map(|notice| match notice {
        Notice::Claimed { there, proven, .. } => Some((*there, *proven)),
        _ => None,
    });
    claims.collect()
}

fn proofs(world: &World) -> usize {
    world.kinds.iter().filter(|kind| **kind == PROOF).count()
}

#[test]
fn nothing_is_said_of_proofs_while_nothing_is_missing() {
    let mut world = world(61);
    world.cut();
    world.connect();
    world.run(120_000);
    world.restart(Side::Hub);
    world.run(120_000);
    assert_eq!((proofs(&world), claims(&world)), (0, Vec::new()));
}

#[test]
fn a_site_that_runs_on_shows_the_last_it_was_sent() {
    let mut world = world(62);
    world.write(Side::Hub, "case/1", 1);
    world.run(1_000);
    put_the_hub_back(&mut world, 1);
    world.run(5_000);
    assert_eq!(
        claims(&world),
        [(9, true)],
        "no welcome has named the ninth: the frame that brought it proves it"
    );
    assert!(proofs(&world) >= 1);
    assert!(!world.alice.notices.iter().any(|notice| matches!(notice, Notice::Doubted(_))));
}

#[test]
fn a_site_that_was_started_again_shows_what_it_has_written_down() {
    let mut world = world(63);
    world.cut();
    world.restart(Side::Site);
    put_the_hub_back(&mut world, 2);
    world.run(5_000);
    assert_eq!(claims(&world), [(8, true)]);
}

#[test]
fn a_site_that_kept_nothing_is_doubted_and_hears_of_it() {
    let mut world = world(64);
    world.alice.proof = None;
    world.cut();
    world.restart(Side::Site);
    put_the_hub_back(&mut world, 2);
    world.run(600_000);
    assert_eq!(claims(&world), [(8, false)], "once a conversation");
    assert!(proofs(&world) <= 3, "nobody goes on asking");
    let doubted = world.alice.notices.iter().filter(|notice| matches!(notice, Notice::Doubted(_))).count();
    assert_eq!(doubted, 1);
    // It goes on sending what it writes.
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.run(10_000);
    assert_eq!(world.alice.unacknowledged(), 0);
}
