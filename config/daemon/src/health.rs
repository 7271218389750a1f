//! What the service manager and the load balancer ask: is it alive, is it ready, what does it count.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::metrics::Metrics;

/// Whether the daemon may be given work: ready when every named check is. Clones share one set of checks.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    checks: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

/// One named condition of readiness.
#[derive(Clone, Debug)]
pub struct ReadyCheck {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// With no checks yet, and ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check that is not ready yet.
    pub fn check(&self, name: &'static str) -> ReadyCheck {
        let check = ReadyCheck { name, readiness: self.clone() };
        check.not_ready("starting");
        check
    }

    /// Whether every check is ready.
    pub fn is_ready(&self) -> bool {
        self.snapshot().values().all(Option::is_none)
    }

    /// Each check with the reason why it is not ready, if it is not.
    pub fn snapshot(&self) -> BTreeMap<&'static str, Option<String>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ReadyCheck {
    /// The condition holds.
    pub fn ready(&self) {
        self.set(None);
    }

    /// The condition does not hold, with a reason for people.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, state: Option<String>) {
        let mut checks = self.readiness.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.insert(self.name, state);
    }
}

/// `/livez`, `/readyz` and `/metrics`.
pub fn routes(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(render).with_state(metrics))
}

async fn live() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], "alive\n").into_response()
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let checks = readiness.snapshot();
    let ready = checks.values().all(Option::is_none);
    let told: serde_json::Map<_, _> = checks
        .into_iter()
        .map(|(name, reason)| (name.to_string(), json!({ "ready": reason.is_none(), "reason": reason })))
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = axum::Json(json!({ "ready": ready, "checks": told }));
    (status, [(header::CACHE_CONTROL, "no-store")], body).into_response()
}

async fn render(State(metrics): State<Metrics>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, metrics.render()).into_response()
}
