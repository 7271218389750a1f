//! What concerns a person: readable while its key is kept, and in no byte of anything afterwards.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use outpost_edge::app::waiting;
use outpost_edge::store::query::pickup;
use outpost_edge::store::{self, record};
use outpost_edge::testing::{Bench, header};
use outpost_edge::write::{Answer, Job};
use outpost_model::command::CaseCommand;
use outpost_model::header::Service;
use outpost_model::id::{CaseId, RecordId};
use outpost_model::intent::HubEvent;
use outpost_model::order::Contact;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;
use outpost_sync::{Incoming, Item};

const NAMES: [&str; 4] = ["Lovelace", "Analytical Street 7", "5550 1234", "TO: ADA L"];
const LABEL: &[u8] = b"^XA^FO20,20^FDTO: ADA L^FS^XZ";
const DAY: i64 = 24 * 60 * 60 * 1_000;

fn id(n: u128) -> RecordId {
    RecordId(uuid::Uuid::from_u128(0x0190_b3a4_c5d6_7e8f_9a0b_0000_0000_0000 + n))
}

fn ada() -> Contact {
    Contact {
        name: "Ada Lovelace".to_owned(),
        phone: Some("+49 30 5550 1234".to_owned()),
        address: vec!["Analytical Street 7".to_owned()],
        ..Default::default()
    }
}

/// Offers a case for somebody; the record first or not at all.
fn offer(bench: &mut Bench, record: RecordId, service: Service, before: Vec<Incoming>) -> CaseId {
    let case = bench.new_case();
    let mut header = header(&bench.core.site().id.clone(), case, service, 1, bench.now.wall);
    header.consignee = Some(record);
    let mut items = before;
    items.push(bench.hub.offer(&header));
    bench.merge(items);
    case
}

/// Which planted texts stand in any file of a folder.
fn found_in(folder: &Path) -> Vec<&'static str> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let there = |text: &&&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        found.extend(NAMES.iter().filter(there));
    }
    found
}

fn search(bench: &Bench, text: &str) -> usize {
    pickup::search(bench.core.connection(), &bench.core.site().vault, text).unwrap().len()
}

fn contact(bench: &Bench, id: RecordId) -> Option<Contact> {
    record::load_contact(bench.core.connection(), &bench.core.site().vault, id).unwrap()
}

#[test]
fn a_name_is_found_while_it_is_kept_and_stands_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let until = bench.now.wall + DAY;
    let record = bench.hub.contact(id(1), &ada(), until);
    let case = offer(&mut bench, id(1), Service::Pickup, vec![record]);
    for text in ["ada", "LOVELACE", "1234"] {
        assert_eq!(search(&bench, text), 1, "{text}");
    }
    assert_eq!(search(&bench, "a%e"), 0);
    assert_eq!(contact(&bench, id(1)).unwrap(), ada());
    let label = bench.hub.label(id(2), LABEL, until);
    bench.merge(vec![label]);
    assert!(found_in(folder.path()).is_empty(), "{:?}", found_in(folder.path()));

    // A wall clock that jumps ahead a year takes nothing, whether it is ours or the hub's.
    let now = bench.now;
    bench.now.wall = now.wall + 365 * DAY;
    assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    bench.now.wall = now.wall;
    let ahead = outpost_edge::write::HubTime {
        hub_wall: now.wall + 365 * DAY,
        asked_boot_ms: now.boot_ms,
        boot_id: now.boot_id,
    };
    let heard = outpost_edge::write::Heard { time: Some(ahead), ..Default::default() };
    assert_eq!(bench.job(Job::Heard(heard)), Answer::Done);
    assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    assert_eq!(search(&bench, "ada"), 1);

    // A copy of the database as a backup makes it, before the time is over.
    let elsewhere = tempfile::tempdir().unwrap();
    let backup = elsewhere.path();
    bench.core.connection().backup("main", backup.join("outpost.db"), None).unwrap();
    bench.pass(DAY + DAY / 500);
    assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    assert_eq!(search(&bench, "ada"), 0);
    assert_eq!(contact(&bench, id(1)), None);
    assert!(bench.case(case).header.consignee.is_some(), "the case goes on");
    assert_eq!(search(&bench, &bench.case(case).header.order_number), 1, "and is found by its number");
    let copy = rusqlite::Connection::open(backup.join("outpost.db")).unwrap();
    assert!(record::sealed(&copy, Name { kind: "contact", key: &id(1).to_string() }).unwrap().is_some());
    assert_eq!(record::load_contact(&copy, &bench.core.site().vault, id(1)).unwrap(), None);
    assert!(found_in(backup).is_empty() && found_in(folder.path()).is_empty());
}

#[test]
fn a_restart_without_keys_knows_no_names_and_hands_over_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let record = bench.hub.contact(id(1), &ada(), UtcMillis(i64::MAX));
    let case = offer(&mut bench, id(1), Service::Pickup, vec![record]);
    let bench = bench.restart();
    assert_eq!(search(&bench, "ada"), 1, "keys survive a restart");
    for file in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        // The last two are there while the database is open only.
        let _ = std::fs::remove_file(bench.path().with_file_name(file));
    }
    let mut bench = bench.restart();
    assert_eq!(search(&bench, "ada"), 0);
    assert_eq!(contact(&bench, id(1)), None);
    let number = bench.case(case).header.order_number;
    assert_eq!(search(&bench, &number), 1);
    assert!(matches!(bench.act(case, CaseCommand::Accept), Answer::Applied(_)));
}

#[test]
fn a_record_for_another_site_or_changed_on_its_way_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let good = bench.hub.contact(id(1), &ada(), UtcMillis(i64::MAX));
    let other = bench.hub.contact(id(2), &ada(), UtcMillis(i64::MAX));
    let change = |incoming: &Incoming, with: &dyn Fn(&mut outpost_sync::Record)| {
        let mut incoming = incoming.clone();
        if let Item::Record(record) = &mut incoming.item {
            with(record);
        }
        incoming.digest = incoming.item.digest();
        incoming
    };
    let Item::Record(theirs) = other.item.clone() else { panic!("a record") };
    let bad = [
        change(&good, &|record| record.bytes[60] ^= 1),
        change(&good, &|record| record.bytes[3] ^= 1),
        change(&good, &|record| record.attached[5] ^= 1),
        change(&good, &|record| record.attached = theirs.attached.clone()),
        change(&good, &|record| record.bytes.truncate(20)),
        change(&good, &|record| record.key = "somebody".to_owned()),
    ];
    for (n, mut item) in bad.into_iter().enumerate() {
        item.position.n = 1_000 + n as u64;
        let answer = bench.job(Job::Merge(bench.hub.batch(vec![item])));
        assert!(matches!(&answer, Answer::Merged(refused) if refused.len() == 1), "{n}: {answer:?}");
    }
    assert_eq!(contact(&bench, id(1)), None);
    bench.merge(vec![good, other]);
    assert_eq!(contact(&bench, id(1)), Some(ada()));
    assert!(found_in(folder.path()).is_empty());
}

#[test]
fn a_case_waits_for_its_record_and_one_whose_time_is_over_has_come() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = offer(&mut bench, id(1), Service::Ship, Vec::new());
    let number = bench.case(case).header.order_number.clone();
    let in_queue = |bench: &Bench, number: &str| search(bench, number) == 1;
    assert!(!in_queue(&bench, &number), "nobody works on a parcel without an address");
    let record = bench.hub.contact(id(1), &ada(), UtcMillis(i64::MAX));
    bench.merge(vec![record]);
    assert!(in_queue(&bench, &number));

    let late = offer(&mut bench, id(2), Service::Pickup, Vec::new());
    let mut record = bench.hub.contact(id(2), &ada(), UtcMillis(1));
    if let Item::Record(record) = &mut record.item {
        record.attached.clear();
    }
    bench.merge(vec![record]);
    assert_eq!(contact(&bench, id(2)), None);
    assert!(in_queue(&bench, &bench.case(late).header.order_number.clone()));
}

#[test]
fn somebody_hears_of_a_case_whose_record_does_not_come_until_it_comes_or_the_case_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let missing = |bench: &Bench| -> Vec<String> {
        let open = store::exception::open(bench.core.connection(), 10).unwrap();
        let about = open.into_iter().filter(|one| one.code == waiting::RECORD_MISSING);
        about.map(|one| one.subject).collect()
    };
    let count = |bench: &Bench| store::case::waiting(bench.core.connection()).unwrap();
    let subject = |case| outpost_model::id::DocumentKey::Case(case).to_string();
    let first = offer(&mut bench, id(1), Service::Ship, Vec::new());
    bench.offer(Service::Ship, 1);
    bench.pass(waiting::PATIENCE_MS - 1);
    bench.job(Job::Housekeep);
    assert_eq!((missing(&bench), count(&bench)), (Vec::new(), 1), "it may still be on its way");
    bench.pass(1);
    let second = offer(&mut bench, id(2), Service::Pickup, Vec::new());
    bench.job(Job::Housekeep);
    assert_eq!((missing(&bench), count(&bench)), (vec![subject(first)], 2));
    bench.pass(waiting::PATIENCE_MS);
    for _ in 0..2 {
        bench.job(Job::Housekeep);
    }
    assert_eq!(missing(&bench), [subject(first), subject(second)], "once each");

    let record = bench.hub.contact(id(1), &ada(), UtcMillis(i64::MAX));
    bench.merge(vec![record]);
    assert_eq!((missing(&bench), count(&bench)), (vec![subject(second)], 1));
    let revoked = HubEvent::Revoked { reason: "rerouted".parse().unwrap() };
    let (_, revoked) = bench.hub.say(second, revoked);
    bench.merge(vec![revoked]);
    bench.job(Job::Housekeep);
    assert_eq!((missing(&bench), count(&bench)), (Vec::new(), 0), "nobody waits for it any more");
}

#[test]
fn bytes_of_printed_labels_are_sealed_and_closed_after_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let job = store::print_job::NewPrintJob {
        printer: "packing".to_owned(),
        kind: store::print_job::PrintKind::Carrier,
        case: None,
        container: "parcel-1".parse().unwrap(),
        number: "VC1".to_owned(),
        bytes: LABEL.to_vec(),
        labels: 1,
        request: None,
        asked_by: "s-1@scan-1".to_owned(),
        expires_at: bench.now.wall + DAY,
    };
    let change = outpost_edge::app::print::PrintChange::Queue(Box::new(job));
    let Answer::Printed(Ok(Some(job))) = bench.job(Job::Print(change)) else { panic!("not queued") };
    let bytes = |bench: &Bench| {
        store::print_job::bytes(bench.core.connection(), &bench.core.site().vault, job.id).unwrap()
    };
    assert_eq!(bytes(&bench).unwrap(), LABEL);
    assert!(found_in(folder.path()).is_empty());
    bench.pass(bench.core.site().retention.labels_ms - DAY);
    assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    assert_eq!(bytes(&bench).unwrap(), LABEL);
    bench.pass(2 * DAY);
    assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    assert_eq!(bytes(&bench), None);
    let kept = store::print_job::find(bench.core.connection(), job.id).unwrap().unwrap();
    assert!(!kept.kept, "it cannot be printed again");
}

#[test]
fn what_is_over_goes_a_little_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let until = bench.now.wall + 1_000;
    let records: Vec<Incoming> = (1..=600).map(|n| bench.hub.contact(id(n), &ada(), until)).collect();
    bench.merge(records);
    let count = |bench: &Bench| -> i64 {
        let sql = "SELECT count(*) FROM sealed";
        bench.core.connection().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&bench), 600);
    bench.pass(60_000);
    let mut goes = 1;
    while bench.job(Job::Housekeep) == Answer::MoreToDo {
        goes += 1;
    }
    assert_eq!((count(&bench), goes), (0, 3));
}

#[test]
fn what_an_earlier_version_kept_in_plain_is_sealed_once_and_the_file_forgets_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    offer(&mut bench, id(1), Service::Pickup, Vec::new());
    let site = bench.core.site().clone();
    let path = bench.path().to_owned();
    drop(bench);
    let mut conn = rusqlite::Connection::open(&path).unwrap();
    // That version put a case to work whether its record had come or not.
    conn.execute("UPDATE fulfillment SET needs_work = 1", []).unwrap();
    let json = serde_json::to_string(&ada()).unwrap();
    let row =
        "INSERT INTO contact (record_id, search, contact, retain_until) VALUES (?1, 'Lovelace', ?2, ?3)";
    for n in 1..=300 {
        conn.execute(row, rusqlite::params![id(n).to_string(), json, i64::MAX]).unwrap();
    }
    // Some were deleted by that version: their pages still hold them.
    conn.execute("DELETE FROM contact WHERE record_id > ?1", [id(200).to_string()]).unwrap();
    conn.execute("INSERT INTO record VALUES ('label', 'case/1', ?1, 7)", [LABEL]).unwrap();
    let printed =
        "INSERT INTO print_job (id, printer, kind, container, number, bytes, hash, labels, original, copy,
            asked_by, state, not_before, created_at, expires_at, changed_at)
        VALUES (?1, 'p', 'carrier', 'parcel-1', 'VC1', ?2, ?3, 1, 1, ?1, 's-1@d', 'printed', 0, 9, 0, 0)";
    for copy in [1, 2] {
        let hash = blake3::hash(LABEL).to_hex().to_string();
        conn.execute(printed, rusqlite::params![copy, LABEL, hash]).unwrap();
    }
    assert!(!found_in(folder.path()).is_empty(), "the search finds what is there");

    let mut ids = outpost_edge::Ids::seeded(5);
    let mut seal = |conn: &mut rusqlite::Connection| {
        store::seal_earlier::seal_earlier(conn, &site.vault, &mut ids, DAY).unwrap()
    };
    assert_eq!(seal(&mut conn), 202);
    assert_eq!(found_in(folder.path()), Vec::<&str>::new());
    assert_eq!(seal(&mut conn), 0, "once");
    assert_eq!(record::load_contact(&conn, &site.vault, id(200)).unwrap(), Some(ada()));
    let label = record::open(&conn, &site.vault, Name { kind: "label", key: "case/1" }).unwrap();
    assert_eq!(label.as_deref(), Some(LABEL));
    for copy in [1, 2] {
        let bytes = store::print_job::bytes(&conn, &site.vault, store::print_job::PrintJobId(copy)).unwrap();
        assert_eq!(bytes.as_deref(), Some(LABEL));
    }
    assert_eq!(pickup::search(&conn, &site.vault, "lovelace").unwrap().len(), 1);
}
