//! Copies of the database: made while the hub works, checked before they count, and what they contain is told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::Path;

use common::{Database, SiteDouble, TestHub, settings};
use outpost_config::HubSettings;
use outpost_hub::app::backup as use_case;
use outpost_hub::store::backup::{self, Backup};
use outpost_hub::store::copy;
use outpost_hub::work;
use outpost_sync::Mark;
use std::os::unix::fs::PermissionsExt;

on_both!(what_somebody_else_copies_counts_from_its_confirmation);

async fn contained(hub: &TestHub, site: &SiteDouble) -> Vec<Mark> {
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    backup::contained(&mut db, &site.site).await.unwrap()
}

/// How far the site's stream is in backup, in items.
async fn through(hub: &TestHub, site: &SiteDouble) -> u64 {
    contained(hub, site).await.iter().map(|mark| mark.n).sum()
}

async fn what_somebody_else_copies_counts_from_its_confirmation(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    let items = site.grant(&[("A-1", 5)]);
    site.tell(&hub, items).await;
    let begin = || async { hub.hub.writer.run("t", |unit| Box::pin(use_case::begin(unit))).await.unwrap() };
    let confirm = |id| {
        let hub = &hub;
        async move { hub.hub.writer.run("t", move |unit| Box::pin(use_case::confirm(unit, id))).await.unwrap() }
    };
    let first = begin().await;
    let items = site.grant(&[("A-1", 2)]);
    site.tell(&hub, items).await;
    assert_eq!(through(&hub, &site).await, 0, "a copy that was only begun contains nothing for certain");
    let second = begin().await;
    confirm(second.id).await.unwrap();
    assert_eq!(through(&hub, &site).await, 3);
    let late = confirm(first.id).await.unwrap();
    assert!(late.done_at.is_some());
    assert_eq!(through(&hub, &site).await, 3, "an older copy takes nothing back");
    assert_eq!(confirm(first.id).await.unwrap(), late, "twice is as good as once");
    let unknown = confirm(uuid::Uuid::nil()).await.unwrap_err();
    assert_eq!(unknown.code, "no_such_backup");
    hub.close().await;
}

fn with_copies(database: &Database, folder: &Path, kept: u32) -> HubSettings {
    settings(database, &format!("[backup]\ndirectory = {:?}\nkept = {kept}\n", folder.display().to_string()))
}

async fn make(hub: &TestHub, folder: &Path) -> Backup {
    work::backup::make(&hub.hub, folder).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_made_beside_the_work_and_contains_what_it_says() {
    let (database, folder) = (Database::sqlite(), tempfile::tempdir().unwrap());
    let hub = TestHub::with_settings(with_copies(&database, folder.path(), 2)).await;
    hub.import_sites().await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    let items = site.grant(&[("A-1", 5)]);
    site.tell(&hub, items).await;
    let before = contained(&hub, &site).await;
    assert_eq!(before, []);
    // Somebody writes all the time.
    let busy = async {
        for _ in 0..20 {
            let items = site.grant(&[("A-1", 1)]);
            site.tell(&hub, items).await;
        }
    };
    let (made, ()) = tokio::join!(make(&hub, folder.path()), busy);
    let file = folder.path().join(made.file.unwrap());
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600,
        "it holds personal data"
    );
    let content = copy::inspect(&file).await.unwrap();
    assert_eq!(content.life, hub.hub.life);
    let told = contained(&hub, &site).await;
    let held: Vec<Mark> = content.marks.iter().map(|found| found.mark).collect();
    assert_eq!(told, held, "what is told is what the file holds, not what the hub holds");
    assert!((2..=22).contains(&told[0].n), "{told:?}");
    // The next one contains the rest; of three the oldest goes.
    for _ in 0..2 {
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        make(&hub, folder.path()).await;
    }
    assert_eq!(through(&hub, &site).await, 22);
    assert_eq!(copy::list(folder.path()).unwrap().len(), 2);
    assert!(!file.exists());
    assert_eq!(backup::newest(hub.hub.store.read(), 10).await.unwrap().len(), 3);
    hub.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_cannot_be_made_tells_a_person_and_counts_for_nothing() {
    let (database, folder) = (Database::sqlite(), tempfile::tempdir().unwrap());
    let hub = TestHub::with_settings(with_copies(&database, folder.path(), 2)).await;
    hub.import_sites().await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    let items = site.grant(&[("A-1", 5)]);
    site.tell(&hub, items).await;
    let nowhere = folder.path().join("nowhere");
    assert!(work::backup::make(&hub.hub, &nowhere).await.is_err());
    assert_eq!(hub.exceptions().await, ["backup_failed"]);
    // Another one is being made: its place is taken.
    std::fs::write(folder.path().join("copy.part"), b"half").unwrap();
    assert!(work::backup::make(&hub.hub, folder.path()).await.is_err());
    assert_eq!(through(&hub, &site).await, 0);
    copy::clear(folder.path()).unwrap();
    make(&hub, folder.path()).await;
    assert_eq!(through(&hub, &site).await, 2);
    assert_eq!(hub.exceptions().await, [""; 0], "it is closed by the copy that succeeds");
    hub.close().await;
}

#[tokio::test]
async fn a_damaged_copy_is_found_out() {
    let (database, folder) = (Database::sqlite(), tempfile::tempdir().unwrap());
    let hub = TestHub::with_sites(&database).await;
    let made = copy::make(&hub.hub.store, folder.path(), hub.hub.now()).await.unwrap();
    let file = folder.path().join(made.file);
    let whole = std::fs::read(&file).unwrap();
    // A page in the middle is not what it was.
    let mut torn = whole.clone();
    let middle = torn.len() / 2 / 4_096 * 4_096;
    torn[middle..middle + 4_096].fill(0xa5);
    std::fs::write(&file, &torn).unwrap();
    assert!(copy::inspect(&file).await.is_err());
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert!(copy::inspect(&file).await.is_err());
    std::fs::write(&file, b"").unwrap();
    assert!(copy::inspect(&file).await.is_err());
    std::fs::write(&file, &whole).unwrap();
    assert!(copy::inspect(&file).await.is_ok());
    hub.close().await;
}
