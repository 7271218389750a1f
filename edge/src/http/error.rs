//! The one error type of handlers: every failure has a status and a stable code.

use axum::response::{IntoResponse, Response};
use outpost_daemon::Problem;

use crate::store::query::ReadError;
use crate::write::{Unanswered, WriterGone};

/// Seconds after which a client that found the writer busy may ask again.
const RETRY_AFTER_S: u32 = 1;

/// Why a request is not answered as asked.
#[derive(Debug)]
pub struct ApiError(pub Problem);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self(Problem::internal(error))
    }
}

impl From<Unanswered> for ApiError {
    fn from(error: Unanswered) -> Self {
        let problem = match error {
            Unanswered::Busy(_) => {
                Problem::busy("busy", "The site has more to do than it can take. Try again.", RETRY_AFTER_S)
            }
            Unanswered::Gone(_) => Problem::busy(
                "ending",
                "The site's daemon is restarting. Ask again with the same id.",
                RETRY_AFTER_S,
            ),
        };
        Self(problem)
    }
}

impl From<WriterGone> for ApiError {
    fn from(error: WriterGone) -> Self {
        Unanswered::Gone(error).into()
    }
}
