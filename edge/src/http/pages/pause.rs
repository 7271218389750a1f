//! Pausing new work.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_config::rules::ReasonUse;
use outpost_model::header::Service;
use rusqlite::Connection;

use super::person::Person;
use super::shell::{Choice, Frame, Shell, Tab};
use super::{PageError, show};
use crate::state::AppState;
use crate::store::StoreResult;

/// Lengths of a pause that are offered, in minutes.
const MINUTES: [i64; 4] = [30, 60, 120, 240];
/// Reasons of a rejection that are about the site and not about a product.
const ABOUT_THE_SITE: [&str; 2] = ["no_capacity", "closed"];

#[derive(Template)]
#[template(path = "pause.html")]
struct PausePage {
    shell: Shell,
    services: Vec<Choice>,
    reasons: Vec<Choice>,
    untils: Vec<(i64, String)>,
}

/// `GET /pause`
pub async fn page(State(state): State<AppState>, person: Person) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = state.readers.read(move |conn| build(conn, &frame)).await?;
    show(&page)
}

fn build(conn: &Connection, frame: &Frame) -> StoreResult<PausePage> {
    let reasons = frame.reasons(ReasonUse::Reject);
    let until = |minutes: i64| {
        let at = frame.wall() + minutes * 60_000;
        let words = match minutes {
            ..60 => frame.t.f2("pause.minutes", minutes, frame.time(at)),
            _ => frame.t.f2("pause.hours", minutes / 60, frame.time(at)),
        };
        (at.0, words)
    };
    Ok(PausePage {
        shell: Shell::read(conn, frame, Tab::None)?,
        services: Service::ALL
            .map(|service| Choice { code: service.to_string(), label: frame.service(service).to_owned() })
            .to_vec(),
        reasons: reasons
            .into_iter()
            .filter(|reason| ABOUT_THE_SITE.contains(&reason.code.as_str()))
            .collect(),
        untils: MINUTES.map(until).to_vec(),
    })
}
