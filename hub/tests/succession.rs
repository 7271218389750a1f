//! Another appliance, or an earlier state of the same one, takes over: nothing is granted, promised or numbered twice, and
//! it is sent all it works with.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Database, SiteDouble, TestHub, ship_order};
use outpost_hub::app::enroll::Terms;
use outpost_hub::app::{authority, recover, succeed};
use outpost_hub::store::{authority as given, outbox, rights, stream};
use outpost_hub::work;
use outpost_model::id::SiteId;
use outpost_sync::{DocumentId, Item, Query, reference};
use sqlx::Row;

on_both!(
    a_life_that_takes_over_begins_with_nothing_of_the_earlier_ones,
    a_site_with_two_appliances_is_promised_from_only_when_a_person_has_decided,
    a_site_that_granted_more_than_a_quantity_holds_can_be_taken_over,
);

fn terms(hub: &TestHub) -> Terms {
    Terms { sscc: hub.hub.settings.sscc.clone() }
}

async fn numbers(hub: &TestHub, sql: &'static str) -> Vec<i64> {
    let rows = sqlx::query(sql).fetch_all(hub.hub.store.read()).await.unwrap();
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}

async fn unused(hub: &TestHub, site: &SiteId) -> [i64; 3] {
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    rights::of_site(&mut db, site, rights::ALL).await.unwrap()["A-1"]
}

async fn take_over(hub: &TestHub, site: &SiteDouble) {
    let (site, terms, life) = (site.site.clone(), terms(hub), (site.incarnation, 1));
    hub.hub
        .writer
        .run("t", move |unit| {
            let (site, terms) = (site.clone(), terms.clone());
            Box::pin(async move { succeed::take_over(unit, &site, &[life], &terms).await })
        })
        .await
        .unwrap();
}

/// The worker's pass for sites in contact, this one among them.
async fn told_of_reference_data(hub: &TestHub) {
    hub.hear("berlin-1").await;
    work::reference::pass(&hub.hub).await.unwrap();
}

/// Grants add up: what one event may say is no bound for their sum, and a stolen appliance that has granted too much must
/// be replaceable all the same.
async fn a_site_that_granted_more_than_a_quantity_holds_can_be_taken_over(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    for _ in 0..3 {
        let items = site.grant(&[("A-1", 100_000_000); 50]);
        site.tell(&hub, items).await;
    }
    let name = site.site.clone();
    assert_eq!(unused(&hub, &name).await, [15_000_000_000, 0, 0]);
    take_over(&hub, &site).await;
    assert_eq!(unused(&hub, &name).await, [15_000_000_000, 0, 15_000_000_000]);
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    let all = outbox::read(&mut db, &name, &Query::After { after: None }, 1_000, usize::MAX).await.unwrap();
    assert!(all.iter().any(|outgoing| outgoing.item.doc().is_some()), "and it is said");
}

async fn a_life_that_takes_over_begins_with_nothing_of_the_earlier_ones(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    take_over(&hub, &site).await;
    let items = site.grant(&[("A-1", 10)]);
    site.tell(&hub, items).await;
    let order = hub.order(&ship_order("1001", &[("A-1", 3)])).await;
    hub.route().await;
    let name = site.site.clone();
    let mark = {
        let mut db = hub.hub.store.read().acquire().await.unwrap();
        stream::peek(&mut db, &name).await.unwrap().unwrap().mark
    };
    let (named, terms) = (name.clone(), hub.hub.authority_terms());
    let raise = hub.hub.writer.run("t", move |unit| {
        let (name, terms) = (named.clone(), terms.clone());
        Box::pin(async move { authority::acknowledge(unit, &name, mark, &terms).await })
    });
    assert_eq!(raise.await.unwrap().unwrap().through, mark.n);
    assert_eq!(unused(&hub, &name).await, [10, 3, 0]);
    let before = numbers(&hub, "SELECT first FROM serial_lease WHERE voided_at IS NULL").await;

    told_of_reference_data(&hub).await;
    take_over(&hub, &site).await;
    told_of_reference_data(&hub).await;
    assert_eq!(unused(&hub, &name).await, [10, 3, 7], "what was promised stays promised, the rest goes back");
    let leased = numbers(&hub, "SELECT first FROM serial_lease WHERE voided_at IS NULL").await;
    assert_eq!(leased.len(), 1);
    assert!(leased[0] > before[0], "a block of its own");
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    assert_eq!(given::get(&mut db, &name).await.unwrap().unwrap().through, 0, "nothing is covered by number");
    // The stream has no past, no gaps, and all that the site works with.
    let links = outbox::links(&mut db, &name).await.unwrap();
    assert_eq!((links.len(), links[0].parent), (1, None));
    let all = outbox::read(&mut db, &name, &Query::After { after: None }, 1_000, usize::MAX).await.unwrap();
    assert_eq!(
        all.iter().map(|item| item.mark.n).collect::<Vec<_>>(),
        (1..=links[0].last).collect::<Vec<_>>()
    );
    let records = all.iter().filter_map(|outgoing| match &outgoing.item {
        Item::Record(record) => Some(record),
        Item::Change(_) => None,
    });
    let sets: Vec<String> = records
        .filter(|record| record.kind == reference::KIND)
        .map(|record| record.key.parse::<reference::Place>().unwrap().set)
        .collect();
    assert_eq!(sets, ["products", "rules"], "it works by what the hub says, though an earlier life was told");
    let detail = hub.detail(order).await;
    let case = &detail.cases[0];
    let doc = DocumentId::new(format!("case/{}", case.fulfillment.header.case)).unwrap();
    let offer = all.iter().find(|outgoing| outgoing.item.doc() == Some(&doc)).unwrap();
    assert_eq!(offer.mark.n, case.position, "authority is measured where the offer stands now");
    assert!(!case.at_site);
    let record_before = all
        .iter()
        .position(|outgoing| matches!(&outgoing.item, Item::Record(record) if record.kind == "contact"));
    assert!(record_before.is_some_and(|at| all[at].mark.n < case.position), "whom it is for comes first");
    let retired =
        numbers(&hub, "SELECT retired_beyond FROM incarnation WHERE retired_beyond IS NOT NULL").await;
    assert_eq!(retired, [1]);
    drop(db);
    hub.close().await;
}

async fn a_site_with_two_appliances_is_promised_from_only_when_a_person_has_decided(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    let items = site.grant(&[("A-1", 5)]);
    site.tell(&hub, items).await;
    let name = site.site.clone();
    let hold = || {
        let (name, life) = (name.clone(), site.incarnation);
        hub.hub.writer.run("t", move |unit| {
            let name = name.clone();
            Box::pin(async move { succeed::hold(unit, &name, life).await })
        })
    };
    hold().await.unwrap();
    hold().await.unwrap();
    assert_eq!(unused(&hub, &name).await, [5, 0, 5]);
    // Even what is granted now is not promised.
    let items = site.grant(&[("A-1", 5)]);
    site.tell(&hub, items).await;
    let order = hub.order(&ship_order("1001", &[("A-1", 1)])).await;
    hub.route().await;
    assert_eq!(hub.detail(order).await.cases.len(), 0);
    let named = name.clone();
    let let_go = hub.hub.writer.run("t", move |unit| {
        let name = named.clone();
        Box::pin(async move { recover::let_go(unit, &name).await })
    });
    let_go.await.unwrap().unwrap();
    hub.route().await;
    assert_eq!(hub.detail(order).await.cases.len(), 1);
    hub.close().await;
}
