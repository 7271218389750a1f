//! Carrier labels are bought once, whatever becomes of an answer, reach the site before they are named, and are given
//! back when nobody needs them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use outpost_config::CarrierSettings;
use outpost_hub::app::offer::{self, Offer};
use outpost_hub::app::{capture, label};
use outpost_hub::carrier::Carrier;
use outpost_hub::store::order;
use outpost_hub::work::labels;
use outpost_model::header::Promise;
use outpost_model::id::{CaseId, OrderId, RecordId, SiteId};
use outpost_model::milestone::{OrderState, Standing};
use outpost_model::routing::Assignment;
use outpost_model::time::UtcMillis;
use outpost_sync::{Content, Inspection, Item, Limits};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::site::SimSite;
use crate::world::{World, databases};

#[derive(Default)]
pub struct Book {
    /// Labels by idempotency key.
    sold: BTreeMap<String, Value>,
    calls: usize,
    voided: Vec<String>,
    /// Answers that get lost after the label was sold.
    lose: usize,
    /// What every purchase is answered with instead.
    refuse: Option<(u16, &'static str)>,
    /// What every return is answered with instead.
    keep: Option<u16>,
    requests: Vec<Value>,
}

pub type Shared = Arc<Mutex<Book>>;

async fn buy(
    State(book): State<Shared>,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut book = book.lock().unwrap();
    book.calls += 1;
    if let Some((status, code)) = book.refuse {
        return (
            StatusCode::from_u16(status).unwrap(),
            Json(json!({ "code": code, "detail": "Ada, Elm Street" })),
        );
    }
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let number = format!("T{}", book.sold.len() + 1);
    book.requests.push(request);
    let zpl = base64::engine::general_purpose::STANDARD.encode(format!("^XA{number}^XZ"));
    let label = json!({ "tracking": number, "carrier": "test", "label_zpl": zpl, "price_minor": 590, "currency": "EUR" });
    let label = book.sold.entry(key).or_insert(label).clone();
    if book.lose > 0 {
        book.lose -= 1;
        return (StatusCode::BAD_GATEWAY, Json(json!({})));
    }
    (StatusCode::CREATED, Json(label))
}

async fn void(State(book): State<Shared>, Path(number): Path<String>) -> (StatusCode, Json<Value>) {
    let mut book = book.lock().unwrap();
    if let Some(status) = book.keep {
        return (StatusCode::from_u16(status).unwrap(), Json(json!({ "code": "already_in_network" })));
    }
    book.voided.push(number);
    (StatusCode::OK, Json(json!({ "voided": true })))
}

/// A carrier of its own, the hub's worker for it, and what it has seen.
pub async fn carrier(world: &World) -> (Shared, CancellationToken) {
    let book = Shared::default();
    let routes = Router::new()
        .route("/v1/labels", post(buy))
        .route("/v1/labels/{number}/void", post(void))
        .with_state(book.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let settings = CarrierSettings { url: Some(url), token: None, timeout: Duration::from_secs(5) };
    let client = Carrier::new(&settings).unwrap().unwrap();
    let token = CancellationToken::new();
    tokio::spawn(labels::run(world.hub.clone(), client, token.clone()));
    (book, token)
}

/// A ship case with its contact and its wanted label.
pub async fn offer(world: &World, site: &SiteId) -> CaseId {
    let site = site.clone();
    world
        .run(move |unit| {
            let site = site.clone();
            Box::pin(async move {
                let (id, record) = (OrderId(unit.ids().uuid()), RecordId(unit.ids().uuid()));
                let person = serde_json::from_value(json!({
                    "name": "Ada Lovelace", "address": ["Elm Street 1"], "city": "Berlin", "postal_code": "10115",
                    "country": "DE", "email": "ada@shop.example",
                }))
                .unwrap();
                capture::keep_contact(unit, record, &person).await?;
                let order = serde_json::from_value(json!({
                    "id": id, "channel": "web", "channel_ref": id.to_string(), "number": "#1001", "placed_at": 1,
                    "currency": "EUR", "total": { "minor": 900, "currency": "EUR" },
                    "lines": [{ "line": 1, "sku": "MUG", "title": "Mug", "qty": 1,
                                "unit_price": { "minor": 900, "currency": "EUR" } }],
                    "delivery": { "service": "ship", "country": "DE", "postal_code": "10115",
                                  "method": "Standard Shipping" },
                    "payment": "paid",
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
                    consignee: Some(record),
                    progress,
                };
                assert!(order::insert(unit.db(), &row).await?);
                let assignment: Assignment = serde_json::from_value(json!({
                    "site": site, "lines": [{ "line": 1, "sku": "MUG", "qty": 1 }],
                }))
                .unwrap();
                let at = UtcMillis(2);
                let promise = Promise { promised_at: at, pick_by: at, pack_by: at, cutoff_at: None };
                let offer =
                    Offer { assignment: &assignment, promise, hold_days: 7, rules: "1", labels: true };
                offer::offer(unit, &row, &offer).await
            })
        })
        .await
}

/// What the site was sent that has to do with labels, in its order.
fn told(site: &SimSite) -> Vec<&'static str> {
    let mut told = Vec::new();
    for incoming in &site.received {
        match &incoming.item {
            Item::Record(record) if record.kind == "label" => told.push("label"),
            Item::Record(_) => {}
            Item::Change(change) => {
                let inspection = Inspection::of(change, &Limits::PROTOCOL).unwrap();
                let Content::Entries { entries, .. } = inspection.content else { continue };
                for entry in entries {
                    if entry.text.contains("\"label_bought\"") {
                        told.push("label_bought");
                    } else if entry.text.contains("\"label_void_confirmed\"") {
                        told.push("label_void_confirmed");
                    }
                }
            }
        }
    }
    told
}

pub async fn until(world: &World, sql: &'static str) {
    let patience = Duration::from_secs(30);
    let done = async {
        while world.number(sql).await == 0 {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    tokio::time::timeout(patience, done).await.unwrap_or_else(|_| panic!("never: {sql}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_is_paid_for_once_though_the_answer_is_lost_and_given_back_when_the_case_is_over() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let (book, token) = carrier(&world).await;
        book.lock().unwrap().lose = 1;
        let case = offer(&world, &site.id).await;
        until(&world, "SELECT COUNT(*) FROM label WHERE state = 'bought'").await;
        {
            let book = book.lock().unwrap();
            assert_eq!((book.sold.len(), book.calls), (1, 2), "one label, asked for twice");
            assert!(book.sold.contains_key(&format!("{case}/1/0")), "{:?}", book.sold.keys());
            assert_eq!(book.requests[0], book.requests[1], "the same key comes with the same request");
            assert_eq!(book.requests[0]["service"], "standard");
            assert_eq!(book.requests[0]["reference"], "#1001");
            assert!(
                book.requests[0]["to"].get("email").is_none(),
                "the mail address is not the carrier's business"
            );
        }
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(told(&site), ["label", "label_bought"], "the bytes come before the event that names them");
        world.run(move |unit| Box::pin(async move { label::over(unit, case).await })).await;
        until(&world, "SELECT COUNT(*) FROM label WHERE state = 'voided'").await;
        assert_eq!(book.lock().unwrap().voided, ["T1"]);
        pipe.wake().await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(told(&site), ["label", "label_bought", "label_void_confirmed"]);
        token.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_carrier_will_never_do_is_an_exception_without_the_address() {
    for database in databases().await {
        let world = World::open(database).await;
        let site = world.enroll("berlin-1").await;
        let (book, token) = carrier(&world).await;
        book.lock().unwrap().refuse = Some((422, "parcel_too_heavy"));
        offer(&world, &site.id).await;
        until(&world, "SELECT COUNT(*) FROM label WHERE state = 'refused'").await;
        let sentences = world.texts("SELECT sentence FROM exception WHERE code = 'label_refused'").await;
        assert_eq!(sentences.len(), 1);
        assert!(sentences[0].contains("parcel_too_heavy"), "{sentences:?}");
        assert!(!sentences[0].contains("Elm"), "{sentences:?}");
        token.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_not_accepted_and_a_carrier_that_is_down_are_waited_for() {
    for database in databases().await {
        let world = World::open(database).await;
        let site = world.enroll("berlin-1").await;
        let (book, token) = carrier(&world).await;
        book.lock().unwrap().refuse = Some((401, "unauthorized"));
        offer(&world, &site.id).await;
        until(&world, "SELECT COUNT(*) FROM label WHERE state = 'wanted' AND attempts > 0").await;
        book.lock().unwrap().refuse = Some((503, "unavailable"));
        until(&world, "SELECT COUNT(*) FROM label WHERE state = 'wanted' AND attempts > 1").await;
        book.lock().unwrap().refuse = None;
        until(&world, "SELECT COUNT(*) FROM label WHERE state = 'bought'").await;
        token.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_that_the_carrier_keeps_is_told_to_a_person() {
    for database in databases().await {
        let world = World::open(database).await;
        let site = world.enroll("berlin-1").await;
        let (book, token) = carrier(&world).await;
        let case = offer(&world, &site.id).await;
        until(&world, "SELECT COUNT(*) FROM label WHERE state = 'bought'").await;
        book.lock().unwrap().keep = Some(409);
        world.run(move |unit| Box::pin(async move { label::over(unit, case).await })).await;
        until(&world, "SELECT COUNT(*) FROM exception WHERE code = 'label_void_refused'").await;
        token.cancel();
    }
}
