//! The handheld's pages: rendered here, kept fresh by small scripts, worked by commands of the API.
//!
//! A page reads in one transaction and shows how old it is. It changes nothing by itself: everything a person does
//! goes through `/v1/commands` and `/v1/print-jobs`, with an id minted on the device.

mod case;
mod counter;
mod files;
mod handover;
mod job_view;
mod lists;
mod pack;
mod parts;
mod pause;
mod person;
mod pick;
mod put_back;
mod queue;
#[cfg(test)]
pub(in crate::http) mod sample;
mod shell;
mod sign_in;
mod stock;
#[cfg(test)]
mod tests;
mod words;

use askama::Template;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use outpost_daemon::Problem;
use outpost_model::id::CaseId;

use crate::state::AppState;
use crate::store::StoreResult;
use crate::store::case::{self as case_store, CaseRow};
use crate::store::query::ReadError;

/// What a page may load and where it may send: itself only.
const CONTENT_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'self'; object-src 'none'";

/// All pages and their files.
pub fn routes(state: AppState) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to("/queue") }))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/queue", get(queue::page))
        .route("/pause", get(pause::page))
        .route("/pick/{case}", get(pick::page))
        .route("/put-back/{case}", get(put_back::page))
        .route("/pack/{case}", get(pack::page))
        .route("/counter", get(counter::page))
        .route("/counter/{case}", get(handover::page))
        .route("/case/{case}", get(case::page))
        .route("/exceptions", get(lists::exceptions))
        .route("/devices", get(lists::devices))
        .route("/stock", get(stock::page))
        .route("/handheld/{hash}/{file}", get(files::file))
        .with_state(state)
}

/// Why there is no page.
#[derive(Debug)]
pub struct PageError(Problem);

impl From<ReadError> for PageError {
    fn from(error: ReadError) -> Self {
        Self(Problem::internal(error))
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        Self(Problem::internal(error))
    }
}

impl PageError {
    /// The case is not here.
    fn no_case() -> Self {
        Self(Problem::not_found("no_such_case", "This order is not at this site, or not here yet."))
    }
}

/// An error as a page a person can leave again.
impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let problem = self.0.to_json();
        let text =
            |name: &str| problem.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        let page = ErrorPage { title: text("title"), incident: text("incident") };
        let status = self.0.status();
        match page.render() {
            Ok(html) => (status, guard(html)).into_response(),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.").into_response(),
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    title: String,
    incident: String,
}

/// A rendered page, or the error of its template.
fn show(page: &impl Template) -> Result<Response, PageError> {
    Ok(guard(page.render()?))
}

fn guard(html: String) -> Response {
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Reads a page about a case; nothing when the case is not here.
async fn read_case<T: Send + 'static>(
    state: &AppState,
    case: &str,
    read: impl FnOnce(&rusqlite::Connection, CaseRow) -> StoreResult<T> + Send + 'static,
) -> Result<T, PageError> {
    let case: CaseId = case.parse().map_err(|_| PageError::no_case())?;
    let found = state
        .readers
        .read(move |conn| case_store::load(conn, case)?.map(|row| read(conn, row)).transpose())
        .await?;
    found.ok_or_else(PageError::no_case)
}
