//! Whatever happens to line and processes: once the line is good, both sides have the same, in order, exactly once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Faults, World};
use outpost_sync::{DocumentId, Input, Settings, Side};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    Write { side: Side, doc: u8, entries: usize },
    Record { side: Side, len: usize },
    Run { ms: u64 },
    Cut,
    Connect,
    Restart { side: Side },
    Mint,
    Promote { side: Side, doc: u8 },
    Faults(Faults),
    FailStores { side: Side, times: usize },
    Packets { max: usize },
    Authority(u8),
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Site), Just(Side::Hub)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => (side(), 0u8..6, 1usize..4).prop_map(|(side, doc, entries)| Act::Write { side, doc, entries }),
        2 => (side(), 0usize..3_000).prop_map(|(side, len)| Act::Record { side, len }),
        8 => (0u64..4_000).prop_map(|ms| Act::Run { ms }),
        1 => (0u64..60_000).prop_map(|ms| Act::Run { ms }),
        2 => Just(Act::Cut),
        4 => Just(Act::Connect),
        2 => side().prop_map(|side| Act::Restart { side }),
        1 => Just(Act::Mint),
        2 => (side(), 0u8..6).prop_map(|(side, doc)| Act::Promote { side, doc }),
        2 => (0u64..40, 0u64..40, 0u64..3_000).prop_map(|(drop_percent, double_percent, delay_ms_max)| {
            Act::Faults(Faults { drop_percent, double_percent, delay_ms_max })
        }),
        1 => (side(), 1usize..4).prop_map(|(side, times)| Act::FailStores { side, times }),
        1 => (1_500usize..8_000).prop_map(|max| Act::Packets { max }),
        1 => any::<u8>().prop_map(Act::Authority),
    ]
}

/// Documents 0 to 2 are the store's own ledgers, 3 to 5 are cases that the hub founds and both write into.
fn name(doc: u8) -> String {
    if doc < 3 { format!("ledger/berlin-1/{doc}") } else { format!("case/{doc}") }
}

fn play(world: &mut World, act: Act) {
    match act {
        Act::Write { side, doc, entries } => {
            let founder = if doc < 3 { Side::Site } else { Side::Hub };
            let known = world.replica(side).knows(&name(doc));
            // A ledger has one writer; a case is written by both once it is known.
            if side == founder || (doc >= 3 && known) {
                world.write(side, &name(doc), entries);
            }
        }
        Act::Record { side, len } => world.send_record(side, "some", len),
        Act::Run { ms } => world.run(ms),
        Act::Cut => world.cut(),
        Act::Connect => world.connect(),
        Act::Restart { side } => world.restart(side),
        Act::Mint => {
            let links = world.mint();
            world.give(Side::Site, links);
        }
        Act::Promote { side, doc } => {
            world.give(side, Input::Promote(DocumentId::new(name(doc)).unwrap()));
        }
        Act::Faults(faults) => world.faults = faults,
        Act::FailStores { side, times } => world.replica(side).failing_stores = times,
        Act::Packets { max } => world.packet_max = max,
        Act::Authority(byte) => {
            world.bob.authority = vec![byte];
            world.give(Side::Hub, Input::Authority(vec![byte]));
        }
    }
}

fn small_frames() -> Settings {
    Settings {
        flush_items: 4,
        frame_items_max: 5,
        frame_bytes_min: 1 << 10,
        window_frames: 3,
        store_items_max: 7,
        waiting_items_max: 12,
        ..Settings::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_sides_end_with_the_same_exactly_once(
        seed: u64,
        small: bool,
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let settings = if small { small_frames() } else { Settings::default() };
        let mut world = World::with(seed, settings);
        let lanes = acts.iter().any(|act| matches!(act, Act::Promote { .. }));
        for act in acts {
            play(&mut world, act);
        }
        world.faults = Faults::default();
        world.packet_max = usize::MAX;
        world.cut();
        world.connect();
        world.run_until_quiet();
        world.run(60_000);
        prop_assert_eq!(world.alice.unacknowledged() + world.bob.unacknowledged(), 0);
        world.assert_healed();
        if !lanes {
            prop_assert_eq!(world.bob.received(), world.alice.sent());
            prop_assert_eq!(world.alice.received(), world.bob.sent());
        }
        let heard = world.alice.authority_heard();
        prop_assert_eq!(heard.unwrap_or_default(), world.bob.authority.clone());
    }
}
