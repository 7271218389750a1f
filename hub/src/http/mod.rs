//! The hub's API and console: handlers translate, use cases and queries do the work.

mod auth;
mod backups;
mod carriers;
mod console;
mod enrollment;
mod exceptions;
mod imports;
mod openapi;
mod orders;
mod payloads;
mod problem;
mod quarantine;
mod sites;
mod stats;
mod webhooks;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::Hub;

/// Everything the hub serves under its port.
pub fn router(hub: Hub) -> Router {
    let operators = Router::new()
        .route("/v1/orders", get(orders::list).post(orders::capture))
        .route("/v1/orders/{id}", get(orders::detail))
        .route("/v1/orders/{id}/cancel", post(orders::cancel))
        .route("/v1/orders/{id}/hold", post(orders::hold))
        .route("/v1/orders/{id}/approve", post(orders::approve))
        .route("/v1/sites", get(sites::list))
        .route("/v1/sites/{site}", get(sites::detail))
        .route("/v1/sites/{site}/stock", get(sites::stock))
        .route("/v1/sites/{site}/documents", get(sites::documents))
        .route("/v1/sites/{site}/keys", get(sites::keys))
        .route("/v1/sites/{site}/let-go", post(sites::let_go))
        .route("/v1/sites/{site}/quarantine", get(quarantine::list))
        .route("/v1/sites/{site}/quarantine/release", post(quarantine::release))
        .route("/v1/sites/{site}/quarantine/give-up", post(quarantine::give_up))
        .route("/v1/sites/{site}/enrollment-tokens", post(enrollment::make_token))
        .route("/v1/exceptions", get(exceptions::list))
        .route("/v1/exceptions/{id}/resolve", post(exceptions::resolve))
        .route("/v1/payloads/{id}", get(payloads::payload))
        .route("/v1/imports/{kind}", post(imports::import))
        .route("/v1/stats", get(stats::stats))
        .route("/v1/backups", get(backups::list).post(backups::begin))
        .route("/v1/backups/{id}/confirm", post(backups::confirm))
        .route("/v1/pickup-codes/{case}", get(sites::pickup_code))
        .layer(from_fn_with_state(hub.clone(), auth::operator));
    // These prove themselves by what they carry: a signature, a one-time token, the carrier's token.
    let others = Router::new()
        .route("/v1/channels/shopify/orders", post(webhooks::shopify))
        .route("/v1/sites/{site}/enroll", post(enrollment::enroll))
        .route("/v1/carriers/observations", post(carriers::observe));
    let console = console::routes(hub.clone(), jiff::tz::TimeZone::system());
    let storage = hub.store.storage().clone();
    operators
        .merge(others)
        .merge(openapi::routes())
        .with_state(hub)
        .merge(console)
        .layer(from_fn_with_state(storage, outpost_daemon::storage::refuse_writes))
}
