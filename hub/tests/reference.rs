//! Reference data at the hub: a site gets all of a set, then what has changed, and nothing piles up for one that is away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Database, SiteDouble, TestHub};
use outpost_hub::app::reference::{self, DELTA_ITEMS_MAX};
use outpost_hub::store::{outbox, stream};
use outpost_hub::work;
use outpost_model::reference::PRODUCTS;
use outpost_sync::Record;
use outpost_sync::reference::{KIND, Manifest, Place, Version};
use sqlx::Row;

on_both!(
    a_site_gets_all_then_what_has_changed_and_nothing_piles_up,
    a_site_that_has_lost_what_it_had_gets_all_again,
    a_refusal_is_told_once_and_ends_with_the_next_version,
    a_delta_ends_where_its_limit_does,
);

/// The editions of products that a site was sent, by their manifests, each signed by this hub for this site.
async fn editions(hub: &TestHub, site: &mut SiteDouble) -> Vec<Manifest> {
    hub.hear(site.site.as_str()).await;
    work::reference::pass(&hub.hub).await.unwrap();
    site.receive(hub).await;
    let first_parts = site.records.iter().filter(|record| record.kind == KIND).filter_map(|record| {
        let place: Place = record.key.parse().unwrap();
        let first = place.set == PRODUCTS && place.part == 0;
        first.then(|| Manifest::open(&record.bytes, &place, site.site.as_str(), &hub.hub.identity.public()))
    });
    first_parts.map(|opened| opened.unwrap().0).collect()
}

async fn put(hub: &TestHub, items: Vec<(String, Option<String>)>) -> bool {
    let put = hub.hub.writer.run("test", move |unit| {
        let items = items.clone();
        Box::pin(async move { reference::put(unit, PRODUCTS, items).await })
    });
    put.await.unwrap()
}

fn item(key: &str, text: &str) -> Vec<(String, Option<String>)> {
    vec![(key.to_owned(), Some(text.to_owned()))]
}

async fn acknowledge(hub: &TestHub, site: &SiteDouble) {
    let name = site.site.clone();
    let noted = hub.hub.writer.run("test", move |unit| {
        let name = name.clone();
        Box::pin(async move {
            let mark = stream::peek(unit.db(), &name).await?.unwrap().mark;
            outbox::acknowledge(unit.db(), &name, mark).await
        })
    });
    noted.await.unwrap();
}

/// The site says what it holds.
async fn says(hub: &TestHub, site: &SiteDouble, record: Record) -> Result<(), &'static str> {
    let name = site.site.clone();
    let heard = hub.hub.writer.run("test", move |unit| {
        let (name, record) = (name.clone(), record.clone());
        Box::pin(async move { reference::held(unit, &name, &record).await })
    });
    heard.await.unwrap()
}

fn holding(version: Version, more: &str) -> Record {
    let json = format!(r#"{{"version":{{"e":{},"v":{}}}{more}}}"#, version.epoch, version.n);
    Record::new(KIND, PRODUCTS, json.into_bytes())
}

fn v(hub: &TestHub, n: u64) -> Version {
    Version { epoch: u64::from(hub.hub.life.epoch), n }
}

async fn a_site_gets_all_then_what_has_changed_and_nothing_piles_up(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let first = editions(&hub, &mut berlin).await;
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].version, first[0].base, first[0].count), (v(&hub, 1), None, 3));
    assert!(put(&hub, item("D-4", "{}")).await);
    assert!(!put(&hub, item("D-4", "{}")).await, "what is as it was makes no version");
    assert_eq!(editions(&hub, &mut berlin).await.len(), 1, "the first is under way");
    assert!(put(&hub, item("E-5", "{}")).await);
    assert!(put(&hub, vec![("A-1".to_owned(), None)]).await);
    acknowledge(&hub, &berlin).await;
    let all = editions(&hub, &mut berlin).await;
    assert_eq!(all.len(), 2, "three versions were made meanwhile, and one edition leads to the last");
    assert_eq!((all[1].version, all[1].base, all[1].count), (v(&hub, 4), Some(v(&hub, 1)), 4));
    acknowledge(&hub, &berlin).await;
    assert_eq!(editions(&hub, &mut berlin).await.len(), 2);
}

async fn a_site_that_has_lost_what_it_had_gets_all_again(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    editions(&hub, &mut berlin).await;
    let (none, start) = (Version::default(), r#","need":false,"start":true"#);
    says(&hub, &berlin, holding(none, start)).await.unwrap();
    assert_eq!(editions(&hub, &mut berlin).await.len(), 1, "it is on its way");
    acknowledge(&hub, &berlin).await;
    says(&hub, &berlin, holding(v(&hub, 1), start)).await.unwrap();
    assert_eq!(editions(&hub, &mut berlin).await.len(), 1, "it has what it acknowledged");
    says(&hub, &berlin, holding(none, start)).await.unwrap();
    let all = editions(&hub, &mut berlin).await;
    assert_eq!((all.len(), all[1].base), (2, None), "it was put back to a copy");
    acknowledge(&hub, &berlin).await;

    let need = |of: u64| format!(r#","need":true,"of":{{"e":{},"v":{of}}}"#, v(&hub, 1).epoch);
    says(&hub, &berlin, holding(none, &need(9))).await.unwrap();
    assert_eq!(editions(&hub, &mut berlin).await.len(), 2, "that is not the edition it was sent last");
    says(&hub, &berlin, holding(none, &need(1))).await.unwrap();
    let all = editions(&hub, &mut berlin).await;
    assert_eq!((all.len(), all[2].base), (3, None));

    let nonsense = Record::new(KIND, PRODUCTS, b"no".to_vec());
    assert_eq!(says(&hub, &berlin, nonsense).await, Err("malformed_record"));
    let other = Record { kind: "contact".to_owned(), ..holding(none, start) };
    assert_eq!(says(&hub, &berlin, other).await, Err("record_by_site"));
}

async fn a_refusal_is_told_once_and_ends_with_the_next_version(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    editions(&hub, &mut berlin).await;
    acknowledge(&hub, &berlin).await;
    let refused =
        format!(r#","need":false,"of":{{"e":{},"v":1}},"refused":"unreadable_content<b>""#, v(&hub, 1).epoch);
    for _ in 0..2 {
        says(&hub, &berlin, holding(Version::default(), &refused)).await.unwrap();
    }
    let sql = "SELECT sentence FROM exception WHERE code = 'reference_refused'";
    let rows = sqlx::query(sql).fetch_all(hub.hub.store.read()).await.unwrap();
    let sentences: Vec<String> = rows.iter().map(|row| row.try_get(0).unwrap()).collect();
    assert_eq!(sentences.len(), 1);
    assert!(sentences[0].contains("unreadable_content") && !sentences[0].contains('<'), "{sentences:?}");
    assert_eq!(editions(&hub, &mut berlin).await.len(), 1, "the same again would be refused again");
    assert!(put(&hub, item("D-4", "{}")).await);
    let all = editions(&hub, &mut berlin).await;
    assert_eq!((all.len(), all[1].version), (2, v(&hub, 2)));
}

async fn a_delta_ends_where_its_limit_does(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    editions(&hub, &mut berlin).await;
    acknowledge(&hub, &berlin).await;
    let some = |count: u64, text: &str| {
        (0..count).map(|n| (format!("SKU-{n:05}"), Some(text.to_owned()))).collect::<Vec<_>>()
    };
    put(&hub, some(DELTA_ITEMS_MAX, "one")).await;
    let all = editions(&hub, &mut berlin).await;
    assert_eq!((all.len(), all[1].base), (2, Some(v(&hub, 1))));
    acknowledge(&hub, &berlin).await;
    put(&hub, some(DELTA_ITEMS_MAX + 1, "two")).await;
    let all = editions(&hub, &mut berlin).await;
    assert_eq!((all.len(), all[2].base, all[2].count), (3, None, DELTA_ITEMS_MAX + 4));
}
