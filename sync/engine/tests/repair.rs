//! Both sides end with the same documents, whatever a disk has lost and whatever the line does meanwhile.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Faults, World};
use outpost_sync::repair::Standing;
use outpost_sync::{DocumentId, Input, Link, Notice, Settings, Side};
use proptest::prelude::*;

const COMPARE: u8 = 6;
const FETCH: u8 = 10;
const PART: u8 = 11;

/// Both have these documents, and all is quiet.
fn settled(seed: u64, settings: Settings, cases: usize) -> World {
    let mut world = World::with(seed, settings);
    world.connect();
    world.run_until_quiet();
    for n in 0..cases {
        world.write(Side::Hub, &format!("case/{n}"), 1);
        world.write(Side::Site, &format!("ledger/berlin-1/{n}"), 2);
    }
    world.run_until_quiet();
    for n in 0..cases {
        world.write(Side::Site, &format!("case/{n}"), 1);
    }
    world.run_until_quiet();
    world
}

fn count(world: &World, kind: u8) -> usize {
    world.kinds.iter().filter(|other| **other == kind).count()
}

fn force(world: &mut World) {
    world.give(Side::Hub, Input::Repair);
    world.run(120_000);
}

fn assert_same(world: &mut World) {
    assert_eq!(world.alice.heads(), world.bob.heads());
    assert_eq!(world.alice.buckets(), world.bob.buckets());
    assert_eq!((world.alice.quarantined, world.bob.quarantined), (0, 0));
}

fn last_outcome(world: &World) -> Option<outpost_sync::repair::Outcome> {
    world.alice.notices.iter().rev().find_map(|notice| match notice {
        Notice::Repaired(outcome) if !outcome.same || outcome.taken + outcome.given > 0 => Some(*outcome),
        _ => None,
    })
}

#[test]
fn sides_that_agree_say_so_in_two_small_frames_every_few_minutes() {
    let mut world = settled(1, Settings::default(), 50);
    world.run(30_000);
    world.kinds.clear();
    world.tape.clear();
    world.run(3_600_000);
    let compared = count(&world, COMPARE);
    assert!((9..=13).contains(&compared), "{compared} comparisons in an hour");
    assert_eq!(count(&world, FETCH), 0);
    let longest = world.tape.iter().filter(|(_, frame)| (6..=12).contains(&frame[1])).map(|(_, f)| f.len());
    assert!(longest.max().unwrap() < 300);
    assert_eq!(last_outcome(&world), None, "nothing is told when there is nothing to tell");
}

#[test]
fn what_a_disk_of_either_side_has_lost_comes_back() {
    let mut world = settled(2, Settings::default(), 20);
    world.bob.lose_changes("ledger/berlin-1/3", 1);
    world.bob.lose_changes("case/5", 9);
    world.alice.lose_changes("case/7", 1);
    world.alice.lose_changes("ledger/berlin-1/8", 9);
    world.run(700_000);
    assert_same(&mut world);
    assert_eq!(world.bob.mended, 1 + 3);
    let outcome = last_outcome(&world).unwrap();
    assert!(outcome.same && outcome.given >= 4 && outcome.taken >= 3, "{outcome:?}");
}

#[test]
fn two_sides_with_wholly_different_sets_end_with_both() {
    let settings = Settings { repair_page_documents: 16, repair_group_documents: 5, ..Settings::default() };
    let mut world = settled(3, settings, 60);
    for n in 0..60 {
        world.bob.lose_changes(&format!("ledger/berlin-1/{n}"), 9);
        world.alice.lose_changes(&format!("case/{n}"), 9);
    }
    force(&mut world);
    assert_same(&mut world);
    assert_eq!(world.alice.heads().len(), 120);
}

#[test]
fn nothing_here_and_everything_there() {
    let mut world = settled(4, Settings::default(), 30);
    for n in 0..30 {
        world.bob.lose_changes(&format!("ledger/berlin-1/{n}"), 9);
        world.bob.lose_changes(&format!("case/{n}"), 9);
    }
    assert!(world.bob.heads().is_empty());
    force(&mut world);
    assert_same(&mut world);
    assert_eq!(world.bob.mended, 30 * 5);
}

#[test]
fn an_appliance_that_was_restored_gets_its_own_tail_back() {
    let mut world = settled(5, Settings::default(), 5);
    let lost = world.alice.heads();
    world.alice.lose_tail(4);
    world.restart(Side::Site);
    world.run(60_000);
    assert!(world.bob.notices.iter().any(|notice| matches!(notice, Notice::PeerRolledBack { .. })));
    assert_eq!(world.alice.heads(), lost);
    assert_same(&mut world);
}

#[test]
fn a_new_appliance_gets_all_documents_of_its_site() {
    let mut world = settled(6, Settings::default(), 25);
    let all = world.alice.heads();
    world.cut();
    world.alice.lose_everything();
    let incarnation = outpost_sync::Incarnation([7; 16]);
    world.alice.links.push(Link { incarnation, parent: None, last: 0 });
    world.alice.reopen();
    world.connect();
    force(&mut world);
    assert_eq!(world.alice.heads(), all);
    assert_same(&mut world);
}

#[test]
fn lost_doubled_and_late_frames_only_make_it_take_longer() {
    for seed in 10..16 {
        let settings =
            Settings { repair_group_documents: 3, repair_page_documents: 8, ..Settings::default() };
        let mut world = settled(seed, settings, 12);
        for n in 0..12 {
            world.bob.lose_changes(&format!("ledger/berlin-1/{n}"), 1 + n % 3);
            world.alice.lose_changes(&format!("case/{n}"), 1 + n % 2);
        }
        world.faults = Faults { drop_percent: 30, double_percent: 30, delay_ms_max: 9_000 };
        world.give(Side::Hub, Input::Repair);
        world.run(1_800_000);
        world.faults = Faults::default();
        world.run(900_000);
        assert_same(&mut world);
    }
}

#[test]
fn a_cut_in_the_middle_ends_the_round_and_the_next_one_completes_it() {
    let settings = Settings { repair_group_documents: 1, ..Settings::default() };
    let mut world = settled(17, settings, 20);
    (0..20).for_each(|n| world.bob.lose_changes(&format!("ledger/berlin-1/{n}"), 2));
    for _ in 0..10 {
        world.give(Side::Hub, Input::Repair);
        world.run(15);
        world.cut();
        world.connect();
        world.run(200);
    }
    world.restart(Side::Hub);
    force(&mut world);
    assert_same(&mut world);
}

#[test]
fn repair_goes_on_while_both_sides_write() {
    let settings = Settings { repair_group_documents: 2, ..Settings::default() };
    let mut world = settled(18, settings, 20);
    (0..20).for_each(|n| world.bob.lose_changes(&format!("ledger/berlin-1/{n}"), 1));
    (0..20).for_each(|n| world.alice.lose_changes(&format!("case/{n}"), 1));
    world.faults.delay_ms_max = 400;
    world.give(Side::Hub, Input::Repair);
    for n in 0..400 {
        // Documents that lost something are not written before they are mended: their writer would have noticed.
        world.write(Side::Site, &format!("ledger/berlin-1/{}", 100 + n % 7), 1);
        world.write(Side::Hub, &format!("case/{}", 100 + n % 7), 1);
        world.run(150);
    }
    world.run_until_quiet();
    assert_same(&mut world);
    let sent: std::collections::BTreeSet<_> = world.alice.sent().into_iter().collect();
    let got = world.bob.received();
    assert_eq!(got.len(), sent.len(), "the stream brings every item once, repaired or not");
}

#[test]
fn a_comparison_waits_until_both_stand_at_the_same_positions() {
    let mut world = settled(19, Settings::default(), 3);
    world.run(60_000);
    let looks = world.bob.looks;
    // The line loses whatever is written: the streams are never at rest.
    world.faults.drop_percent = 100;
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.run(1_200_000);
    assert_eq!(world.bob.looks, looks, "nothing is compared while an item is on its way");
    world.faults.drop_percent = 0;
    world.run(1_200_000);
    assert!(world.bob.looks > looks);
    assert_same(&mut world);
}

#[test]
fn archived_documents_are_left_out_and_late_facts_still_get_there() {
    let mut world = settled(20, Settings::default(), 10);
    (0..5).for_each(|n| world.bob.set_standing(&format!("case/{n}"), Standing::Archived));
    force(&mut world);
    assert_eq!(world.alice.there(&DocumentId::new("case/0").unwrap()), Standing::Archived);
    assert_eq!(world.alice.buckets(), world.bob.buckets());
    world.kinds.clear();
    world.run(1_000_000);
    assert!(count(&world, COMPARE) > 0);
    assert_eq!(count(&world, FETCH), 0, "both leave the same documents out");
    // The other way round: the store has dropped what the hub still has.
    world.alice.set_standing("case/7", Standing::Archived);
    world.alice.set_standing("ledger/berlin-1/1", Standing::Archived);
    force(&mut world);
    assert_eq!(world.bob.there(&DocumentId::new("case/7").unwrap()), Standing::Archived);
    assert_eq!(world.alice.buckets(), world.bob.buckets());
    // Archived while the last fact was lost on the hub's disk: it is given all the same.
    world.bob.lose_changes("case/9", 1);
    world.bob.set_standing("case/9", Standing::Archived);
    force(&mut world);
    assert_eq!(world.alice.heads(), world.bob.heads());
}

#[test]
fn a_held_document_is_told_left_alone_and_taken_up_again() {
    let mut world = settled(21, Settings::default(), 6);
    world.bob.lose_changes("ledger/berlin-1/2", 1);
    world.bob.set_standing("ledger/berlin-1/2", Standing::Held);
    force(&mut world);
    let held = DocumentId::new("ledger/berlin-1/2").unwrap();
    assert_eq!(world.alice.there(&held), Standing::Held);
    assert_eq!(world.bob.mended, 0, "nothing of it is given");
    assert_eq!(world.alice.buckets(), world.bob.buckets());
    world.bob.set_standing("ledger/berlin-1/2", Standing::Live);
    force(&mut world);
    assert_eq!(world.alice.there(&held), Standing::Live);
    assert_eq!(world.bob.mended, 1);
    assert_same(&mut world);
}

#[test]
fn what_is_longer_than_a_frame_goes_in_fragments() {
    let settings = Settings { frame_bytes_min: 4 << 10, ..Settings::default() };
    let mut world = settled(22, settings, 2);
    let mut rng = common::rng(22);
    let mut noise = |len: usize| {
        let mut bytes = vec![0; len];
        rand::Rng::fill_bytes(&mut rng, &mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    for n in 0..20 {
        let entry = outpost_sync::Entry { id: format!("{n}"), text: noise(8_000) };
        world.alice.write_entry("ledger/berlin-1/9", entry);
    }
    world.give(Side::Site, Input::Woken);
    world.run_until_quiet();
    world.bob.lose_changes("ledger/berlin-1/9", 30);
    world.packet_max = 20 << 10;
    world.faults.drop_percent = 10;
    world.kinds.clear();
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.give(Side::Hub, Input::Repair);
    world.run(1_800_000);
    assert_same(&mut world);
    assert!(count(&world, PART) > 20, "{} fragments", count(&world, PART));
}

#[test]
fn changes_that_wait_too_long_for_others_start_a_repair() {
    let mut world = settled(23, Settings::default(), 4);
    world.run(30_000);
    world.bob.lose_changes("ledger/berlin-1/2", 1);
    let before = world.now_ms;
    world.give(Side::Hub, Input::Parked(1));
    while world.bob.mended == 0 {
        world.run(1_000);
    }
    let took = world.now_ms - before;
    assert!((30_000..40_000).contains(&took), "after {took} ms");
    // What does not wait any more starts nothing.
    world.give(Side::Hub, Input::Parked(0));
    world.kinds.clear();
    world.run(60_000);
    assert_eq!(count(&world, COMPARE), 0);
}

#[test]
fn a_disk_that_takes_nothing_for_a_while_delays_it_only() {
    let mut world = settled(24, Settings::default(), 4);
    world.bob.lose_changes("ledger/berlin-1/2", 1);
    world.alice.lose_changes("case/2", 1);
    (world.alice.failing_mends, world.bob.failing_mends) = (2, 2);
    world.give(Side::Hub, Input::Repair);
    world.run(1_200_000);
    assert_same(&mut world);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_lost_and_however_bad_the_line_both_end_with_the_same(
        seed: u64,
        lost in prop::collection::vec((any::<bool>(), 0usize..8, any::<bool>(), 1usize..5), 0..30),
        drop_percent in 0u64..40,
        delay_ms_max in 0u64..5_000,
        cuts in 0usize..3,
    ) {
        let settings = Settings { repair_page_documents: 4, repair_group_documents: 3, ..Settings::default() };
        let mut world = settled(seed, settings, 8);
        for (at_hub, n, case, changes) in lost {
            let doc = if case { format!("case/{n}") } else { format!("ledger/berlin-1/{n}") };
            // One of the two still has it, as a backup or the peer would.
            let twin = if at_hub { &mut world.alice } else { &mut world.bob };
            let whole = twin.heads().contains_key(&DocumentId::new(doc.clone()).unwrap());
            if whole && n % 2 == usize::from(at_hub) {
                world.replica(if at_hub { Side::Hub } else { Side::Site }).lose_changes(&doc, changes);
            }
        }
        world.faults = Faults { drop_percent, double_percent: 10, delay_ms_max };
        world.give(Side::Site, Input::Repair);
        for _ in 0..cuts {
            world.run(20_000);
            world.cut();
            world.connect();
        }
        world.run(600_000);
        world.faults = Faults::default();
        world.run(1_200_000);
        assert_same(&mut world);
    }
}
