//! SQLite on the disk: it works, it keeps its word after a power cut, and it does not where a defect was planted.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::collections::BTreeSet;

use outpost_disk::{Call, Disk, Fault, Honesty, Kind, Loss, Op, Trouble};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, ErrorCode};

fn open(disk: &Disk) -> rusqlite::Result<Connection> {
    let conn = Connection::open(disk.path("test.db"))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 20)?;
    conn.execute_batch("CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, body BLOB NOT NULL)")?;
    Ok(conn)
}

fn insert(conn: &Connection, n: u64) -> rusqlite::Result<()> {
    let body = vec![n as u8; 100 + (n as usize * 331) % 5_000];
    conn.execute("INSERT INTO t VALUES (?1, ?2)", (n as i64, body)).map(|_| ())
}

fn rows(conn: &Connection) -> rusqlite::Result<BTreeSet<u64>> {
    let mut statement = conn.prepare("SELECT n FROM t")?;
    let rows = statement.query_map([], |row| row.get::<_, i64>(0))?;
    rows.map(|n| n.map(|n| n as u64)).collect()
}

fn is_sound(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).map(|said| said == "ok")
}

/// Commits rows, cuts the power at random moments, and counts images that lost a row or are damaged.
fn bad_images(synchronous: &str, honesty: Honesty, images: u32) -> u32 {
    let disk = Disk::recorded();
    let conn = open(&disk).unwrap();
    conn.pragma_update(None, "synchronous", synchronous).unwrap();
    for n in 1..=60 {
        insert(&conn, n).unwrap();
        disk.mark(n);
    }
    let tape = disk.tape();
    let mut rng = StdRng::seed_from_u64(5);
    let mut at: Vec<usize> = (0..images).map(|_| rng.random_range(0..=tape.len())).collect();
    at.sort_unstable();
    let mut player = tape.player(honesty);
    let mut bad = 0;
    for at in at {
        player.play_to(at, &mut rng);
        let disk = Disk::of(player.crash(Loss::any(&mut rng), &mut rng));
        let good = open(&disk).and_then(|conn| {
            let rows = rows(&conn)?;
            Ok(is_sound(&conn)? && (1..=player.marked()).all(|n| rows.contains(&n)))
        });
        bad += u32::from(!good.unwrap_or(false));
    }
    bad
}

#[test]
fn full_sync_keeps_every_committed_row() {
    assert_eq!(bad_images("FULL", Honesty::Honest, 600), 0);
}

#[test]
fn a_log_that_is_not_synced_at_commit_loses_rows() {
    assert!(bad_images("NORMAL", Honesty::Honest, 200) > 40);
}

#[test]
fn a_disk_that_lies_about_syncs_loses_rows() {
    assert!(bad_images("FULL", Honesty::Lies, 200) > 100);
}

#[test]
fn readers_see_commits_while_another_connection_writes() {
    let disk = Disk::new();
    let writer = open(&disk).unwrap();
    let path = disk.path("test.db");
    insert(&writer, 1).unwrap();
    let reader = std::thread::spawn(move || {
        let conn = Connection::open(path).unwrap();
        let mut seen = 0;
        while seen < 200 {
            let now = conn.query_row("SELECT max(n) FROM t", [], |row| row.get::<_, i64>(0)).unwrap();
            assert!(now >= seen, "went back from {seen} to {now}");
            seen = now;
        }
    });
    for n in 2..=200 {
        insert(&writer, n).unwrap();
    }
    reader.join().unwrap();
    drop(writer);
    assert_eq!(rows(&open(&disk).unwrap()).unwrap().len(), 200, "the log was taken into the database");
    assert!(disk.image().files.keys().all(|name| !name.ends_with("-shm")));
}

#[test]
fn a_disk_is_gone_with_its_owner_but_not_under_its_users() {
    let disk = Disk::new();
    let (conn, path) = (open(&disk).unwrap(), disk.path("test.db"));
    drop(disk);
    insert(&conn, 1).unwrap();
    assert_eq!(rows(&conn).unwrap().len(), 1);
    assert!(Connection::open(path).is_err());
}

#[test]
fn a_full_disk_refuses_a_row_and_takes_it_when_there_is_room_again() {
    let disk = Disk::new();
    let conn = open(&disk).unwrap();
    disk.limit(disk.used() + 10_000);
    let refused = (1..200).find(|n| insert(&conn, *n).is_err()).unwrap();
    assert!(refused > 1);
    let error = insert(&conn, refused).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
    assert_eq!(rows(&conn).unwrap().len() as u64, refused - 1, "what was committed can still be read");
    disk.heal();
    insert(&conn, refused).unwrap();
    assert!(is_sound(&conn).unwrap());
}

/// The claim on which the daemons go on after a full disk: SQLite says `FULL` at a commit only when the commit is not
/// in the log, neither for this process nor for one that reads the log after a crash.
#[test]
fn a_commit_refused_for_want_of_room_never_happened() {
    for trouble in [Trouble::Full, Trouble::Short] {
        let mut refused = 0;
        for nth in 1..60 {
            let disk = Disk::recorded();
            let conn = open(&disk).unwrap();
            insert(&conn, 1).unwrap();
            disk.fail(Fault::once(trouble, Call::Write, Some(Kind::Log), nth));
            let failed: Vec<u64> = (2..8)
                .filter(|n| match insert(&conn, *n) {
                    Ok(()) => false,
                    Err(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
                })
                .collect();
            refused += failed.len();
            let there = rows(&conn).unwrap();
            let after_kill = rows(&open(&Disk::of(disk.image())).unwrap()).unwrap();
            for n in &failed {
                assert!(!there.contains(n) && !after_kill.contains(n), "{trouble:?} at {nth}: row {n}");
            }
            assert_eq!(there, after_kill, "{trouble:?} at {nth}");
        }
        assert!(refused > 15, "only {refused} commits were refused");
    }
}

/// Why a failed commit is never tried again: the device said that a sync failed, and the commit is there all the same,
/// or a later one is there and it is not.
#[test]
fn a_commit_whose_sync_failed_may_have_happened() {
    let mut happened = 0;
    for nth in 1..6 {
        let disk = Disk::recorded();
        let conn = open(&disk).unwrap();
        disk.fail(Fault::once(Trouble::Io, Call::Sync, Some(Kind::Log), nth));
        let failed = (1..10).find(|n| insert(&conn, *n).is_err()).unwrap();
        assert!(disk.tape().ops().iter().any(|op| matches!(op, Op::SyncFailed { .. })));
        happened += u32::from(rows(&open(&Disk::of(disk.image())).unwrap()).unwrap().contains(&failed));
    }
    assert!(happened > 0);
}

#[test]
fn every_call_can_be_failed() {
    for call in Call::ALL {
        let disk = Disk::new();
        drop(open(&disk).unwrap());
        disk.fail(Fault::lasting(Trouble::Io, call, None, 1));
        let worked = open(&disk).and_then(|conn| {
            insert(&conn, 1)?;
            conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).map(|_| ())
        });
        assert!(disk.failed_calls() > 0 || call == Call::Delete, "{call:?} was never called");
        assert!(worked.is_err() || call == Call::Delete, "{call:?} failed and nobody noticed");
    }
}
