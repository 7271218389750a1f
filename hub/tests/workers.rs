//! Two hubs on one PostgreSQL: they share the sites, leave each other errands, and one that comes too late commits
//! nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::time::{Duration, Instant};

use common::{Database, SiteDouble, TestHub, pickup_order, settings};
use outpost_hub::HubError;
use outpost_hub::replicate::apply::Applied;
use outpost_hub::store::{errand, site_lease};
use outpost_hub::work::site_leases;
use outpost_model::fact::SiteFact;
use outpost_model::id::SiteId;
use tokio::sync::oneshot;

const SITES: [&str; 3] = ["berlin-1", "hamburg-1", "wh-1"];

/// A second hub on the database of a first one, with a data folder of its own.
async fn second(first: &Database) -> (Database, TestHub) {
    let directory = tempfile::TempDir::new().unwrap();
    for file in ["hub.key", "hub.witness"] {
        std::fs::copy(first.directory.path().join(file), directory.path().join(file)).unwrap();
    }
    let keys = first.directory.path().join("vault.db");
    let database = Database { url: first.url.clone(), directory };
    let vault = format!("[vault]\nurl = \"sqlite://{}\"", keys.display());
    let hub = TestHub::with_settings(settings(&database, &vault)).await;
    (database, hub)
}

/// Two hubs on one database with sites that they share.
async fn two(database: &Database) -> ([TestHub; 2], Vec<SiteDouble>, Database) {
    let a = TestHub::with_sites(database).await;
    let mut doubles = Vec::new();
    for site in SITES {
        doubles.push(SiteDouble::enroll(&a, site).await);
    }
    let (folder, b) = second(database).await;
    share([&a, &b]).await;
    ([a, b], doubles, folder)
}

async fn share(hubs: [&TestHub; 2]) {
    for _ in 0..2 {
        for hub in hubs {
            site_leases::share(&hub.hub).await.unwrap();
        }
    }
}

/// The hub that works for a site, and the other one.
fn of<'h>(hubs: [&'h TestHub; 2], site: &SiteId) -> (&'h TestHub, &'h TestHub) {
    match hubs.map(|hub| hub.hub.leases.serves(site)) {
        [true, false] => (hubs[0], hubs[1]),
        [false, true] => (hubs[1], hubs[0]),
        both => panic!("{site} is served by {both:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sites_are_shared_and_what_one_says_to_a_site_of_the_other_goes_through_him() {
    let Some(database) = Database::postgres().await else { return };
    let ([a, b], mut doubles, _folder) = two(&database).await;
    let mut db = a.hub.store.read().acquire().await.unwrap();
    for (site, lease) in site_lease::all(&mut db).await.unwrap() {
        let (holder, _) = of([&a, &b], &site);
        assert_eq!(lease.worker, holder.hub.leases.worker(), "{site}");
        assert_eq!(Some(lease.epoch), holder.hub.leases.epoch(&site));
    }
    // Whoever does not work for the site takes the order and offers it.
    let mut berlin = doubles.remove(0);
    let (holder, other) = of([&a, &b], &berlin.site);
    let grants = berlin.grant(&[("A-1", 5)]);
    assert_eq!(berlin.try_send(other, grants.clone()).await, Applied::NotHeld);
    berlin.tell(holder, grants).await;
    let order = other.order(&pickup_order("p-1", "berlin-1", &[("A-1", 2)])).await;
    other.route().await;
    berlin.receive(holder).await;
    assert_eq!(berlin.cases().len(), 0, "the case is left for who works for the site");
    assert_eq!(errand::sites(&mut db).await.unwrap(), [berlin.site.clone()]);
    site_leases::run_errands(&other.hub).await.unwrap();
    assert_eq!(errand::sites(&mut db).await.unwrap().len(), 1, "nobody else does it");
    site_leases::run_errands(&holder.hub).await.unwrap();
    berlin.receive(holder).await;
    let case = *berlin.cases().keys().next().unwrap();
    let accepted = berlin.say(case, vec![SiteFact::Accepted]);
    berlin.tell(holder, vec![accepted]).await;
    // So is the request to cancel it, once.
    let asked = other.cancel(order, "customer_request").await.unwrap();
    assert_eq!(asked.asked, [case]);
    site_leases::run_errands(&holder.hub).await.unwrap();
    site_leases::run_errands(&holder.hub).await.unwrap();
    berlin.receive(holder).await;
    let events = berlin.hub_events(case);
    assert_eq!(events.iter().map(|(_, event)| &event["kind"]).collect::<Vec<_>>(), ["cancel_requested"]);
    let answer = SiteFact::IntentAccepted { intent: events[0].0, effect: Default::default() };
    let answer = berlin.say(case, vec![answer]);
    berlin.tell(holder, vec![answer]).await;
    assert_eq!(errand::sites(&mut db).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_paused_in_its_transaction_commits_nothing_after_its_site_was_taken_over() {
    let Some(database) = Database::postgres().await else { return };
    let a = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&a, "berlin-1").await;
    let first = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&a, first).await;
    let late = berlin.grant(&[("A-1", 7)]);
    // It stands still in the middle of a transaction that holds the site, as a stopped process does.
    let (begun, has_begun) = oneshot::channel();
    let (go_on, goes_on) = oneshot::channel::<()>();
    let (mut begun, mut goes_on) = (Some(begun), Some(goes_on));
    let (writer, site) = (a.hub.writer.clone(), berlin.site.clone());
    let paused = tokio::spawn(async move {
        let key = site.clone();
        writer
            .run(key, move |unit| {
                let (site, begun, goes_on) = (site.clone(), begun.take(), goes_on.take());
                Box::pin(async move {
                    unit.must_hold(&site).await?;
                    outpost_hub::store::counter::add(unit.db(), "late", 0, 1).await?;
                    if let (Some(begun), Some(goes_on)) = (begun, goes_on) {
                        begun.send(()).unwrap();
                        goes_on.await.unwrap();
                    }
                    Ok(())
                })
            })
            .await
    });
    has_begun.await.unwrap();
    let (_folder, b) = second(&database).await;
    let started = Instant::now();
    while !b.hub.leases.serves(&berlin.site) {
        // The lock on the lease is waited for, and given up when that takes too long.
        let _ = site_leases::share(&b.hub).await;
        assert!(started.elapsed() < Duration::from_secs(40), "the site was not taken over");
    }
    berlin.tell(&b, late.clone()).await;
    go_on.send(()).unwrap();
    let outcome = paused.await.unwrap();
    assert!(matches!(outcome, Err(HubError::Failed(_))), "{outcome:?}");
    // What comes after finds that the site is another's; what was stored meanwhile is there once.
    let more = berlin.grant(&[("A-1", 11)]);
    assert_eq!(berlin.try_send(&a, more.clone()).await, Applied::NotHeld);
    assert!(!a.hub.leases.serves(&berlin.site));
    berlin.tell(&b, late).await;
    berlin.tell(&b, more).await;
    let rights = outpost_hub::store::query::sites::stock(b.hub.store.read(), &berlin.site, None, 10);
    assert_eq!(rights.await.unwrap()[0].granted, 23);
    let counters = outpost_hub::store::counter::all(b.hub.store.read()).await.unwrap();
    assert_eq!(counters.get("late"), None, "of the paused transaction nothing is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_starts_at_once_with_the_sites_it_had_and_refuses_what_it_had_under_way() {
    let Some(database) = Database::postgres().await else { return };
    let hub = TestHub::with_sites(&database).await;
    let berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let before = hub.hub.leases.epoch(&berlin.site).unwrap();
    let zombie = hub.hub.clone();
    let again = TestHub::open(&database).await;
    assert_eq!(again.hub.leases.epoch(&berlin.site), Some(before + 1));
    let site = berlin.site.clone();
    let outcome = zombie
        .writer
        .run(site.clone(), move |unit| {
            let site = site.clone();
            Box::pin(async move { unit.must_hold(&site).await })
        })
        .await;
    assert!(matches!(outcome, Err(HubError::Failed(_))), "{outcome:?}");
    hub.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reference_data_goes_to_each_site_by_who_works_for_it_and_once() {
    let Some(database) = Database::postgres().await else { return };
    let ([a, b], mut doubles, _folder) = two(&database).await;
    for double in &doubles {
        let (holder, _) = of([&a, &b], &double.site);
        holder.hear(double.site.as_str()).await;
    }
    let mut db = a.hub.store.read().acquire().await.unwrap();
    for hub in [&a, &b] {
        let (epoch, worker) = (hub.hub.life.epoch, hub.hub.leases.worker());
        let due = outpost_hub::store::reference::due(&mut db, epoch, Some(worker), 16).await.unwrap();
        assert!(due.iter().all(|(site, _)| hub.hub.leases.serves(site)), "{due:?}");
    }
    for hub in [&a, &b, &a, &b] {
        outpost_hub::work::reference::pass(&hub.hub).await.unwrap();
    }
    for double in &mut doubles {
        let (holder, _) = of([&a, &b], &double.site);
        double.receive(holder).await;
        let mut keys: Vec<&str> = double.records.iter().map(|record| record.key.as_str()).collect();
        keys.sort_unstable();
        let epoch = a.hub.life.epoch;
        assert_eq!(keys, [format!("products/{epoch}/1/0"), format!("rules/{epoch}/1/0")], "{}", double.site);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_with_keys_of_its_own_does_not_join_others() {
    let Some(database) = Database::postgres().await else { return };
    let a = TestHub::with_sites(&database).await;
    site_leases::share(&a.hub).await.unwrap();
    let directory = tempfile::TempDir::new().unwrap();
    for file in ["hub.key", "hub.witness"] {
        std::fs::copy(database.directory.path().join(file), directory.path().join(file)).unwrap();
    }
    let alone = Database { url: database.url.clone(), directory };
    let (settings, rules) = (settings(&alone, ""), outpost_config::RulesHandle::shipped().unwrap());
    let supervisor = outpost_daemon::Supervisor::new();
    let Err(refused) = outpost_hub::start::open(settings, rules, &supervisor).await else {
        panic!("it would seal what the other cannot read");
    };
    assert!(refused.to_string().contains("vault.url"), "{refused}");
}
