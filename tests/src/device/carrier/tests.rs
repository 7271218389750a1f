//! The carrier as a shipper sees it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Json, State};
use axum::routing::post;
use base64::Engine;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::*;

fn request() -> Value {
    json!({
        "reference": "#1002", "service": "standard", "weight_g": 1_200,
        "length_mm": 300, "width_mm": 200, "height_mm": 100,
        "to": {
            "name": "Zoë ^XZ Ekholm", "company": null, "address": ["Lijnbaan 1"], "city": "Rotterdam",
            "region": null, "postal_code": "3012 EL", "country": "NL", "phone": null
        }
    })
}

async fn post_json(carrier: &VirtualCarrier, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request = reqwest::Client::new().post(format!("{}{path}", carrier.url())).json(body);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn a_label_is_sold_with_the_address_on_it() {
    let carrier = VirtualCarrier::start().await.unwrap();
    let (status, sold) = post_json(&carrier, "/v1/labels", Some("case/1/1"), &request()).await;
    assert_eq!((status, &sold["price_minor"], &sold["currency"]), (201, &json!(590 + 2 * 60), &json!("EUR")));
    let zpl = base64::engine::general_purpose::STANDARD.decode(sold["label_zpl"].as_str().unwrap()).unwrap();
    let zpl = String::from_utf8(zpl).unwrap();
    assert!(zpl.contains(sold["tracking"].as_str().unwrap()) && zpl.contains("Lijnbaan 1"));
    assert_eq!(zpl.matches("^XZ").count(), 1);
}

#[tokio::test]
async fn a_lost_answer_costs_nothing_when_the_key_is_the_same() {
    let carrier = VirtualCarrier::start().await.unwrap();
    carrier.lose_next_answer();
    assert_eq!(post_json(&carrier, "/v1/labels", Some("k"), &request()).await.0, 502);
    assert_eq!(carrier.counts().bought, 1);
    let (_, first) = post_json(&carrier, "/v1/labels", Some("k"), &request()).await;
    let (_, again) = post_json(&carrier, "/v1/labels", Some("k"), &request()).await;
    assert_eq!(first, again);
    assert_eq!(carrier.counts(), Counts { bought: 1, replayed: 2, ..Counts::default() });

    let mut other = request();
    other["weight_g"] = json!(2_000);
    let (status, problem) = post_json(&carrier, "/v1/labels", Some("k"), &other).await;
    assert_eq!((status, &problem["code"]), (409, &json!("key_reused")));
}

#[tokio::test]
async fn what_it_cannot_carry_is_refused_at_the_limit() {
    let carrier = VirtualCarrier::start().await.unwrap();
    let cases = [
        ("weight_g", json!(31_500), 201, Value::Null),
        ("weight_g", json!(31_501), 422, json!("parcel_too_heavy")),
        ("length_mm", json!(2_000), 201, Value::Null),
        ("length_mm", json!(2_001), 422, json!("parcel_too_large")),
        ("service", json!("teleport"), 422, json!("service_unknown")),
    ];
    for (number, (key, value, status, code)) in cases.into_iter().enumerate() {
        let mut request = request();
        request[key] = value;
        let answer = post_json(&carrier, "/v1/labels", Some(&format!("k{number}")), &request).await;
        assert_eq!((answer.0, &answer.1["code"]), (status, &code), "{key}");
    }
    let (status, problem) = post_json(&carrier, "/v1/labels", None, &request()).await;
    assert_eq!((status, &problem["code"]), (400, &json!("key_missing")));
}

#[tokio::test]
async fn a_label_is_taken_back_until_the_parcel_was_scanned() {
    let carrier = VirtualCarrier::start().await.unwrap();
    let mut numbers = Vec::new();
    for key in ["a", "b"] {
        let (_, sold) = post_json(&carrier, "/v1/labels", Some(key), &request()).await;
        numbers.push(sold["tracking"].as_str().unwrap().to_owned());
    }
    for _ in 0..2 {
        let (status, answer) =
            post_json(&carrier, &format!("/v1/labels/{}/void", numbers[0]), None, &json!({})).await;
        assert_eq!((status, answer), (200, json!({ "voided": true })));
    }
    assert_eq!(carrier.counts().voided, 1);
    assert!(carrier.observe(&numbers[0], Fact::Accepted, 1).await.is_err());
    carrier.observe(&numbers[1], Fact::Accepted, 1).await.unwrap();
    let (status, problem) =
        post_json(&carrier, &format!("/v1/labels/{}/void", numbers[1]), None, &json!({})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("already_in_network")));
    let (status, _) = post_json(&carrier, "/v1/labels/CP000000000XZ/void", None, &json!({})).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn what_it_saw_is_posted_again_until_the_webhook_takes_it() {
    type Seen = Arc<Mutex<(u32, Vec<Observation>)>>;
    async fn webhook(State(seen): State<Seen>, Json(body): Json<Observation>) -> axum::http::StatusCode {
        let mut seen = seen.lock().await;
        seen.0 += 1;
        if seen.0 == 1 {
            return axum::http::StatusCode::SERVICE_UNAVAILABLE;
        }
        seen.1.push(body);
        axum::http::StatusCode::NO_CONTENT
    }
    let seen = Seen::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().route("/hook", post(webhook)).with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let carrier = VirtualCarrier::start().await.unwrap();
    carrier.set_webhook(format!("http://{address}/hook"));
    let (_, sold) = post_json(&carrier, "/v1/labels", Some("k"), &request()).await;
    let tracking = sold["tracking"].as_str().unwrap();
    let body = json!({ "fact": "delivered", "at": 1_795_000_000_000_i64 });
    let (_, answer) = post_json(&carrier, &format!("/v1/labels/{tracking}/observe"), None, &body).await;
    assert_eq!(answer, json!({ "observed": true, "webhook_status": 204 }));
    let expected =
        Observation { tracking: tracking.to_owned(), fact: Fact::Delivered, at: 1_795_000_000_000 };
    assert_eq!(*seen.lock().await, (2, vec![expected]));
}

#[tokio::test]
async fn down_it_sells_nothing_and_slow_it_takes_its_time() {
    let carrier = VirtualCarrier::start().await.unwrap();
    carrier.set_down(true);
    assert_eq!(post_json(&carrier, "/v1/labels", Some("k"), &request()).await.0, 503);
    assert_eq!(carrier.counts().bought, 0);
    carrier.set_down(false);
    carrier.set_delay(Duration::from_millis(200));
    let begun = tokio::time::Instant::now();
    assert_eq!(post_json(&carrier, "/v1/labels", Some("k"), &request()).await.0, 201);
    assert!(begun.elapsed() >= Duration::from_millis(200));
}
