//! Numbers.

use axum::extract::State;
use outpost_daemon::Problem;
use outpost_daemon::extract::Json;

use super::problem::failed;
use crate::Hub;
use crate::store::query::stats::{self, Stats};

/// Counters since the database was made; wire bytes since the daemon started.
pub async fn stats(State(hub): State<Hub>) -> Result<Json<Stats>, Problem> {
    let mut stats = stats::read(hub.store.read()).await.map_err(failed)?;
    if let Some(wire) = hub.wire.get() {
        (stats.wire_bytes_in, stats.wire_bytes_out) = (wire.received(), wire.sent());
    }
    Ok(Json(stats))
}
