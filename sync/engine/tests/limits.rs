//! Limits on frames, at both ends: what is exactly as long as allowed passes, what is longer does not, and the stream goes
//! on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use outpost_sync::{Document, DocumentId, Entry, Envelope, Incarnation, Limits, MergeError, Settings, Side};

/// The kind of a batch, a frame's second byte.
const BATCH: u8 = 3;

fn batches(world: &World) -> Vec<&Vec<u8>> {
    world
        .tape
        .iter()
        .filter(|(from, frame)| *from == Side::Site && frame[1] == BATCH)
        .map(|(_, f)| f)
        .collect()
}

#[test]
fn a_frame_as_long_as_allowed_is_looked_at_and_a_longer_one_is_not() {
    let frame = |length: usize| {
        let mut frame = vec![0; length];
        (frame[0], frame[1]) = (1, BATCH);
        Envelope::peek(&frame).is_some()
    };
    assert!(frame(Settings::FRAME_BYTES_LIMIT));
    assert!(!frame(Settings::FRAME_BYTES_LIMIT + 1));
}

#[test]
fn the_tightest_writer_and_the_widest_understand_each_other() {
    let tight = Settings {
        flush_items: 1,
        frame_items_max: 1,
        frame_bytes_max: 4 << 10,
        inflated_bytes_max: 128 << 10,
        repair_part_bytes_max: 16 << 10,
        ..Settings::default()
    };
    let wide = Settings {
        flush_items: 1_000,
        frame_items_max: 1_000,
        frame_bytes_max: Settings::FRAME_BYTES_LIMIT,
        ..Settings::default()
    };
    for (site, hub) in [(tight, wide), (wide, tight)] {
        let mut world = World::with_each(7, site, hub);
        for entries in [1, 256, 3] {
            world.write(Side::Site, "ledger/berlin-1/0", entries);
        }
        for _ in 0..301 {
            world.write(Side::Site, "ledger/berlin-1/1", 1);
            world.write(Side::Hub, "hub/berlin-1/0", 1);
        }
        let longest = Limits::PROTOCOL.record_bytes_max;
        world.send_record(Side::Site, "longest", longest);
        world.send_record(Side::Hub, "longest", longest);
        world.connect();
        world.run_until_quiet();
        world.assert_healed();
        let within = batches(&world).iter().filter(|frame| frame.len() <= site.frame_bytes_max).count();
        assert!(within + 2 >= batches(&world).len(), "only a single item makes a longer frame");
        if site.frame_items_max == 1 {
            assert!(batches(&world).len() >= 306, "a frame for each item");
        }
    }
}

#[test]
fn frames_hold_as_many_items_as_allowed_and_no_more() {
    for (items, frames) in [(100, 1), (101, 2), (200, 2), (201, 3)] {
        let settings = Settings { flush_items: 100, frame_items_max: 100, ..Settings::default() };
        let mut world = World::with(3, settings);
        // The first entry founds its document, which is an item too.
        world.write(Side::Site, "ledger/berlin-1/0", 1);
        for _ in 2..items {
            world.write(Side::Site, "ledger/berlin-1/0", 1);
        }
        world.connect();
        world.run_until_quiet();
        world.assert_healed();
        assert_eq!(batches(&world).len(), frames, "{items} items");
    }
}

#[test]
fn a_merged_document_is_full_at_its_limit() {
    let id = DocumentId::new("case/1").unwrap();
    let (one, two) = (Incarnation([1; 16]), Incarnation([2; 16]));
    let (mut writer, founding) = Document::create(id.clone(), one, "{}").unwrap();
    let mut reader = Document::open(id.clone(), two, None, std::slice::from_ref(&founding)).unwrap();
    let max = Limits::PROTOCOL.document_entries_max;
    let entries: Vec<Entry> = (0..max).map(|n| Entry { id: n.to_string(), text: "t".to_owned() }).collect();
    let last = entries.len() - 1;
    let mut changes = Vec::new();
    for entries in Limits::PROTOCOL.cut(&entries[..last], 256) {
        changes.push(writer.append(entries).unwrap().unwrap());
    }
    reader.merge(&changes).unwrap();
    // Each end adds what it has room for; together that is one too many.
    let mine = writer.append(&entries[last..]).unwrap().unwrap();
    let other = [Entry { id: "other".to_owned(), text: "t".to_owned() }];
    let theirs = reader.append(&other).unwrap().unwrap();
    assert_eq!((writer.len(), reader.len()), (max, max), "exactly at the limit");
    assert!(matches!(writer.merge(&[theirs]), Err(MergeError::Full { max: 4_096, .. })));
    assert!(matches!(reader.merge(&[mine]), Err(MergeError::Full { max: 4_096, .. })));
    assert_eq!((writer.len(), reader.len()), (max, max), "nothing that was refused left a trace");
}
