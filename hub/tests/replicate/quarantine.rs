//! Changes that wait for others, and documents that are held: seen, told, and released.

use outpost_hub::app::quarantine::{self, Held};
use outpost_model::id::{DocumentKey, SiteId};
use outpost_model::page::LedgerFact;
use outpost_model::rejection::Rejection;
use outpost_sync::repair::Standing;
use outpost_sync::{DocumentId, Input};

use crate::flow::{opening, units};
use crate::site::SimSite;
use crate::world::{Pipe, World, databases};

fn ledger(site: &SiteId, page: u32) -> DocumentKey {
    DocumentKey::Ledger(site.clone(), page)
}

async fn stock(world: &World) -> i64 {
    world.number("SELECT CAST(COALESCE(SUM(qty), 0) AS BIGINT) FROM stock").await
}

async fn held(world: &World, site: &SimSite) -> Vec<Held> {
    let mut connection = world.hub.store.read().acquire().await.unwrap();
    quarantine::list(&mut connection, &site.id).await.unwrap()
}

async fn release(world: &World, site: &SimSite, key: &DocumentKey) -> Result<(), Rejection> {
    let (id, doc) = (site.id.clone(), DocumentId::new(key.to_string()).unwrap());
    let sscc = world.hub.settings.sscc.clone();
    world
        .run(move |unit| {
            let (id, doc, sscc) = (id.clone(), doc.clone(), sscc.clone());
            Box::pin(async move { quarantine::release(unit, &id, &doc, &sscc).await })
        })
        .await
}

async fn give_up(world: &World, site: &SimSite, key: &DocumentKey) -> Result<(), Rejection> {
    let (id, doc) = (site.id.clone(), DocumentId::new(key.to_string()).unwrap());
    world
        .run(move |unit| {
            let (id, doc) = (id.clone(), doc.clone());
            Box::pin(async move { quarantine::give_up(unit, &id, &doc).await })
        })
        .await
}

/// Both compare their documents until the site is content.
async fn compare(world: &World, site: &mut SimSite, pipe: &mut Pipe, content: impl Fn(&SimSite) -> bool) {
    pipe.give(world, site, Input::Repair).await;
    pipe.until(world, site, content).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_builds_on_something_missing_waits_and_is_applied_when_that_comes() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let key = ledger(&site.id.clone(), 0);
        site.found(&key);
        site.write_hidden(&key, opening("MUG", 1));
        site.write(&key, opening("MUG", 10));
        site.write(&key, opening("MUG", 100));
        let other = ledger(&site.id.clone(), 1);
        site.found(&other);
        site.write(&other, opening("MUG", 1_000));
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(stock(&world).await, 1_000, "others go on");
        assert_eq!(world.number("SELECT COUNT(*) FROM sync_parked").await, 2);
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 0);
        pipe.cut(&world, &mut site).await;
        let world = world.restart().await;
        let mut pipe = world.connect(&mut site).await;
        pipe.give(&world, &mut site, Input::Repair).await;
        for _ in 0..100 {
            let end = tokio::time::Instant::now() + std::time::Duration::from_millis(100);
            pipe.until(&world, &mut site, |_| tokio::time::Instant::now() >= end).await;
            if stock(&world).await == 1_111 {
                break;
            }
        }
        assert_eq!(stock(&world).await, 1_111);
        assert_eq!(world.number("SELECT COUNT(*) FROM sync_parked").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founding_that_comes_late_wakes_what_waited_for_it() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let key = ledger(&site.id.clone(), 0);
        site.found_hidden(&key);
        site.write(&key, opening("MUG", 7));
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!((stock(&world).await, world.number("SELECT COUNT(*) FROM sync_parked").await), (0, 1));
        site.show_hidden();
        pipe.give(&world, &mut site, Input::Woken).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!((stock(&world).await, world.number("SELECT COUNT(*) FROM sync_parked").await), (7, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_to_wait_a_change_is_not_acknowledged_and_comes_again() {
    const ROOM: u64 = 1_000;
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let key = ledger(&site.id.clone(), 0);
        site.found(&key);
        site.write_hidden(&key, opening("MUG", 1));
        for _ in 0..ROOM + 1 {
            site.write(&key, opening("MUG", 1));
        }
        let mut pipe = world.connect(&mut site).await;
        pipe.until(&world, &mut site, |site| site.unacknowledged() == 1).await;
        assert_eq!(world.number("SELECT COUNT(*) FROM sync_parked").await, ROOM as i64);
        assert_eq!(stock(&world).await, 0);
        compare(&world, &mut site, &mut pipe, |site| site.unacknowledged() == 0).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(stock(&world).await, ROOM as i64 + 2);
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_document_is_told_and_released_in_order_when_the_hub_is_mended() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let key = ledger(&site.id.clone(), 0);
        site.found(&key);
        site.write(&key, opening("MUG", 40));
        // A defect of the hub: grants cannot be written down.
        sqlx::query("ALTER TABLE rights RENAME TO elsewhere").execute(world.hub.store.read()).await.unwrap();
        site.write(&key, LedgerFact::Granted { units: vec![units("MUG", 5)] });
        site.write(&key, opening("MUG", 2));
        let mut pipe = world.connect(&mut site).await;
        pipe.until(&world, &mut site, |site| site.refusals.len() == 2).await;
        assert_eq!(site.refusals[0].reason, "cannot_be_applied");
        assert_eq!(site.refusals[1].reason, "document_in_quarantine");
        let name = key.to_string();
        compare(&world, &mut site, &mut pipe, |site| site.standing_there(&name) == Standing::Held).await;
        let found = held(&world, &site).await;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].by, found[0].changes, found[0].document.as_str()), ("hub", 2, name.as_str()));
        sqlx::query("ALTER TABLE elsewhere RENAME TO rights").execute(world.hub.store.read()).await.unwrap();
        assert_eq!(release(&world, &site, &key).await, Ok(()));
        assert!(held(&world, &site).await.is_empty());
        assert_eq!(stock(&world).await, 42);
        assert_eq!(world.number("SELECT granted FROM rights").await, 5);
        let open = world.texts("SELECT code FROM exception WHERE resolved_at IS NULL").await;
        assert!(!open.contains(&"quarantined".to_owned()), "{open:?}");
        assert_eq!(release(&world, &site, &key).await.unwrap_err().code, "not_held");
        compare(&world, &mut site, &mut pipe, |site| site.standing_there(&name) == Standing::Live).await;
        site.write(&key, opening("MUG", 8));
        pipe.give(&world, &mut site, Input::Woken).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(stock(&world).await, 50, "the page goes on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_still_cannot_be_taken_stays_held_and_nothing_of_it_is_lost() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let key = ledger(&site.id.clone(), 0);
        site.found(&key);
        site.write(&key, outpost_model::intent::HubEvent::UnholdRequested);
        site.write(&key, opening("MUG", 2));
        let mut pipe = world.connect(&mut site).await;
        pipe.until(&world, &mut site, |site| site.refusals.len() == 2).await;
        for _ in 0..2 {
            assert_eq!(release(&world, &site, &key).await.unwrap_err().code, "still_refused");
            let found = held(&world, &site).await;
            assert_eq!((found.len(), found[0].changes), (1, 2));
            assert_eq!(found[0].reason.as_deref(), Some("kind_of_the_hub"));
        }
        assert_eq!(stock(&world).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_gives_up_is_forgotten_sealed_and_compared_no_more() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let (key, other) = (ledger(&site.id.clone(), 0), ledger(&site.id.clone(), 1));
        site.found(&key);
        site.write(&key, opening("MUG", 40));
        site.write(&key, outpost_model::intent::HubEvent::UnholdRequested);
        site.write(&key, opening("MUG", 2));
        site.found(&other);
        let mut pipe = world.connect(&mut site).await;
        pipe.until(&world, &mut site, |site| site.refusals.len() == 2).await;
        assert_eq!(give_up(&world, &site, &other).await.unwrap_err().code, "not_held");
        assert_eq!(give_up(&world, &site, &key).await, Ok(()));
        assert_eq!(give_up(&world, &site, &key).await.unwrap_err().code, "not_held");
        assert!(held(&world, &site).await.is_empty());
        assert_eq!(stock(&world).await, 40, "what had been taken in stays");
        let name = key.to_string();
        compare(&world, &mut site, &mut pipe, |site| site.standing_there(&name) == Standing::Sealed).await;
        site.write(&key, opening("MUG", 8));
        site.write(&other, opening("MUG", 100));
        pipe.give(&world, &mut site, Input::Woken).await;
        pipe.until(&world, &mut site, |site| site.refusals.len() == 3).await;
        assert_eq!(site.refusals[2].reason, "document_sealed");
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(stock(&world).await, 140, "others go on");
    }
}
