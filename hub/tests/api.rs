//! The API as its callers meet it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Database, TestHub, rules, settings, ship_order};
use hmac::{Hmac, KeyInit, Mac};
use outpost_daemon::Supervisor;
use outpost_hub::{Hub, http, start};
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

on_both!(
    an_order_is_new_once_and_repeated_afterwards,
    what_cannot_be_read_is_accepted_and_kept,
    a_webhook_needs_its_signature_over_the_raw_body,
    an_appliance_enrolls_once_and_may_ask_again,
    refusals_have_their_codes,
);

const SECRET: &str = "a shop's secret";
const TOKEN: &str = "sixteen characters and more";

struct Api {
    router: Router,
    hub: Hub,
    _supervisor: Supervisor,
}

impl Api {
    async fn open(database: &Database, more: &str) -> Self {
        let supervisor = Supervisor::new();
        let hub = start::open(settings(database, more), rules(), &supervisor).await.unwrap();
        Self { router: http::router(hub.clone()), hub, _supervisor: supervisor }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 4 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }
}

const SITES: &str = "site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority\n\
    berlin-1,Berlin,store,Europe/Berlin,DE,10115,52.53,13.38,pickup|ship,0,1\n";

async fn an_order_is_new_once_and_repeated_afterwards(database: Database) {
    let api = Api::open(&database, "").await;
    let body = serde_json::to_vec(&ship_order("1001", &[("A-1", 1)])).unwrap();
    let (status, first) = api.post("/v1/orders", body.clone()).await;
    assert_eq!((status, &first["repeated"]), (StatusCode::CREATED, &json!(false)));
    let (status, second) = api.post("/v1/orders", body).await;
    assert_eq!(
        (status, &second["repeated"], &second["order"]),
        (StatusCode::OK, &json!(true), &first["order"])
    );
    let (_, list) = api.get("/v1/orders?q=%231001").await;
    assert_eq!(list["orders"].as_array().unwrap().len(), 1);
    let (_, none) = api.get("/v1/orders?q=%25").await;
    assert_eq!(none["orders"].as_array().unwrap().len(), 0, "a percent sign is no wildcard");
    let (status, detail) = api.get(&format!("/v1/orders/{}", first["order"].as_str().unwrap())).await;
    assert_eq!((status, &detail["state"]), (StatusCode::OK, &json!("held")));
    assert!(!detail.to_string().contains("Ada"), "no personal data in an order's detail");
    let (_, stats) = api.get("/v1/stats").await;
    assert_eq!((&stats["orders_captured"], &stats["duplicates_refused"]), (&json!(1), &json!(1)));
}

async fn what_cannot_be_read_is_accepted_and_kept(database: Database) {
    let api = Api::open(&database, "").await;
    let (status, answer) = api.post("/v1/orders", "{ not json").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (_, list) = api.get("/v1/exceptions").await;
    assert_eq!(list["exceptions"][0]["id"], answer["exception"]);
    let path = format!("/v1/exceptions/{}/resolve", answer["exception"].as_str().unwrap());
    assert_eq!(api.post(&path, r#"{"by":"s-1","note":"called them"}"#).await.0, StatusCode::NO_CONTENT);
    assert_eq!(api.post(&path, "{}").await.0, StatusCode::NOT_FOUND, "it is resolved once");
    let (_, list) = api.get("/v1/exceptions").await;
    assert_eq!(list["exceptions"], json!([]));
}

async fn a_webhook_needs_its_signature_over_the_raw_body(database: Database) {
    let shop = format!(
        "[channels.shopify.main]\ndomain = \"shop.example\"\nwebhook_secret = {SECRET:?}\ncurrency = \"EUR\"\n"
    );
    let api = Api::open(&database, &shop).await;
    let body =
        br##"{"id":5551,"name":"#1","currency":"EUR","total_price":"1.00","line_items":[]}  "##.to_vec();
    let signed = |body: &[u8], secret: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body);
        STANDARD.encode(mac.finalize().into_bytes())
    };
    let request = |signature: String, domain: &str| {
        Request::post("/v1/channels/shopify/orders")
            .header("X-Shopify-Hmac-Sha256", signature)
            .header("X-Shopify-Shop-Domain", domain)
            .header("X-Shopify-Topic", "orders/create")
            .body(Body::from(body.clone()))
            .unwrap()
    };
    let wrong = [
        request(signed(&body, "another secret"), "shop.example"),
        request(signed(body.trim_ascii(), SECRET), "shop.example"),
        request(signed(&body, SECRET), "stranger.example"),
        request("no base64".to_owned(), "shop.example"),
    ];
    for request in wrong {
        let (status, answer) = api.send(request).await;
        assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("signature_wrong")));
    }
    let (_, stats) = api.get("/v1/stats").await;
    assert_eq!(
        (&stats["orders_captured"], &stats["malformed_kept"]),
        (&json!(0), &json!(0)),
        "nothing is stored"
    );
    let (status, _) = api.send(request(signed(&body, SECRET), "Shop.Example")).await;
    assert!(status.is_success(), "{status}");
}

async fn an_appliance_enrolls_once_and_may_ask_again(database: Database) {
    let api = Api::open(&database, "").await;
    api.post("/v1/imports/sites", SITES).await;
    let (status, made) = api.post("/v1/sites/berlin-1/enrollment-tokens", "").await;
    assert_eq!(status, StatusCode::CREATED);
    let mut ids = api.hub.ids();
    let identities = [0, 1].map(|_| outpost_sync::Identity::generate(ids.rng()).public());
    let ask = |identity: &outpost_sync::PublicIdentity, token: &Value| {
        let hex = identity.to_hex();
        let (install, key) = hex.split_at(32);
        json!({ "token": token, "install": install, "public_key": key }).to_string()
    };
    let path = "/v1/sites/berlin-1/enroll";
    let (status, first) = api.post(path, ask(&identities[0], &made["token"])).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    let (_, again) = api.post(path, ask(&identities[0], &made["token"])).await;
    assert_eq!(again, first, "a lost answer can be had again");
    let (status, other) = api.post(path, ask(&identities[1], &made["token"])).await;
    assert_eq!((status, &other["code"]), (StatusCode::FORBIDDEN, &json!("token_used")));
    let (status, unknown) = api.post(path, ask(&identities[1], &json!("guessed"))).await;
    assert_eq!((status, &unknown["code"]), (StatusCode::FORBIDDEN, &json!("token_unknown")));
    let (_, site) = api.get("/v1/sites/berlin-1").await;
    assert_eq!(site["enrolled"], json!(true));
    assert!(site["unacknowledged"].as_u64().unwrap() >= 2, "serials and rules are on their way");
}

async fn refusals_have_their_codes(database: Database) {
    let api = Api::open(&database, &format!("[api]\ntoken = {TOKEN:?}\n")).await;
    let (status, answer) = api.get("/v1/orders").await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("token_needed")));
    let with = |path: &str| {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(api.send(with("/v1/orders")).await.0, StatusCode::OK);
    let cases = [
        ("/v1/orders?state=lost", StatusCode::BAD_REQUEST, "unknown_state"),
        ("/v1/sites/nowhere", StatusCode::NOT_FOUND, "no_such_site"),
        ("/v1/orders/0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061", StatusCode::NOT_FOUND, "no_such_order"),
        ("/v1/pickup-codes/0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061", StatusCode::NOT_FOUND, "no_such_case"),
    ];
    for (path, status, code) in cases {
        let (found, answer) = api.send(with(path)).await;
        assert_eq!((found, answer["code"].as_str()), (status, Some(code)), "{path}");
    }
    // A hub with a token still takes what proves itself otherwise, and only that.
    let (status, answer) =
        api.post("/v1/carriers/observations", r#"{"tracking":"x","fact":"delivered"}"#).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("token_needed")));
    let _: Arc<outpost_config::HubSettings> = api.hub.settings.clone();
}

/// The whole daemon starts, answers on its ports, and ends when asked to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_starts_and_ends() {
    let database = Database::sqlite();
    let supervisor = Supervisor::new();
    let text = "[http]\nlisten = \"127.0.0.1:0\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";
    let running = start::start(settings(&database, text), rules(), &supervisor).await.unwrap();
    assert_ne!(running.http.port(), 0);
    assert!(running.broker.is_some());
    tokio::net::TcpStream::connect(running.http).await.unwrap();
    let token = supervisor.token();
    let asked = async move { token.cancelled().await };
    supervisor.shut_down();
    supervisor.run(asked, std::time::Duration::from_secs(10)).await.unwrap();
    let hub = TestHub::open(&database).await;
    assert_eq!(hub.hub.life, running.hub.life);
}
