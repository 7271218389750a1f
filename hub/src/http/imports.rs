//! Imports of CSV files.

use axum::extract::State;
use outpost_daemon::Problem;
use outpost_daemon::extract::{Json, Path, RawBody};

use super::problem::verdict;
use crate::Hub;
use crate::app::import::{self, Kind, Report};

/// Imports a file: a report of what was accepted, and each refused row with its line and why.
pub async fn import(
    State(hub): State<Hub>,
    Path(kind): Path<String>,
    RawBody(body): RawBody,
) -> Result<Json<Report>, Problem> {
    let kind: Kind = kind.parse().map_err(|allowed: String| {
        Problem::not_found("no_such_import", "There is no such import.").detail(allowed)
    })?;
    let outcome = hub
        .writer
        .run("imports", move |unit| {
            let body = body.clone();
            Box::pin(async move { import::import(unit, kind, &body).await })
        })
        .await;
    verdict(outcome).map(Json)
}
