//! docs/protocol.md shows two frames byte by byte, for readers in other languages. They are the ones written here.

use super::body::{Applied, Batch, Body, Head, Hello};
use super::columns::encode;
use super::memory::Memory;
use super::seal;
use crate::bytes::{Conversation, DocumentId, Incarnation};
use crate::document::Document;
use crate::identity::Identity;
use crate::inspection::Entry;
use crate::item::{Item, Link, Mark};
use crate::progress::Span;
use crate::session::{Side, frame_check};

const SITE: Incarnation = Incarnation([0xa1; 16]);
const HUB: Incarnation = Incarnation([0xb2; 16]);

fn head(serial: u64) -> Head {
    Head { conversation: Conversation([0xc3; 8]), serial, epoch: 1, incarnation: None }
}

fn hello() -> Body {
    let links = vec![Link { incarnation: SITE, parent: None, last: 2 }];
    let applied =
        vec![Applied { mark: Mark::start(HUB), beyond: vec![Span { from: 2, through: 3 }], safe: None }];
    Body::Hello(head(1), Hello { nonce: 7, links, applied, schema: (1, 1), boot_ms: 1_000, lost: None })
}

fn batch() -> Body {
    let doc = DocumentId::new("ledger/berlin-1/0").unwrap();
    let (mut document, founding) = Document::create(doc, SITE, "{}").unwrap();
    let mut items = vec![Item::Change(founding)];
    for n in 1..3 {
        let id = format!("0190b3a4c5d67e8f9a0b1c2d3e4f506{n}.0");
        let entry = Entry { id, text: format!("{{\"n\":{n}}}") };
        items.extend(document.append(&[entry]).unwrap().map(Item::Change));
    }
    let numbered: Vec<_> = (1..).zip(&items).collect();
    let (columns, _) = encode(&numbered, SITE, &Memory::default());
    let digests: Vec<_> = items.iter().map(Item::digest).collect();
    let check = serde_bytes::ByteArray::new(frame_check(&digests));
    let runs = vec![Span { from: 1, through: 3 }];
    let head = Head { incarnation: Some(SITE), ..head(2) };
    Body::Batch(head, Batch { runs, lane: Vec::new(), check, codec: 0, columns, gaps: Vec::new() })
}

/// The hex digits as the page has them: 32 bytes a line.
fn lines(frame: &[u8]) -> String {
    frame.chunks(32).map(|line| hex::encode(line) + "\n").collect()
}

#[test]
fn the_page_shows_the_frames_as_they_are() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    let page = std::fs::read_to_string(page).unwrap();
    let identity = Identity::from_bytes(&[0xd4; 48]).unwrap();
    let site = "berlin-1".parse().unwrap();
    let frames = [hello(), batch()].map(|body| lines(&seal(&identity, Side::Site, &site, &body)));
    let lacking: Vec<_> =
        frames.iter().filter(|frame| !page.contains(*frame)).map(|frame| format!("{frame}\n")).collect();
    assert!(lacking.is_empty(), "docs/protocol.md does not show these frames:\n{}", lacking.concat());
    let key = hex::encode(&identity.public().to_bytes()[16..]);
    assert!(page.contains(&key), "the key of the example is {key}");
}
