//! The API as a handheld meets it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use outpost_edge::testing::{Bench, CASE_SKU, Served, Stalled};
use outpost_model::command::CaseCommand;
use outpost_model::header::Service;
use serde_json::{Value, json};
use tower::ServiceExt;

async fn call(api: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = api.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), 16 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn get(api: &Router, path: &str) -> (StatusCode, Value) {
    call(api, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn post(api: &Router, body: &Value) -> (StatusCode, Value) {
    let request = Request::post("/v1/commands").header("content-type", "application/json");
    call(api, request.body(Body::from(body.to_string())).unwrap()).await
}

fn sale(bench: &mut Bench) -> Value {
    let id = bench.new_command();
    json!({ "id": id, "staff": "017", "device": "till-1", "do": "sell", "sku": CASE_SKU, "qty": 1 })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_copied_into_the_database_in_a_pause() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::live(folder.path(), 1_000);
    let database = bench.path().to_owned();
    let sales: Vec<Value> = (0..60).map(|_| sale(&mut bench)).collect();
    let served = Served::start(bench);
    let api = served.api();
    for sale in sales {
        assert_eq!(post(&api, &json!({ "commands": [sale] })).await.0, StatusCode::OK);
    }
    let looker = rusqlite::Connection::open(database).unwrap();
    let pages = || {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        looker.query_row("PRAGMA wal_checkpoint(NOOP)", [], read).unwrap()
    };
    let mut seen = pages();
    for _ in 0..500 {
        if seen.1 > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        seen = pages();
    }
    // Far fewer pages than those after which SQLite copies them by itself.
    assert!(seen.0 < 1_000 && seen.1 > 0, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_1_to_100_commands_and_an_outcome_for_each_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::live(folder.path(), 1_000);
    let sales: Vec<Value> = (0..101).map(|_| sale(&mut bench)).collect();
    let served = Served::start(bench);
    let api = served.api();
    for (count, status) in [(0, 400), (1, 200), (100, 200), (101, 400)] {
        let (answered, body) = post(&api, &json!({ "commands": sales[..count] })).await;
        assert_eq!(answered.as_u16(), status, "{count}: {body}");
        if status == 200 {
            let outcomes = body["outcomes"].as_array().unwrap();
            let ids: Vec<&Value> = outcomes.iter().map(|outcome| &outcome["id"]).collect();
            let asked: Vec<&Value> = sales[..count].iter().map(|sale| &sale["id"]).collect();
            assert_eq!(ids, asked);
            assert_eq!(outcomes[0]["result"], if count == 1 { "applied" } else { "repeated" });
        } else {
            assert_eq!(body["code"], "batch_size");
        }
    }
    let (_, stock) = get(&api, &format!("/v1/stock?sku={CASE_SKU}")).await;
    assert_eq!(stock["stock"][0]["on_hand"], 900);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_is_refused_with_a_code_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::live(folder.path(), 10);
    let served = Served::start(bench);
    let api = served.api();
    for body in [
        json!({ "commands": [{ "id": "no-uuid", "staff": "017", "device": "d", "do": "open" }] }),
        json!({ "commands": [{ "staff": "017", "device": "d", "do": "open" }] }),
        json!({ "commands": [{ "id": "0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061", "staff": "0 17", "device": "d", "do": "open" }] }),
        json!({ "commands": [{ "id": "0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061", "staff": "017", "device": "d", "do": "dance" }] }),
        json!({ "commands": "all" }),
    ] {
        let (status, answer) = post(&api, &body).await;
        assert!(status.is_client_error(), "{body}");
        assert_eq!(answer["code"], "bad_json", "{body}");
    }
    for (path, status, code) in [
        ("/v1/fulfillments/0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061", 404, "no_such_case"),
        ("/v1/fulfillments/x", 400, "bad_path"),
        ("/v1/tasks?service=drone", 400, "bad_query"),
        ("/v1/pickup?q=a", 400, "search_too_short"),
        ("/v1/stock?sku=%00", 400, "bad_query"),
    ] {
        let (answered, answer) = get(&api, path).await;
        assert_eq!((answered.as_u16(), answer["code"].as_str()), (status, Some(code)), "{path}");
    }
    assert_eq!(get(&api, "/v1/sync").await.1["line"]["up"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_worked_from_the_queue_to_the_customers_hand() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::live(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let mut ids = (0..5).map(|_| bench.new_command()).collect::<Vec<_>>().into_iter();
    let served = Served::start(bench);
    let api = served.api();

    let (_, tasks) = get(&api, "/v1/tasks?service=pickup").await;
    let task = &tasks["tasks"][0];
    assert_eq!(
        (task["case"].as_str(), task["late"].as_bool()),
        (Some(case.to_string().as_str()), Some(false))
    );
    assert_eq!((&task["units"]["open"], &task["needs"]), (&json!(1), &json!(["pick"])));

    let mut command = |mut fields: Value| {
        let common = json!({ "id": ids.next().unwrap(), "staff": "017", "device": "scan-1", "case": case });
        fields.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
        fields
    };
    let pick = command(json!({
        "do": "pick", "line": 1, "qty": 1, "barcode": "4006381333931", "location": "R1", "container": "T1"
    }));
    let second = command(json!({
        "do": "pick", "line": 1, "qty": 1, "barcode": "4006381333931", "location": "R1", "container": "T1"
    }));
    let stage = command(json!({ "do": "stage", "container": "T1", "location": "S1" }));
    let (_, body) = post(&api, &json!({ "commands": [pick, second, stage] })).await;
    let results: Vec<&str> = (0..3).map(|i| body["outcomes"][i]["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["applied", "rejected", "applied"]);
    assert_eq!(body["outcomes"][1]["code"], "over_pick");
    assert!(body["outcomes"][1]["sentence"].as_str().unwrap().len() > 10);

    let (_, detail) = get(&api, &format!("/v1/fulfillments/{case}")).await;
    assert_eq!(detail["permission"], json!({ "allowed": true }));
    assert_eq!(detail["lines"][0]["title"], format!("Product {CASE_SKU}"));
    assert_eq!(detail["lines"][0]["barcodes"][0]["qty"], 1);
    assert_eq!(detail["lines"][0]["locations"][0], json!({ "location": "R1", "units": 9 }));
    assert_eq!(detail["milestone"], "staged");
    assert_eq!(detail["contact"], Value::Null);

    let give = json!({ "do": "hand_over", "to": "customer", "proof": "identification" });
    let (ready, give) = (command(json!({ "do": "mark_ready" })), command(give));
    let (_, body) = post(&api, &json!({ "commands": [ready, give] })).await;
    assert_eq!(body["outcomes"][1]["result"], "applied", "{body}");
    assert_eq!(get(&api, "/v1/tasks").await.1["tasks"], json!([]));
    let (_, sync) = get(&api, "/v1/sync").await;
    assert!(sync["unacknowledged"].as_u64().unwrap() > 0);
    assert_eq!(sync["enrolled"], true);
    let (_, documents) = get(&api, "/v1/sync/documents?verify=true").await;
    let documents = documents.as_array().unwrap();
    assert!(documents.iter().all(|document| document["projection_ok"] == true), "{documents:?}");
    assert!(documents.iter().any(|document| document["state_hash"].is_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_takes_none_of_a_batch_and_asks_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::live(folder.path(), 10);
    let sales: Vec<Value> = (0..4).map(|_| sale(&mut bench)).collect();
    let stalled = Stalled::new(bench, 3);
    let api = outpost_edge::http::api(stalled.state.clone());
    let (status, body) = post(&api, &json!({ "commands": sales })).await;
    assert_eq!((status, body["code"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("busy")));
    assert_eq!(stalled.state.writer.waiting(), 0);
    let first = tokio::spawn({
        let (api, body) = (api.clone(), json!({ "commands": sales[..3] }));
        async move { post(&api, &body).await }
    });
    while stalled.state.writer.waiting() < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(post(&api, &json!({ "commands": sales[3..] })).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (runtime, token) = (tokio::runtime::Handle::current(), stalled.state.shutdown.clone());
    let writer = std::thread::spawn(move || stalled.work.run(&runtime, &token));
    assert_eq!(first.await.unwrap().0, StatusCode::OK);
    stalled.state.shutdown.cancel();
    assert!(writer.join().unwrap().is_ok());
    assert_eq!(post(&api, &json!({ "commands": sales[3..] })).await.1["code"], "ending");
}

#[tokio::test(flavor = "multi_thread")]
async fn screens_hear_what_changed_and_a_slow_one_hears_that_it_is_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::live(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let accept = bench.command(case, CaseCommand::Accept);
    let served = Served::start(bench);
    let api = served.api();
    let response =
        api.clone().oneshot(Request::get("/v1/events").body(Body::empty()).unwrap()).await.unwrap();
    let mut events = response.into_body().into_data_stream();
    let job = outpost_edge::write::Job::Command(Box::new(accept));
    served.state.writer.submit(job).await.unwrap();
    let heard = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert_eq!(heard, format!("event: case\ndata: {case}\n\n"));
    for _ in 0..5_000 {
        served.state.writer.tell(outpost_edge::write::News::Sync);
    }
    let mut text = String::new();
    while !text.contains("event: lagged") {
        text.push_str(&String::from_utf8_lossy(&events.next().await.unwrap().unwrap()));
        assert!(text.len() < 200_000, "never told");
    }
    served.state.shutdown.cancel();
    while let Some(event) = tokio::time::timeout(Duration::from_secs(5), events.next()).await.unwrap() {
        drop(event);
    }
}
