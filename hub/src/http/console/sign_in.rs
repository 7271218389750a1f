//! Signing in with the hub's token, where one is set.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use outpost_daemon::extract::Form;
use serde::Deserialize;

use super::Console;
use super::frame::{Frame, Page};
use crate::http::auth;

/// Asks for the token.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    wrong: bool,
}

/// The form.
#[derive(Deserialize)]
pub struct SignIn {
    token: String,
}

fn token(console: &Console) -> Option<&str> {
    console.hub.settings.api.token.as_ref().map(|token| token.expose())
}

/// Lets a page through to who is signed in, or to everybody where no token is set (on loopback only).
pub async fn guard(State(console): State<Console>, request: Request, next: Next) -> Response {
    match token(&console) {
        Some(token) if !auth::carries(request.headers(), token) => match *request.method() {
            Method::GET if request.uri().path() != "/console/events" => {
                Redirect::to("/sign-in").into_response()
            }
            _ => auth::denied().into_response(),
        },
        _ => next.run(request).await,
    }
}

fn asked(console: &Console, wrong: bool) -> Response {
    let frame = Frame::new("", "Sign in", "", &console.watch());
    let status = if wrong { StatusCode::FORBIDDEN } else { StatusCode::OK };
    (status, Page(SignInPage { frame, wrong })).into_response()
}

/// The page that asks for the token.
pub async fn page(State(console): State<Console>) -> Response {
    asked(&console, false)
}

/// Signs a browser in.
pub async fn sign_in(State(console): State<Console>, Form(form): Form<SignIn>) -> Response {
    match token(&console) {
        Some(token) if !auth::is_token(&form.token, token) => asked(&console, true),
        Some(token) => ([(header::SET_COOKIE, auth::cookie(token))], Redirect::to("/")).into_response(),
        None => Redirect::to("/").into_response(),
    }
}

/// Signs a browser out.
pub async fn sign_out() -> Response {
    ([(header::SET_COOKIE, auth::no_cookie())], Redirect::to("/sign-in")).into_response()
}
