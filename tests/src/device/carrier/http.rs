//! The carrier's interface.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Json, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::{Fact, No, Parcel, PurchaseRequest};
use super::{Observation, Shared, lock};

const KEY_MAX: usize = 255;
const WEBHOOK_TRIES: u32 = 3;
const WEBHOOK_PAUSE: Duration = Duration::from_millis(100);
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// An error as RFC 9457 wants it.
pub(super) struct Problem {
    pub status: u16,
    pub code: &'static str,
    pub detail: String,
}

impl From<No> for Problem {
    fn from(no: No) -> Self {
        Self { status: no.status, code: no.code, detail: no.sentence.to_owned() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({ "status": self.status, "code": self.code, "detail": self.detail });
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/labels", post(buy))
        .route("/v1/labels/{tracking}", get(show))
        .route("/v1/labels/{tracking}/void", post(void))
        .route("/v1/labels/{tracking}/observe", post(observe))
        .route("/readyz", get(async || "ready"))
        .layer(middleware::from_fn_with_state(shared.clone(), trouble))
        .with_state(shared)
}

async fn trouble(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let trouble = *lock(&shared.trouble);
    if !trouble.delay.is_zero() {
        tokio::time::sleep(trouble.delay).await;
    }
    if trouble.down {
        let detail = "The carrier is being maintained.".to_owned();
        return Problem { status: 503, code: "unavailable", detail }.into_response();
    }
    next.run(request).await
}

fn purchase(parcel: &Parcel) -> Value {
    json!({
        "tracking": parcel.tracking,
        "carrier": "virtual",
        "label_zpl": STANDARD.encode(&parcel.label),
        "price_minor": parcel.price_minor,
        "currency": "EUR",
    })
}

async fn buy(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(request): Json<PurchaseRequest>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    if key.is_empty() || key.len() > KEY_MAX {
        let detail = format!("A purchase needs an Idempotency-Key of 1 to {KEY_MAX} characters.");
        return Err(Problem { status: 400, code: "key_missing", detail });
    }
    let parcel = lock(&shared.book).buy(key, request)?;
    if std::mem::take(&mut lock(&shared.trouble).lose_next_answer) {
        let detail = "The gateway lost the answer.".to_owned();
        return Err(Problem { status: 502, code: "gateway_failed", detail });
    }
    Ok((StatusCode::CREATED, Json(purchase(&parcel))))
}

async fn show(
    State(shared): State<Arc<Shared>>,
    Path(tracking): Path<String>,
) -> Result<Json<Value>, Problem> {
    let book = lock(&shared.book);
    let parcel = book.parcel(&tracking).ok_or(super::book::UNKNOWN)?;
    let facts: Vec<Value> = parcel.facts.iter().map(|(fact, at)| json!({ "fact": fact, "at": at })).collect();
    Ok(Json(json!({ "tracking": tracking, "voided": parcel.voided, "facts": facts })))
}

async fn void(
    State(shared): State<Arc<Shared>>,
    Path(tracking): Path<String>,
) -> Result<Json<Value>, Problem> {
    lock(&shared.book).void(&tracking)?;
    Ok(Json(json!({ "voided": true })))
}

#[derive(Deserialize)]
struct Seen {
    fact: Fact,
    at: i64,
}

async fn observe(
    State(shared): State<Arc<Shared>>,
    Path(tracking): Path<String>,
    Json(seen): Json<Seen>,
) -> Result<Json<Value>, Problem> {
    let webhook_status = observe_and_post(&shared, &tracking, seen.fact, seen.at).await?;
    Ok(Json(json!({ "observed": true, "webhook_status": webhook_status })))
}

/// Books what was seen and posts it; the status the webhook answered, if there is one and it could be reached.
pub(super) async fn observe_and_post(
    shared: &Shared,
    tracking: &str,
    fact: Fact,
    at: i64,
) -> Result<Option<u16>, Problem> {
    lock(&shared.book).observe(tracking, fact, at)?;
    let Some(url) = lock(&shared.webhook).clone() else { return Ok(None) };
    let body = Observation { tracking: tracking.to_owned(), fact, at };
    for attempt in 1..=WEBHOOK_TRIES {
        let sent = shared.http.post(&url).timeout(WEBHOOK_TIMEOUT).json(&body).send().await;
        match sent {
            Ok(answer) if answer.status().is_success() || attempt == WEBHOOK_TRIES => {
                return Ok(Some(answer.status().as_u16()));
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, attempt, "the carrier's webhook could not be reached"),
        }
        tokio::time::sleep(WEBHOOK_PAUSE * attempt).await;
    }
    Ok(None)
}
