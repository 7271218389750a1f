//! A server on a free port, asked the way clients ask: well, badly, slowly and at the wrong moment.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use outpost_daemon::extract::{Json, Path, Query, RawBody};
use outpost_daemon::{Metrics, Problem, Readiness, ServerOptions, assets, bind, health};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const HEADER_TIMEOUT: Duration = Duration::from_millis(300);
const REQUEST_TIMEOUT: Duration = Duration::from_millis(600);
const BODY_BYTES_MAX: usize = 64;

struct Running {
    address: SocketAddr,
    readiness: Readiness,
    slow_began: Arc<Notify>,
    shutdown: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

#[derive(Deserialize, Serialize)]
struct Scan {
    qty: u32,
}

async fn pick(Json(scan): Json<Scan>) -> Json<Scan> {
    Json(scan)
}

async fn line(Path(line): Path<u32>, Query(scan): Query<Scan>) -> String {
    format!("{line}:{}", scan.qty)
}

async fn broken() -> Result<(), Problem> {
    Err(Problem::internal(std::io::Error::other("the password is hunter2")))
}

async fn slow(State(began): State<Arc<Notify>>) {
    began.notify_one();
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn panicking() {
    panic!("shelf {} fell over", 7)
}

fn start() -> Running {
    let readiness = Readiness::new();
    let slow_began = Arc::new(Notify::new());
    let router = Router::new()
        .route("/v1/pick", post(pick))
        .route("/v1/lines/{line}", get(line))
        .route("/v1/raw", post(|RawBody(body): RawBody| async move { body.len().to_string() }))
        .route("/v1/broken", get(broken))
        .route("/v1/panic", get(panicking))
        .route("/v1/slow", get(slow).with_state(slow_began.clone()))
        .route("/v1/stuck", get(std::future::pending::<()>))
        .merge(health::routes(readiness.clone(), Metrics::install().unwrap()))
        .merge(assets::style_routes());
    let options = ServerOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        header_timeout: HEADER_TIMEOUT,
        request_timeout: REQUEST_TIMEOUT,
        body_bytes_max: BODY_BYTES_MAX,
        drain_timeout: Duration::from_secs(5),
    };
    let bound = bind(options).unwrap();
    let address = bound.address();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(bound.serve(router, shutdown.clone()));
    Running { address, readiness, slow_began, shutdown, server }
}

impl Running {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(self.url(path)).await.unwrap()
    }

    async fn post(&self, path: &str, media: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = reqwest::Client::new().post(self.url(path)).header("content-type", media);
        request.body(body).send().await.unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.server.await.unwrap().unwrap();
    }
}

async fn problem(response: reqwest::Response) -> (StatusCode, Value) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    (response.status(), response.json().await.unwrap())
}

#[track_caller]
fn assert_problem((status, document): (StatusCode, Value), expected: u16, code: &str) {
    assert_eq!(status.as_u16(), expected, "{document}");
    assert_eq!(document["code"], code, "{document}");
    assert_eq!(document["status"], expected);
    assert_eq!(document["type"], format!("urn:outpost:problem:{code}"));
    assert!(document["title"].as_str().unwrap().ends_with('.'), "a title is a sentence: {document}");
}

#[tokio::test]
async fn what_extractors_refuse_is_a_problem_with_its_code() {
    let running = start();
    let json = "application/json";
    assert_eq!(running.post("/v1/pick", json, r#"{"qty":3}"#).await.text().await.unwrap(), r#"{"qty":3}"#);
    for (media, body, status, code) in [
        (json, "{\"qty\":", 400, "bad_json"),
        (json, "{\"qty\":\"many\"}", 422, "bad_json"),
        ("text/plain", "{\"qty\":3}", 415, "unsupported_media_type"),
    ] {
        assert_problem(problem(running.post("/v1/pick", media, body).await).await, status, code);
    }
    assert_eq!(running.get("/v1/lines/2?qty=5").await.text().await.unwrap(), "2:5");
    assert_problem(problem(running.get("/v1/lines/two?qty=5").await).await, 400, "bad_path");
    assert_problem(problem(running.get("/v1/lines/2?qty=-1").await).await, 400, "bad_query");
    running.stop().await;
}

#[tokio::test]
async fn a_body_at_the_limit_is_read_and_one_byte_more_is_refused() {
    let running = start();
    let at_limit = running.post("/v1/raw", "application/octet-stream", vec![b'x'; BODY_BYTES_MAX]).await;
    assert_eq!(at_limit.text().await.unwrap(), BODY_BYTES_MAX.to_string());
    let above = running.post("/v1/raw", "application/octet-stream", vec![b'x'; BODY_BYTES_MAX + 1]).await;
    assert_problem(problem(above).await, 413, "body_too_large");
    let above = format!("{{\"qty\":{:>width$}}}", 1, width = BODY_BYTES_MAX);
    let above = running.post("/v1/pick", "application/json", above).await;
    assert_problem(problem(above).await, 413, "body_too_large");
    running.stop().await;
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let running = start();
    assert_problem(problem(running.get("/v1/nothing").await).await, 404, "not_found");
    let wrong_method = running.get("/v1/pick").await;
    assert_eq!(wrong_method.headers()["allow"], "POST");
    assert_eq!(wrong_method.headers()["x-frame-options"], "DENY");
    assert_eq!(wrong_method.headers()["x-content-type-options"], "nosniff");
    assert_problem(problem(wrong_method).await, 405, "method_not_allowed");
    running.stop().await;
}

#[tokio::test]
async fn errors_and_panics_inside_are_not_told_outside() {
    let running = start();
    for path in ["/v1/broken", "/v1/panic"] {
        let (status, document) = problem(running.get(path).await).await;
        let text = document.to_string();
        assert!(!text.contains("hunter2") && !text.contains("shelf"), "{text}");
        assert_eq!(document["incident"].as_str().unwrap().len(), 8);
        assert_problem((status, document), 500, "internal");
    }
    assert_eq!(running.get("/livez").await.status(), StatusCode::OK, "a panic ends its request only");
    running.stop().await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let running = start();
    let began = Instant::now();
    assert_problem(problem(running.get("/v1/stuck").await).await, 504, "request_timeout");
    assert!(began.elapsed() >= REQUEST_TIMEOUT);
    running.stop().await;
}

/// Sends part of a request and returns what comes back until the server closes, and how long it took.
fn send_and_wait(address: SocketAddr, part: &str) -> (String, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(part.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    (String::from_utf8(answer).unwrap(), began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_slowly_is_let_go() {
    let running = start();
    let address = running.address;
    let headers = "POST /v1/raw HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n";
    for part in ["", "POST /v1", headers] {
        let (_, took) = tokio::task::spawn_blocking(move || send_and_wait(address, part)).await.unwrap();
        assert!(took >= HEADER_TIMEOUT / 2 && took < Duration::from_secs(5), "{part:?} was held {took:?}");
    }
    let body_stalls = format!("{headers}Connection: close\r\n\r\nabc");
    let (answer, took) =
        tokio::task::spawn_blocking(move || send_and_wait(address, &body_stalls)).await.unwrap();
    assert!(answer.contains("\"code\":\"bad_body\""), "{answer}");
    assert!(took < Duration::from_secs(5));
    running.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_said_clearly() {
    let running = start();
    let options = ServerOptions {
        listen: running.address,
        header_timeout: HEADER_TIMEOUT,
        request_timeout: REQUEST_TIMEOUT,
        body_bytes_max: BODY_BYTES_MAX,
        drain_timeout: Duration::from_secs(1),
    };
    let error = bind(options).unwrap_err();
    let expected = format!("cannot listen on {} (another program listens there)", running.address);
    assert_eq!(error.to_string(), expected);
    running.stop().await;
}

#[tokio::test]
async fn running_requests_finish_at_shutdown_and_new_ones_are_not_taken() {
    let running = start();
    let url = running.url("/v1/slow");
    let request = tokio::spawn(reqwest::get(url.clone()));
    running.slow_began.notified().await;
    running.stop().await;
    assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
    assert!(reqwest::get(url).await.unwrap_err().is_connect());
}

#[tokio::test]
async fn ready_means_every_check_is() {
    let running = start();
    let database = running.readiness.check("database");
    let writer = running.readiness.check("writer");
    let answer = running.get("/readyz").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    database.ready();
    writer.not_ready("replaying");
    let expected = json!({ "ready": false, "checks": {
        "database": { "ready": true, "reason": null },
        "writer": { "ready": false, "reason": "replaying" },
    }});
    assert_eq!(running.get("/readyz").await.json::<Value>().await.unwrap(), expected);
    writer.ready();
    assert_eq!(running.get("/readyz").await.status(), StatusCode::OK);
    running.stop().await;
}

#[tokio::test]
async fn requests_are_counted_by_route_not_by_address() {
    let running = start();
    running.get("/v1/lines/77?qty=1").await;
    running.get("/v1/wp-login.php").await;
    let text = running.get("/metrics").await.text().await.unwrap();
    assert!(text.contains("route=\"/v1/lines/{line}\""), "{text}");
    assert!(text.contains("outpost_http_request_seconds_bucket"), "{text}");
    assert!(!text.contains("/v1/lines/77") && !text.contains("wp-login"), "{text}");
    running.stop().await;
}

#[tokio::test]
async fn the_style_sheet_is_sent_once() {
    let running = start();
    let first = running.get(assets::STYLES_PATH).await;
    assert_eq!(first.headers()["content-type"], "text/css; charset=utf-8");
    let tag = first.headers()["etag"].to_str().unwrap().to_string();
    assert_eq!(first.text().await.unwrap(), assets::STYLES);
    let ask = |held: String| {
        reqwest::Client::new().get(running.url(assets::STYLES_PATH)).header("if-none-match", held).send()
    };
    assert_eq!(ask(format!("\"old\", W/{tag}")).await.unwrap().status(), StatusCode::NOT_MODIFIED);
    assert_eq!(ask("\"old\"".into()).await.unwrap().status(), StatusCode::OK);
    running.stop().await;
}
