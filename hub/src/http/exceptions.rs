//! What a person must look at.

use axum::extract::State;
use axum::http::StatusCode;
use outpost_daemon::Problem;
use outpost_daemon::extract::{Json, Path, Query};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::problem::{failed, verdict};
use crate::Hub;
use crate::app::resolve;
use crate::store::query::{PAGE_MAX, exceptions};

/// What to list.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ListQuery {
    /// Resolved ones, too.
    #[serde(default)]
    pub all: bool,
    /// Only with this code.
    #[serde(default)]
    pub code: Option<String>,
    /// Only of this order.
    #[serde(default)]
    pub order: Option<String>,
    /// At most so many.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Exceptions.
#[derive(Debug, Clone, Serialize)]
pub struct ExceptionList {
    /// The newest first.
    pub exceptions: Vec<exceptions::ExceptionRow>,
}

/// Exceptions, the newest first.
pub async fn list(
    State(hub): State<Hub>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ExceptionList>, Problem> {
    let filter = exceptions::Filter {
        all: query.all,
        code: query.code,
        order: query.order,
        limit: query.limit.unwrap_or(PAGE_MAX),
    };
    let exceptions = exceptions::list(hub.store.read(), &filter).await.map_err(failed)?;
    Ok(Json(ExceptionList { exceptions }))
}

/// Who has dealt with it, and how.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Resolution {
    /// Who: a staff number or handle.
    #[serde(default)]
    pub by: Option<String>,
    /// What was done.
    #[serde(default)]
    pub note: Option<String>,
}

/// Marks an exception as dealt with.
pub async fn resolve(
    State(hub): State<Hub>,
    Path(id): Path<Uuid>,
    Json(resolution): Json<Resolution>,
) -> Result<StatusCode, Problem> {
    let clip = |text: Option<String>, chars| text.map(|text| text.chars().take(chars).collect::<String>());
    let by = clip(resolution.by, 80).filter(|by| !by.is_empty()).unwrap_or_else(|| "operator".to_owned());
    let note = clip(resolution.note, 500);
    let outcome = hub
        .writer
        .run("exceptions", move |unit| {
            let (by, note) = (by.clone(), note.clone());
            Box::pin(async move { resolve::resolve(unit, id, &by, note.as_deref()).await })
        })
        .await;
    verdict(outcome).map(|()| StatusCode::NO_CONTENT)
}
