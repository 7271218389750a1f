//! What is written into a frame is read back, and nothing else is accepted.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::body::{Acknowledgement, Applied, Body, Head, Lane, RefusedItem};
use super::columns::{Unreadable, decode, encode};
use super::memory::{Memory, REACH};
use super::{Envelope, open, seal};
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

fn round_trip(items: &[Item]) {
    let numbered = numbered(items);
    let (bytes, tips) = encode(&numbered, SITE, &Memory::default());
    let numbers: Vec<u64> = numbered.iter().map(|(n, _)| *n).collect();
    let (again, tips_again) = decode(&bytes, &numbers, SITE, &Memory::default()).unwrap();
    assert_eq!(again, items);
    assert_eq!(tips_again, tips, "both ends remember the same");
}

#[test]
fn every_form_of_item_is_rebuilt_byte_by_byte() {
    let (mut one, founding) = document("case/1");
    let (mut two, _) = document("case/2");
    let record = Record { kind: "label".to_owned(), key: "1".to_owned(), bytes: vec![0, 1, 2] };
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
    let (_, tips) = encode(&[(1, &founding), (2, &first)], SITE, &Memory::default());
    tips.into_iter().for_each(|tip| memory.note(tip));
    let near = encode(&[(2 + REACH, &second)], SITE, &memory).0;
    let far = encode(&[(3 + REACH, &second)], SITE, &memory).0;
    assert!(near.len() + 32 < far.len(), "the reference spares the dependency");
    assert_eq!(decode(&near, &[2 + REACH], SITE, &memory).unwrap().0, std::slice::from_ref(&second));
    assert_eq!(decode(&near, &[2 + REACH], SITE, &Memory::default()), Err(Unreadable::Reference));
    assert_eq!(decode(&far, &[3 + REACH], SITE, &Memory::default()).unwrap().0, [second]);
}

fn keys() -> (Identity, PeerKeys, StdRng) {
    let mut rng = StdRng::seed_from_u64(5);
    let identity = Identity::generate(&mut rng);
    let keys = PeerKeys(vec![identity.public()]);
    (identity, keys, rng)
}

fn body() -> Body {
    let head = Head { conversation: Conversation([3; 8]), serial: 9, incarnation: SITE, epoch: 1 };
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
    assert_eq!(open(&frame, &keys, Side::Site, &site), Ok((identity.install(), body())));
    let envelope = Envelope::peek(&frame).unwrap();
    assert_eq!((envelope.site.clone(), envelope.writer), (site.clone(), Side::Site));
    let stranger = PeerKeys(vec![Identity::generate(&mut rng).public()]);
    let unknown = QuarantineReason::UnknownInstall(identity.install());
    assert_eq!(open(&frame, &stranger, Side::Site, &site), Err(unknown));
    let other = "berlin-2".parse().unwrap();
    assert_eq!(open(&frame, &keys, Side::Site, &other), Err(QuarantineReason::Misdirected));
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
        let _ = decode(&noise, &[1, 2, 3], SITE, &Memory::default());
        let (mut document, founding) = document("case/1");
        let items = [founding, append(&mut document, "a", "{}"), append(&mut document, "b", "{}")];
        let (mut bytes, _) = encode(&numbered(&items), SITE, &Memory::default());
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        let _ = decode(&bytes, &[1, 2, 3], SITE, &Memory::default());
        let _ = Body::read(super::Kind::Batch, &bytes);
        let _ = Envelope::peek(&bytes);
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
