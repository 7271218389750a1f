//! Payloads as channels sent them, for whoever has to settle what a reader could not.

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use outpost_daemon::Problem;
use outpost_daemon::extract::Path;
use uuid::Uuid;

use super::problem::failed;
use crate::Hub;
use crate::error::HubError;
use crate::store::payload;

/// A payload, byte by byte. A browser saves it: what strangers sent is never shown as a page of ours.
pub async fn payload(State(hub): State<Hub>, Path(id): Path<Uuid>) -> Result<Response, Problem> {
    let mut connection = hub.store.read().acquire().await.map_err(|error| failed(HubError::from(error)))?;
    let body = payload::body(&mut connection, hub.store.vault(), id).await.map_err(failed)?;
    let body =
        body.ok_or_else(|| Problem::not_found("no_such_payload", "There is no such payload any more."))?;
    let headers: [(HeaderName, String); 4] = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"payload-{id}.txt\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, body).into_response())
}
