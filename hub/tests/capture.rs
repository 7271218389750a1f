//! Capture: the same order twice is one order, whoever sends it and however fast; what is not understood is kept.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;

use common::{Database, SiteDouble, TestHub, pickup_order, ship_order};
use futures_util::future::join_all;
use outpost_hub::app::capture::{self, Answer};
use outpost_hub::app::import::Kind;
use outpost_hub::connect::Unreadable;
use outpost_hub::store::payload::Payload;
use outpost_model::milestone::OrderState;
use serde_json::json;

on_both!(
    the_same_order_racing_is_captured_once,
    what_is_not_understood_is_kept_once_and_whole,
    an_unpaid_order_waits_and_goes_on_when_it_is_paid,
    an_unknown_product_holds_the_order_until_a_person_approves,
    a_cancelled_order_is_not_routed,
    a_gift_card_by_mail_is_nothing_to_deliver,
    the_last_unit_is_promised_once,
    imports_name_each_refused_row,
);

async fn the_same_order_racing_is_captured_once(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let payload = ship_order("1001", &[("A-1", 1)]);
    let answers = join_all((0..24).map(|_| hub.capture(&payload))).await;
    let mut new = Vec::new();
    let mut repeated = Vec::new();
    for answer in answers {
        match answer.unwrap() {
            Answer::New(id) => new.push(id),
            Answer::Repeated(id) => repeated.push(id),
        }
    }
    assert_eq!((new.len(), repeated.len()), (1, 23));
    assert!(repeated.iter().all(|id| *id == new[0]));
    let stats = hub.stats().await;
    assert_eq!((stats.orders_captured, stats.duplicates_refused), (1, 23));
}

async fn what_is_not_understood_is_kept_once_and_whole(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let body = b"{\"id\": 12, \"line_items\": \"none\"".to_vec();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let raw = Payload {
            channel: "shop".into(),
            topic: "orders/create".into(),
            delivery: "d-1".into(),
            body: body.clone(),
        };
        let shared = Arc::new((raw, Unreadable::new("not_json", "$", "It is no JSON.")));
        let id = hub
            .hub
            .writer
            .run("unreadable", move |unit| {
                let shared = shared.clone();
                Box::pin(async move { capture::keep_unreadable(unit, &shared.0, &shared.1).await })
            })
            .await
            .unwrap();
        ids.push(id);
    }
    assert_eq!(ids[0], ids[1], "the same bytes are the same exception");
    assert_eq!(hub.exceptions().await, ["malformed_payload"]);
    assert_eq!(hub.stats().await.malformed_kept, 1);
    let kept = outpost_hub::store::query::exceptions::list(
        hub.hub.store.read(),
        &outpost_hub::store::query::exceptions::Filter { limit: 5, ..Default::default() },
    )
    .await
    .unwrap();
    let payload = kept[0].payload.as_deref().unwrap().parse().unwrap();
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    assert_eq!(
        outpost_hub::store::payload::body(&mut db, hub.hub.store.vault(), payload).await.unwrap().unwrap(),
        body
    );
}

async fn an_unpaid_order_waits_and_goes_on_when_it_is_paid(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut payload = ship_order("1002", &[("A-1", 1)]);
    payload["order"]["payment"] = json!("pending");
    let id = hub.order(&payload).await;
    hub.route().await;
    let detail = hub.detail(id).await;
    assert_eq!((detail.state, detail.reason.as_deref()), (OrderState::Held, Some("payment_pending")));
    assert!(detail.decisions.is_empty());
    payload["order"]["payment"] = json!("paid");
    assert_eq!(hub.capture(&payload).await.unwrap(), Answer::Repeated(id));
    assert_eq!(hub.detail(id).await.state, OrderState::Approved);
}

async fn an_unknown_product_holds_the_order_until_a_person_approves(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let id = hub.order(&ship_order("1003", &[("A-1", 1), ("NOPE", 1)])).await;
    assert_eq!(hub.exceptions().await, ["unknown_sku"]);
    assert_eq!(hub.detail(id).await.state, OrderState::Held);
    hub.approve(id).await;
    assert_eq!(hub.detail(id).await.state, OrderState::Approved);
    assert!(hub.exceptions().await.is_empty(), "the person's word settles it");
}

async fn a_cancelled_order_is_not_routed(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut read = hub.read(&ship_order("1004", &[("A-1", 1)]));
    // Cancelled while it was still to be paid.
    read.order.cancelled_at = Some(outpost_model::time::UtcMillis(1));
    read.order.payment = outpost_model::order::PaymentState::Pending;
    let Answer::New(id) = hub.capture_read(read).await.unwrap() else { panic!("it is new") };
    hub.route().await;
    let detail = hub.detail(id).await;
    assert_eq!(detail.state, OrderState::Cancelled);
    assert!(detail.cases.is_empty() && detail.decisions.is_empty());
}

async fn a_gift_card_by_mail_is_nothing_to_deliver(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut payload = ship_order("1005", &[("GIFT", 1)]);
    payload["order"]["lines"][0]["physical"] = json!(false);
    let id = hub.order(&payload).await;
    hub.route().await;
    let detail = hub.detail(id).await;
    assert!(detail.cases.is_empty() && detail.decisions.is_empty());
    assert_eq!(detail.state, OrderState::Fulfilled);
    assert!(hub.exceptions().await.is_empty());
}

/// I5: twelve orders, routed at the same time, for the last three units of a store.
async fn the_last_unit_is_promised_once(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let grants = berlin.grant(&[("A-1", 3), ("B-2", 100)]);
    berlin.tell(&hub, grants).await;
    let payloads: Vec<_> = (0..12)
        .map(|n| {
            let mut order = pickup_order(&format!("r-{n}"), "berlin-1", &[("A-1", 1), ("B-2", 1)]);
            order["order"]["partial"] = json!("all_or_nothing");
            order
        })
        .collect();
    join_all(payloads.iter().map(|payload| hub.order(payload))).await;
    // Several workers at once, as several daemons would.
    join_all((0..4).map(|_| outpost_hub::work::routing::all(&hub.hub, false))).await;
    hub.route().await;
    berlin.receive(&hub).await;
    let cases = berlin.cases();
    assert_eq!(cases.len(), 3, "three units, three cases");
    let stock = outpost_hub::store::query::sites::stock(hub.hub.store.read(), &berlin.site, None, 1_000)
        .await
        .unwrap();
    let of = |sku: &str| stock.iter().find(|row| row.sku == sku).unwrap();
    assert_eq!((of("A-1").promised, of("A-1").unused), (3, 0));
    assert_eq!(of("B-2").promised, 3, "what was promised for an order that found no site was taken back");
}

async fn imports_name_each_refused_row(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let report = hub
        .import(
            Kind::Products,
            "sku,title,class,unit,weight_g,length_mm,width_mm,height_mm,price_minor,currency\n\
             D-4,Fine,,,1,1,1,1,100,EUR\n\
             D-5,No price,,,1,1,1,1,cheap,EUR\n\
             D 6/x*,Bad sku,,,1,1,1,1,100,EUR\n\
             D-4,Twice,,,1,1,1,1,100,EUR\n\
             D-7,Wrong currency,,,1,1,1,1,100,euro\n\
             D-8,Too few\n",
        )
        .await;
    let refused: Vec<_> = report.refused.iter().map(|row| (row.line, row.code)).collect();
    assert_eq!(report.accepted, 1);
    assert_eq!(
        refused,
        [(3, "price"), (4, "sku"), (5, "repeated"), (6, "currency"), (7, "field_count")],
        "{:#?}",
        report.refused
    );
    let report = hub
        .import(
            Kind::Barcodes,
            "barcode,sku,quantity\n4006381333931,A-1,1\n4006381333932,A-1,1\n4006381333931,ZZ,1\n",
        )
        .await;
    let refused: Vec<_> = report.refused.iter().map(|row| (row.line, row.code)).collect();
    assert_eq!((report.accepted, refused), (1, vec![(3, "check_digit"), (4, "unknown_sku")]));
    let stock = "site,sku,location,quantity\nberlin-1,A-1,S-1,4\nnowhere,A-1,S-1,4\nberlin-1,ZZ,S-1,4\n";
    let report = hub.import(Kind::Stock, stock).await;
    let refused: Vec<_> = report.refused.iter().map(|row| (row.line, row.code)).collect();
    assert_eq!((report.accepted, refused), (1, vec![(3, "unknown_site"), (4, "unknown_sku")]));
    let again = hub.import(Kind::Stock, "site,sku,location,quantity\nberlin-1,A-1,S-1,4\n").await;
    assert_eq!((again.accepted, again.refused[0].code), (0, "already_imported"));
}
