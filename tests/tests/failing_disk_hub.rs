//! Every call to the hub's disk fails once, or from some moment on: orders that were answered stay, each once, new ones
//! are refused with a reason, and the hub goes on when the disk does. After a COMMIT that failed it is started anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::collections::BTreeMap;

use outpost_disk::{Call, Disk, Fault, Honesty, Kind, Loss, Trouble};
use outpost_hub::HubError;
use outpost_hub::app::capture::Answer;
use outpost_hub::replicate::apply::Applied;
use outpost_hub::replicate::storing;
use outpost_lab::crash::hub::{DATABASE, capture_order, open};
use outpost_sync::{Batch, InstallId};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;

const ORDERS: usize = 10;

/// Captures orders on a disk that fails as planned. Says how many were refused, and how often the hub had to end.
async fn endure(fault: Fault) -> Option<(u32, u32)> {
    let what = format!("{fault:?}");
    let (disk, folder) = (Disk::recorded(), tempfile::tempdir().unwrap());
    let mut opened = open(&disk, folder.path(), 1).await.unwrap();
    let mut answered: BTreeMap<String, String> = BTreeMap::new();
    let mut waiting = Vec::new();
    let (mut refused, mut ended) = (0, 0);
    disk.fail(fault);
    for number in 0..ORDERS {
        let reference = format!("order-{number}");
        match capture_order(&opened.hub, &reference, 1).await {
            Ok(Answer::New(id) | Answer::Repeated(id)) => {
                answered.insert(reference, id.to_string());
            }
            Err(error) => {
                waiting.push(reference);
                match error.downcast_ref::<HubError>() {
                    Some(HubError::Storage(trouble)) => {
                        refused += 1;
                        assert_eq!(opened.hub.store.storage().refuses_work(), Some(*trouble), "{what}");
                    }
                    Some(HubError::FateUnknown(_)) => {
                        ended += 1;
                        opened.close().await;
                        disk.heal();
                        disk.write_again(DATABASE);
                        opened = open(&disk, folder.path(), 2).await.unwrap();
                    }
                    _ => panic!("{what}: {error:#}"),
                }
            }
        }
    }
    if disk.failed_calls() == 0 && ended == 0 {
        opened.close().await;
        return None;
    }
    disk.heal();
    for reference in waiting {
        let (Answer::New(id) | Answer::Repeated(id)) = capture_order(&opened.hub, &reference, 1)
            .await
            .unwrap_or_else(|error| panic!("{what}: {error:#}"));
        answered.insert(reference, id.to_string());
    }
    all_there(&disk, &answered, &what);
    let tape = disk.tape();
    let (mut player, mut rng) = (tape.player(Honesty::Honest), StdRng::seed_from_u64(3));
    player.play_to(tape.len(), &mut rng);
    for _ in 0..3 {
        let image = Disk::of(player.crash(Loss::any(&mut rng), &mut rng));
        all_there(&image, &answered, &format!("after a power cut, {what}"));
    }
    opened.close().await;
    Some((refused, ended))
}

fn all_there(disk: &Disk, answered: &BTreeMap<String, String>, what: &str) {
    let conn = Connection::open(disk.path(DATABASE)).unwrap();
    let said: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(said, "ok", "{what}");
    let mut statement = conn.prepare("SELECT channel_ref, id FROM orders").unwrap();
    let found: BTreeMap<String, String> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert_eq!(&found, answered, "{what}");
}

/// Fails every `stride`-th call of a kind in turn, until there is none left to fail.
async fn sweep(trouble: Trouble, call: Call, kind: Kind, times: u64, stride: u64) -> (u32, u32) {
    let scale = std::env::var("OUTPOST_SIM_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let stride = ((stride as f64 / scale) as u64).max(1);
    let (mut refused, mut ended, mut nth) = (0, 0, 1);
    while let Some((more_refused, more_ended)) =
        endure(Fault { times, ..Fault::once(trouble, call, Some(kind), nth) }).await
    {
        refused += more_refused;
        ended += more_ended;
        nth += stride;
    }
    assert!(nth > 1, "{call:?} of {kind:?} was never called");
    (refused, ended)
}

#[tokio::test]
async fn a_full_log_refuses_orders_and_takes_them_when_there_is_room() {
    for trouble in [Trouble::Full, Trouble::Short] {
        let (refused, ended) = sweep(trouble, Call::Write, Kind::Log, 1, 23).await;
        assert!(refused > 0 && ended == 0, "{trouble:?}: {refused} refused, {ended} ended");
        let (refused, ended) = sweep(trouble, Call::Write, Kind::Log, u64::MAX, 61).await;
        assert!(refused > 10 && ended == 0, "{trouble:?}: {refused} refused, {ended} ended");
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_written_ends_the_hub() {
    assert!(sweep(Trouble::Io, Call::Write, Kind::Log, 1, 23).await.1 > 0);
}

#[tokio::test]
async fn a_sync_that_fails_ends_the_hub_and_no_later_one_hides_it() {
    assert!(sweep(Trouble::Io, Call::Sync, Kind::Log, 1, 3).await.1 > 0);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_loses_nothing() {
    let mut nth = 1;
    while endure(Fault::once(Trouble::Io, Call::Read, Some(Kind::Log), nth)).await.is_some() {
        nth += 7;
    }
}

/// Below half of the floor a site's frames are not stored either, and not acknowledged: the site sends them again.
#[tokio::test]
async fn with_hardly_any_room_what_sites_send_is_not_taken() {
    let (disk, folder) = (Disk::new(), tempfile::tempdir().unwrap());
    let opened = open(&disk, folder.path(), 1).await.unwrap();
    let batch = Batch { site: "berlin-1".parse().unwrap(), install: InstallId([7; 16]), items: Vec::new() };
    let storage = opened.hub.store.storage();
    storage.set_floor(800);
    for (free, looked_at) in [(800, true), (400, true), (399, false), (900, true)] {
        storage.note_free(free);
        let stored = storing::store(opened.hub.clone(), batch.clone()).await;
        // That nobody knows its key is found out only by who looks at it.
        assert_eq!(matches!(stored, Ok(Applied::Revoked)), looked_at, "{free} bytes free: {stored:?}");
        assert_eq!(matches!(stored, Err(HubError::Storage(_))), !looked_at, "{free} bytes free: {stored:?}");
    }
    opened.close().await;
}

/// What is no database is told as such and at once.
#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let image = outpost_disk::Image { files: [(DATABASE.to_owned(), vec![7; 8192])].into() };
    let begun = std::time::Instant::now();
    let error = open(&Disk::of(image), folder.path(), 1).await.err().unwrap();
    assert!(format!("{error:#}").contains("not a database"), "{error:#}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(3), "it took {:?}", begun.elapsed());
}
