//! The hub's API and console: handlers translate, use cases and queries do the work.

use axum::Router;

use crate::Hub;

/// Everything the hub serves under its port.
pub fn router(hub: Hub) -> Router {
    Router::new().with_state(hub)
}
