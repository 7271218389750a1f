//! The API under `/v1`, health, and the handhelds' pages. A handler extracts, makes one call and answers.

mod commands;
mod error;

use axum::Router;
use axum::routing::post;
use outpost_daemon::{Metrics, Readiness, health};

pub use error::ApiError;

use crate::state::AppState;

/// Everything the daemon serves.
pub fn router(state: AppState, readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .merge(api(state))
        .merge(health::routes(readiness, metrics))
        .merge(outpost_daemon::assets::style_routes())
}

/// The API.
pub fn api(state: AppState) -> Router {
    Router::new().route("/v1/commands", post(commands::commands)).with_state(state)
}
