//! What concerns a person: readable while its key is kept, and in no byte of anything afterwards.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::Path;

use common::{Database, SiteDouble, TestHub, ship_order};
use outpost_hub::app::{capture, seal_earlier};
use outpost_hub::store::payload::{self, Payload};
use outpost_hub::store::vault::{Kept, Vault};
use outpost_hub::store::{Store, order, sealed};
use outpost_hub::work::retention;
use outpost_model::id::{OrderId, RecordId};
use outpost_model::time::UtcMillis;
use outpost_sync::seal::{Name, RecordKey, SealError};
use sqlx::Row;
use uuid::Uuid;

const NAMES: [&str; 2] = ["Ada Example", "Street 1"];
const DAY: i64 = 86_400_000;

on_both!(
    only_its_site_opens_a_contact_and_no_table_holds_it,
    after_its_time_nobody_opens_it_from_a_copy_either,
    what_an_earlier_version_kept_in_plain_is_sealed,
    a_site_that_was_away_for_too_long_gets_a_record_nobody_reads,
);

fn found_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let there = |text: &&&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        found.extend(NAMES.iter().filter(there).map(|text| format!("{text} in {}", path.display())));
    }
    found
}

/// An order with its payload as a shop would send it: both hold the name.
async fn order(hub: &TestHub, reference: &str) -> OrderId {
    let payload = ship_order(reference, &[("A-1", 1)]);
    let (read, body) = (hub.read(&payload), serde_json::to_vec(&payload).unwrap());
    let raw = Payload { channel: "test".into(), topic: String::new(), delivery: String::new(), body };
    let shared = std::sync::Arc::new((read, raw));
    let answer = hub.hub.writer.run("orders", move |unit| {
        let shared = shared.clone();
        Box::pin(async move { capture::capture(unit, &shared.0, &shared.1).await })
    });
    match answer.await.unwrap() {
        capture::Answer::New(id) => id,
        capture::Answer::Repeated(id) => panic!("{id} was here before"),
    }
}

/// Tables that hold a text in any of their columns of bytes or text.
async fn tables_with(store: &Store, text: &str) -> Vec<&'static str> {
    let columns = [
        ("item", "bytes"),
        ("sealed", "bytes"),
        ("payload", "body"),
        ("quarantine", "bytes"),
        ("orders", "body"),
        ("orders", "progress"),
        ("cases", "state"),
        ("contact", "body"),
        ("exception", "sentence"),
        ("decision", "body"),
    ];
    let mut found = Vec::new();
    for (table, column) in columns {
        let sql = format!("SELECT {column} AS content FROM {table}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(store.read()).await.unwrap();
        let there = rows.iter().any(|row| {
            let content: Vec<u8> = row
                .try_get::<Vec<u8>, _>("content")
                .unwrap_or_else(|_| row.try_get::<String, _>("content").unwrap().into_bytes());
            content.windows(text.len()).any(|window| window == text.as_bytes())
        });
        if there {
            found.push(table);
        }
    }
    found
}

async fn payload_of(hub: &TestHub, id: OrderId) -> Uuid {
    let sql = "SELECT id FROM payload WHERE order_id = $1";
    let row = sqlx::query(sql).bind(id.to_string()).fetch_one(hub.hub.store.read()).await.unwrap();
    row.try_get::<String, _>("id").unwrap().parse().unwrap()
}

async fn consignee(hub: &TestHub, id: OrderId) -> RecordId {
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    order::get(&mut db, id).await.unwrap().unwrap().consignee.unwrap()
}

async fn only_its_site_opens_a_contact_and_no_table_holds_it(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    let id = order(&hub, "1").await;
    hub.route().await;
    for name in NAMES {
        assert_eq!(tables_with(&hub.hub.store, name).await, Vec::<&str>::new(), "{name}");
    }
    assert_eq!(found_in(database.directory.path()), Vec::<String>::new());

    berlin.receive(&hub).await;
    let place = berlin.records.iter().position(|record| record.kind == "contact").unwrap();
    let contact = berlin.records[place].clone();
    let content = String::from_utf8(berlin.open(&contact).unwrap()).unwrap();
    assert!(NAMES.iter().all(|name| content.contains(name)), "{content}");
    assert!(!contact.bytes.windows(3).any(|window| window == b"Ada"));
    let name = Name { kind: &contact.kind, key: &contact.key };
    let other = |secret: &[u8], site| {
        RecordKey::unwrap(secret, site, name, &contact.bytes, &contact.attached).map(drop)
    };
    assert_eq!(other(&[8; 32], "berlin-1"), Err(SealError::Closed), "another site's secret");
    assert_eq!(other(&common::site::SECRET, "hamburg-1"), Err(SealError::Closed), "another site");

    let mut db = hub.hub.store.read().acquire().await.unwrap();
    let vault = hub.hub.store.vault();
    let record = consignee(&hub, id).await;
    assert_eq!(sealed::contact(&mut db, vault, record).await.unwrap().unwrap().name, "Ada Example");
    let payload = payload_of(&hub, id).await;
    let body = payload::body(&mut db, vault, payload).await.unwrap().unwrap();
    assert!(String::from_utf8(body).unwrap().contains("Ada Example"), "a person can still look at it");
}

async fn after_its_time_nobody_opens_it_from_a_copy_either(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let id = order(&hub, "1").await;
    let (record, payload) = (consignee(&hub, id).await, payload_of(&hub, id).await);
    let key = record.to_string();
    let name = Name { kind: sealed::CONTACT, key: &key };
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    // What a backup of the database would hold.
    let copy = sealed::get(&mut db, name).await.unwrap().unwrap();
    let vault = hub.hub.store.vault();
    assert!(vault.unseal(name, &copy).await.unwrap().is_some());

    let kept = vault.kept();
    let now = hub.hub.now();
    retention::go(&hub.hub, now + (kept.payloads_ms + DAY)).await.unwrap();
    assert_eq!(payload::body(&mut db, vault, payload).await.unwrap(), None);
    assert!(sealed::contact(&mut db, vault, record).await.unwrap().is_some(), "each has its own time");
    let gone = retention::go(&hub.hub, now + (kept.contacts_ms + DAY)).await.unwrap();
    assert_eq!(gone, [1, 1, 0, 0]);
    assert_eq!(sealed::contact(&mut db, vault, record).await.unwrap(), None);
    assert_eq!(vault.unseal(name, &copy).await.unwrap(), None, "the copy stays closed");
    assert_eq!(found_in(database.directory.path()), Vec::<String>::new());
}

async fn a_site_that_was_away_for_too_long_gets_a_record_nobody_reads(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    order(&hub, "1").await;
    hub.route().await;
    let later = hub.hub.now() + (hub.hub.store.vault().kept().contacts_ms + DAY);
    retention::go(&hub.hub, later).await.unwrap();
    // The stream has no gap, its running hash is the same, and nobody reads the record.
    berlin.receive(&hub).await;
    let contact = berlin.records.iter().find(|record| record.kind == "contact").unwrap();
    assert!(contact.attached.is_empty());
    assert!(berlin.open(contact).is_err());
    assert_eq!(berlin.cases().len(), 1);
}

async fn what_an_earlier_version_kept_in_plain_is_sealed(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let id = order(&hub, "1").await;
    let record = consignee(&hub, id).await;
    let text = r#"{"name":"Ada Example","address":["Street 1"]}"#;
    in_plain(&hub, &record.to_string(), text).await;
    assert_eq!(tables_with(&hub.hub.store, "Ada Example").await, ["payload", "contact"]);
    let more = hub.hub.writer.run("test", |unit| Box::pin(seal_earlier::seal_earlier(unit))).await;
    assert!(!more.unwrap());
    assert_eq!(tables_with(&hub.hub.store, "Ada Example").await, Vec::<&str>::new());
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    let vault = hub.hub.store.vault();
    assert_eq!(sealed::contact(&mut db, vault, record).await.unwrap().unwrap().name, "Ada Example");
    let payload = payload_of(&hub, id).await;
    assert_eq!(payload::body(&mut db, vault, payload).await.unwrap().unwrap(), text.as_bytes());
}

/// Puts back what a version before sealed records held.
async fn in_plain(hub: &TestHub, record: &str, text: &'static str) {
    let key = record.to_owned();
    let plain = hub.hub.writer.run("test", move |unit| {
        let key = key.clone();
        Box::pin(async move {
            sqlx::query("DELETE FROM sealed").execute(unit.db()).await?;
            sqlx::query(
                "INSERT INTO contact (record, order_id, retain_until, body) VALUES ($1, 'o', $2, $3)",
            )
            .bind(&key)
            .bind(i64::MAX)
            .bind(text)
            .execute(unit.db())
            .await?;
            sqlx::query("UPDATE payload SET body = $1, sealed = 0")
                .bind(text.as_bytes())
                .execute(unit.db())
                .await?;
            Ok(())
        })
    });
    plain.await.unwrap();
}

#[tokio::test]
async fn a_file_forgets_at_its_first_start_what_an_earlier_version_kept_in_plain() {
    let database = Database::sqlite();
    let hub = TestHub::with_sites(&database).await;
    let id = order(&hub, "1").await;
    let record = consignee(&hub, id).await;
    in_plain(&hub, &record.to_string(), r#"{"name":"Ada Example","address":["Street 1"]}"#).await;
    // That version has deleted others, too, whose pages are free since.
    let back = hub.hub.writer.run("test", |unit| {
        Box::pin(async move {
            for n in 0..200 {
                let sql =
                    "INSERT INTO contact (record, order_id, retain_until, body) VALUES ($1, 'o', 1, $2)";
                let body = format!("Ada Example, Street 1 {}", "x".repeat(300));
                sqlx::query(sql).bind(n.to_string()).bind(body).execute(unit.db()).await?;
            }
            sqlx::query("DELETE FROM contact WHERE retain_until = 1").execute(unit.db()).await?;
            sqlx::query("INSERT INTO chore (name) VALUES ('write_file_anew')").execute(unit.db()).await?;
            Ok(())
        })
    });
    back.await.unwrap();
    hub.close().await;
    assert!(!found_in(database.directory.path()).is_empty(), "the search finds what is there");

    let hub = TestHub::open(&database).await;
    assert_eq!(found_in(database.directory.path()), Vec::<String>::new());
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    let known = sealed::contact(&mut db, hub.hub.store.vault(), record).await.unwrap().unwrap();
    assert_eq!(known.name, "Ada Example");
    let chores = sqlx::query("SELECT name FROM chore").fetch_all(&mut *db).await.unwrap();
    assert!(chores.is_empty(), "once");
}

#[tokio::test]
async fn deleted_keys_are_in_no_byte_of_the_key_store_and_time_is_not_the_wall_clock_s() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("vault.db").display());
    let kept = Kept { contacts_ms: 1, payloads_ms: 1, labels_ms: 1, set_aside_ms: 1 };
    let vault = Vault::open(&url, kept).await.unwrap();
    // Not one byte again and again: pointers of a page may look like that.
    let secret = |n: u8| std::array::from_fn::<u8, 32, _>(|at| n ^ (at as u8).wrapping_mul(37));
    let keys: Vec<_> = (1..=200_u8)
        .map(|n| outpost_sync::seal::NewKey {
            kind: "contact".to_owned(),
            key: n.to_string(),
            secret: RecordKey::from_slice(&secret(n)).unwrap(),
            retain_until_ms: i64::from(n),
        })
        .collect();
    vault.keep(&keys).await.unwrap();
    let there = |n: u8| {
        std::fs::read_dir(folder.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(32).any(|window| window == secret(n))
        })
    };
    assert!(there(5) && there(150));
    assert_eq!(vault.expire(UtcMillis(100), 60).await.unwrap(), 60);
    assert_eq!(vault.expire(UtcMillis(100), 60).await.unwrap(), 39);
    let left: Vec<u8> = (1..100).filter(|n| there(*n)).collect();
    assert_eq!((left, (100..=200).all(there)), (Vec::new(), true));
    let boot = Uuid::from_u128(1);
    let start = UtcMillis(1_000);
    assert_eq!(vault.time(start, 0, boot).await.unwrap(), start);
    assert_eq!(vault.time(start + 365 * DAY, 500, boot).await.unwrap(), UtcMillis(1_500));
}
