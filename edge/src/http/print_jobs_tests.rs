//! The print jobs as a screen meets them: over a shop whose printer has its head open.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use outpost_model::container::bag;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::pages::sample::{Shop, case_id, shop};
use crate::device::printer::PrinterState;
use crate::store::print_job::{self, PrintJobId};

async fn call(shop: &Shop, request: Request<Body>) -> (StatusCode, Value) {
    let response = super::api(shop.rig.state.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn post(shop: &Shop, path: &str, mut body: Value) -> (StatusCode, Value) {
    body["staff"] = json!("s-7");
    body["device"] = json!("scan-3");
    let request = Request::post(path).header("content-type", "application/json");
    call(shop, request.body(Body::from(body.to_string())).unwrap()).await
}

/// The shop's jobs: 1 is unknown, 2 is printed, 3 is queued.
async fn devices(shop: &Shop) -> Value {
    let (status, body) = call(shop, Request::get("/v1/devices").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    body
}

#[tokio::test]
async fn devices_tell_printers_and_jobs_without_label_bytes() {
    let shop = shop();
    let body = devices(&shop).await;
    assert_eq!(body["printers"][0]["state"], "needs_attention");
    assert_eq!(body["printers"][0]["cause"], "head_open");
    let states: Vec<&str> =
        body["live"].as_array().unwrap().iter().map(|job| job["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["unknown", "queued"]);
    assert!(!body.to_string().contains("^XA"), "label bytes may hold an address");
}

#[tokio::test]
async fn a_person_decides_once_about_an_unknown_job() {
    let shop = shop();
    let (status, body) = post(&shop, "/v1/print-jobs/1/retry", json!({})).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::CONFLICT, Some("print_job_may_be_out")));
    let (status, body) = post(&shop, "/v1/print-jobs/1/confirm", json!({})).await;
    assert_eq!((status, body["state"].as_str()), (StatusCode::OK, Some("printed")));
    let (status, body) = post(&shop, "/v1/print-jobs/1/cancel", json!({})).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::CONFLICT, Some("print_job_done")));
    let (status, body) = post(&shop, "/v1/print-jobs/99/confirm", json!({})).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::NOT_FOUND, Some("no_such_print_job")));
    let (status, _) = post(&shop, "/v1/print-jobs/1/burn", json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn another_copy_is_one_however_often_it_is_asked_for() {
    let shop = shop();
    let wanted = json!({ "job": 2, "reason": "damaged", "request": "0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061" });
    let (status, first) = post(&shop, "/v1/print-jobs", wanted.clone()).await;
    assert_eq!((status, first["copy"].as_u64()), (StatusCode::CREATED, Some(2)), "{first}");
    let (_, again) = post(&shop, "/v1/print-jobs", wanted).await;
    assert_eq!(again["id"], first["id"]);
    let (status, other) = post(&shop, "/v1/print-jobs", json!({ "job": 2, "reason": "lost" })).await;
    assert_eq!((status, other["code"].as_str()), (StatusCode::CONFLICT, Some("copy_waiting")));
    let (status, none) = post(&shop, "/v1/print-jobs", json!({ "job": 3, "reason": " " })).await;
    assert_eq!((status, none["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("reason_needed")));
}

#[tokio::test]
async fn what_a_printer_still_holds_is_not_printed_again() {
    let shop = shop();
    let conn = rusqlite::Connection::open(&shop.rig.state.site.database).unwrap();
    conn.execute("UPDATE print_job SET state = 'sent_unconfirmed' WHERE id = 1", []).unwrap();
    for (path, body) in [
        ("/v1/print-jobs", json!({ "job": 1, "reason": "not_printed" })),
        ("/v1/print-jobs/1/cancel", json!({})),
    ] {
        let (status, answer) = post(&shop, path, body).await;
        assert_eq!(
            (status, answer["code"].as_str()),
            (StatusCode::CONFLICT, Some("printer_holds_job")),
            "{path}"
        );
    }
    shop.rig.state.desk.note("packing", PrinterState::Ready);
    let (status, copy) = post(&shop, "/v1/print-jobs", json!({ "job": 1, "reason": "not_printed" })).await;
    assert_eq!((status, copy["copy"].as_u64()), (StatusCode::CREATED, Some(2)));
    let before = print_job::find(&conn, PrintJobId(1)).unwrap().unwrap();
    assert_eq!(before.state.as_str(), "cancelled");
}

#[tokio::test]
async fn a_bag_label_names_the_order_and_the_shelf_and_nobody() {
    let shop = shop();
    let container = bag(case_id(3), 1);
    let wanted = json!({ "case": case_id(3), "container": container, "kind": "pickup" });
    let (status, job) = post(&shop, "/v1/print-jobs", wanted).await;
    assert_eq!((status, job["state"].as_str()), (StatusCode::CREATED, Some("queued")), "{job}");
    let conn = rusqlite::Connection::open(&shop.rig.state.site.database).unwrap();
    let id = PrintJobId(job["id"].as_i64().unwrap());
    let bytes = print_job::bytes(&conn, &shop.rig.state.site.vault, id).unwrap().unwrap();
    let label = String::from_utf8(bytes).unwrap();
    assert!(label.starts_with("^XA") && label.contains("1003") && label.contains("R-04"), "{label}");
    assert!(!label.contains("Ada") && !label.contains("Lovelace"));
    let (status, body) = post(
        &shop,
        "/v1/print-jobs",
        json!({ "case": case_id(3), "container": container, "kind": "carrier" }),
    )
    .await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("label")));
    let (status, _) = post(
        &shop,
        "/v1/print-jobs",
        json!({ "case": case_id(77), "container": container, "kind": "pickup" }),
    )
    .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
