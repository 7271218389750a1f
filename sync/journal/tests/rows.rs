//! What only this journal does: documents at rest, forgetting, quarantine, migration.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use outpost_journal as journal;
use outpost_journal::{Acknowledged, JournalError, SetAside, Stored, Swept};
use outpost_sync::{
    Change, Document, DocumentId, Entry, Incarnation, Incoming, Item, Mark, Position, Query, Record,
};
use rusqlite::Connection;

const OWN: Incarnation = Incarnation([1; 16]);
const HUB: Incarnation = Incarnation([2; 16]);

fn database() -> (tempfile::TempDir, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let conn = Connection::open(dir.path().join("edge.db")).unwrap();
    journal::migrate(&conn).unwrap();
    journal::mint(&conn, OWN).unwrap();
    (dir, conn)
}

fn doc() -> DocumentId {
    DocumentId::new("case/1").unwrap()
}

fn entry(n: usize) -> Entry {
    Entry { id: format!("{n}"), text: format!("{{\"n\":{n}}}") }
}

/// The hub founds a case, and its founding change is stored here.
fn founded(conn: &Connection) -> Document {
    let (_, founding) = Document::create(doc(), HUB, "{}").unwrap();
    assert_eq!(journal::store(conn, "hub", 5, &incoming(1, Item::Change(founding))).unwrap(), Stored::New);
    open(conn)
}

fn open(conn: &Connection) -> Document {
    let kept = journal::load(conn, &doc()).unwrap().unwrap();
    Document::open(doc(), OWN, kept.saved.as_deref(), &kept.later).unwrap()
}

fn write(conn: &Connection, document: &mut Document, n: usize) -> Mark {
    let change = document.append(&[entry(n)]).unwrap().unwrap();
    journal::append(conn, 10 + n as i64, &Item::Change(change)).unwrap()
}

fn incoming(n: u64, item: Item) -> Incoming {
    Incoming { position: Position { incarnation: HUB, n }, digest: item.digest(), item, gap: None }
}

fn rows(conn: &Connection, table: &str) -> i64 {
    conn.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_document_is_opened_from_its_saved_form_and_the_changes_since() {
    let (_dir, conn) = database();
    assert_eq!(journal::load(&conn, &doc()).unwrap(), None);
    let mut document = founded(&conn);
    write(&conn, &mut document, 1);
    journal::save(&conn, &doc(), &document.save().unwrap()).unwrap();
    write(&conn, &mut document, 2);
    let kept = journal::load(&conn, &doc()).unwrap().unwrap();
    assert_eq!(kept.later.len(), 1, "only what came after the save");
    let mut again = open(&conn);
    assert_eq!(again.heads(), document.heads());
    assert_eq!(again.entries(), [entry(1), entry(2)]);
    write(&conn, &mut again, 3);
    assert_eq!(open(&conn).entries().len(), 3);
}

#[test]
fn only_what_is_acknowledged_and_saved_is_forgotten() {
    let (_dir, conn) = database();
    let mut document = founded(&conn);
    let first = write(&conn, &mut document, 1);
    write(&conn, &mut document, 2);
    assert_eq!(journal::forget(&conn, 100).unwrap().dropped, 0, "nothing is saved");
    journal::save(&conn, &doc(), &document.save().unwrap()).unwrap();
    journal::acknowledge(&conn, &first).unwrap();
    assert_eq!(journal::forget(&conn, 1).unwrap(), Swept { seen: 1, dropped: 1, at_end: false });
    assert_eq!(journal::forget(&conn, 100).unwrap(), Swept { seen: 2, dropped: 1, at_end: true });
    assert_eq!(rows(&conn, "sync_change"), 1, "the second own change waits for its acknowledgement");
    assert_eq!(open(&conn).entries().len(), 2);
    let waiting = journal::read(&conn, &Query::After { after: None }, 10, usize::MAX).unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].mark.n, 2);
}

/// Steps of SQLite's machine that one sweep takes in a log of so many rows that must all stay.
fn steps_of_a_sweep(length: u64) -> u64 {
    let (_dir, conn) = database();
    conn.execute_batch("BEGIN").unwrap();
    for n in 0..length {
        let record = Record::new("scan", n.to_string(), Vec::new());
        journal::append(&conn, 1, &Item::Record(record)).unwrap();
    }
    conn.execute_batch("COMMIT").unwrap();
    let steps = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = steps.clone();
    let count = move || {
        counted.fetch_add(10, std::sync::atomic::Ordering::Relaxed);
        false
    };
    conn.progress_handler(10, Some(count)).unwrap();
    assert_eq!(journal::forget(&conn, 1_000).unwrap(), Swept { seen: 1_000, dropped: 0, at_end: false });
    steps.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn a_sweep_costs_the_same_however_long_the_log_is() {
    let (short, long) = (steps_of_a_sweep(2_000), steps_of_a_sweep(50_000));
    assert!(long <= short + short / 10, "{long} steps in a log of 50,000 rows, {short} in one of 2,000");
    assert!(long < 100 * 1_000, "{long} steps for 1,000 rows");
}

#[test]
fn sweeps_go_round_and_find_what_has_become_forgettable_behind_them() {
    let (_dir, conn) = database();
    let marks: Vec<Mark> = (0..25)
        .map(|n| {
            let record = Record::new("scan", n.to_string(), Vec::new());
            journal::append(&conn, 1, &Item::Record(record)).unwrap()
        })
        .collect();
    journal::forget(&conn, 10).unwrap();
    journal::acknowledge(&conn, &marks[4]).unwrap();
    let dropped: Vec<usize> = (0..4).map(|_| journal::forget(&conn, 10).unwrap().dropped).collect();
    assert_eq!(dropped, [0, 0, 5, 0], "the rest of the log first, then its beginning");
    assert_eq!(rows(&conn, "sync_change"), 20);
}

#[test]
fn an_acknowledgement_of_another_stream_forgets_nothing() {
    let (_dir, conn) = database();
    let record = |key: &str| Record::new("scan", key, Vec::new());
    let mark = journal::append(&conn, 1, &Item::Record(record("1"))).unwrap();
    let other = Mark { running: outpost_sync::Running([9; 32]), ..mark };
    assert_eq!(journal::acknowledge(&conn, &other).unwrap(), Acknowledged::Diverged);
    let beyond = Mark { n: 2, ..mark };
    assert_eq!(journal::acknowledge(&conn, &beyond).unwrap(), Acknowledged::Diverged);
    assert_eq!(journal::depth(&conn, &[]).unwrap().unsaved, 1);
    assert_eq!(journal::acknowledge(&conn, &mark).unwrap(), Acknowledged::Noted);
    assert_eq!(journal::acknowledge(&conn, &other).unwrap(), Acknowledged::Noted, "it says nothing new");
    assert_eq!(journal::depth(&conn, &[]).unwrap().unsaved, 0);
}

#[test]
fn a_life_in_which_nothing_was_written_is_nobodys_parent() {
    let (_dir, conn) = database();
    let life = |byte: u8| Incarnation([byte; 16]);
    assert_eq!(journal::mint(&conn, life(3)).unwrap().parent, None);
    let record = Record::new("scan", "", Vec::new());
    let mark = journal::append(&conn, 1, &Item::Record(record)).unwrap();
    assert_eq!(journal::mint(&conn, life(4)).unwrap().parent, Some(mark.position()));
    assert_eq!(journal::mint(&conn, life(5)).unwrap().parent, Some(mark.position()));
    assert!(journal::holds(&conn, &mark.position()).unwrap());
    assert!(!journal::holds(&conn, &Position { n: 2, ..mark.position() }).unwrap());
    assert!(!journal::holds(&conn, &Position { incarnation: life(9), n: 1 }).unwrap());
}

#[test]
fn a_position_of_the_log_is_never_given_twice() {
    let (_dir, conn) = database();
    let mut document = founded(&conn);
    let mark = write(&conn, &mut document, 1);
    journal::save(&conn, &doc(), &document.save().unwrap()).unwrap();
    journal::acknowledge(&conn, &mark).unwrap();
    assert_eq!(
        journal::forget(&conn, 100).unwrap().dropped,
        1,
        "the newest row stays and keeps its position"
    );
    write(&conn, &mut document, 2);
    assert_eq!(open(&conn).entries().len(), 2, "or the new change would lie before the saved form");
    assert_eq!(journal::forget(&conn, 100).unwrap().dropped, 1, "it goes when there is a newer one");
}

#[test]
fn a_record_waits_and_is_forgotten_when_it_is_acknowledged() {
    let (_dir, conn) = database();
    let record = Record::new("scan", "", vec![0; 100 << 10]);
    let mark = journal::append(&conn, 7, &Item::Record(record.clone())).unwrap();
    let depth = journal::depth(&conn, &[]).unwrap();
    assert_eq!((depth.unacknowledged, depth.unsaved, depth.oldest_written_at_ms), (1, 1, Some(7)));
    let stored = journal::depth(&conn, &[mark.position()]).unwrap();
    assert_eq!((stored.unacknowledged, stored.unsaved, stored.oldest_written_at_ms), (0, 1, None));
    assert_eq!(journal::forget(&conn, 100).unwrap().dropped, 0);
    journal::acknowledge(&conn, &mark).unwrap();
    assert_eq!(journal::depth(&conn, &[]).unwrap(), journal::Depth::default());
    assert_eq!(journal::forget(&conn, 100).unwrap().dropped, 0, "the newest row of all stays");
    journal::append(&conn, 8, &Item::Record(Record { bytes: vec![1], ..record.clone() })).unwrap();
    assert_eq!(journal::forget(&conn, 100).unwrap().dropped, 1);
    let attached = |len| Item::Record(Record { attached: vec![7; len], ..record.clone() });
    assert!(journal::append(&conn, 9, &attached(257)).is_err());
    journal::append(&conn, 9, &attached(256)).unwrap();
    let long = Record { bytes: vec![0; (100 << 10) + 1], ..record };
    assert!(matches!(journal::append(&conn, 7, &Item::Record(long)), Err(JournalError::Record(_))));
}

#[test]
fn what_is_set_aside_counts_as_received_and_is_no_part_of_its_document() {
    let (_dir, conn) = database();
    let document = founded(&conn);
    let bad =
        Item::Change(Change { doc: doc(), hash: outpost_sync::ChangeHash([9; 32]), bytes: vec![1, 2, 3] });
    journal::set_aside(&conn, "hub", 8, SetAside::Item(&incoming(2, bad.clone())), "malformed").unwrap();
    journal::set_aside(&conn, "hub", 9, SetAside::Item(&incoming(2, bad)), "malformed").unwrap();
    assert_eq!(journal::progress(&conn, "hub").unwrap()[0].through(), 2);
    assert_eq!(rows(&conn, "sync_quarantine"), 1, "it is kept once");
    assert_eq!(open(&conn).heads(), document.heads());
}

#[test]
fn only_the_newest_bad_frames_are_kept() {
    let (_dir, conn) = database();
    for n in 0..10u8 {
        journal::note_frame(&conn, "hub", i64::from(n), &[n], "forged", 3).unwrap();
    }
    let oldest: i64 =
        conn.query_row("SELECT MIN(set_aside_at) FROM sync_quarantine", [], |row| row.get(0)).unwrap();
    assert_eq!((rows(&conn, "sync_quarantine"), oldest), (3, 7));
}

#[test]
fn an_archived_document_goes_only_when_nothing_of_it_waits() {
    let (_dir, conn) = database();
    let mut document = founded(&conn);
    let mark = write(&conn, &mut document, 1);
    assert!(!journal::discard(&conn, &doc()).unwrap());
    assert!(journal::load(&conn, &doc()).unwrap().is_some());
    journal::acknowledge(&conn, &mark).unwrap();
    assert!(journal::discard(&conn, &doc()).unwrap());
    assert_eq!(journal::load(&conn, &doc()).unwrap(), None);
}

#[test]
fn migrating_again_changes_nothing_and_a_later_schema_is_refused() {
    let (_dir, conn) = database();
    journal::migrate(&conn).unwrap();
    conn.execute("UPDATE sync_schema SET version = 99", []).unwrap();
    assert!(matches!(journal::migrate(&conn), Err(JournalError::TooNew { found: 99, .. })));
}

#[test]
fn nothing_is_appended_before_an_incarnation_is_minted() {
    let conn = Connection::open_in_memory().unwrap();
    journal::migrate(&conn).unwrap();
    let record = Item::Record(Record::new("scan", "", Vec::new()));
    assert!(matches!(journal::append(&conn, 1, &record), Err(JournalError::NoIncarnation)));
}

#[test]
fn the_32_newest_lives_are_named_and_all_that_is_not_acknowledged() {
    let (_dir, conn) = database();
    let life = |n: u8| Incarnation([n; 16]);
    let word =
        |n: i64| journal::append(&conn, n, &Item::Record(Record::new("scan", "", Vec::new()))).unwrap();
    let all = |marks: &[Mark]| marks.iter().for_each(|mark| _ = journal::acknowledge(&conn, mark).unwrap());
    // 35 lives with words, and one in between that wrote nothing; then a new one.
    let mut marks = vec![word(1)];
    for n in 11..=44 {
        journal::mint(&conn, life(n)).unwrap();
        marks.push(word(i64::from(n)));
        if n == 15 {
            journal::mint(&conn, life(99)).unwrap();
        }
    }
    journal::mint(&conn, life(45)).unwrap();
    let named = |links: Vec<outpost_sync::Link>| {
        links.iter().map(|link| (link.incarnation.0[0], link.last)).collect::<Vec<_>>()
    };
    // Nothing is acknowledged: everything is named, whatever its age.
    let every: Vec<(u8, u64)> = [1].into_iter().chain(11..=44).map(|n| (n, 1)).chain([(45, 0)]).collect();
    assert_eq!(named(journal::chain(&conn).unwrap()), every);
    // All but the second: it is still named, with the 32 newest in which something was written, each with its parent.
    all(&[&marks[..1], &marks[2..]].concat());
    let chain = journal::chain(&conn).unwrap();
    let newest: Vec<(u8, u64)> = [11].into_iter().chain(13..=44).map(|n| (n, 1)).chain([(45, 0)]).collect();
    assert_eq!(named(chain.clone()), newest);
    for pair in chain[1..].windows(2) {
        let parent = Some(Position { incarnation: pair[0].incarnation, n: 1 });
        assert_eq!(pair[1].parent, parent, "a life in which nothing was written is nobody's parent");
    }
    assert_eq!(named(journal::links(&conn).unwrap()), [(11, 1), (45, 0)], "that is what must still be sent");
    all(&marks);
    assert_eq!(named(journal::chain(&conn).unwrap()), newest[1..]);
}

#[test]
fn the_newest_proof_is_kept() {
    let (_dir, conn) = database();
    assert_eq!(journal::proof(&conn).unwrap(), None);
    journal::keep_proof(&conn, b"one").unwrap();
    journal::keep_proof(&conn, b"two").unwrap();
    assert_eq!(journal::proof(&conn).unwrap().as_deref(), Some(b"two".as_slice()));
}
