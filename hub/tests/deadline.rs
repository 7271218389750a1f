//! Work that is not accepted or begun in time goes to another site, and never to two of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::time::Duration;

use common::{Database, SiteDouble, TestHub, pickup_order, ship_order};
use outpost_daemon::{Hands, Reading};
use outpost_hub::app::deadline::Step;
use outpost_hub::app::enroll::Terms;
use outpost_hub::app::{authority, succeed};
use outpost_hub::store::{outbox, stream};
use outpost_hub::work;
use outpost_model::fact::{Effect, SiteFact};
use outpost_model::id::{CaseId, OrderId, ReasonCode, SiteId};
use outpost_sync::Mark;

on_both!(
    a_slow_site_is_asked_and_gives_back_what_it_has_not_begun,
    from_a_silent_site_only_what_it_may_not_act_on_is_taken_away,
    what_an_earlier_appliance_may_act_on_stays_its_own_when_another_takes_over,
    authority_does_not_overtake_what_was_taken_away,
    a_pickup_is_nobody_elses,
    a_case_that_cannot_be_read_keeps_no_other_waiting,
);

const HOUR: u64 = 3_600;

struct Scene {
    hub: TestHub,
    hands: Hands,
    start: Reading,
    berlin: SiteDouble,
    hamburg: SiteDouble,
}

impl Scene {
    async fn open(database: &Database) -> Self {
        let start = Reading {
            wall: "2026-03-02T09:00:00Z".parse().unwrap(),
            since_boot: Duration::from_secs(1_000),
            boot_id: uuid::Uuid::nil(),
        };
        let hands = Hands::new(start);
        let hub = TestHub::with_clock(database, hands.clock()).await;
        hub.import_sites().await;
        let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
        let mut hamburg = SiteDouble::enroll(&hub, "hamburg-1").await;
        for site in [&mut berlin, &mut hamburg] {
            let items = site.grant(&[("A-1", 5)]);
            site.tell(&hub, items).await;
        }
        Self { hub, hands, start, berlin, hamburg }
    }

    /// So many seconds after the start; sites named are heard of.
    async fn at(&self, seconds: u64, heard: &[&str]) {
        let wall = self.start.wall + Duration::from_secs(seconds);
        let since_boot = self.start.since_boot + Duration::from_secs(seconds);
        self.hands.set(Reading { wall, since_boot, ..self.start });
        for site in heard {
            self.hub.hear(site).await;
        }
    }

    async fn look(&self) -> Vec<Step> {
        work::deadline::pass(&self.hub.hub).await.unwrap()
    }

    /// Where an order's parts are: site and how it ended.
    async fn parts(&self, order: OrderId) -> Vec<(String, Option<String>)> {
        let detail = self.hub.detail(order).await;
        let part = |case: &outpost_model::fulfillment::Fulfillment| {
            let end = case.ended().map(|end| outpost_hub::store::case::end_name(&end).to_owned());
            (case.header.site.to_string(), end)
        };
        detail.cases.iter().map(|case| part(&case.fulfillment)).collect()
    }

    /// The site acknowledges all of the hub's stream.
    async fn acknowledge(&self, site: &str) -> u64 {
        let site = SiteId::new(site).unwrap();
        let mut db = self.hub.hub.store.read().acquire().await.unwrap();
        let mark: Mark = stream::peek(&mut db, &site).await.unwrap().unwrap().mark;
        drop(db);
        self.acknowledge_to(&site, mark).await
    }

    /// Renews a site's authority: through where it reaches, if it was renewed.
    async fn renew(&self, site: &str) -> Option<u64> {
        let (terms, site) = (self.hub.hub.authority_terms(), SiteId::new(site).unwrap());
        let given = self.hub.hub.writer.run("t", move |unit| {
            let (site, terms) = (site.clone(), terms.clone());
            Box::pin(async move { authority::renew(unit, &site, &terms).await })
        });
        given.await.unwrap().map(|authority| authority.through)
    }

    async fn acknowledge_to(&self, site: &SiteId, mark: Mark) -> u64 {
        let (terms, site) = (self.hub.hub.authority_terms(), site.clone());
        let given = self.hub.hub.writer.run("t", move |unit| {
            let (site, terms) = (site.clone(), terms.clone());
            Box::pin(async move { authority::acknowledge(unit, &site, mark, &terms).await })
        });
        given.await.unwrap().unwrap().through
    }
}

fn only_case(site: &SiteDouble) -> CaseId {
    *site.cases().keys().next_back().unwrap()
}

async fn a_slow_site_is_asked_and_gives_back_what_it_has_not_begun(database: Database) {
    let mut scene = Scene::open(&database).await;
    let order = scene.hub.order(&ship_order("1001", &[("A-1", 1)])).await;
    scene.hub.route().await;
    scene.berlin.receive(&scene.hub).await;
    scene.acknowledge("berlin-1").await;
    assert!(matches!(scene.look().await[..], [Step::Look(_)]), "two hours to accept it");
    assert_eq!(scene.look().await, [], "nobody looks before it is due");
    scene.at(2 * HOUR + 1, &["berlin-1", "hamburg-1"]).await;
    assert_eq!(scene.look().await, [Step::AskBack]);
    assert_eq!(scene.look().await, [], "it is asked once");
    scene.at(2 * HOUR + 90, &["berlin-1", "hamburg-1"]).await;
    assert!(
        matches!(scene.look().await[..], [Step::Look(_)]),
        "it is in contact and may act: its answer is awaited"
    );
    scene.berlin.receive(&scene.hub).await;
    let case = only_case(&scene.berlin);
    let (intent, asked) = scene.berlin.hub_events(case).pop().unwrap();
    assert_eq!(asked["kind"], "release_requested");
    let reason = ReasonCode::new("no_capacity").unwrap();
    let answer = scene.berlin.say(
        case,
        vec![SiteFact::IntentAccepted { intent, effect: Effect::Nothing }, SiteFact::Released { reason }],
    );
    scene.berlin.tell(&scene.hub, vec![answer]).await;
    scene.hub.route().await;
    let parts = scene.parts(order).await;
    assert_eq!(parts[0], ("berlin-1".to_owned(), Some("released".to_owned())));
    assert_eq!(parts[1], ("hamburg-1".to_owned(), None));
    assert_eq!(parts.len(), 2);
}

async fn from_a_silent_site_only_what_it_may_not_act_on_is_taken_away(database: Database) {
    let scene = Scene::open(&database).await;
    let first = scene.hub.order(&ship_order("1001", &[("A-1", 1)])).await;
    scene.hub.route().await;
    scene.acknowledge("berlin-1").await;
    let second = scene.hub.order(&ship_order("1002", &[("A-1", 1)])).await;
    scene.hub.route().await;
    scene.look().await;
    // Nothing is heard of Berlin any more. What it has acknowledged it may send without asking; the other it may not.
    scene.at(2 * HOUR + 1, &["hamburg-1"]).await;
    let mut steps = scene.look().await;
    steps.sort_by_key(|step| *step != Step::AskBack);
    assert_eq!(steps, [Step::AskBack, Step::TakeAway]);
    scene.hub.route().await;
    assert_eq!(scene.parts(first).await, [("berlin-1".to_owned(), None)]);
    let revoked = ("berlin-1".to_owned(), Some("revoked".to_owned()));
    assert_eq!(scene.parts(second).await, [revoked.clone(), ("hamburg-1".to_owned(), None)]);
    // Seventy-two hours after the last renewal, and as long as clocks may be apart, nobody there can act on it.
    scene.at(72 * HOUR + 120, &["hamburg-1"]).await;
    assert!(!scene.look().await.contains(&Step::TakeAway), "at the very end of it");
    scene.at(72 * HOUR + 181, &["hamburg-1"]).await;
    assert!(scene.look().await.contains(&Step::TakeAway));
    scene.hub.route().await;
    assert_eq!(scene.parts(first).await, [revoked, ("hamburg-1".to_owned(), None)]);
    // Berlin is heard of again. What it believes to be its own must not become so before it knows.
    assert_eq!(scene.renew("berlin-1").await, None);
    assert!(scene.acknowledge("berlin-1").await > 0);
    assert!(scene.renew("berlin-1").await.is_some());
}

async fn what_an_earlier_appliance_may_act_on_stays_its_own_when_another_takes_over(database: Database) {
    let scene = Scene::open(&database).await;
    let order = scene.hub.order(&ship_order("1001", &[("A-1", 1)])).await;
    scene.hub.route().await;
    scene.acknowledge("berlin-1").await;
    scene.look().await;
    scene.at(60, &["hamburg-1"]).await;
    let terms = Terms { sscc: scene.hub.hub.settings.sscc.clone() };
    let (site, life) = (scene.berlin.site.clone(), (scene.berlin.incarnation, 1));
    let taken_over = scene.hub.hub.writer.run("t", move |unit| {
        let (site, terms) = (site.clone(), terms.clone());
        Box::pin(async move { succeed::take_over(unit, &site, &[life], &terms).await })
    });
    taken_over.await.unwrap();
    // In the stream that was begun nothing is covered. The appliance that was cut off still has its authority.
    scene.at(2 * HOUR + 1, &["hamburg-1"]).await;
    assert_eq!(scene.look().await, [Step::AskBack]);
    scene.at(72 * HOUR + 60, &["hamburg-1"]).await;
    assert!(!scene.look().await.contains(&Step::TakeAway));
    scene.at(72 * HOUR + 241, &["hamburg-1"]).await;
    assert_eq!(scene.look().await, [Step::TakeAway]);
    assert_eq!(scene.parts(order).await, [("berlin-1".to_owned(), Some("revoked".to_owned()))]);
}

async fn authority_does_not_overtake_what_was_taken_away(database: Database) {
    let scene = Scene::open(&database).await;
    let order = scene.hub.order(&ship_order("1001", &[("A-1", 1)])).await;
    scene.hub.route().await;
    scene.look().await;
    let before = {
        let mut db = scene.hub.hub.store.read().acquire().await.unwrap();
        stream::peek(&mut db, &scene.berlin.site).await.unwrap().unwrap().mark
    };
    scene.at(2 * HOUR + 1, &["hamburg-1"]).await;
    assert_eq!(scene.look().await, [Step::TakeAway]);
    assert_eq!(scene.parts(order).await, [("berlin-1".to_owned(), Some("revoked".to_owned()))]);
    // The acknowledgement of the offer comes late; the site does not know yet that it was taken away.
    let through = scene.acknowledge_to(&scene.berlin.site, before).await;
    let position = scene.hub.detail(order).await.cases[0].position;
    assert!(through < position, "{through} covers the offer at {position}");
    assert!(scene.acknowledge("berlin-1").await >= position, "once it knows, numbers go on");
    let mut db = scene.hub.hub.store.read().acquire().await.unwrap();
    assert_eq!(outbox::unacknowledged(&mut db, &scene.berlin.site).await.unwrap(), 0);
}

async fn a_pickup_is_nobody_elses(database: Database) {
    let mut scene = Scene::open(&database).await;
    let order = scene.hub.order(&pickup_order("1001", "hamburg-1", &[("A-1", 1)])).await;
    scene.hub.route().await;
    scene.look().await;
    scene.at(HOUR, &["berlin-1", "hamburg-1"]).await;
    assert_eq!(scene.look().await, [Step::Tell]);
    assert_eq!(scene.hub.exceptions().await, ["pickup_late"]);
    scene.hamburg.receive(&scene.hub).await;
    assert_eq!(scene.hamburg.hub_events(only_case(&scene.hamburg)), []);
    assert_eq!(scene.parts(order).await, [("hamburg-1".to_owned(), None)]);
}

async fn a_case_that_cannot_be_read_keeps_no_other_waiting(database: Database) {
    let scene = Scene::open(&database).await;
    for number in ["1001", "1002"] {
        scene.hub.order(&pickup_order(number, "hamburg-1", &[("A-1", 1)])).await;
    }
    scene.hub.route().await;
    assert_eq!(scene.look().await.len(), 2);
    sqlx::query("UPDATE cases SET state = '{}', due_at = due_at - 1 WHERE id = (SELECT MIN(id) FROM cases)")
        .execute(scene.hub.hub.store.read())
        .await
        .unwrap();
    scene.at(HOUR, &["hamburg-1"]).await;
    assert_eq!(scene.look().await, [Step::Tell], "the other one");
    assert_eq!(scene.look().await, [], "and not again at once");
}
