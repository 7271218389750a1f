//! The way out of quarantine that a person takes at the site.

use axum::extract::State;
use axum::http::StatusCode;
use outpost_daemon::Problem;
use outpost_daemon::extract::Json;
use outpost_sync::DocumentId;
use serde::Deserialize;

use super::ApiError;
use crate::state::AppState;
use crate::write::{Answer, Job};

/// Which document.
#[derive(Debug, Deserialize)]
pub struct OfDocument {
    /// Its name.
    document: String,
}

/// `POST /v1/sync/release`: tries what is set aside of a document again, after this site's program was mended.
pub async fn release(
    State(state): State<AppState>,
    Json(of): Json<OfDocument>,
) -> Result<StatusCode, ApiError> {
    let doc = DocumentId::new(of.document).map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "document_malformed", error.to_string())
    })?;
    match state.writer.submit(Job::Release(doc)).await? {
        Answer::Rejected(rejection) => Err(Problem::conflict(rejection.code, rejection.sentence).into()),
        Answer::Failed(failed) => Err(Problem::busy(failed.code, failed.sentence, 1).into()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
