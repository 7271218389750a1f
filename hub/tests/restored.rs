//! A hub whose database was put back to an earlier day: it finds out, issues nothing twice, and gives nothing away that
//! may have been given away before.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Database, SiteDouble, TestHub, settings, ship_order};
use outpost_hub::app::capture::Answer;
use outpost_hub::app::{adopt, documents, lease, recover};
use outpost_hub::replicate::notice;
use outpost_hub::restore::{self, RestoreError};
use outpost_hub::store::{case, copy, recovery};
use outpost_hub::work;
use outpost_model::fact::SiteFact;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::Header;
use outpost_model::id::SiteId;
use outpost_model::page::HubPageEvent;
use outpost_sync::repair::Outcome;
use outpost_sync::{Link, Notice};
use sqlx::Row;

on_both!(
    a_database_that_was_put_back_begins_a_new_epoch_and_issues_nothing_twice,
    a_hub_that_was_put_back_twice_names_every_life_it_had,
    what_may_have_been_given_away_waits_until_the_site_has_shown_what_it_has,
    a_site_that_knows_more_proves_what_nobody_wrote_down,
    an_order_that_was_lost_with_its_case_is_delivered_once,
    an_order_that_two_sites_have_is_told_when_one_has_shown_what_it_has,
);

fn berlin() -> SiteId {
    SiteId::new("berlin-1").unwrap()
}

async fn number(hub: &TestHub, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(hub.hub.store.read()).await.unwrap().try_get(0).unwrap()
}

async fn lease_a_block(hub: &TestHub) -> i64 {
    let sscc = hub.hub.settings.sscc.clone();
    hub.hub
        .writer
        .run("t", move |unit| {
            let sscc = sscc.clone();
            Box::pin(async move { lease::lease(unit, &berlin(), &sscc).await })
        })
        .await
        .unwrap();
    number(hub, "SELECT MAX(first) FROM serial_lease").await
}

async fn waiting(hub: &TestHub) -> usize {
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    recovery::sites(&mut db).await.unwrap().len()
}

async fn a_database_that_was_put_back_begins_a_new_epoch_and_issues_nothing_twice(mut database: Database) {
    let hub = TestHub::with_sites(&database).await;
    SiteDouble::enroll(&hub, "berlin-1").await;
    lease_a_block(&hub).await;
    let first = hub.hub.life;
    hub.close().await;
    let copied = database.copy().await;

    let hub = TestHub::open(&database).await;
    assert_eq!(hub.hub.life, first, "a restart is no restore");
    let lost = lease_a_block(&hub).await;
    work::tide::rise(&hub.hub).await.unwrap();
    hub.close().await;

    database.put_back(copied);
    let hub = TestHub::open(&database).await;
    let second = hub.hub.life;
    assert_eq!(second.epoch, 2);
    assert_ne!(second.incarnation, first.incarnation);
    let fresh = lease_a_block(&hub).await;
    assert!(fresh >= lost + 1_000, "{fresh} was leased before: {lost}");
    assert_eq!(number(&hub, "SELECT page FROM stream WHERE site = 'berlin-1'").await, 65_536);
    assert_eq!(hub.exceptions().await, ["hub_restored"]);
    assert_eq!(waiting(&hub).await, 1, "only sites with an appliance have something to show");
    hub.close().await;
    let hub = TestHub::open(&database).await;
    assert_eq!(hub.hub.life, second, "once is enough");
    hub.close().await;
}

/// The copy knows the first life only. What was written in the second is known from the file beside the database, so that
/// sites can give it back.
async fn a_hub_that_was_put_back_twice_names_every_life_it_had(mut database: Database) {
    let hub = TestHub::with_sites(&database).await;
    SiteDouble::enroll(&hub, "berlin-1").await;
    let mut lives = vec![hub.hub.life];
    hub.close().await;
    let copies = [database.copy().await, database.copy().await];
    for copied in copies {
        let hub = TestHub::open(&database).await;
        lease_a_block(&hub).await;
        work::tide::rise(&hub.hub).await.unwrap();
        hub.close().await;
        database.put_back(copied);
        let hub = TestHub::open(&database).await;
        lives.push(hub.hub.life);
        hub.close().await;
    }
    let epochs: Vec<u32> = lives.iter().map(|life| life.epoch).collect();
    assert_eq!(epochs, [1, 2, 3]);
    let hub = TestHub::open(&database).await;
    let named = sqlx::query("SELECT incarnation FROM stream_life WHERE site = 'berlin-1'");
    let named = named.fetch_all(hub.hub.store.read()).await.unwrap();
    let named: Vec<Vec<u8>> = named.iter().map(|row| row.try_get(0).unwrap()).collect();
    for life in &lives[..2] {
        assert!(
            named.contains(&life.incarnation.0.to_vec()),
            "the life of epoch {} is forgotten",
            life.epoch
        );
    }
    let page = number(&hub, "SELECT CAST(page AS BIGINT) FROM stream WHERE site = 'berlin-1'").await;
    assert_eq!(page, 2 * 65_536, "and no page of either is written again");
    hub.close().await;
}

async fn what_may_have_been_given_away_waits_until_the_site_has_shown_what_it_has(mut database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    let items = site.grant(&[("A-1", 5)]);
    site.tell(&hub, items).await;
    let order = hub.order(&ship_order("1001", &[("A-1", 1)])).await;
    hub.close().await;
    let copied = database.copy().await;
    let hub = TestHub::open(&database).await;
    hub.route().await;
    assert_eq!(hub.detail(order).await.cases.len(), 1);
    work::tide::rise(&hub.hub).await.unwrap();
    hub.close().await;

    database.put_back(copied);
    let hub = TestHub::open(&database).await;
    hub.hear("berlin-1").await;
    hub.route().await;
    let detail = hub.detail(order).await;
    assert_eq!((detail.cases.len(), detail.reason.as_deref()), (0, Some("hub_restored")));
    assert!(detail.route_at.is_some());
    // It says where its stream ends; the hub lacks the last of it.
    let link = Link { incarnation: site.incarnation, parent: None, last: 3 };
    let install = site.identity.install();
    hub.hub
        .writer
        .run("t", move |unit| {
            Box::pin(async move { notice::greeted(unit, &berlin(), install, &[link]).await })
        })
        .await
        .unwrap();
    assert_eq!(work::tide::look(&hub.hub).await.unwrap(), 1);
    let items = site.grant(&[("A-1", 1)]);
    site.tell(&hub, items).await;
    assert_eq!(work::tide::look(&hub.hub).await.unwrap(), 1, "it may have documents that the hub has lost");
    let same = Notice::Repaired(Outcome { same: true, ..Outcome::default() });
    hub.hub
        .writer
        .run("t", move |unit| {
            Box::pin({
                let same = same.clone();
                async move { notice::take(unit, &berlin(), &same).await }
            })
        })
        .await
        .unwrap();
    assert_eq!(work::tide::look(&hub.hub).await.unwrap(), 0);
    assert_eq!(hub.exceptions().await, [""; 0]);
    hub.route().await;
    assert_eq!(hub.detail(order).await.cases.len(), 1);
    hub.close().await;
}

async fn a_site_that_knows_more_proves_what_nobody_wrote_down(mut database: Database) {
    let hub = TestHub::with_sites(&database).await;
    SiteDouble::enroll(&hub, "berlin-1").await;
    hub.close().await;
    let copied = database.copy().await;
    let hub = TestHub::open(&database).await;
    let said = hub.hub.writer.run("t", |unit| {
        Box::pin(async move {
            let words = vec![HubPageEvent::SerialsVoided { first: 1, count: 1 }];
            documents::say_on_page(unit, &berlin(), words).await
        })
    });
    said.await.unwrap();
    let first = hub.hub.life;
    hub.close().await;

    // Copied and put back faster than anything was written down.
    database.put_back(copied);
    let hub = TestHub::open(&database).await;
    assert_eq!(hub.hub.life, first);
    let tell = |hub: &TestHub, claim: Notice| {
        let writer = hub.hub.writer.clone();
        async move {
            writer
                .run("t", move |unit| {
                    let claim = claim.clone();
                    Box::pin(async move { notice::take(unit, &berlin(), &claim).await })
                })
                .await
                .unwrap();
        }
    };
    // What is not proved, or says no more than is known, changes nothing.
    let claim = |incarnation, there, proven| Notice::Claimed { incarnation, there, proven };
    tell(&hub, claim(first.incarnation, 999, false)).await;
    let written = number(&hub, "SELECT n FROM stream WHERE site = 'berlin-1'").await;
    tell(&hub, claim(first.incarnation, written.unsigned_abs(), true)).await;
    assert_eq!(number(&hub, "SELECT CAST(suspected AS BIGINT) FROM hub").await, 0);
    tell(&hub, claim(first.incarnation, 999, true)).await;
    assert!(
        tokio::time::timeout(std::time::Duration::from_secs(5), hub.hub.wakers.end.notified()).await.is_ok(),
        "the process ends itself"
    );
    hub.close().await;
    let hub = TestHub::open(&database).await;
    let second = hub.hub.life;
    assert_eq!(second.epoch, 2);
    // It goes on saying so of the life that is over.
    tell(&hub, Notice::RolledBack { incarnation: first.incarnation, there: 2 }).await;
    tell(&hub, claim(first.incarnation, 999, true)).await;
    tell(&hub, claim(second.incarnation, 999, false)).await;
    assert_eq!(number(&hub, "SELECT CAST(suspected AS BIGINT) FROM hub").await, 0);
    assert!(hub.exceptions().await.contains(&"hub_rolled_back".to_owned()));
    // A person can let a site go that will never come back.
    let let_go =
        hub.hub.writer.run("t", |unit| Box::pin(async move { recover::let_go(unit, &berlin()).await }));
    let_go.await.unwrap().unwrap();
    assert_eq!(waiting(&hub).await, 0);
    hub.close().await;
}

async fn an_order_that_was_lost_with_its_case_is_delivered_once(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    let items = site.grant(&[("A-1", 5)]);
    site.tell(&hub, items).await;
    let sent = ship_order("1001", &[("A-1", 2)]);
    let order = hub.order(&sent).await;
    hub.route().await;
    let header = hub.detail(order).await.cases[0].fulfillment.header.clone();
    sqlx::query("DELETE FROM orders").execute(hub.hub.store.read()).await.unwrap();
    // The site has given the case back; it has its place.
    for _ in 0..2 {
        let header = header.clone();
        let adopted = hub.hub.writer.run("t", move |unit| {
            let header = header.clone();
            Box::pin(async move { adopt::order(unit, &header).await })
        });
        adopted.await.unwrap();
    }
    assert_eq!(hub.exceptions().await, ["order_lost"]);
    site.receive(&hub).await;
    let fact = site.say(header.case, vec![SiteFact::Accepted]);
    site.tell(&hub, vec![fact]).await;
    hub.route().await;
    let outline = hub.detail(order).await;
    assert_eq!((outline.cases.len(), outline.order.lines[0].qty.get()), (1, 2));
    // The channel sends it again: the same order, and nothing left to give to anybody.
    let answer = hub.capture(&sent).await.unwrap();
    assert!(matches!(answer, Answer::Repeated(id) if id == order), "{answer:?}");
    hub.route().await;
    let detail = hub.detail(order).await;
    assert_eq!((detail.cases.len(), detail.order.channel_ref.as_str(), detail.route_at), (1, "1001", None));
    assert_eq!(hub.exceptions().await, [""; 0]);
    assert!(matches!(hub.capture(&sent).await.unwrap(), Answer::Repeated(id) if id == order));
    hub.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_puts_a_copy_in_place_and_keeps_what_was_there() {
    let (database, folder) = (Database::sqlite(), tempfile::tempdir().unwrap());
    let hub = TestHub::with_sites(&database).await;
    let made = copy::make(&hub.hub.store, folder.path(), hub.hub.now()).await.unwrap();
    let (copied, settings) = (folder.path().join(made.file), settings(&database, ""));
    let now = hub.hub.now();
    let in_use = restore::restore(&settings, Some(&copied), now).await;
    assert!(matches!(in_use, Err(RestoreError::InUse(_))), "{in_use:?}");
    hub.close().await;
    let nonsense = folder.path().join("nonsense");
    std::fs::write(&nonsense, b"not a database").unwrap();
    assert!(matches!(restore::restore(&settings, Some(&nonsense), now).await, Err(RestoreError::Copy(_))));
    assert!(matches!(restore::restore(&settings, None, now).await, Err(RestoreError::NoCopy)));
    let hub = TestHub::open(&database).await;
    assert_eq!(hub.hub.life.epoch, 1, "an attempt that failed has changed nothing");
    hub.close().await;

    let restored = restore::restore(&settings, Some(&copied), now).await.unwrap();
    assert!(copy::inspect(&restored.aside.unwrap()).await.is_ok(), "what was there is still there");
    assert_eq!(restored.content.unwrap().life.epoch, 1);
    let hub = TestHub::open(&database).await;
    assert_eq!(hub.hub.life.epoch, 2);
    hub.close().await;
}

async fn an_order_that_two_sites_have_is_told_when_one_has_shown_what_it_has(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut site = SiteDouble::enroll(&hub, "berlin-1").await;
    let items = site.grant(&[("A-1", 5)]);
    site.tell(&hub, items).await;
    let order = hub.order(&ship_order("1001", &[("A-1", 2)])).await;
    hub.route().await;
    let header = hub.detail(order).await.cases[0].fulfillment.header.clone();
    let life = hub.hub.life;
    let let_go = |hub: &TestHub| {
        let writer = hub.hub.writer.clone();
        async move {
            let done = writer.run("t", move |unit| {
                Box::pin(async move {
                    recovery::open(unit.db(), &berlin(), &life).await?;
                    recover::let_go(unit, &berlin()).await
                })
            });
            done.await.unwrap().unwrap();
        }
    };
    let_go(&hub).await;
    assert_eq!(hub.exceptions().await, [""; 0], "one site has all of it");
    // What another site gives back: the restored hub had taken the case away and given it there.
    let other = Header { case: "019ab4ec-5d06-7000-b4e5-6cb3f7565bc1".parse().unwrap(), ..header };
    let other = Header { site: SiteId::new("hamburg-1").unwrap(), ..other };
    let kept = hub.hub.writer.run("t", move |unit| {
        let state = Fulfillment::offered(other.clone());
        Box::pin(async move {
            let row = case::Row { state, position: 0, updated_at: unit.now() };
            case::put(unit.db(), &[&row]).await
        })
    });
    kept.await.unwrap();
    let_go(&hub).await;
    assert_eq!(hub.exceptions().await, ["order_doubled"]);
    hub.close().await;
}
