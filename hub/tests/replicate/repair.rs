//! Site and hub compare their documents and give each other what is missing, on both databases.

use outpost_hub::app::documents;
use outpost_model::id::{DocumentKey, SiteId};
use outpost_model::page::HubPageEvent;
use outpost_sync::repair::{Buckets, Fingerprint, Look, Seen, Standing};
use outpost_sync::{Document, DocumentId, Incarnation, Input};

use crate::flow::{opening, units};
use crate::site::SimSite;
use crate::world::{Pipe, World, databases};

fn ledger(site: &SiteId, page: u32) -> DocumentKey {
    DocumentKey::Ledger(site.clone(), page)
}

async fn buckets(world: &World, site: &SimSite) -> Buckets {
    let mut connection = world.hub.store.read().acquire().await.unwrap();
    match outpost_hub::store::repair::look(&mut connection, &site.id, &Look::Digest).await.unwrap() {
        Seen::Digest(digest) => digest.buckets,
        other => panic!("{other:?}"),
    }
}

/// The hashes made from scratch, of what the site has.
fn expected(site: &SimSite) -> Buckets {
    let mut buckets = Buckets::default();
    for (doc, changes) in site.changes() {
        if site.standing_there(doc.as_str()) != Standing::Live {
            continue;
        }
        let document = Document::open(doc.clone(), Incarnation([0; 16]), None, &changes).unwrap();
        buckets.toggle(&Fingerprint::of(&doc, &document.heads()));
    }
    buckets
}

/// Lets the site ask for a comparison until both have the same.
async fn until_same(world: &World, site: &mut SimSite, pipe: &mut Pipe) {
    pipe.give(world, site, Input::Repair).await;
    for _ in 0..200 {
        let end = tokio::time::Instant::now() + std::time::Duration::from_millis(100);
        pipe.until(world, site, |_| tokio::time::Instant::now() >= end).await;
        if buckets(world, site).await == expected(site) {
            return;
        }
    }
    panic!("they still differ: {}", site.state());
}

async fn written(world: &World, pages: u32) -> (SimSite, Pipe) {
    let mut site = world.enroll("berlin-1").await;
    for page in 0..pages {
        let key = ledger(&site.id.clone(), page);
        site.found(&key);
        site.write(&key, opening("MUG", 7));
    }
    let mut pipe = world.connect(&mut site).await;
    pipe.until_quiet(world, &mut site).await;
    (site, pipe)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hashes_are_those_of_the_documents_whoever_wrote_them() {
    for database in databases().await {
        let world = World::open(database).await;
        let (mut site, mut pipe) = written(&world, 5).await;
        assert_eq!(buckets(&world, &site).await, expected(&site));
        let id = site.id.clone();
        world
            .run(move |unit| {
                let id = id.clone();
                Box::pin(async move {
                    let returned = HubPageEvent::Returned { units: vec![units("MUG", 1)], recall: None };
                    documents::say_on_page(unit, &id, vec![returned]).await.map(drop)
                })
            })
            .await;
        site.write(&ledger(&site.id.clone(), 2), opening("MUG", 1));
        pipe.give(&world, &mut site, Input::Woken).await;
        pipe.wake().await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(buckets(&world, &site).await, expected(&site));
        // A hub of an earlier version kept no hashes: they are made when it starts.
        for text in ["UPDATE document SET bucket = NULL, place = NULL", "DELETE FROM sync_bucket"] {
            sqlx::query(text).execute(world.hub.store.read()).await.unwrap();
        }
        pipe.cut(&world, &mut site).await;
        let world = world.restart().await;
        assert_eq!(buckets(&world, &site).await, expected(&site));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_hub_has_lost_is_given_back_and_counted_once() {
    for database in databases().await {
        let world = World::open(database).await;
        let (mut site, pipe) = written(&world, 4).await;
        pipe.cut(&world, &mut site).await;
        // A restored backup lacks a page: its rows are gone, while the cursor says that it came.
        let lost = ledger(&site.id.clone(), 2).to_string();
        for text in [
            format!("DELETE FROM item WHERE doc = '{lost}'"),
            format!("DELETE FROM document WHERE doc = '{lost}'"),
            "UPDATE stock SET qty = 21".to_owned(),
            "DELETE FROM sync_bucket".to_owned(),
            "UPDATE document SET bucket = NULL, place = NULL".to_owned(),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(text)).execute(world.hub.store.read()).await.unwrap();
        }
        let world = world.restart().await;
        assert_ne!(buckets(&world, &site).await, expected(&site));
        let mut pipe = world.connect(&mut site).await;
        until_same(&world, &mut site, &mut pipe).await;
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 28);
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 0);
        until_same(&world, &mut site, &mut pipe).await;
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 28);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_site_has_lost_comes_back_with_the_names_it_once_had() {
    for database in databases().await {
        let world = World::open(database).await;
        let (mut site, mut pipe) = written(&world, 3).await;
        let doc = DocumentId::new(ledger(&site.id.clone(), 1).to_string()).unwrap();
        let lost = site.changes()[&doc].clone();
        lost.into_iter().for_each(|change| site.lose(change));
        assert!(!site.changes().contains_key(&doc));
        until_same(&world, &mut site, &mut pipe).await;
        assert_eq!(site.changes()[&doc].len(), 2);
        assert!(site.past.contains(&site.incarnation), "the hub vouches for the author");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repair_is_no_way_around_the_checks() {
    for database in databases().await {
        let world = World::open(database).await;
        let (mut site, mut pipe) = written(&world, 1).await;
        let other: SiteId = "hamburg-1".parse().unwrap();
        // Never sent by the stream: only a comparison shows them to the hub.
        site.hide_as(&ledger(&other, 0), site.incarnation, opening("MUG", 1_000));
        let stranger = Incarnation([0x77; 16]);
        site.hide_as(&ledger(&site.id.clone(), 9), stranger, opening("MUG", 1_000));
        pipe.give(&world, &mut site, Input::Repair).await;
        for _ in 0..100 {
            let end = tokio::time::Instant::now() + std::time::Duration::from_millis(100);
            pipe.until(&world, &mut site, |_| tokio::time::Instant::now() >= end).await;
            if world.number("SELECT COUNT(*) FROM quarantine").await >= 2 {
                break;
            }
        }
        let mut reasons = world.texts("SELECT DISTINCT reason FROM quarantine ORDER BY reason").await;
        reasons.sort();
        assert_eq!(reasons, ["author_not_registered", "document_of_another_site"]);
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_hub_takes_back_what_it_wrote_in_an_earlier_life_and_nothing_under_its_present_name() {
    for database in databases().await {
        let world = World::open(database).await;
        let (mut site, mut pipe) = written(&world, 1).await;
        let earlier = Incarnation([0x55; 16]);
        sqlx::query("INSERT INTO stream_life (site, ordinal, incarnation, last) VALUES ($1, 0, $2, 5)")
            .bind(site.id.as_str())
            .bind(&earlier.0[..])
            .execute(world.hub.store.read())
            .await
            .unwrap();
        let said = || HubPageEvent::Returned { units: vec![units("MUG", 1)], recall: None };
        let page = |number| DocumentKey::HubPage("berlin-1".parse().unwrap(), number);
        site.hide_as(&page(7), earlier, said());
        site.hide_as(&page(8), world.hub.life.incarnation, said());
        pipe.give(&world, &mut site, Input::Repair).await;
        let forged = page(8).to_string();
        pipe.until(&world, &mut site, |site| site.standing_there(&forged) == Standing::Held).await;
        let back =
            world.texts("SELECT doc FROM document WHERE doc LIKE 'hub/berlin-1/7' AND hub_n = 1").await;
        assert_eq!(back, [page(7).to_string()]);
        assert_eq!(world.number("SELECT COUNT(*) FROM document WHERE doc LIKE 'hub/berlin-1/8'").await, 0);
        let reasons = world.texts("SELECT DISTINCT reason FROM quarantine").await;
        assert_eq!(reasons, ["author_not_registered"]);
        until_same(&world, &mut site, &mut pipe).await;
    }
}
