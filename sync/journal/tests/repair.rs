//! What repair compares is always what the documents are, whatever happened to them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use outpost_journal as journal;
use outpost_journal::{ParkLimits, Parked, SetAside, Stored};
use outpost_sync::repair::{BucketSet, Buckets, Digest, Fingerprint, Look, Seen, Standing, Wanted};
use outpost_sync::{Change, Document, DocumentId, Entry, Incarnation, Incoming, Item, Position};
use rusqlite::Connection;

const OWN: Incarnation = Incarnation([1; 16]);
const HUB: Incarnation = Incarnation([2; 16]);

fn database() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    journal::migrate(&conn).unwrap();
    journal::mint(&conn, OWN).unwrap();
    conn
}

fn id(name: &str) -> DocumentId {
    DocumentId::new(name).unwrap()
}

fn entry(n: usize) -> Entry {
    Entry { id: format!("{n}"), text: format!("{{\"n\":{n}}}") }
}

/// A document of the hub with so many entries, as its changes.
fn of_hub(name: &str, entries: usize) -> Vec<Change> {
    let (mut document, founding) = Document::create(id(name), HUB, "{}").unwrap();
    let later = (0..entries).map(|n| document.append(&[entry(n)]).unwrap().unwrap());
    std::iter::once(founding).chain(later).collect()
}

fn open(conn: &Connection, name: &str) -> Document {
    let kept = journal::load(conn, &id(name)).unwrap().unwrap();
    Document::open(id(name), OWN, kept.saved.as_deref(), &kept.later).unwrap()
}

fn digest(conn: &Connection) -> Digest {
    match journal::look(conn, "hub", &Look::Digest).unwrap() {
        Seen::Digest(digest) => *digest,
        other => panic!("{other:?}"),
    }
}

/// The hashes made from scratch, of these documents.
fn expected(conn: &Connection, names: &[&str]) -> Buckets {
    let mut buckets = Buckets::default();
    for name in names {
        buckets.toggle(&Fingerprint::of(&id(name), &open(conn, name).heads()));
    }
    buckets
}

fn incoming(n: u64, change: &Change) -> Incoming {
    let item = Item::Change(change.clone());
    Incoming { position: Position { incarnation: HUB, n }, digest: item.digest(), gap: None, item }
}

#[test]
fn hashes_follow_every_change_whoever_wrote_it_and_however_it_came() {
    let conn = database();
    for (n, change) in of_hub("case/1", 3).iter().enumerate() {
        journal::store(&conn, "hub", 1, &incoming(n as u64 + 1, change)).unwrap();
    }
    assert_eq!(digest(&conn).buckets, expected(&conn, &["case/1"]));
    let mut document = open(&conn, "case/1");
    let change = document.append(&[entry(7)]).unwrap().unwrap();
    let mark = journal::append(&conn, 2, &Item::Change(change)).unwrap();
    for change in of_hub("case/2", 2) {
        assert_eq!(journal::keep(&conn, 3, &change).unwrap(), Stored::New);
        assert_eq!(journal::keep(&conn, 3, &change).unwrap(), Stored::Duplicate);
    }
    let found = digest(&conn);
    assert_eq!(found.buckets, expected(&conn, &["case/1", "case/2"]));
    assert_eq!(found.own, mark.position());
    assert_eq!(found.applied, [Position { incarnation: HUB, n: 4 }], "repair makes no progress");
    // What is left out of the hashes by either side is out, and comes back.
    journal::stand(&conn, &id("case/1"), Standing::Held, Some("bad")).unwrap();
    assert_eq!(digest(&conn).buckets, expected(&conn, &["case/2"]));
    journal::note(&conn, &id("case/2"), Standing::Archived, None).unwrap();
    assert_eq!(digest(&conn).buckets, Buckets::default());
    journal::release(&conn, &id("case/1"), Standing::Live).unwrap();
    journal::note(&conn, &id("case/2"), Standing::Live, None).unwrap();
    assert_eq!(digest(&conn).buckets, expected(&conn, &["case/1", "case/2"]));
    // The peer was restored: what it had said of documents counts no more; what they are here does.
    journal::note(&conn, &id("case/1"), Standing::Held, Some("bad")).unwrap();
    journal::note(&conn, &id("case/2"), Standing::Archived, None).unwrap();
    journal::forget_notes(&conn).unwrap();
    assert_eq!(digest(&conn).buckets, expected(&conn, &["case/1", "case/2"]));
    assert_eq!(journal::entry(&conn, &id("case/1")).unwrap().unwrap().reason, None);
    journal::stand(&conn, &id("case/1"), Standing::Held, Some("bad")).unwrap();
    journal::note(&conn, &id("case/1"), Standing::Archived, None).unwrap();
    journal::forget_notes(&conn).unwrap();
    assert_eq!(digest(&conn).buckets, expected(&conn, &["case/2"]));
    journal::release(&conn, &id("case/1"), Standing::Live).unwrap();
    journal::acknowledge(&conn, &mark).unwrap();
    assert!(journal::discard(&conn, &id("case/1")).unwrap());
    assert_eq!(digest(&conn).buckets, expected(&conn, &["case/2"]));
    assert_eq!(journal::entry(&conn, &id("case/1")).unwrap().unwrap().standing, Standing::Archived);
}

#[test]
fn documents_are_listed_page_by_page_in_one_order() {
    let conn = database();
    for n in 0..300 {
        of_hub(&format!("case/{n}"), 0).iter().for_each(|change| {
            journal::keep(&conn, 1, change).unwrap();
        });
    }
    let buckets = BucketSet([0xff; 32]);
    let (mut after, mut names) = (None, Vec::new());
    loop {
        let look = Look::List { buckets, after: after.clone(), limit: 70 };
        let Seen::List(page) = journal::look(&conn, "hub", &look).unwrap() else { panic!("not a list") };
        names.extend(page.iter().map(|known| (Fingerprint::of(&known.doc, &[]).bucket, known.doc.clone())));
        if page.len() < 70 {
            break;
        }
        after = names.last().cloned();
    }
    assert_eq!(names.len(), 300);
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn what_the_other_side_lacks_is_found_after_saving_and_forgetting() {
    let conn = database();
    let changes = of_hub("case/1", 4);
    for (n, change) in changes.iter().enumerate() {
        journal::store(&conn, "hub", 1, &incoming(n as u64 + 1, change)).unwrap();
    }
    journal::save(&conn, &id("case/1"), &open(&conn, "case/1").save().unwrap()).unwrap();
    assert_eq!(journal::forget(&conn, 100).unwrap().dropped, 4, "the newest stays");
    let wanted = |has: Vec<(Incarnation, u64)>| {
        let of = vec![Wanted { doc: id("case/1"), has: Some(has) }, Wanted { doc: id("case/9"), has: None }];
        match journal::look(&conn, "hub", &Look::Documents { of, bytes_max: 1 << 20 }).unwrap() {
            Seen::Documents(documents) => documents,
            other => panic!("{other:?}"),
        }
    };
    let found = wanted(vec![(HUB, 3)]);
    assert_eq!(found[0].authors, [(HUB, 5)]);
    assert_eq!(found[0].changes, changes[3..]);
    assert!(found[1].authors.is_empty());
    assert_eq!(wanted(Vec::new())[0].changes, changes, "the whole document");
}

#[test]
fn a_change_waits_until_there_is_no_room_and_not_a_byte_longer() {
    let conn = database();
    let changes = of_hub("case/1", 4);
    let bytes: usize = changes[1..3].iter().map(|change| change.bytes.len()).sum();
    let limits = ParkLimits { items_max: 3, bytes_max: bytes };
    let park = |n: u64, change: &Change, limits| {
        journal::park(&conn, "hub", 1, change, Some(&incoming(n, change)), limits).unwrap()
    };
    assert_eq!(park(2, &changes[1], limits), Parked::Waits);
    assert_eq!(park(3, &changes[2], limits), Parked::Waits);
    assert_eq!(park(4, &changes[3], limits), Parked::Full, "one byte too many");
    let progress = journal::progress(&conn, "hub").unwrap();
    assert!(progress[0].contains(3) && !progress[0].contains(4), "what has no room is not counted");
    assert_eq!(park(3, &changes[2], limits), Parked::Duplicate);
    let limits = ParkLimits { items_max: 2, bytes_max: 1 << 20 };
    assert_eq!(park(4, &changes[3], limits), Parked::Full, "one change too many");
    assert_eq!(park(4, &changes[3], ParkLimits { items_max: 3, ..limits }), Parked::Waits);
    assert_eq!(journal::parked_of(&conn, &id("case/1")).unwrap(), changes[1..4]);
    journal::unpark(&conn, &changes[1]).unwrap();
    assert_eq!(journal::parked(&conn).unwrap().0, 2);
}

#[test]
fn a_held_document_keeps_its_changes_in_order_and_frames_do_not_crowd_them_out() {
    let conn = database();
    let changes = of_hub("case/1", 2);
    for (n, change) in changes.iter().enumerate() {
        let incoming = incoming(n as u64 + 1, change);
        journal::set_aside(&conn, "hub", 1, SetAside::Item(&incoming), &format!("reason {n}")).unwrap();
    }
    journal::set_aside(&conn, "hub", 1, SetAside::Change(&changes[1]), "again").unwrap();
    for n in 0..9 {
        journal::note_frame(&conn, "hub", n, b"nonsense", "forged", 2).unwrap();
    }
    assert_eq!(journal::held_changes(&conn, &id("case/1")).unwrap(), changes);
    let held = journal::held(&conn, 10).unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].1.reason.as_deref(), Some("reason 0"), "the first reason is the one that tells");
    assert_eq!(journal::progress(&conn, "hub").unwrap()[0].through(), 3);
    journal::release(&conn, &id("case/1"), Standing::Live).unwrap();
    assert!(journal::held_changes(&conn, &id("case/1")).unwrap().is_empty());
}

#[test]
fn incarnations_of_the_past_are_own_and_the_present_one_is_nobodys_to_write_under() {
    let conn = database();
    let (lost, next) = (Incarnation([7; 16]), Incarnation([8; 16]));
    assert!(!journal::vouched(&conn, lost).unwrap());
    journal::vouch(&conn, &[lost, OWN]).unwrap();
    assert!(journal::vouched(&conn, lost).unwrap());
    assert!(!journal::vouched(&conn, OWN).unwrap());
    journal::mint(&conn, next).unwrap();
    assert!(journal::vouched(&conn, OWN).unwrap());
    assert!(!journal::vouched(&conn, next).unwrap());
}
