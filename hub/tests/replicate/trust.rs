//! What a site may not do changes nothing, is kept with its reason, and blocks nobody.

use outpost_hub::app::documents;
use outpost_model::id::{CommandId, DocumentKey, EventId, SiteId};
use outpost_model::intent::HubEvent;
use outpost_model::page::{LedgerFact, PageHeader, SiteDayFact};
use outpost_sync::{Incarnation, Input, Notice, Position};
use uuid::Uuid;

use crate::flow::{opening, units};
use crate::world::{World, databases};

fn ledger(site: &SiteId, page: u32) -> DocumentKey {
    DocumentKey::Ledger(site.clone(), page)
}

/// The reasons of what was set aside, in their order.
async fn reasons(world: &World) -> Vec<String> {
    world.texts("SELECT reason FROM quarantine ORDER BY id").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_is_set_aside_and_the_own_pages_go_on() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let other: SiteId = "hamburg-1".parse().unwrap();
        site.found(&ledger(&other, 0));
        site.write(&ledger(&other, 0), opening("MUG", 1_000));
        site.found(&ledger(&site.id.clone(), 0));
        site.write(&ledger(&site.id.clone(), 0), opening("MUG", 7));
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(reasons(&world).await, ["document_of_another_site"; 2]);
        pipe.until(&world, &mut site, |site| site.refusals.len() == 2).await;
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 7);
        let open = world.texts("SELECT code FROM exception WHERE resolved_at IS NULL").await;
        assert!(open.contains(&"quarantined".to_owned()), "{open:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_cannot_write_as_the_hub() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        let hub = world.hub.life.incarnation;
        // Into a page of its own, and into the hub's page, each under the hub's name.
        let header = serde_json::to_string(&PageHeader { site: site.id.clone(), page: 3 }).unwrap();
        site.found_as(&ledger(&site.id.clone(), 3), hub, &header);
        let page = DocumentKey::HubPage(site.id.clone(), 0);
        site.open_as(&page, hub);
        site.write_text(&page, EventId { command: CommandId(Uuid::from_u128(7)), index: 0 }, "{}");
        pipe.give(&world, &mut site, Input::Woken).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(reasons(&world).await, ["author_not_registered"; 2]);
        // The hub goes on writing into its page as if nothing had happened.
        let id = site.id.clone();
        let before = site.has_of_hub();
        world
            .run(move |unit| {
                let id = id.clone();
                Box::pin(async move {
                    let returned = outpost_model::page::HubPageEvent::Returned {
                        units: vec![units("MUG", 1)],
                        recall: None,
                    };
                    documents::say_on_page(unit, &id, vec![returned]).await.map(drop)
                })
            })
            .await;
        pipe.wake().await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(site.has_of_hub(), before + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_claims_the_hubs_name_as_its_own_gets_nowhere() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        site.pretend(world.hub.life.incarnation);
        let own = ledger(&site.id.clone(), 0);
        site.found(&own);
        site.write(&own, opening("MUG", 7));
        let mut pipe = world.connect(&mut site).await;
        pipe.until(&world, &mut site, |site| site.unacknowledged() == 0).await;
        assert_eq!(reasons(&world).await, ["author_not_registered"; 2]);
        assert_eq!(world.number("SELECT COUNT(*) FROM stock").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_without_its_past_takes_over_and_the_one_before_is_refused() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let (first, second) = (site.incarnation, Incarnation([7; 16]));
        let own = ledger(&site.id.clone(), 0);
        site.found(&own);
        site.write(&own, opening("MUG", 7));
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        pipe.cut(&world, &mut site).await;
        // A database that was emptied: the next life names no parent.
        site.pretend(second);
        let mut pipe = world.connect(&mut site).await;
        pipe.until_over(&world, &mut site).await;
        assert_eq!(site.told, [Notice::Behind(vec![Position { incarnation: first, n: 2 }])]);
        site.give(world.now(), Input::LineDown);
        assert_eq!(world.number("SELECT COUNT(*) FROM incarnation WHERE retired_beyond = 0").await, 1);
        let raised = "SELECT COUNT(*) FROM exception WHERE code = 'site_lost_its_past'";
        assert_eq!(world.number(raised).await, 1);
        // It is heard by the next peer, and nothing is held against it any more.
        let mut pipe = world.connect(&mut site).await;
        pipe.until(&world, &mut site, |site| site.session.is_established()).await;
        assert_eq!(site.told.len(), 1);
        pipe.cut(&world, &mut site).await;
        // The life before goes on speaking.
        site.pretend(first);
        let mut pipe = world.connect(&mut site).await;
        pipe.until(&world, &mut site, |site| site.told.len() == 2).await;
        assert_eq!(site.told[1], Notice::Retired(first));
        assert!(!site.session.is_established());
        pipe.cut(&world, &mut site).await;
        assert_eq!(world.number("SELECT COUNT(*) FROM exception WHERE code = 'clone_alive'").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_the_hub_numbers_out_of_line_and_nonsense_are_set_aside() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let [a, b, c, d] = [0, 1, 2, 3].map(|page| ledger(&site.id.clone(), page));
        for page in [&a, &b, &c, &d] {
            site.found(page);
        }
        site.write(&a, HubEvent::UnholdRequested);
        site.write_numbered(&b, opening("MUG", 1), Some(2));
        site.write_text(&c, EventId { command: CommandId(Uuid::from_u128(9)), index: 1 }, "not json");
        site.write(&d, SiteDayFact::Opened);
        // What follows in a page that is set aside is set aside as well.
        site.write(&b, opening("MUG", 1));
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        let mut found = reasons(&world).await;
        found.sort();
        let expected = [
            "document_in_quarantine",
            "kind_of_the_hub",
            "kind_of_the_hub",
            "malformed_event",
            "number_out_of_sequence",
        ];
        assert_eq!(found, expected);
        assert_eq!(world.number("SELECT COUNT(*) FROM stock").await, 0);
        // A page of its own that is sound goes on.
        let sound = ledger(&site.id.clone(), 4);
        site.found(&sound);
        site.write(&sound, opening("MUG", 3));
        pipe.give(&world, &mut site, Input::Woken).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quantity_beyond_all_measure_is_set_aside_before_it_overflows() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let (first, second) = (ledger(&site.id.clone(), 0), ledger(&site.id.clone(), 1));
        site.found(&first);
        site.found(&second);
        site.write(&first, opening("MUG", i64::MAX));
        site.write(&second, opening("MUG", 2));
        site.write(&second, LedgerFact::Granted { units: vec![units("MUG", 1)] });
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(reasons(&world).await, ["quantity_out_of_range"]);
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_forged_or_of_strangers_are_kept_and_change_nothing() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let mut stranger = crate::site::SimSite::new("berlin-1", world.hub.identity.public());
        let own = ledger(&site.id.clone(), 0);
        site.found(&own);
        site.write(&own, opening("MUG", 7));
        let mut pipe = world.connect(&mut site).await;
        for frame in stranger.give(world.now(), Input::LineUp) {
            pipe.forward(frame).await;
        }
        let mut broken = site.give(world.now(), Input::Tick);
        broken.push(vec![0xff; 300]);
        for mut frame in broken {
            if let Some(byte) = frame.last_mut() {
                *byte ^= 1;
            }
            pipe.forward(frame).await;
        }
        pipe.until_quiet(&world, &mut site).await;
        assert!(reasons(&world).await.len() >= 2, "{:?}", reasons(&world).await);
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appliance_that_was_replaced_is_not_listened_to_any_more() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut old = world.enroll("berlin-1").await;
        let own = ledger(&old.id.clone(), 0);
        old.found(&own);
        old.write(&own, opening("MUG", 7));
        let mut pipe = world.connect(&mut old).await;
        pipe.until_quiet(&world, &mut old).await;
        let mut new = world.enroll("berlin-1").await;
        // The peer of the old one has not been told; what it sends is refused in the transaction all the same.
        old.write(&own, opening("MUG", 100));
        pipe.give(&world, &mut old, Input::Woken).await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 7);
        pipe.cut(&world, &mut old).await;
        let next = ledger(&new.id.clone(), 1);
        new.found(&next);
        new.write(&next, opening("MUG", 1));
        let mut pipe = world.connect(&mut new).await;
        pipe.until(&world, &mut new, |site| site.unacknowledged() == 0).await;
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 8);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_breaks_its_transaction_is_found_and_the_others_are_stored() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let [a, b] = [0, 1].map(|page| ledger(&site.id.clone(), page));
        site.found(&a);
        site.found(&b);
        for _ in 0..20 {
            site.write(&b, opening("MUG", 1));
        }
        site.write(&a, LedgerFact::Granted { units: vec![units("MUG", 1)] });
        for _ in 0..20 {
            site.write(&b, opening("MUG", 1));
        }
        // Grants cannot be written down any more.
        sqlx::query("ALTER TABLE rights RENAME TO elsewhere").execute(world.hub.store.read()).await.unwrap();
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(reasons(&world).await, ["cannot_be_applied"]);
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 40);
        pipe.until(&world, &mut site, |site| site.refusals.len() == 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_beyond_all_measure_are_set_aside_and_the_others_stay() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let [a, b] = [0, 1].map(|page| ledger(&site.id.clone(), page));
        site.found(&a);
        site.found(&b);
        site.write(&b, LedgerFact::Granted { units: vec![units("MUG", 5)] });
        let many = || LedgerFact::Granted { units: vec![units("MUG", 100_000_000); 500] };
        for _ in 0..19 {
            site.write(&a, many());
        }
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert!(reasons(&world).await.is_empty());
        site.write(&a, many());
        site.write(&b, LedgerFact::Granted { units: vec![units("MUG", 2)] });
        pipe.give(&world, &mut site, Input::Woken).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(reasons(&world).await, ["cannot_be_applied"]);
        pipe.until(&world, &mut site, |site| site.refusals.len() == 1).await;
        assert_eq!(world.number("SELECT granted FROM rights").await, 950_000_000_007);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_site_signs_and_nobody_can_read_is_told_and_holds_up_only_that_site() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let own = ledger(&site.id.clone(), 0);
        site.found(&own);
        site.write(&own, opening("MUG", 7));
        // It counts further than anybody can keep: its greeting makes no sense.
        site.introduce_with(1 << 63);
        let mut pipe = world.connect(&mut site).await;
        for _ in 0..50 {
            pipe.give(&world, &mut site, Input::LineDown).await;
            pipe.give(&world, &mut site, Input::LineUp).await;
        }
        pipe.until_it_rests(&world, &mut site, std::time::Duration::from_millis(500)).await;
        let kept = reasons(&world).await;
        assert!((1..=20).contains(&kept.len()), "{} frames are kept", kept.len());
        assert!(
            kept.iter().all(|reason| reason.starts_with("signed by the peer, but malformed")),
            "{kept:?}"
        );
        let raised = "SELECT COUNT(*) FROM exception WHERE code = 'malformed_frames' AND resolved_at IS NULL";
        assert_eq!(world.number(raised).await, 1);
        assert_eq!(site.unacknowledged(), 2, "and its author sees that nothing of it arrives");
        pipe.cut(&world, &mut site).await;
        // The largest number that can be kept, and then the truth.
        for last in [(1 << 63) - 1, 2] {
            site.introduce_with(last);
            let mut pipe = world.connect(&mut site).await;
            pipe.until_quiet(&world, &mut site).await;
            pipe.cut(&world, &mut site).await;
        }
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, 7);
    }
}
