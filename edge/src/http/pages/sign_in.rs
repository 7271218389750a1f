//! Saying who works on this device.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use outpost_daemon::extract::{Form, Query};
use outpost_model::id::{DeviceId, StaffId};
use serde::Deserialize;

use super::person::Person;
use super::shell::{Frame, Shell, Tab};
use super::words::LANGUAGES;
use super::{PageError, show};
use crate::state::AppState;

/// Where to go on afterwards.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    next: String,
}

/// The form.
#[derive(Debug, Deserialize)]
pub struct SignIn {
    staff: String,
    device: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    shell: Shell,
    next: String,
    wrong: &'static str,
    languages: [(&'static str, &'static str); 3],
}

/// `GET /sign-in`
pub async fn page(
    State(state): State<AppState>,
    person: Option<Person>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, PageError> {
    ask(&state, person, wanted.next, "").await
}

/// `POST /sign-in`
pub async fn sign_in(State(state): State<AppState>, Form(form): Form<SignIn>) -> Result<Response, PageError> {
    let (staff, device) = (StaffId::new(form.staff.trim()), DeviceId::new(form.device.trim()));
    let known = LANGUAGES.iter().any(|(code, _)| *code == form.language);
    let (staff, device) = match (staff, device) {
        (Ok(staff), Ok(device)) => (staff, device),
        (Err(_), _) => return ask(&state, None, form.next, "staff").await,
        (_, Err(_)) => return ask(&state, None, form.next, "device").await,
    };
    let person = Person { staff, device, language: known.then_some(form.language) };
    let mut response = Redirect::to(local(&form.next)).into_response();
    for cookie in person.cookies() {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    Ok(response)
}

async fn ask(
    state: &AppState,
    person: Option<Person>,
    next: String,
    wrong: &'static str,
) -> Result<Response, PageError> {
    let frame = Frame::new(state, person);
    let shell = state.readers.read(move |conn| Shell::read(conn, &frame, Tab::None)).await?;
    show(&SignInPage { shell, next, wrong, languages: LANGUAGES })
}

/// A place on this site; anything else, such as another host's address, becomes the queue.
fn local(next: &str) -> &str {
    let plain = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if plain && next.is_ascii() { next } else { "/queue" }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn nobody_is_led_to_another_site() {
        assert_eq!(local("/pick/1?x=2"), "/pick/1?x=2");
        for bad in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nX: y", "/ü"] {
            assert_eq!(local(bad), "/queue", "{bad:?}");
        }
    }
}
