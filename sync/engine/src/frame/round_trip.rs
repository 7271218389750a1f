//! What is written into a frame is read back, and nothing else is accepted.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::body::{Acknowledgement, Applied, Body, Head, Lane, RefusedItem};
use super::columns::{Unreadable, encode};
use super::memory::{Learned, Memory, REACH};
use super::{Envelope, open, reading, seal, signed};
use crate::bytes::{Conversation, DocumentId, Incarnation};
use crate::document::Document;
use crate::identity::{Identity, PeerKeys};
use crate::inspection::Entry;
use crate::item::{Item, Mark, Record};
use crate::progress::Span;
use crate::session::{QuarantineReason, Side};

const SITE: Incarnation = Incarnation([1; 16]);
const HUB: Incarnation = Incarnation([2; 16]);

fn document(name: &str) -> (Document, Item) {
    let (_, founding) = Document::create(DocumentId::new(name).unwrap(), HUB, "{}").unwrap();
    let document = Document::open(founding.doc.clone(), SITE, None, std::slice::from_ref(&founding)).unwrap();
    (document, Item::Change(founding))
}

fn append(document: &mut Document, id: &str, text: &str) -> Item {
    let entry = Entry { id: id.to_owned(), text: text.to_owned() };
    Item::Change(document.append(&[entry]).unwrap().unwrap())
}

fn numbered(items: &[Item]) -> Vec<(u64, &Item)> {
    (1..).zip(items).collect()
}

const TEXTS_MAX: usize = 1 << 20;

fn decode(bytes: &[u8], numbers: &[u64], memory: &Memory) -> Result<(Vec<Item>, Learned), Unreadable> {
    reading::decode(bytes, numbers, SITE, memory, TEXTS_MAX)
}

fn round_trip(items: &[Item]) {
    let numbered = numbered(items);
    let (bytes, learned) = encode(&numbered, SITE, &Memory::default());
    let numbers: Vec<u64> = numbered.iter().map(|(n, _)| *n).collect();
    let (again, learned_again) = decode(&bytes, &numbers, &Memory::default()).unwrap();
    assert_eq!(again, items);
    assert_eq!(learned_again, learned, "both ends remember the same");
}

#[test]
fn every_form_of_item_is_rebuilt_byte_by_byte() {
    let (mut one, founding) = document("case/1");
    let (mut two, _) = document("case/2");
    let record = Record { attached: vec![9; 48], ..Record::new("label", "1", vec![0, 1, 2]) };
    let items = [
        founding,
        append(&mut one, "0190b3a4c5d67e8f9a0b1c2d3e4f5061.0", "{}"),
        append(&mut one, "0190b3a4c5d67e8f9a0b1c2d3e4f5062.0", "{}"),
        Item::Record(record),
        append(&mut two, "another kind of id", "{\"n\":1}"),
        append(&mut one, "0190B3A4C5D67E8F9A0B1C2D3E4F5063", "upper case stays as it is"),
        append(&mut two, "with \0 in it", "and \0 here"),
    ];
    round_trip(&items);
}

#[test]
fn a_change_may_refer_to_an_earlier_frame_as_far_as_the_reach() {
    let (mut document, founding) = document("case/1");
    let first = append(&mut document, "a", "{}");
    let second = append(&mut document, "b", "{}");
    let mut memory = Memory::default();
    let (_, learned) = encode(&[(1, &founding), (2, &first)], SITE, &Memory::default());
    memory.learn(learned);
    let near = encode(&[(2 + REACH, &second)], SITE, &memory).0;
    let far = encode(&[(3 + REACH, &second)], SITE, &memory).0;
    assert!(near.len() + 32 < far.len(), "the reference spares the dependency");
    assert_eq!(decode(&near, &[2 + REACH], &memory).unwrap().0, std::slice::from_ref(&second));
    assert_eq!(decode(&near, &[2 + REACH], &Memory::default()), Err(Unreadable::Reference));
    assert_eq!(decode(&far, &[3 + REACH], &memory).unwrap().0, [second]);
}

const ID: &str = "0190b3a4c5d67e8f9a0b1c2d3e4f5061.0";

fn noted(items: &[(u64, &Item)], memory: &mut Memory) {
    let (_, learned) = encode(items, SITE, memory);
    memory.learn(learned);
}

#[test]
fn a_text_is_like_one_of_an_earlier_frame_of_any_document() {
    let (mut one, founding) = document("case/0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061");
    let (mut two, other) = document("case/0290b3a4-c5d6-7e8f-9a0b-1c2d3e4f5062");
    let text = |n: u32, case: &str| {
        format!(r#"{{"n":{n},"kind":"packed","by":"s-{n}","container":"{case}-b1","at":1763874000{n:03}}}"#)
    };
    let first = append(&mut one, ID, &text(1, "0190b3a4c5d67e8f9a0b1c2d3e4f5061"));
    let second = append(&mut two, ID, &text(12, "0290b3a4c5d67e8f9a0b1c2d3e4f5062"));
    let third = append(&mut two, "0190b3a4c5d67e8f9a0b1c2d3e4f5062.1", &text(123, &"0".repeat(32)));
    let mut memory = Memory::default();
    noted(&[(1, &founding), (2, &other), (3, &first)], &mut memory);
    let (near, _) = encode(&[(4, &second), (5, &third)], SITE, &memory);
    let (far, learned) = encode(&[(4, &second), (5, &third)], SITE, &memory.begun_anew());
    assert!(near.len() + 80 < far.len(), "{} B and {} B", near.len(), far.len());
    assert_eq!(decode(&near, &[4, 5], &memory).unwrap().0, [second.clone(), third.clone()]);
    assert_eq!(decode(&near, &[4, 5], &Memory::default()), Err(Unreadable::Reference));
    assert_eq!(decode(&far, &[4, 5], &Memory::default()).unwrap().0, [second, third]);
    assert_eq!(
        learned.examples.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        [2],
        "a number of its own"
    );
}

#[test]
fn a_lost_frame_is_made_good_by_one_without_references() {
    let (mut one, founding) = document("case/1");
    let texts =
        ["{\"kind\":\"picked\",\"n\":1}", "{\"kind\":\"picked\",\"n\":2}", "{\"kind\":\"picked\",\"n\":3}"];
    let items: Vec<Item> =
        texts.iter().enumerate().map(|(k, text)| append(&mut one, &format!("id {k}"), text)).collect();
    let (mut writer, mut reader) = (Memory::default(), Memory::default());
    let (start, learned) = encode(&[(1, &founding)], SITE, &writer);
    writer.learn(learned);
    reader.learn(decode(&start, &[1], &reader).unwrap().1);
    // This one is lost.
    noted(&[(2, &items[0])], &mut writer);
    let (second, learned) = encode(&[(3, &items[1])], SITE, &writer);
    writer.learn(learned);
    assert_eq!(decode(&second, &[3], &reader), Err(Unreadable::Reference));
    for (n, item) in [(2, &items[0]), (3, &items[1])] {
        let (again, learned) = encode(&[(n, item)], SITE, &writer.begun_anew());
        writer.learn(learned);
        let (read, learned) = decode(&again, &[n], &reader).unwrap();
        assert_eq!(read, std::slice::from_ref(item));
        reader.learn(learned);
    }
    let (third, _) = encode(&[(4, &items[2])], SITE, &writer);
    let mut confused = Memory::default();
    noted(&[(1, &founding), (2, &append(&mut one, "x", "7"))], &mut confused);
    noted(&[(3, &append(&mut one, "y", "another text"))], &mut confused);
    noted(&[(4, &append(&mut one, "z", "and another"))], &mut confused);
    let unread = decode(&third, &[4], &confused).map(|(items, learned)| (items.len(), learned.leans));
    assert!(
        matches!(unread, Err(Unreadable::Reference) | Ok((1, true))),
        "it is not held against the writer"
    );
    assert_eq!(decode(&third, &[4], &reader).unwrap().0, std::slice::from_ref(&items[2]));
}

#[test]
fn ids_of_one_command_are_said_once() {
    let (mut one, founding) = document("case/1");
    let digits = "0190b3a4c5d67e8f9a0b1c2d3e4f5061";
    let ids = [".0", ".1", ".2"].map(|tail| format!("{digits}{tail}"));
    let mut items = vec![founding];
    items.extend(ids.iter().map(|id| append(&mut one, id, "{}")));
    round_trip(&items);
    let size = |items: &[Item]| encode(&numbered(items), SITE, &Memory::default()).0.len();
    assert!(size(&items) < size(&items[..2]) + 2 * 16);
}

#[test]
fn few_bytes_cannot_become_more_text_than_is_allowed() {
    let (mut document, founding) = document("case/1");
    let long = "x".repeat(8_000);
    let mut items = vec![founding];
    items.extend((0..130).map(|k| append(&mut document, &format!("id {k}"), &format!("{long}{k}"))));
    let (bytes, _) = encode(&numbered(&items), SITE, &Memory::default());
    let numbers: Vec<u64> = (1..=items.len() as u64).collect();
    assert!(bytes.len() < 16_000, "one text in full stands for all: {} B", bytes.len());
    let texts: usize = (0..130).map(|k| format!("{long}{k}").len()).sum();
    let read = |max| reading::decode(&bytes, &numbers, SITE, &Memory::default(), max);
    assert_eq!(read(texts).unwrap().0, items);
    assert_eq!(read(texts - 1), Err(Unreadable::Malformed("its texts are longer than is allowed")));
}

#[test]
fn more_shapes_than_there_are_places_for_are_said_in_full() {
    let (mut document, founding) = document("case/1");
    let mut items = vec![founding];
    for round in 0..2 {
        items.extend((0..300).map(|k| append(&mut document, &format!("id {round} {k}"), &"x".repeat(k + 1))));
    }
    round_trip(&items);
    // What a writer refers to, a reader has that remembers as the writer does.
    let mut memory = Memory::default();
    noted(&numbered(&items), &mut memory);
    let more: Vec<Item> =
        (0..300).map(|k| append(&mut document, &format!("more {k}"), &"x".repeat(k + 1))).collect();
    let numbered: Vec<(u64, &Item)> = (items.len() as u64 + 1..).zip(&more).collect();
    let numbers: Vec<u64> = numbered.iter().map(|(n, _)| *n).collect();
    let (bytes, _) = encode(&numbered, SITE, &memory);
    assert_eq!(decode(&bytes, &numbers, &memory).unwrap().0, more);
}

fn keys() -> (Identity, PeerKeys, StdRng) {
    let mut rng = StdRng::seed_from_u64(5);
    let identity = Identity::generate(&mut rng);
    let keys = PeerKeys(vec![identity.public()]);
    (identity, keys, rng)
}

fn body() -> Body {
    let head = Head { conversation: Conversation([3; 8]), serial: 9, epoch: 1, incarnation: None };
    let applied = Applied { mark: Mark::start(HUB), beyond: vec![Span { from: 3, through: 5 }], safe: None };
    let refused = RefusedItem { incarnation: HUB, n: 4, reason: "not_yours".to_owned() };
    let authority = Some(serde_bytes::ByteBuf::from(vec![1, 2]));
    Body::Acknowledgement(head, Acknowledgement { applied: vec![applied], refused: vec![refused], authority })
}

#[test]
fn a_frame_is_opened_with_its_writer_s_key_only() {
    let (identity, keys, mut rng) = keys();
    let site = "berlin-1".parse().unwrap();
    let frame = seal(&identity, Side::Site, &site, &body());
    assert_eq!(open(&frame, &keys, Side::Site, &site), Ok((identity.install(), Some(body()))));
    let envelope = Envelope::peek(&frame).unwrap();
    // Of a kind that only a later version knows.
    let mut later = frame[..frame.len() - 64].to_vec();
    later[1] = 200;
    let signature = identity.sign(&signed(&site, identity.install(), &later));
    later.extend_from_slice(&signature);
    assert_eq!(open(&later, &keys, Side::Site, &site), Ok((identity.install(), None)));
    later[20] ^= 1;
    assert_eq!(open(&later, &keys, Side::Site, &site), Err(QuarantineReason::Forged));
    assert_eq!((envelope.signer, envelope.writer), (identity.install().tag(), Side::Site));
    let stranger = PeerKeys(vec![Identity::generate(&mut rng).public()]);
    let unknown = QuarantineReason::UnknownInstall(identity.install().tag());
    assert_eq!(open(&frame, &stranger, Side::Site, &site), Err(unknown));
    let other = "berlin-2".parse().unwrap();
    assert_eq!(open(&frame, &keys, Side::Site, &other), Err(QuarantineReason::Forged));
    assert_eq!(open(&frame, &keys, Side::Hub, &site), Err(QuarantineReason::Misdirected));
    let mut longer = frame.clone();
    longer.push(0);
    assert_eq!(open(&longer, &keys, Side::Site, &site), Err(QuarantineReason::Forged));
    assert_eq!(open(&frame[..60], &keys, Side::Site, &site), Err(QuarantineReason::NotAFrame));
}

#[test]
fn lanes_are_numbers_on_the_wire() {
    for (lane, number) in [(Lane::Free, 0), (Lane::After(7), 7), (Lane::AfterParents, -1)] {
        assert_eq!(i64::from(lane), number);
        assert_eq!(Lane::from(number), lane);
    }
}

proptest! {
    #[test]
    fn no_flipped_bit_passes_the_signature(at: prop::sample::Index, bit in 0u32..8) {
        let (identity, keys, _) = keys();
        let site = "berlin-1".parse().unwrap();
        let mut frame = seal(&identity, Side::Site, &site, &body());
        let at = at.index(frame.len());
        frame[at] ^= 1 << bit;
        prop_assert!(open(&frame, &keys, Side::Site, &site).is_err());
    }

    /// A signature proves who wrote a frame, not that its content makes sense.
    #[test]
    fn no_columns_make_the_reader_panic(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let _ = decode(&noise, &[1, 2, 3], &Memory::default());
        let (mut document, founding) = document("case/1");
        let items = [founding, append(&mut document, "a", "{}"), append(&mut document, "b", "{}")];
        let (mut bytes, _) = encode(&numbered(&items), SITE, &Memory::default());
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        let _ = decode(&bytes, &[1, 2, 3], &Memory::default());
        let _ = Body::read(super::Kind::Batch, &bytes);
        let _ = Envelope::peek(&bytes);
    }

    #[test]
    fn no_columns_that_lean_on_examples_make_the_reader_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let (mut document, founding) = document("case/0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061");
        let mut text = |n: u64, word: &str| append(&mut document, &format!("{n}"), &format!("{n} {word}-b{n} {n}"));
        let words = ["0190b3a4c5d67e8f9a0b1c2d3e4f5061".to_owned(), "a".repeat(32)];
        let items = [founding, text(1, &words[1]), text(22, &words[0]), text(333, &words[1])];
        let mut memory = Memory::default();
        noted(&[(1, &items[0]), (2, &items[1])], &mut memory);
        let (mut bytes, learned) = encode(&[(3, &items[2]), (4, &items[3])], SITE, &memory);
        prop_assert!(learned.leans);
        prop_assert_eq!(decode(&bytes, &[3, 4], &memory).map(|(items, _)| items), Ok(items[2..].to_vec()));
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        let _ = decode(&bytes, &[3, 4], &memory);
    }

    #[test]
    fn any_entries_are_rebuilt(texts in prop::collection::vec(("[0-9a-f]{30,40}", "\\PC{1,60}"), 1..30)) {
        let (mut document, founding) = document("case/1");
        let mut items = vec![founding];
        for (id, text) in texts {
            let entry = Entry { id, text };
            if let Ok(Some(change)) = document.append(&[entry]) {
                items.push(Item::Change(change));
            }
        }
        round_trip(&items);
    }
}
