//! The bearer token of API and console.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use outpost_daemon::Problem;

use crate::Hub;

/// Lets a request through when it carries the operators' token, or when none is set (on loopback only).
pub async fn operator(State(hub): State<Hub>, request: Request, next: Next) -> Result<Response, Problem> {
    let token = hub.settings.api.token.as_ref().map(|token| token.expose());
    if token.is_none_or(|token| carries(request.headers(), token)) {
        return Ok(next.run(request).await);
    }
    Err(denied())
}

/// Whether a request carries this bearer token. Takes the same time wherever they differ.
pub fn carries(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(given) = given.and_then(|value| value.strip_prefix("Bearer ")) else { return false };
    // Hashes have equal lengths and cannot be steered by whoever guesses.
    blake3::hash(given.trim().as_bytes()) == blake3::hash(token.as_bytes())
}

/// The answer to whoever may not.
pub fn denied() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "token_needed", "This needs the hub's bearer token.")
}
