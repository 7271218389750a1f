//! Reads for screens.

use axum::extract::State;
use outpost_daemon::Problem;
use outpost_daemon::extract::{Json, Path, Query};
use outpost_model::fulfillment::Milestone;
use outpost_model::header::Service;
use outpost_model::id::{CaseId, Sku};
use outpost_model::time::UtcMillis;
use serde::{Deserialize, Serialize};

use super::ApiError;
use crate::state::AppState;
use crate::store::exception::{self, ExceptionRow};
use crate::store::print_job::{self, PrintJob};
use crate::store::query::detail::{self, CaseDetail};
use crate::store::query::pickup::{self, Found};
use crate::store::query::stock::{self, StockView};
use crate::store::query::sync::{self, SyncView};
use crate::store::query::tasks::{self, Task, TaskFilter};
use crate::store::query::verify::{self, DocumentView};

/// The most exceptions in one answer.
const EXCEPTIONS_MAX: u32 = 500;

/// Which tasks.
#[derive(Debug, Deserialize)]
pub struct TasksQuery {
    service: Option<Service>,
    state: Option<Milestone>,
    limit: Option<u32>,
}

/// Tasks, soonest first.
#[derive(Debug, Serialize)]
pub struct Tasks {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// When they were read.
    pub as_of: UtcMillis,
}

/// `GET /v1/tasks`.
pub async fn tasks(
    State(state): State<AppState>,
    Query(query): Query<TasksQuery>,
) -> Result<Json<Tasks>, ApiError> {
    let (policy, as_of) = (state.site.policy(), state.now().wall);
    let filter = TaskFilter { service: query.service, state: query.state, limit: query.limit };
    let tasks = state.readers.read(move |conn| tasks::list(conn, &filter, &policy, as_of)).await?;
    Ok(Json(Tasks { tasks, as_of }))
}

/// What of a case.
#[derive(Debug, Deserialize)]
pub struct CaseQuery {
    #[serde(default)]
    contact: bool,
}

/// A case with everything a screen needs, and its print jobs.
#[derive(Debug, Serialize)]
pub struct CaseAnswer {
    /// The case.
    #[serde(flatten)]
    pub detail: CaseDetail,
    /// Its labels.
    pub print_jobs: Vec<PrintJob>,
}

/// `GET /v1/fulfillments/{case}`.
pub async fn fulfillment(
    State(state): State<AppState>,
    Path(case): Path<CaseId>,
    Query(query): Query<CaseQuery>,
) -> Result<Json<CaseAnswer>, ApiError> {
    let (site, now) = (state.site.clone(), state.now());
    let found = state.readers.read(move |conn| {
        let detail = detail::load(conn, &site, &now, case, query.contact)?;
        Ok((detail, print_job::of_case(conn, case)?))
    });
    match found.await? {
        (Some(detail), print_jobs) => Ok(Json(CaseAnswer { detail, print_jobs })),
        (None, _) => Err(Problem::not_found("no_such_case", "This order is not at this site.").into()),
    }
}

/// Which stock.
#[derive(Debug, Deserialize)]
pub struct StockQuery {
    sku: Option<Sku>,
    after: Option<Sku>,
    limit: Option<u32>,
}

/// Stock by SKU.
#[derive(Debug, Serialize)]
pub struct Stock {
    /// In the order of SKUs.
    pub stock: Vec<StockView>,
}

/// `GET /v1/stock`.
pub async fn stock(
    State(state): State<AppState>,
    Query(query): Query<StockQuery>,
) -> Result<Json<Stock>, ApiError> {
    let read = move |conn: &rusqlite::Connection| match &query.sku {
        Some(sku) => Ok(vec![stock::of_sku(conn, sku)?]),
        None => stock::all(conn, query.after.as_ref(), query.limit),
    };
    Ok(Json(Stock { stock: state.readers.read(read).await? }))
}

/// `GET /v1/sync`.
pub async fn sync(State(state): State<AppState>) -> Result<Json<SyncView>, ApiError> {
    let (site, now, line) = (state.site.clone(), state.now(), state.line.get());
    Ok(Json(state.readers.read(move |conn| sync::load(conn, &site, &now, line)).await?))
}

/// How documents are looked at.
#[derive(Debug, Deserialize)]
pub struct DocumentsQuery {
    #[serde(default)]
    verify: bool,
}

/// `GET /v1/sync/documents`.
pub async fn documents(
    State(state): State<AppState>,
    Query(query): Query<DocumentsQuery>,
) -> Result<Json<Vec<DocumentView>>, ApiError> {
    Ok(Json(state.readers.read(move |conn| verify::documents(conn, query.verify)).await?))
}

/// What the customer at the counter said.
#[derive(Debug, Deserialize)]
pub struct PickupQuery {
    q: String,
}

/// Cases that may be the customer's.
#[derive(Debug, Serialize)]
pub struct PickupAnswer {
    /// The cases.
    pub found: Vec<Found>,
}

/// `GET /v1/pickup`.
pub async fn pickup(
    State(state): State<AppState>,
    Query(query): Query<PickupQuery>,
) -> Result<Json<PickupAnswer>, ApiError> {
    if query.q.trim().chars().count() < pickup::SEARCH_CHARS_MIN {
        let problem = Problem::bad_request("search_too_short", "Search for at least two letters or digits.");
        return Err(problem.into());
    }
    let vault = state.readers.vault();
    let found = state.readers.read(move |conn| pickup::search(conn, &vault, &query.q)).await?;
    Ok(Json(PickupAnswer { found }))
}

/// What a person must look at.
#[derive(Debug, Serialize)]
pub struct Exceptions {
    /// Oldest first.
    pub exceptions: Vec<ExceptionRow>,
}

/// `GET /v1/exceptions`.
pub async fn exceptions(State(state): State<AppState>) -> Result<Json<Exceptions>, ApiError> {
    let exceptions = state.readers.read(|conn| exception::open(conn, EXCEPTIONS_MAX)).await?;
    Ok(Json(Exceptions { exceptions }))
}
