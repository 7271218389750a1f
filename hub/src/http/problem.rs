//! How the hub's errors and rejections answer.

use axum::http::StatusCode;
use outpost_daemon::Problem;
use outpost_model::rejection::Rejection;

use crate::error::HubError;

/// A refusal of a use case. What does not exist is 404, what lost a race or came too late 409.
pub fn refused(rejection: Rejection) -> Problem {
    let code = rejection.code.clone();
    if code == "site_recovering" {
        return Problem::busy(
            "site_recovering",
            "The hub was restored; the site has not shown yet what it has.",
            60,
        );
    }
    let status = match code.as_ref() {
        "no_such_order" | "no_such_site" | "no_such_exception" | "no_such_backup" | "unknown_tracking"
        | "not_held" => StatusCode::NOT_FOUND,
        "token_unknown" | "token_expired" | "token_used" => StatusCode::FORBIDDEN,
        "columns" | "no_such_line" | "fact_malformed" => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::CONFLICT,
    };
    Problem::new(status, code, rejection.sentence)
}

/// An error of the hub. What may pass is 503: a retry with the same keys changes nothing that happened.
pub fn failed(error: HubError) -> Problem {
    match error {
        HubError::Stopping => Problem::busy("stopping", "The hub is stopping. Ask again.", 2),
        HubError::FateUnknown(_) => {
            Problem::busy("fate_unknown", "It is not known whether this was done. Ask again.", 2)
        }
        HubError::Storage(trouble) => outpost_daemon::storage::problem(trouble),
        error if error.is_transient() => {
            Problem::busy("database_busy", "The database is busy. Nothing was changed; ask again.", 1)
        }
        error => Problem::internal(error),
    }
}

/// The answer of a use case that may refuse.
pub fn verdict<T>(outcome: Result<Result<T, Rejection>, HubError>) -> Result<T, Problem> {
    outcome.map_err(failed)?.map_err(refused)
}
