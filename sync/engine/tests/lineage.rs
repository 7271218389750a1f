//! Replicas that were rolled back, set up anew or cloned; hubs of other epochs; peers too old or too many to talk with.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Replica, World};
use outpost_sync::lineage::Finding;
use outpost_sync::{Input, Notice, Position, Schema, Settings, Side};

const LEDGER: &str = "ledger/berlin-1/0";

/// A world in which the store has written `n` changes that the hub has, and the hub retires what is over.
fn world(seed: u64, n: usize) -> World {
    let mut world = World::new(seed);
    world.bob.retires = true;
    world.connect();
    for _ in 0..n {
        world.write(Side::Site, LEDGER, 1);
    }
    world.run_until_quiet();
    world
}

fn behind(replica: &Replica) -> Vec<Vec<Position>> {
    let behind = replica.notices.iter().filter_map(|notice| match notice {
        Notice::Behind(lost) => Some(lost.clone()),
        _ => None,
    });
    behind.collect()
}

fn findings(replica: &Replica) -> Vec<Finding> {
    let found = replica.notices.iter().filter_map(|notice| match notice {
        Notice::Past { findings, .. } => Some(findings.clone()),
        _ => None,
    });
    found.flatten().collect()
}

#[test]
fn a_restored_store_hears_what_it_has_lost_and_goes_on_in_a_new_life() {
    let mut world = world(31, 3);
    let backup = world.alice.disk();
    let first = world.alice.actor();
    world.write(Side::Site, LEDGER, 1);
    world.restart(Side::Site);
    world.write(Side::Site, LEDGER, 1);
    world.run_until_quiet();
    let second = world.alice.actor();
    world.alice.restore(backup);
    world.restart(Side::Site);
    world.write(Side::Site, "ledger/berlin-1/9", 1);
    world.run(40_000);
    let lost = vec![Position { incarnation: first, n: 5 }, Position { incarnation: second, n: 1 }];
    assert_eq!(behind(&world.alice), [lost], "told once, and not any more once the hub has retired it");
    let (parent, new) = (Position { incarnation: first, n: 5 }, world.alice.actor());
    let rolled_back = Finding::RolledBack { incarnation: first, here: 5, there: 4 };
    assert_eq!(findings(&world.bob), [rolled_back, Finding::Forked { parent, known: second, new }]);
    assert_eq!(world.alice.unacknowledged(), 0, "what it writes now is taken");
    world.restart(Side::Site);
    world.run(40_000);
    assert_eq!(findings(&world.bob).len(), 2, "its next life is the child of a good one");
}

#[test]
fn of_two_clones_the_later_one_goes_on_and_the_other_is_refused() {
    let mut world = world(32, 3);
    let image = world.alice.disk();
    let first = world.alice.actor();
    world.write(Side::Site, LEDGER, 1);
    world.run_until_quiet();
    let running = world.alice.disk();
    world.alice.restore(image);
    world.restart(Side::Site);
    world.write(Side::Site, "ledger/berlin-1/9", 1);
    world.run(20_000);
    let clone = world.alice.disk();
    let stored = world.bob.applied.len();
    // The appliance that was cloned still runs, and writes under its name.
    world.alice.restore(running);
    world.alice.reopen();
    world.give(Side::Site, Input::LineUp);
    world.write(Side::Site, LEDGER, 1);
    world.run(40_000);
    assert_eq!(world.bob.applied.len(), stored, "nothing of it is taken");
    assert!(world.bob.notices.contains(&Notice::PeerRetired(first)));
    let told = world.alice.notices.iter().filter(|notice| **notice == Notice::Retired(first)).count();
    assert_eq!(told, 1, "told once, however often it says hello");
    assert_eq!(world.alice.unacknowledged(), 1, "and it keeps what it wrote");
    // A new life of it is a child of what was retired.
    world.restart(Side::Site);
    world.run(40_000);
    assert_eq!(world.bob.applied.len(), stored);
    // The other clone was not disturbed.
    world.alice.restore(clone);
    world.restart(Side::Site);
    world.write(Side::Site, "ledger/berlin-1/9", 1);
    world.run(20_000);
    assert_eq!(world.bob.applied.len(), stored + 1);
}

#[test]
fn a_store_with_an_empty_disk_hears_of_its_past() {
    let mut world = world(33, 3);
    let first = world.alice.actor();
    world.alice.wipe();
    world.restart(Side::Site);
    world.run(5_000);
    assert_eq!(behind(&world.alice), [vec![Position { incarnation: first, n: 4 }]]);
    assert!(matches!(findings(&world.bob)[..], [Finding::Replaced { .. }]));
}

#[test]
fn the_hub_hears_of_a_loss_that_only_the_store_knows_of() {
    let mut world = world(34, 1);
    let lost = Position { incarnation: world.alice.actor(), n: 7 };
    let told = |world: &World, wanted| {
        let all = world.bob.notices.iter();
        all.filter(|notice| matches!(notice, Notice::Greeted { lost, .. } if *lost == wanted)).count()
    };
    world.alice.lost = Some(lost);
    world.restart(Side::Site);
    world.run(40_000);
    assert_eq!(told(&world, Some(lost)), 1, "once a conversation");
    let others = told(&world, None);
    world.give(Side::Site, Input::Lost(None));
    world.run(20_000);
    assert_eq!(told(&world, None), others + 1, "and when it is restored");
}

#[test]
fn a_life_minted_within_a_conversation_is_registered_with_its_parent() {
    let mut world = world(35, 2);
    for _ in 0..3 {
        let links = world.mint();
        world.give(Side::Site, links);
        world.write(Side::Site, LEDGER, 1);
        world.run_until_quiet();
    }
    assert_eq!(world.bob.lives.len(), 4);
    assert!(world.bob.lives[1..].iter().all(|life| life.parent.is_some()));
    world.restart(Side::Site);
    world.run(20_000);
    assert_eq!(findings(&world.bob), []);
}

#[test]
fn only_a_welcome_that_answers_a_hello_of_this_line_counts_and_only_once() {
    let mut world = World::new(36);
    world.bob.authority = b"first".to_vec();
    world.restart(Side::Hub);
    world.connect();
    world.run_until_quiet();
    let welcomes = |world: &World| -> Vec<Vec<u8>> {
        let all = world.tape.iter().filter(|(from, frame)| *from == Side::Hub && frame[1] == 2);
        all.map(|(_, frame)| frame.clone()).collect()
    };
    let times = |world: &World| {
        world.alice.notices.iter().filter(|notice| matches!(notice, Notice::HubTime { .. })).count()
    };
    let (old, heard) = (welcomes(&world), times(&world));
    assert_eq!(heard, old.len());
    for welcome in &old {
        world.give(Side::Site, Input::Received(welcome.clone()));
    }
    assert_eq!(times(&world), heard, "the same line: each answer counts once");
    world.cut();
    world.connect();
    for welcome in &old {
        world.give(Side::Site, Input::Received(welcome.clone()));
    }
    assert_eq!(times(&world), heard, "a later line: answers to its own hellos only");
    assert!(!world.alice.session.is_established());
    world.run_until_quiet();
    assert!(times(&world) > heard);
}

/// A hello that is said twice is answered twice, and the first answer may be overtaken by the second. It says less of what
/// the hub has than is known by then.
#[test]
fn a_welcome_that_was_overtaken_takes_no_acknowledgement_back() {
    let mut world = World::new(38);
    world.connect();
    while world.tape.is_empty() {
        world.run(1);
    }
    world.faults.drop_percent = 100;
    world.run(10);
    let (_, overtaken) = world.tape.iter().find(|(from, _)| *from == Side::Hub).cloned().unwrap();
    world.faults.drop_percent = 0;
    for _ in 0..3 {
        world.write(Side::Site, LEDGER, 1);
    }
    world.run_until_quiet();
    let written = world.alice.sent().len();
    let newest = world.alice.log.pop().unwrap();
    world.alice.log = vec![newest];
    world.give(Side::Site, Input::Received(overtaken));
    world.write(Side::Site, LEDGER, 1);
    world.run_until_quiet();
    let forgotten = |notice: &&Notice| matches!(notice, Notice::Forgotten { .. });
    assert_eq!(world.alice.notices.iter().find(forgotten), None, "the hub has had all of it");
    assert_eq!(world.bob.received().len(), written + 1);
}

#[test]
fn peers_without_a_common_version_exchange_nothing_and_lose_nothing() {
    let mut world = World::new(37);
    world.bob.schema = Schema { min: 2, max: 3 };
    world.restart(Side::Hub);
    world.write(Side::Site, LEDGER, 1);
    world.write(Side::Hub, "case/1", 1);
    world.connect();
    world.run(60_000);
    assert!(world.bob.applied.is_empty() && world.alice.applied.is_empty());
    assert!(!world.kinds.contains(&3), "no batch is sent into the void");
    let apart = Notice::SchemaApart { ours: Schema { min: 1, max: 1 }, theirs: Schema { min: 2, max: 3 } };
    assert!(world.alice.notices.contains(&apart));
    assert!(world.bob.notices.iter().any(|notice| matches!(notice, Notice::SchemaApart { .. })));
    assert!(world.alice.notices.iter().any(|notice| matches!(notice, Notice::HubTime { .. })));
    world.alice.schema = Schema { min: 1, max: 2 };
    world.restart(Side::Site);
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn a_store_with_a_long_backlog_waits_while_others_drain_and_a_short_one_does_not() {
    let settings = Settings { backlog_items_long: 20, ..Settings::default() };
    let mut world = World::with(38, settings);
    world.write(Side::Site, LEDGER, 1);
    world.give(Side::Hub, Input::Crowded(true));
    world.connect();
    world.run_until_quiet();
    world.cut();
    for _ in 0..30 {
        world.write(Side::Site, LEDGER, 1);
    }
    world.connect();
    world.run(100_000);
    assert_eq!(world.alice.unacknowledged(), 30);
    let waits: Vec<u64> = world
        .alice
        .notices
        .iter()
        .filter_map(|notice| if let Notice::Deferred(ms) = notice { Some(*ms) } else { None })
        .collect();
    assert!((4..=10).contains(&waits.len()), "{waits:?}");
    assert!(waits.iter().all(|ms| (10_000..20_000).contains(ms)), "{waits:?}");
    assert!(waits.windows(2).any(|pair| pair[0] != pair[1]), "not all at the same moment");
    world.give(Side::Hub, Input::Crowded(false));
    assert!(world.run_until_quiet() < 21_000);
    world.give(Side::Hub, Input::Crowded(true));
    for _ in 0..30 {
        world.write(Side::Site, LEDGER, 1);
    }
    world.run(40_000);
    assert_eq!(world.alice.unacknowledged(), 0, "a conversation that has begun is not interrupted");
    world.assert_healed();
}

#[test]
fn a_store_that_restarted_a_hundred_times_without_a_line_names_its_lives_bit_by_bit() {
    let mut world = World::new(39);
    world.bob.backups = true;
    world.restart(Side::Hub);
    for _ in 0..150 {
        world.write(Side::Site, LEDGER, 1);
        world.restart(Side::Site);
    }
    world.write(Side::Site, LEDGER, 1);
    world.connect();
    world.run(60_000);
    assert_eq!(world.bob.entries(LEDGER), 151);
    assert_eq!(world.bob.received(), world.alice.sent(), "in the order of writing");
    assert!(findings(&world.bob).is_empty(), "{:?}", findings(&world.bob));
    let named = world.bob.notices.iter().filter_map(|notice| match notice {
        Notice::Greeted { links, .. } => Some(links.len()),
        _ => None,
    });
    let named: Vec<usize> = named.collect();
    assert!(named.iter().all(|links| *links <= 64), "{named:?}");
    assert!(named.contains(&64), "{named:?}");
    assert_eq!(world.alice.unacknowledged(), 152, "nothing is in a backup yet");
    let sent = world.kinds.iter().filter(|kind| **kind == 3).count();
    world.restart(Side::Site);
    world.run(60_000);
    let again = world.kinds.iter().filter(|kind| **kind == 3).count();
    assert!(again <= sent + 8, "hardly anything that is stored is sent again: {} frames", again - sent);
    // A backup: every life is named again sooner or later, and forgotten.
    let saved = world.bob.back_up();
    world.give(Side::Hub, saved);
    world.run_until_quiet();
}

#[test]
fn what_was_forgotten_with_reason_is_named_as_a_gap_and_does_not_block_the_stream() {
    let mut world = World::new(40);
    world.connect();
    for n in 0..4 {
        world.send_record(Side::Hub, &n.to_string(), 10);
    }
    world.run_until_quiet();
    let old = world.alice.disk();
    for n in 4..12 {
        world.send_record(Side::Hub, &n.to_string(), 10);
        world.run(100);
    }
    world.run_until_quiet();
    let (life, running) = (world.bob.actor(), world.alice.progress.clone());
    // The hub forgets 6, 7, 8 and 10 of its items; then the store is restored from a copy that had four.
    world.bob.log.retain(|row| ![6, 7, 8, 10].contains(&row.mark.n));
    world.alice.restore(old);
    world.restart(Side::Site);
    world.run(30_000);
    let got: Vec<u64> = world.alice.received().iter().map(|(position, _)| position.n).collect();
    assert_eq!(got, [1, 2, 3, 4, 5, 9, 11, 12]);
    assert_eq!(world.alice.progress[&life].mark(), running[&life].mark(), "and it stands where it stood");
    let forgotten =
        world.bob.notices.iter().filter(|notice| matches!(notice, Notice::Forgotten { .. })).count();
    assert_eq!(forgotten, 2);
    assert!(!world.alice.notices.iter().any(|notice| matches!(notice, Notice::Diverged(_))));
    world.send_record(Side::Hub, "on", 10);
    world.run_until_quiet();
}

#[test]
fn a_life_that_the_hub_knows_differently_is_left_and_the_next_one_is_heard() {
    let mut world = world(41, 5);
    world.cut();
    // The process goes on under its name with a database that lost its tail, as a resumed machine would.
    world.alice.lose_tail(3);
    world.alice.reopen();
    world.write(Side::Site, "ledger/berlin-1/1", 1);
    world.connect();
    world.run(2_000);
    let life = world.alice.actor();
    let told = |world: &World| {
        let rolled_back = |notice: &&Notice| matches!(notice, Notice::RolledBack { incarnation, there: 6, .. } if *incarnation == life);
        world.alice.notices.iter().filter(rolled_back).count()
    };
    assert_eq!(told(&world), 1);
    let links = world.mint();
    world.give(Side::Site, links);
    world.write(Side::Site, "ledger/berlin-1/2", 1);
    world.run(30_000);
    let stored = world.bob.applied.len();
    assert_eq!(stored, 8, "the next life is heard though the one before can never be complete");
    assert_eq!(told(&world), 1, "told once a conversation");
    assert_eq!(world.alice.unacknowledged(), 2, "and nothing of the old one is forgotten");
}
