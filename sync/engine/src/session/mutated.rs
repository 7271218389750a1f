//! Batches whose insides were changed at random by somebody who holds the peer's key: sizes, counts and checks are right
//! where they can be, so that every reader behind them is reached.

use proptest::prelude::*;

use super::receiving::{Receiving, Taken, check};
use crate::bytes::{Digest, DocumentId, Incarnation};
use crate::document::Document;
use crate::frame::body::{Batch, Body, Lane};
use crate::frame::columns::encode;
use crate::frame::memory::Memory;
use crate::frame::packing::{CODEC_PLAIN, CODEC_ZSTD};
use crate::frame::reading::decode;
use crate::frame::{Kind, body};
use crate::inspection::{Entry, Inspection};
use crate::item::{Gap, Item, Link, Record};
use crate::limits::Limits;
use crate::progress::Span;
use crate::settings::Settings;

const SITE: Incarnation = Incarnation([0xa1; 16]);

/// A founding, three next changes, a record.
fn items() -> Vec<Item> {
    let id = DocumentId::new("ledger/berlin-1/0").unwrap();
    let (mut document, founding) = Document::create(id, SITE, "{}").unwrap();
    let mut items = vec![Item::Change(founding)];
    for n in 0..3 {
        let entry =
            Entry { id: format!("0190b3a4c5d67e8f9a0b1c2d3e4f506{n}.0"), text: format!("{{\"n\":{n}}}") };
        items.extend(document.append(&[entry]).unwrap().map(Item::Change));
    }
    items.push(Item::Record(Record::new("label", "1", vec![7; 40])));
    items
}

fn columns() -> (Vec<u8>, Vec<u64>) {
    let items = items();
    let numbered: Vec<(u64, &Item)> = (1..).zip(&items).collect();
    let (columns, _) = encode(&numbered, SITE, &Memory::default());
    (columns, numbered.iter().map(|(n, _)| *n).collect())
}

fn take(columns: &[u8], numbers: &[u64], codec: u8, gaps: Vec<(u64, Gap)>) -> Taken {
    // The check is made to fit whatever the columns say now.
    let digests: Vec<Digest> = match decode(columns, numbers, SITE, &Memory::default(), 1 << 20) {
        Ok((items, _)) => items.iter().map(Item::digest).collect(),
        Err(_) => Vec::new(),
    };
    let columns = match codec {
        CODEC_ZSTD => zstd::bulk::compress(columns, 1).unwrap(),
        _ => columns.to_vec(),
    };
    let runs = crate::progress::spans(numbers.iter().copied());
    let check = serde_bytes::ByteArray::new(check(&digests));
    let batch = Batch { runs, lane: Vec::new(), check, codec, columns, gaps };
    let mut receiving = Receiving::new(Vec::new(), false);
    receiving.greet(&[Link { incarnation: SITE, parent: None, last: 0 }]);
    let settings = Settings::default();
    let taken = receiving.take(SITE, &batch, &settings);
    for incoming in receiving.deliver(&settings) {
        if let Item::Change(change) = &incoming.item {
            let _ = Inspection::of(change, &Limits::PROTOCOL);
        }
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_columns_make_a_reader_panic(
        flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<usize>()),
        extra in proptest::collection::vec(any::<u8>(), 0..8),
        packed in any::<bool>(),
    ) {
        let (mut columns, numbers) = columns();
        for (at, byte) in flips {
            let at = at % columns.len();
            columns[at] = byte;
        }
        if let Some(cut) = cut {
            columns.truncate(cut % columns.len());
        }
        columns.extend(extra);
        take(&columns, &numbers, if packed { CODEC_ZSTD } else { CODEC_PLAIN }, Vec::new());
    }

    #[test]
    fn no_body_makes_a_reader_panic(kind in 1u8..=5, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let kinds = [Kind::Hello, Kind::Welcome, Kind::Batch, Kind::Acknowledgement, Kind::Hail];
        let _ = Body::read(kinds[usize::from(kind) - 1], &bytes);
    }
}

#[test]
fn the_genuine_batch_is_taken_and_gaps_are_only_before_its_items() {
    let (columns, numbers) = columns();
    assert_eq!(take(&columns, &numbers, CODEC_PLAIN, Vec::new()), Taken::Yes);
    let numbers: Vec<u64> = numbers.iter().map(|n| n + 10).collect();
    let gap = |at: u64, from: u64| vec![(at, Gap { from, running: crate::bytes::Running([1; 32]) })];
    assert_eq!(take(&columns, &numbers, CODEC_PLAIN, gap(11, 1)), Taken::Yes);
    for (at, from) in [(11, 0), (11, 11), (11, 12), (10, 1), (16, 1)] {
        assert!(
            matches!(take(&columns, &numbers, CODEC_PLAIN, gap(at, from)), Taken::Malformed(_)),
            "{at} {from}"
        );
    }
    // Numbers are below 2^63, with a gap as without.
    let end = |last: u64| -> Vec<u64> { (last - 4..=last).collect() };
    assert_eq!(take(&columns, &end((1 << 63) - 1), CODEC_PLAIN, gap((1 << 63) - 5, 1)), Taken::Yes);
    for last in [1 << 63, u64::MAX] {
        let taken = take(&columns, &end(last), CODEC_PLAIN, gap(last - 4, 1));
        assert!(matches!(taken, Taken::Malformed(_)), "{last}");
    }
    let many = (0..6).flat_map(|_| gap(11, 1)).collect();
    assert!(matches!(take(&columns, &numbers, CODEC_PLAIN, many), Taken::Malformed(_)));
}

/// The writer learns only later that its reader lacks what was forgotten: the items that follow are there by then.
#[test]
fn items_that_wait_are_told_when_what_they_wait_for_is_gone() {
    let (columns, numbers) = columns();
    let numbers: Vec<u64> = numbers.iter().map(|n| n + 10).collect();
    let digests: Vec<Digest> = items().iter().map(Item::digest).collect();
    let batch = |gaps: Vec<(u64, Gap)>, lane: Vec<Lane>| Batch {
        runs: crate::progress::spans(numbers.iter().copied()),
        lane,
        check: serde_bytes::ByteArray::new(check(&digests)),
        codec: CODEC_PLAIN,
        columns: columns.clone(),
        gaps,
    };
    let gap = |from: u64| vec![(11, Gap { from, running: crate::bytes::Running([1; 32]) })];
    let early = vec![Lane::After(3); numbers.len()];
    let settings = Settings::default();
    for (first, second) in [
        (batch(Vec::new(), Vec::new()), batch(gap(1), Vec::new())),
        (batch(gap(1), Vec::new()), batch(Vec::new(), Vec::new())),
        (batch(gap(7), Vec::new()), batch(gap(1), Vec::new())),
        (batch(gap(1), Vec::new()), batch(gap(7), Vec::new())),
        (batch(Vec::new(), early), batch(gap(1), Vec::new())),
    ] {
        let mut receiving = Receiving::new(Vec::new(), false);
        receiving.greet(&[Link { incarnation: SITE, parent: None, last: 15 }]);
        for batch in [first, second] {
            assert_eq!(receiving.take(SITE, &batch, &settings), Taken::Yes);
        }
        let delivered = receiving.deliver(&settings);
        assert!(!delivered.is_empty(), "the way past the gap is known");
        assert_eq!(delivered[0].gap.map(|gap| gap.from), Some(1));
    }
}

/// A name that is none makes its whole batch malformed, since an item has no digest without it; nothing is kept of the
/// batch, and the same numbers are taken from a better one.
#[test]
fn a_name_that_is_none_leaves_its_numbers_free() {
    let (columns, numbers) = columns();
    let name = columns.windows(10).position(|bytes| bytes == b"ledger/ber").unwrap();
    let mut receiving = Receiving::new(Vec::new(), false);
    receiving.greet(&[Link { incarnation: SITE, parent: None, last: 0 }]);
    let settings = Settings::default();
    let digests: Vec<Digest> = items().iter().map(Item::digest).collect();
    for byte in [b' ', 0x07, 0x7f, b'/'] {
        let mut columns = columns.clone();
        columns[name + 6] = byte;
        let batch = Batch {
            runs: crate::progress::spans(numbers.iter().copied()),
            lane: Vec::new(),
            check: serde_bytes::ByteArray::new(check(&digests)),
            codec: CODEC_PLAIN,
            columns,
            gaps: Vec::new(),
        };
        let taken = receiving.take(SITE, &batch, &settings);
        let honest = byte == b'/';
        assert_eq!(taken == Taken::Yes, honest, "{byte}: {taken:?}");
        assert_eq!(receiving.deliver(&settings).len(), if honest { numbers.len() } else { 0 });
    }
}

/// A CBOR head that promises what the bytes do not have costs nothing: neither the memory nor the time for 2^64 - 1
/// elements is there to be had.
#[test]
fn a_promise_of_many_costs_nothing() {
    for head in [0x9b_u8, 0xbb, 0x5b, 0x7b] {
        let mut bytes = vec![0x82, head];
        bytes.extend([0xff; 8]);
        assert!(body::read::<(Vec<Span>, Vec<Span>)>(&bytes).is_none());
    }
}
