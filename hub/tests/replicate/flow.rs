//! What honest sites say arrives, once, and has its consequences in the same transaction.

use outpost_hub::app::documents;
use outpost_hub::store::{case, order};
use outpost_model::fact::SiteFact;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::Header;
use outpost_model::id::{CaseId, DocumentKey, LocationId, ReasonCode, Sku};
use outpost_model::milestone::{OrderState, Standing};
use outpost_model::page::{LedgerFact, SiteDayFact, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_model::stock::{Movement, MovementReason, Place, StockKey, StockStatus};
use outpost_model::time::UtcMillis;
use outpost_sync::Item;
use serde_json::json;

use crate::world::{World, databases};

pub fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

pub fn units(text: &str, qty: u32) -> SkuQty {
    SkuQty { sku: sku(text), qty: Quantity::new(u64::from(qty)).unwrap() }
}

pub fn opening(text: &str, delta: i64) -> LedgerFact {
    let movement = Movement {
        key: StockKey {
            sku: sku(text),
            place: Place::Location(LocationId::new("A-1").unwrap()),
            status: StockStatus::Sellable,
            lot: None,
            serial: None,
            owner: None,
        },
        delta,
        reason: MovementReason::Opening,
        occurred_at: UtcMillis(1),
        booked_at: UtcMillis(1),
        case: None,
    };
    LedgerFact::Booked { movements: vec![movement], source: None }
}

fn reason(text: &str) -> ReasonCode {
    ReasonCode::new(text).unwrap()
}

/// An approved order of three mugs, offered to a site as one case.
async fn offer(world: &World, site: &outpost_model::id::SiteId) -> CaseId {
    let site = site.clone();
    world
        .run(move |unit| {
            let site = site.clone();
            Box::pin(async move {
                let (id, case) = (unit.ids().uuid(), CaseId(unit.ids().uuid()));
                let line = json!({ "line": 1, "sku": "MUG", "title": "Mug", "qty": 3,
                                   "unit_price": { "minor": 900, "currency": "EUR" } });
                let order = serde_json::from_value(json!({
                    "id": id, "channel": "web", "channel_ref": id.to_string(), "number": "#1001", "placed_at": 1,
                    "currency": "EUR", "total": { "minor": 2700, "currency": "EUR" }, "lines": [line],
                    "delivery": { "service": "pickup", "site": site }, "payment": "paid",
                }))
                .unwrap();
                let mut progress = order::Progress::captured();
                progress.standing = Standing::Approved;
                let row = order::Row {
                    order,
                    state: OrderState::Routed,
                    reason: None,
                    captured_at: unit.now(),
                    route_at: None,
                    consignee: None,
                    progress,
                };
                assert!(order::insert(unit.db(), &row).await?);
                let header: Header = serde_json::from_value(json!({
                    "case": case, "order": id, "order_number": "#1001", "channel": "web", "site": site,
                    "service": "pickup", "partial": "ship_available",
                    "lines": [{ "line": 1, "sku": "MUG", "qty": 3,
                                "unit_price": { "minor": 900, "currency": "EUR" } }],
                    "promise": { "promised_at": 3, "pick_by": 1, "pack_by": 2 },
                    "hold_until": 9, "generation": 1, "rules": "1", "offered_at": 1,
                }))
                .unwrap();
                let key = DocumentKey::Case(case);
                let text = documents::header_text(&header)?;
                let position = documents::found(unit, &site, &key, &text, Vec::new()).await?;
                let state = Fulfillment::offered(header);
                case::put(unit.db(), &[&case::Row { state, position, updated_at: UtcMillis(1) }]).await?;
                Ok(case)
            })
        })
        .await
}

async fn state(world: &World, id: CaseId) -> Fulfillment {
    let mut connection = world.hub.store.read().acquire().await.unwrap();
    case::get(&mut connection, id).await.unwrap().unwrap().state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_site_books_and_grants_is_in_the_hub_when_it_is_acknowledged() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let ledger = DocumentKey::Ledger(site.id.clone(), 0);
        site.found(&ledger);
        site.write(&ledger, opening("MUG", 20));
        site.write(&ledger, LedgerFact::Granted { units: vec![units("MUG", 12)] });
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(world.number("SELECT qty FROM stock").await, 20);
        assert_eq!(world.number("SELECT granted - promised - returned FROM rights").await, 12);
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 0);
        outpost_hub::work::reference::pass(&world.hub).await.unwrap();
        pipe.wake().await;
        pipe.until_quiet(&world, &mut site).await;
        let received = site.received.iter().filter(|incoming| matches!(incoming.item, Item::Record(_)));
        assert!(received.count() >= 1, "an enrolled site is told the rules");
        // Authority reaches as far as the site has acknowledged, no farther, and comes by itself.
        let end = site.has_of_hub();
        pipe.until(&world, &mut site, |site| site.authority.as_ref().is_some_and(|it| it.through == end))
            .await;
        assert_eq!(world.number("SELECT up FROM line").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_and_a_new_start_of_the_hub_count_nothing_twice() {
    for database in databases().await {
        let mut world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let ledger = DocumentKey::Ledger(site.id.clone(), 0);
        site.found(&ledger);
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        for round in 0..5 {
            site.write(&ledger, opening("MUG", 1));
            pipe.lost = 2;
            pipe.give(&world, &mut site, outpost_sync::Input::Woken).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            if round == 2 {
                pipe.cut(&world, &mut site).await;
                world = world.restart().await;
                pipe = world.connect(&mut site).await;
            }
        }
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(world.number("SELECT qty FROM stock").await, 5);
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 0);
        assert_eq!(
            world.number("SELECT CAST(SUM(value) AS BIGINT) FROM counter WHERE name = 'events_synced'").await,
            5
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_case_is_to_be_routed_anew_and_both_replicas_agree() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let case = offer(&world, &site.id).await;
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        let key = DocumentKey::Case(case);
        site.open_as(&key, site.incarnation);
        site.write(&key, SiteFact::Rejected { reason: reason("no_staff") });
        pipe.give(&world, &mut site, outpost_sync::Input::Woken).await;
        pipe.until_quiet(&world, &mut site).await;
        assert!(state(&world, case).await.ended().is_some());
        assert_eq!(world.number("SELECT COUNT(*) FROM orders WHERE route_at IS NOT NULL").await, 1);
        let mut connection = world.hub.store.read().acquire().await.unwrap();
        let actor = world.hub.life.incarnation;
        let all = outpost_hub::replicate::verify::documents(
            &mut connection,
            &site.id,
            actor,
            true,
            outpost_hub::replicate::verify::Page::FIRST,
        )
        .await
        .unwrap();
        let here = all.iter().find(|document| document.document == key.to_string()).unwrap();
        assert!(here.projection_ok, "the row equals a fold from scratch");
        assert_eq!(here.heads, site.heads(&key));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_write_into_a_case_at_the_same_time_and_the_answer_is_counted() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let case = offer(&world, &site.id).await;
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        let key = DocumentKey::Case(case);
        site.open_as(&key, site.incarnation);
        // The line is cut; both go on.
        pipe.cut(&world, &mut site).await;
        site.write(&key, SiteFact::Accepted);
        let order = state(&world, case).await.header.order;
        world
            .run(move |unit| {
                Box::pin(async move {
                    let reason = reason("customer");
                    outpost_hub::app::cancel::cancel(unit, order, &reason, &[]).await?.unwrap();
                    Ok(())
                })
            })
            .await;
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        site.merge(&key);
        let intent = state(&world, case).await.pending().next().unwrap();
        let cancelled = outpost_model::fact::CancelledLine {
            line: state(&world, case).await.header.lines[0].line,
            open: Quantity::new(3).unwrap(),
            to_put_back: Quantity::ZERO,
        };
        let effect = outpost_model::fact::Effect::Cancelled { lines: vec![cancelled] };
        site.write(&key, SiteFact::IntentAccepted { intent, effect });
        pipe.give(&world, &mut site, outpost_sync::Input::Woken).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(world.texts("SELECT answer FROM intent").await, ["accepted"]);
        assert_eq!(world.texts("SELECT state FROM orders").await, ["cancelled"]);
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 0);
        let mut connection = world.hub.store.read().acquire().await.unwrap();
        let actor = world.hub.life.incarnation;
        let all = outpost_hub::replicate::verify::documents(
            &mut connection,
            &site.id,
            actor,
            true,
            outpost_hub::replicate::verify::Page::FIRST,
        )
        .await
        .unwrap();
        let here = all.iter().find(|document| document.document == key.to_string()).unwrap();
        assert!(here.projection_ok);
        assert_eq!(here.heads, site.heads(&key));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_is_answered_with_what_is_left_and_a_day_is_known() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let ledger = DocumentKey::Ledger(site.id.clone(), 0);
        let day = DocumentKey::SiteDay(site.id.clone(), "2026-11-23".parse().unwrap());
        site.found(&ledger);
        site.write(&ledger, LedgerFact::Granted { units: vec![units("MUG", 5)] });
        site.write(&ledger, LedgerFact::Recalled { units: vec![units("MUG", 8)], reason: reason("count") });
        site.found(&day);
        site.write(&day, SiteDayFact::Opened);
        let mut pipe = world.connect(&mut site).await;
        pipe.until(&world, &mut site, |site| site.unacknowledged() == 0).await;
        pipe.wake().await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(world.number("SELECT granted - promised - returned FROM rights").await, 0);
        let told = site.received.iter().filter_map(|incoming| match &incoming.item {
            Item::Change(change) => Some(change),
            Item::Record(_) => None,
        });
        let texts: Vec<String> = told
            .filter_map(|change| outpost_sync::Inspection::of(change, &outpost_sync::Limits::PROTOCOL).ok())
            .filter_map(|inspection| match inspection.content {
                outpost_sync::Content::Entries { entries, .. } => Some(entries),
                outpost_sync::Content::Header(_) => None,
            })
            .flatten()
            .map(|entry| entry.text)
            .collect();
        let returned = texts.iter().find(|text| text.contains("\"returned\"")).unwrap();
        assert!(returned.contains("\"qty\":5"), "{returned}");
        let body = world.texts("SELECT body FROM site_day").await;
        assert!(body[0].contains("\"open\":true"), "{body:?}");
    }
}
