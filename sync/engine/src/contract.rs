//! What every journal must do, as a script that runs against any of them.
//!
//! The edge keeps its streams in SQLite by one library, the hub in SQLite or PostgreSQL by another. They share no
//! code, so they share this: each implements [`JournalUnderTest`] in its tests and calls [`run`] with a function
//! that gives a fresh, empty journal. A broken promise panics with what was promised.

use std::fmt::Debug;

use crate::bytes::{DocumentId, Incarnation, Running};
use crate::document::Document;
use crate::inspection::Entry;
use crate::item::{Gap, Incoming, Item, Link, Mark, Outgoing, Position, Record};
use crate::progress::Progress;
use crate::session::Query;

/// A journal with one stream of its own and one peer.
pub trait JournalUnderTest {
    /// What it fails with.
    type Error: Debug;
    /// Makes an incarnation the current one; its parent is the one before.
    fn mint(&mut self, incarnation: Incarnation) -> Result<Link, Self::Error>;
    /// Appends to the own stream.
    fn append(&mut self, item: &Item) -> Result<Mark, Self::Error>;
    /// Reads the own stream.
    fn read(&mut self, query: &Query, limit: usize, bytes_max: usize) -> Result<Vec<Outgoing>, Self::Error>;
    /// Notes what the peer has.
    fn acknowledge(&mut self, mark: &Mark) -> Result<(), Self::Error>;
    /// The own incarnations that are not all acknowledged, and the current one.
    fn links(&mut self) -> Result<Vec<Link>, Self::Error>;
    /// How many own items are not acknowledged.
    fn unacknowledged(&mut self) -> Result<u64, Self::Error>;
    /// Stores an item of the peer; `true` when it is new.
    fn store(&mut self, incoming: &Incoming) -> Result<bool, Self::Error>;
    /// How far the peer's incarnations are stored.
    fn progress(&mut self) -> Result<Vec<Progress>, Self::Error>;
    /// Ends the process without a warning, and opens what it left.
    fn reopen(&mut self);
}

/// Runs the whole script, each scene with a fresh journal.
pub fn run<J: JournalUnderTest>(mut fresh: impl FnMut() -> J) {
    positions_are_dense_and_hashed(&mut fresh());
    reading_stops_at_its_limits(&mut fresh());
    incarnations_drain_in_the_order_they_were_minted(&mut fresh());
    an_acknowledgement_never_goes_back(&mut fresh());
    one_document_can_be_read_alone(&mut fresh());
    progress_survives_gaps_and_reopening(&mut fresh());
    what_the_peer_has_forgotten_is_passed(&mut fresh());
    a_change_is_new_once(&mut fresh());
    two_documents_may_begin_with_the_same_change(&mut fresh());
    an_incarnation_is_used_once(&mut fresh());
}

const A: Incarnation = Incarnation([0xa; 16]);
const B: Incarnation = Incarnation([0xb; 16]);
const PEER: Incarnation = Incarnation([0xe; 16]);
const ALL: Query = Query::After { after: None };

fn must<T, E: Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the journal failed: {error:?}"),
    }
}

fn record(key: &str) -> Item {
    Item::Record(Record::new("label", key, key.as_bytes().to_vec()))
}

/// The founding change of a document and `entries` changes after it.
fn document(name: &str, author: Incarnation, entries: usize) -> Vec<Item> {
    let (mut document, founding) = must(Document::create(must(DocumentId::new(name)), author, "{}"));
    let mut items = vec![Item::Change(founding)];
    for n in 0..entries {
        let entry = Entry { id: format!("{n}"), text: "{}".to_owned() };
        items.extend(must(document.append(&[entry])).map(Item::Change));
    }
    items
}

fn incoming(n: u64, item: &Item) -> Incoming {
    Incoming {
        position: Position { incarnation: PEER, n },
        digest: item.digest(),
        item: item.clone(),
        gap: None,
    }
}

fn positions_are_dense_and_hashed<J: JournalUnderTest>(journal: &mut J) {
    must(journal.mint(A));
    let items = [document("case/1", A, 2), vec![record("1")]].concat();
    let mut expected = Mark::start(A);
    for item in &items {
        expected = expected.next(&item.digest());
        assert_eq!(
            must(journal.append(item)),
            expected,
            "a mark is the next number and the running hash there"
        );
    }
    journal.reopen();
    let read = must(journal.read(&ALL, 100, usize::MAX));
    let back: Vec<&Item> = read.iter().map(|outgoing| &outgoing.item).collect();
    assert_eq!(back, items.iter().collect::<Vec<_>>(), "what was appended is read back");
    assert_eq!(read.last().map(|outgoing| outgoing.mark), Some(expected));
    assert_eq!(must(journal.unacknowledged()), items.len() as u64);
}

fn reading_stops_at_its_limits<J: JournalUnderTest>(journal: &mut J) {
    must(journal.mint(A));
    for n in 0..10 {
        must(journal.append(&record(&format!("{n}"))));
    }
    assert_eq!(must(journal.read(&ALL, 4, usize::MAX)).len(), 4);
    let weight = record("0").weight();
    assert_eq!(
        must(journal.read(&ALL, 10, weight * 3 - 1)).len(),
        3,
        "the item that passes the limit is the last"
    );
    assert_eq!(must(journal.read(&ALL, 10, weight * 3)).len(), 4);
    assert_eq!(must(journal.read(&ALL, 10, 0)).len(), 1, "one item is read however long it is");
    let after = Some(Position { incarnation: A, n: 8 });
    let rest = must(journal.read(&Query::After { after }, 10, usize::MAX));
    assert_eq!(rest.iter().map(|outgoing| outgoing.mark.n).collect::<Vec<_>>(), [9, 10]);
    let after = Some(Position { incarnation: A, n: 10 });
    assert!(must(journal.read(&Query::After { after }, 10, usize::MAX)).is_empty());
}

fn incarnations_drain_in_the_order_they_were_minted<J: JournalUnderTest>(journal: &mut J) {
    let first = must(journal.mint(B));
    assert_eq!(first, Link { incarnation: B, parent: None, last: 0 });
    let last = must(journal.append(&record("1")));
    must(journal.append(&record("2")));
    journal.reopen();
    let second = must(journal.mint(A));
    assert_eq!(
        second.parent,
        Some(Position { incarnation: B, n: 2 }),
        "a parent is named with its last number"
    );
    must(journal.append(&record("3")));
    let read = must(journal.read(&ALL, 10, usize::MAX));
    let places: Vec<_> = read.iter().map(|outgoing| (outgoing.mark.incarnation, outgoing.mark.n)).collect();
    assert_eq!(places, [(B, 1), (B, 2), (A, 1)], "the older life comes first, whatever its name");
    let after = Query::After { after: Some(Position { incarnation: B, n: 2 }) };
    assert_eq!(must(journal.read(&after, 10, usize::MAX)).len(), 1);
    let links = must(journal.links());
    assert_eq!(links.iter().map(|link| (link.incarnation, link.last)).collect::<Vec<_>>(), [(B, 2), (A, 1)]);
    must(journal.acknowledge(&last));
    assert_eq!(must(journal.links()).len(), 2, "one item of the older life is still missing");
    must(journal.acknowledge(&read[1].mark));
    assert_eq!(must(journal.links()).len(), 1);
}

fn an_acknowledgement_never_goes_back<J: JournalUnderTest>(journal: &mut J) {
    must(journal.mint(A));
    let marks: Vec<Mark> = (0..3).map(|n| must(journal.append(&record(&format!("{n}"))))).collect();
    must(journal.acknowledge(&marks[1]));
    must(journal.acknowledge(&marks[0]));
    assert_eq!(must(journal.unacknowledged()), 1);
    journal.reopen();
    assert_eq!(must(journal.unacknowledged()), 1);
    must(journal.acknowledge(&marks[2]));
    assert_eq!(must(journal.unacknowledged()), 0);
    assert_eq!(must(journal.links()).len(), 1, "the current incarnation is always a link");
}

fn one_document_can_be_read_alone<J: JournalUnderTest>(journal: &mut J) {
    must(journal.mint(A));
    let (one, two) = (document("case/1", A, 2), document("case/2", A, 2));
    for (first, second) in one.iter().zip(&two) {
        must(journal.append(first));
        must(journal.append(second));
        must(journal.append(&record("between")));
    }
    let doc = must(DocumentId::new("case/2"));
    let after = Some(Position { incarnation: A, n: 2 });
    let read = must(journal.read(&Query::Document { doc, after }, 10, usize::MAX));
    let numbers: Vec<u64> = read.iter().map(|outgoing| outgoing.mark.n).collect();
    assert_eq!(numbers, [5, 8]);
}

fn progress_survives_gaps_and_reopening<J: JournalUnderTest>(journal: &mut J) {
    must(journal.mint(A));
    assert!(must(journal.progress()).is_empty(), "nothing is known of a peer that sent nothing");
    let items: Vec<Item> = (1..=4).map(|n| record(&format!("{n}"))).collect();
    let mut expected = Progress::start(PEER);
    for n in [1, 4, 3] {
        let item = &items[n as usize - 1];
        expected.store(n, item.digest());
        assert!(must(journal.store(&incoming(n, item))));
        assert!(!must(journal.store(&incoming(n, item))), "a position is stored once");
        journal.reopen();
        assert_eq!(must(journal.progress()), std::slice::from_ref(&expected));
    }
    must(journal.store(&incoming(2, &items[1])));
    let straight = items.iter().fold(Mark::start(PEER), |mark, item| mark.next(&item.digest()));
    let progress = must(journal.progress());
    assert_eq!(progress[0].mark(), straight, "the running hash does not depend on the order of arrival");
    assert_eq!(progress[0].beyond().len(), 0);
    assert!(must(journal.read(&ALL, 10, usize::MAX)).is_empty(), "the peer's items are not one's own");
}

fn what_the_peer_has_forgotten_is_passed<J: JournalUnderTest>(journal: &mut J) {
    must(journal.mint(A));
    must(journal.store(&incoming(1, &record("1"))));
    let gap = Gap { from: 2, running: Running([5; 32]) };
    let after = Incoming { gap: Some(gap), ..incoming(9, &record("9")) };
    assert!(must(journal.store(&after)));
    assert!(!must(journal.store(&after)));
    assert!(must(journal.store(&incoming(10, &record("10")))));
    journal.reopen();
    let progress = must(journal.progress());
    assert_eq!(progress[0].through(), 10, "what is gone counts as received");
    assert_eq!(progress[0].running(), gap.running.next(&record("10").digest()));
    assert!(!must(journal.store(&incoming(5, &record("5")))), "and is not taken later");
}

fn a_change_is_new_once<J: JournalUnderTest>(journal: &mut J) {
    must(journal.mint(A));
    let items = document("case/1", PEER, 1);
    assert!(must(journal.store(&incoming(1, &items[0]))));
    assert!(must(journal.store(&incoming(2, &items[1]))));
    assert!(
        !must(journal.store(&incoming(3, &items[1]))),
        "the same change at another position is a duplicate"
    );
    let progress = must(journal.progress());
    assert_eq!(progress[0].through(), 3, "and counts as received all the same");
}

/// A change's hash says nothing of its document: those of one author with the same header begin alike.
fn two_documents_may_begin_with_the_same_change<J: JournalUnderTest>(journal: &mut J) {
    must(journal.mint(A));
    let (one, two) = (document("case/1", PEER, 0), document("case/2", PEER, 0));
    assert!(must(journal.store(&incoming(1, &one[0]))));
    assert!(must(journal.store(&incoming(2, &two[0]))), "it is new in the other document");
    let (one, two) = (document("case/3", A, 0), document("case/4", A, 0));
    must(journal.append(&one[0]));
    must(journal.append(&two[0]));
}

fn an_incarnation_is_used_once<J: JournalUnderTest>(journal: &mut J) {
    must(journal.mint(A));
    must(journal.append(&record("1")));
    assert!(journal.mint(A).is_err(), "an incarnation that was used before is refused");
    must(journal.mint(B));
    assert!(journal.mint(A).is_err());
}
