//! Closed cases are packed, stay readable, and come back when something is still to be said of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Database, SiteDouble, TestHub, ship_order};
use outpost_hub::app::{archive, documents, observe};
use outpost_hub::replicate::verify;
use outpost_hub::store::{archive as blocks, outbox, stream};
use outpost_model::fact::SiteFact;
use outpost_model::id::{CaseId, ReasonCode};
use sqlx::Row;

on_both!(
    a_packed_case_is_still_shown_and_holds_no_rows,
    a_site_that_repeats_itself_changes_nothing_and_one_that_adds_is_heard,
    a_document_costs_little_once_it_is_packed,
);

async fn number(hub: &TestHub, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(hub.hub.store.read()).await.unwrap().try_get(0).unwrap()
}

fn reason(text: &str) -> ReasonCode {
    ReasonCode::new(text).unwrap()
}

/// Orders of one mug each that a site has refused: closed cases, with what the site said of each.
async fn closed(hub: &TestHub, site: &mut SiteDouble, count: usize) -> Vec<(CaseId, outpost_sync::Incoming)> {
    let items = site.grant(&[("A-1", count as u64)]);
    site.tell(hub, items).await;
    for order in 0..count {
        hub.order(&ship_order(&format!("{}", 1_000 + order), &[("A-1", 1)])).await;
    }
    hub.route().await;
    site.receive(hub).await;
    let mut said = Vec::new();
    for case in site.cases().into_keys() {
        said.push((case, site.say(case, vec![SiteFact::Rejected { reason: reason("damaged") }])));
    }
    site.tell(hub, said.iter().map(|(_, incoming)| incoming.clone()).collect()).await;
    acknowledge(hub, site).await;
    said
}

async fn acknowledge(hub: &TestHub, site: &SiteDouble) {
    let site = site.site.clone();
    hub.hub
        .writer
        .run("t", move |unit| {
            let site = site.clone();
            Box::pin(async move {
                let mark = stream::peek(unit.db(), &site).await?.unwrap().mark;
                outbox::acknowledge(unit.db(), &site, mark).await
            })
        })
        .await
        .unwrap();
}

async fn pack(hub: &TestHub, least: usize) -> usize {
    let pack = hub.hub.writer.run("t", move |unit| {
        Box::pin(async move {
            let soon = unit.now() + 1_000;
            archive::pack(unit, soon, least).await
        })
    });
    pack.await.unwrap()
}

async fn projections_hold(hub: &TestHub, site: &SiteDouble) -> usize {
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    let states = verify::all(&mut db, &site.site, hub.hub.life.incarnation, true).await.unwrap();
    assert!(states.iter().all(|state| state.projection_ok && !state.heads.is_empty()));
    states.len()
}

async fn a_packed_case_is_still_shown_and_holds_no_rows(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    let said = closed(&hub, &mut site, 3).await;
    let order = hub.hub.store.read();
    let row = sqlx::query("SELECT order_id FROM cases ORDER BY id LIMIT 1").fetch_one(order).await.unwrap();
    let order = row.try_get::<String, _>(0).unwrap().parse().unwrap();
    let before = serde_json::to_value(hub.detail(order).await).unwrap();
    let documents = projections_hold(&hub, &site).await;
    assert_eq!(pack(&hub, 4).await, 0, "a block is not made for three");
    assert_eq!(pack(&hub, 3).await, 3);
    assert_eq!(pack(&hub, 1).await, 0, "packed once");
    assert_eq!(number(&hub, "SELECT COUNT(*) FROM item WHERE doc LIKE 'case/%'").await, 0);
    assert_eq!(serde_json::to_value(hub.detail(order).await).unwrap(), before, "an order looks as it did");
    assert_eq!(projections_hold(&hub, &site).await, documents);
    // A new word of the hub brings its case back.
    let case = said[0].0;
    let word = hub.hub.writer.run("t", move |unit| {
        Box::pin(async move {
            let mut row = outpost_hub::store::case::get(unit.db(), case).await?.unwrap();
            let fact = outpost_model::intent::HubEvent::Observed {
                source: "carrier".into(),
                fact: "delivered".into(),
            };
            documents::say(unit, &mut row, Vec::new(), vec![fact]).await
        })
    });
    word.await.unwrap();
    assert_eq!(number(&hub, "SELECT COUNT(*) FROM document WHERE block IS NOT NULL").await, 2);
    projections_hold(&hub, &site).await;
    let unknown = hub.hub.writer.run("t", |unit| Box::pin(observe::observe(unit, "T-1", "delivered")));
    assert_eq!(unknown.await.unwrap().unwrap_err().code, "unknown_tracking");
    hub.close().await;
}

async fn a_site_that_repeats_itself_changes_nothing_and_one_that_adds_is_heard(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    let said = closed(&hub, &mut site, 4).await;
    assert_eq!(pack(&hub, 1).await, 4);
    // The same changes at new positions, as a site sends them that has lost track of what it has sent.
    let mut again = Vec::new();
    for (_, incoming) in &said[..2] {
        if let outpost_sync::Item::Change(change) = &incoming.item {
            again.push(site.incoming(change.clone()));
        }
    }
    let events = hub.stats().await.events_synced;
    site.tell(&hub, again).await;
    assert_eq!(hub.stats().await.events_synced, events, "nothing is applied twice");
    assert_eq!(hub.exceptions().await.iter().filter(|code| *code == "quarantined").count(), 0);
    // A late fact: it had handed over after all.
    let late = site.say(said[3].0, vec![SiteFact::Accepted]);
    site.tell(&hub, vec![late]).await;
    assert_eq!(hub.stats().await.events_synced, events + 1);
    assert_eq!(number(&hub, "SELECT COUNT(*) FROM quarantine").await, 0);
    projections_hold(&hub, &site).await;
    // What was taken out is packed again, and a block of which nothing is left is gone.
    acknowledge(&hub, &site).await;
    assert_eq!(pack(&hub, 1).await, 3);
    projections_hold(&hub, &site).await;
    hub.close().await;
}

async fn a_document_costs_little_once_it_is_packed(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    closed(&hub, &mut site, 100).await;
    let raw =
        number(&hub, "SELECT CAST(SUM(LENGTH(bytes)) AS BIGINT) FROM item WHERE doc LIKE 'case/%'").await;
    assert_eq!(pack(&hub, 100).await, 100);
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    let (documents, bytes) = blocks::size(&mut db).await.unwrap();
    assert_eq!(documents, 100);
    println!("{} bytes a document in a block, {} before", bytes / documents, raw / 100);
    assert!(bytes / documents < 250, "{} bytes a document", bytes / documents);
    drop(db);
    hub.close().await;
}
