//! Alice, the edge of a store, and bob, the hub, talk over a line: short stories, each with what must be true at
//! its end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Faults, World};
use outpost_sync::{DocumentId, Input, Notice, Settings, Side};

#[test]
fn alice_writes_and_bob_has_it_before_she_may_forget() {
    let mut world = World::new(1);
    world.write(Side::Site, "ledger/berlin-1/0", 3);
    assert_eq!(world.alice.unacknowledged(), 2);
    world.connect();
    world.run_until_quiet();
    assert_eq!(world.bob.entries("ledger/berlin-1/0"), 3);
    world.assert_healed();
}

#[test]
fn bob_founds_a_case_with_a_record_and_alice_answers_in_it() {
    let mut world = World::new(2);
    world.connect();
    world.send_record(Side::Hub, "person/1", 300);
    world.write(Side::Hub, "case/1", 1);
    world.run_until_quiet();
    world.write(Side::Site, "case/1", 2);
    world.run_until_quiet();
    world.write(Side::Hub, "case/1", 1);
    world.run_until_quiet();
    assert_eq!(world.alice.entries("case/1"), 4);
    world.assert_healed();
}

#[test]
fn an_idle_line_carries_a_change_at_once() {
    let mut world = World::new(3);
    world.connect();
    world.run_until_quiet();
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    let took = world.run_until_quiet();
    assert!(took < 10, "it took {took} ms");
}

#[test]
fn what_was_written_during_a_cut_drains_in_order_over_a_bad_line() {
    let mut world = World::new(4);
    world.write(Side::Hub, "case/1", 1);
    world.connect();
    world.run_until_quiet();
    world.cut();
    for i in 0..700 {
        world.write(Side::Site, if i % 3 == 0 { "case/1" } else { "ledger/berlin-1/0" }, 1);
    }
    world.write(Side::Hub, "case/1", 1);
    world.faults = Faults { drop_percent: 20, double_percent: 20, delay_ms_max: 400 };
    world.connect();
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn a_restarted_edge_drains_its_older_life_first() {
    let mut world = World::new(5);
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.restart(Side::Site);
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.restart(Side::Site);
    world.restart(Side::Site);
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.connect();
    world.run_until_quiet();
    assert_eq!(world.bob.entries("ledger/berlin-1/0"), 3);
    world.assert_healed();
    assert_eq!(world.bob.received(), world.alice.sent(), "in the order of writing");
}

#[test]
fn a_new_incarnation_in_the_middle_of_a_conversation_is_introduced() {
    let mut world = World::new(6);
    world.connect();
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    let links = world.mint();
    world.give(Side::Site, links);
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    let took = world.run_until_quiet();
    assert!(took < 1_000, "it took {took} ms");
    world.assert_healed();
}

#[test]
fn a_restarted_hub_is_told_everything_it_lacks_and_hails_a_site_that_kept_its_line() {
    let mut world = World::new(7);
    world.connect();
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.run_until_quiet();
    world.restart(Side::Hub);
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    let took = world.run_until_quiet();
    assert!(took <= 2_500, "the hail makes it quick, it took {took} ms");
    world.assert_healed();
}

#[test]
fn nothing_is_acknowledged_before_it_is_stored() {
    let mut world = World::new(8);
    world.bob.failing_stores = 3;
    world.connect();
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.run(10_000);
    assert_eq!(world.alice.unacknowledged(), 2);
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn alice_forgets_only_what_is_in_a_backup_and_does_not_send_it_again() {
    let mut world = World::new(28);
    world.bob.backups = true;
    world.restart(Side::Hub);
    world.connect();
    for _ in 0..5 {
        world.write(Side::Site, "ledger/berlin-1/0", 1);
    }
    world.run(20_000);
    assert_eq!(world.bob.applied.len(), 6);
    assert_eq!(world.alice.unacknowledged(), 6, "stored is not saved");
    let batches = |world: &World| world.kinds.iter().filter(|kind| **kind == 3).count();
    let sent = batches(&world);
    world.restart(Side::Site);
    world.run(100_000);
    assert_eq!(batches(&world), sent, "what is stored is not sent again, neither by timer nor after a start");
    let saved = world.bob.back_up();
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.give(Side::Hub, saved);
    world.run(20_000);
    assert_eq!(world.alice.unacknowledged(), 1, "what came after the backup is not in it");
    let saved = world.bob.back_up();
    world.give(Side::Hub, saved);
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn a_restored_hub_is_sent_what_its_backup_lacks() {
    let mut world = World::new(29);
    world.bob.backups = true;
    world.restart(Side::Hub);
    world.connect();
    for _ in 0..5 {
        world.write(Side::Site, "ledger/berlin-1/0", 1);
    }
    world.run(5_000);
    let (saved, disk) = (world.bob.back_up(), world.bob.disk());
    world.give(Side::Hub, saved.clone());
    for _ in 0..5 {
        world.write(Side::Site, "ledger/berlin-1/0", 1);
    }
    world.run(5_000);
    assert_eq!(world.alice.unacknowledged(), 5);
    world.bob.restore(disk);
    world.restart(Side::Hub);
    world.give(Side::Hub, saved);
    world.run(60_000);
    assert_eq!(world.bob.entries("ledger/berlin-1/0"), 10);
    let saved = world.bob.back_up();
    world.give(Side::Hub, saved);
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn the_receiver_groups_what_came_into_one_store() {
    let mut world = World::new(19);
    for _ in 0..450 {
        world.write(Side::Site, "ledger/berlin-1/0", 1);
    }
    world.connect();
    world.run_until_quiet();
    assert_eq!(world.bob.stores.iter().sum::<usize>(), 451);
    assert_eq!(world.kinds, [1, 2, 3, 4, 3, 4], "hello, welcome, batches, acknowledgements");
}

#[test]
fn a_promoted_document_overtakes_the_backlog() {
    let mut world = World::with(10, Settings { window_frames: 1, ..Settings::default() });
    for i in 0..1_000 {
        world.write(Side::Site, &format!("ledger/berlin-1/{}", i % 7), 1);
    }
    world.write(Side::Site, "case/urgent", 1);
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.write(Side::Site, "case/urgent", 1);
    world.give(Side::Site, Input::Promote(DocumentId::new("case/urgent").unwrap()));
    world.connect();
    world.run_until_quiet();
    let place = |doc: &str| {
        let named =
            |incoming: &outpost_sync::Incoming| incoming.item.doc().is_some_and(|it| it.as_str() == doc);
        world.bob.applied.iter().rposition(named).unwrap()
    };
    assert!(place("case/urgent") < 310, "it came at place {}", place("case/urgent"));
    assert!(place("ledger/berlin-1/0") > 1_000);
    world.assert_healed();
}

#[test]
fn a_refused_item_blocks_nobody_and_its_writer_is_told() {
    let mut world = World::new(11);
    world.bob.refused_doc = Some(DocumentId::new("case/forged").unwrap());
    world.connect();
    world.write(Side::Site, "case/forged", 1);
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.run_until_quiet();
    assert_eq!(world.bob.applied.len(), 2);
    let told = |notice: &&Notice| matches!(notice, Notice::Refused(refusal) if refusal.reason == "not_yours");
    assert_eq!(world.alice.notices.iter().filter(told).count(), 2);
}

#[test]
fn frames_are_halved_until_the_broker_takes_them() {
    let mut world = World::new(12);
    world.packet_max = 6_000;
    for i in 0..500 {
        world.write(Side::Site, &format!("case/{i}"), 1);
    }
    world.send_record(Side::Site, "label/1", 3_000);
    world.connect();
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn records_travel_at_their_greatest_length() {
    let mut world = World::new(13);
    for i in 0..12 {
        world.send_record(Side::Hub, &format!("products/{i}"), 100 << 10);
    }
    world.connect();
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn authority_reaches_the_site_with_the_welcome_and_live() {
    let mut world = World::new(14);
    world.bob.authority = b"through 5".to_vec();
    world.restart(Side::Hub);
    world.connect();
    world.run_until_quiet();
    world.give(Side::Hub, Input::Authority(b"through 9".to_vec()));
    world.run(5);
    let heard = world.alice.notices.iter().filter_map(|notice| match notice {
        Notice::Authority(authority) => Some(String::from_utf8(authority.clone()).unwrap()),
        _ => None,
    });
    let heard: Vec<_> = heard.collect();
    assert_eq!(heard, ["through 5", "through 9"]);
}

#[test]
fn the_hub_s_time_comes_with_its_round_trip() {
    let mut world = World::new(15);
    world.faults.delay_ms_max = 40;
    world.connect();
    world.run(40_000);
    let times = world.alice.notices.iter().filter_map(|notice| match notice {
        Notice::HubTime { wall_ms, hello_boot_ms, round_trip_ms } => {
            Some((*wall_ms, *hello_boot_ms, *round_trip_ms))
        }
        _ => None,
    });
    let times: Vec<_> = times.collect();
    assert!(times.len() >= 3, "every hello brings the time: {times:?}");
    for (wall_ms, hello_boot_ms, round_trip_ms) in times {
        let true_wall = 1_763_874_000_000 + hello_boot_ms as i64;
        assert!((1..=82).contains(&round_trip_ms));
        assert!(wall_ms >= true_wall && wall_ms <= true_wall + round_trip_ms as i64);
    }
}

#[test]
fn silence_is_told_once_and_ends_with_a_frame() {
    let mut world = World::new(16);
    world.connect();
    world.run(60_000);
    assert!(!world.bob.notices.contains(&Notice::Silent));
    world.cut();
    world.run(200_000);
    assert_eq!(world.bob.notices.iter().filter(|notice| **notice == Notice::Silent).count(), 1);
    world.connect();
    world.run(60_000);
    world.cut();
    world.run(46_000);
    assert_eq!(world.bob.notices.iter().filter(|notice| **notice == Notice::Silent).count(), 2);
}
