//! The bearer token of API and console. A browser that was shown the token once carries a cookie made from it.

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

/// The name of a signed-in browser's cookie.
const COOKIE: &str = "outpost_operator";

/// Whether a request carries this bearer token, or the cookie made from it. Takes the same time wherever they differ.
pub fn carries(headers: &HeaderMap, token: &str) -> bool {
    bears(headers, token) || is_signed_in(headers, token)
}

/// What a browser keeps instead of the token. It ends with the token: a new token needs a new sign-in.
///
/// Strict: other sites cannot make the browser send it, so they cannot act in the operator's name.
pub fn cookie(token: &str) -> String {
    format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", derived(token))
}

/// Takes the cookie away.
pub fn no_cookie() -> String {
    format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

fn derived(token: &str) -> String {
    blake3::derive_key("outpost hub 2026 console cookie", token.as_bytes())
        .map(|byte| format!("{byte:02x}"))
        .concat()
}

fn is_signed_in(headers: &HeaderMap, token: &str) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let values = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let wanted = blake3::hash(derived(token).as_bytes());
    values.filter(|(name, _)| *name == COOKIE).any(|(_, value)| blake3::hash(value.as_bytes()) == wanted)
}

/// Whether this text is the token.
pub fn is_token(given: &str, token: &str) -> bool {
    // Hashes have equal lengths and cannot be steered by whoever guesses.
    blake3::hash(given.trim().as_bytes()) == blake3::hash(token.as_bytes())
}

fn bears(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(given) = given.and_then(|value| value.strip_prefix("Bearer ")) else { return false };
    is_token(given, token)
}

/// The answer to whoever may not.
pub fn denied() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "token_needed", "This needs the hub's bearer token.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_proves_itself_by_token_or_by_cookie() {
        let with =
            |name: header::HeaderName, value: &str| HeaderMap::from_iter([(name, value.parse().unwrap())]);
        let token = "a token of some length";
        assert!(carries(&with(header::AUTHORIZATION, "Bearer a token of some length"), token));
        assert!(!carries(&with(header::AUTHORIZATION, "Bearer another token"), token));
        assert!(!carries(&with(header::AUTHORIZATION, "a token of some length"), token));
        let pair = cookie(token).split(';').next().unwrap().to_owned();
        assert!(carries(&with(header::COOKIE, &format!("theme=dark; {pair}")), token));
        assert!(!carries(&with(header::COOKIE, &pair), "another token"), "a new token ends all sign-ins");
        assert!(!carries(&with(header::COOKIE, "outpost_operator=a token of some length"), token));
        assert!(!carries(&HeaderMap::new(), token));
    }
}
