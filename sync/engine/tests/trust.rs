//! Forged, replayed and misdirected frames; replicas that were rolled back or restored.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use outpost_sync::{Identity, Input, Notice, PeerKeys, Side};

fn count(notices: &[Notice], wanted: impl Fn(&Notice) -> bool) -> usize {
    notices.iter().filter(|notice| wanted(notice)).count()
}

#[test]
fn a_forged_frame_changes_nothing_and_is_kept() {
    let mut world = World::new(21);
    world.connect();
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.run_until_quiet();
    let (_, genuine) = world.tape.iter().rfind(|(from, _)| *from == Side::Site).cloned().unwrap();
    let mut forged = genuine;
    let last = forged.len() - 70;
    forged[last] ^= 1;
    world.give(Side::Hub, Input::Received(forged));
    world.give(Side::Hub, Input::Received(b"nonsense".to_vec()));
    assert_eq!(world.bob.quarantined, 2);
    world.bob.quarantined = 0;
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn a_tape_of_the_whole_conversation_changes_nothing_when_it_is_played_again() {
    let mut world = World::new(22);
    world.write(Side::Hub, "case/1", 1);
    world.bob.authority = b"through 1".to_vec();
    world.restart(Side::Hub);
    world.connect();
    world.run_until_quiet();
    world.write(Side::Site, "case/1", 2);
    world.run_until_quiet();
    world.give(Side::Hub, Input::Authority(b"through 2".to_vec()));
    world.run(10);
    world.cut();
    world.connect();
    world.run_until_quiet();
    let applied = (world.alice.applied.len(), world.bob.applied.len());
    let heard = world.alice.authority_heard();
    for (from, frame) in world.tape.clone() {
        let to = if from == Side::Site { Side::Hub } else { Side::Site };
        world.give(to, Input::Received(frame));
        world.run(50);
    }
    world.run(30_000);
    assert_eq!((world.alice.applied.len(), world.bob.applied.len()), applied);
    assert_eq!(heard, world.alice.authority_heard());
    assert_eq!(heard, Some(b"through 2".to_vec()));
    world.write(Side::Site, "case/1", 1);
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn a_frame_of_an_install_whose_key_was_taken_away_is_refused() {
    let mut world = World::new(23);
    world.connect();
    world.run_until_quiet();
    let other = Identity::generate(&mut common::rng(99));
    world.give(Side::Hub, Input::Keys(PeerKeys(vec![other.public()])));
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.run(60_000);
    assert!(world.bob.applied.is_empty());
    assert!(world.bob.quarantined > 0);
}

#[test]
fn a_site_refuses_a_hub_of_an_epoch_that_is_over() {
    let mut world = World::new(24);
    world.bob.epoch = 3;
    world.restart(Side::Hub);
    world.connect();
    world.run_until_quiet();
    assert_eq!(count(&world.alice.notices, |notice| *notice == Notice::EpochRaised(3)), 1);
    world.bob.epoch = 2;
    world.restart(Side::Hub);
    world.write(Side::Hub, "case/1", 1);
    world.run(60_000);
    assert!(world.alice.applied.is_empty());
    assert!(count(&world.alice.notices, |notice| *notice == Notice::EpochOver(2)) > 0);
    world.bob.epoch = 4;
    world.restart(Side::Hub);
    world.run_until_quiet();
    world.assert_healed();
}

#[test]
fn a_restored_edge_is_noticed_by_the_hub() {
    let mut world = World::new(25);
    for _ in 0..5 {
        world.write(Side::Site, "ledger/berlin-1/0", 1);
    }
    world.connect();
    world.run_until_quiet();
    world.alice.lose_tail(3);
    world.restart(Side::Site);
    world.run(5_000);
    let told = |notice: &Notice| matches!(notice, Notice::PeerRolledBack { here: 6, there: 3, .. });
    assert_eq!(count(&world.bob.notices, told), 2, "by the hello, and by the one that confirms the loss");
}

#[test]
fn an_edge_that_lost_its_tail_without_noticing_is_told_by_the_hub() {
    let mut world = World::new(26);
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.connect();
    world.run_until_quiet();
    world.cut();
    world.alice.lose_tail(1);
    // The same incarnation goes on, as it must not: nothing is acknowledged that was never sent.
    world.alice.reopen();
    world.connect();
    world.run(5_000);
    let told = |notice: &Notice| matches!(notice, Notice::RolledBack { there: 3, .. });
    assert!(count(&world.alice.notices, told) >= 1);
}

#[test]
fn a_hub_that_lost_everything_is_sent_everything_that_is_still_kept() {
    let mut world = World::new(27);
    world.connect();
    for _ in 0..3 {
        world.write(Side::Site, "ledger/berlin-1/0", 1);
        world.restart(Side::Site);
    }
    world.run_until_quiet();
    world.bob.lose_received();
    world.restart(Side::Hub);
    world.write(Side::Site, "ledger/berlin-1/1", 1);
    world.run(60_000);
    // What was acknowledged before is the business of repair; what was not must arrive.
    let here = |incoming: &outpost_sync::Incoming| {
        incoming.item.doc().is_some_and(|doc| doc.as_str().ends_with("/1"))
    };
    assert!(world.bob.applied.iter().any(here));
}

/// The first welcome of a restored hub says that it knows nothing of the conversation; the second one does not any more.
#[test]
fn a_raised_epoch_tells_that_the_hub_knows_less_though_the_first_welcome_was_lost() {
    let mut world = World::new(28);
    world.connect();
    world.write(Side::Site, "ledger/berlin-1/0", 1);
    world.run_until_quiet();
    let copy = world.bob.disk();
    for _ in 0..3 {
        world.write(Side::Site, "ledger/berlin-1/0", 1);
        world.run_until_quiet();
    }
    let hello = world.tape.iter().rfind(|(from, frame)| *from == Side::Site && frame[1] == 1).cloned();
    world.bob.restore(copy);
    world.bob.epoch += 1;
    world.restart(Side::Hub);
    let now = world.now();
    let lost = world.bob.give(now, &mut common::rng(1), Input::Received(hello.unwrap().1));
    assert_eq!(lost.iter().filter(|frame| frame[1] == 2).count(), 1, "the welcome that nobody hears");
    assert_eq!(world.bob.applied.len(), 2);
    world.run(60_000);
    assert_eq!(count(&world.alice.notices, |notice| *notice == Notice::EpochRaised(2)), 1);
    assert_eq!(world.bob.applied.len(), 5, "what the hub lost was sent again");
    world.assert_healed();
}
