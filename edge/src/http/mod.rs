//! The API under `/v1`, health, and the handhelds' pages. A handler extracts, makes one call and answers.

mod commands;
mod error;
mod events;
mod pages;
mod print_jobs;
#[cfg(test)]
mod print_jobs_tests;
mod quarantine;
mod screens;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use outpost_daemon::{Metrics, Readiness, health};

pub use commands::{COMMANDS_MAX, CommandOutcome};
pub use error::ApiError;

use crate::state::AppState;

/// Everything the daemon serves.
pub fn router(state: AppState, readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .merge(api(state.clone()))
        .merge(pages::routes(state))
        .merge(health::routes(readiness, metrics))
        .merge(outpost_daemon::assets::style_routes())
}

/// The API.
pub fn api(state: AppState) -> Router {
    Router::new()
        .route("/v1/commands", post(commands::commands))
        .route("/v1/tasks", get(screens::tasks))
        .route("/v1/fulfillments/{case}", get(screens::fulfillment))
        .route("/v1/stock", get(screens::stock))
        .route("/v1/pickup", get(screens::pickup))
        .route("/v1/exceptions", get(screens::exceptions))
        .route("/v1/sync", get(screens::sync))
        .route("/v1/sync/documents", get(screens::documents))
        .route("/v1/sync/release", post(quarantine::release))
        .route("/v1/events", get(events::events))
        .route("/v1/devices", get(print_jobs::devices))
        .route("/v1/print-jobs", post(print_jobs::create))
        .route("/v1/print-jobs/{id}/{decision}", post(print_jobs::decide))
        .layer(from_fn_with_state(state.writer.storage().clone(), outpost_daemon::storage::refuse_writes))
        .with_state(state)
}
