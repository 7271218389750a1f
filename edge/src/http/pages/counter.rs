//! The pickup counter: finding the customer's order.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_daemon::extract::Query;
use outpost_model::fulfillment::{Fulfillment, Milestone};
use outpost_model::header::Service;
use rusqlite::{Connection, params};
use serde::Deserialize;

use super::person::Person;
use super::shell::{Frame, Shell, Tab};
use super::{PageError, show};
use crate::state::AppState;
use crate::store::{StoreError, StoreResult, case, record};

/// Orders that a search shows at most: a longer list is better narrowed than read.
const HITS_MAX: u32 = 25;
/// Bytes of a search that are looked at.
const QUERY_MAX: usize = 80;

/// What is searched for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "counter.html")]
struct CounterPage {
    shell: Shell,
    q: String,
    searched: bool,
    found: Vec<Hit>,
}

struct Hit {
    href: String,
    order_number: String,
    name: String,
    state: &'static str,
    tone: &'static str,
    units: u32,
    place: String,
}

/// `GET /counter?q=`
pub async fn page(
    State(state): State<AppState>,
    person: Person,
    Query(wanted): Query<Wanted>,
) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = state.readers.read(move |conn| build(conn, &frame, &wanted.q)).await?;
    show(&page)
}

fn build(conn: &Connection, frame: &Frame, q: &str) -> StoreResult<CounterPage> {
    let q: String = q.trim().chars().take(QUERY_MAX).collect();
    let mut found = Vec::new();
    if !q.is_empty() {
        for state in search(conn, &q)? {
            found.push(hit(conn, frame, &state)?);
        }
    }
    Ok(CounterPage { shell: Shell::read(conn, frame, Tab::Counter)?, searched: !q.is_empty(), q, found })
}

/// Pickups whose number ends in the text, whose customer has it in the name, or whose phone ends in it.
fn search(conn: &Connection, q: &str) -> StoreResult<Vec<Fulfillment>> {
    let escaped: String = q.to_lowercase().chars().flat_map(escape).collect();
    let mut statement = conn.prepare_cached(
        "SELECT f.case_id, f.state FROM fulfillment f LEFT JOIN contact c ON c.record_id = f.consignee
         WHERE f.service <> ?1
           AND (lower(f.order_number) LIKE '%' || ?2 ESCAPE '\\' OR c.search LIKE '%' || ?2 || '%' ESCAPE '\\')
         ORDER BY f.needs_work DESC, f.pick_by LIMIT ?3",
    )?;
    let rows = statement.query_map(params![Service::Ship.as_str(), escaped, HITS_MAX], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    rows.map(|row| {
        let (id, state) = row.map_err(StoreError::from)?;
        case::parse(id, &state)
    })
    .collect()
}

/// A character as `LIKE` takes it for itself.
fn escape(c: char) -> impl Iterator<Item = char> {
    let special = matches!(c, '%' | '_' | '\\');
    special.then_some('\\').into_iter().chain([c])
}

fn hit(conn: &Connection, frame: &Frame, case: &Fulfillment) -> StoreResult<Hit> {
    let contact = match case.header.consignee {
        Some(record) => record::load_contact(conn, record)?,
        None => None,
    };
    let here = case.here().get();
    let (state, tone) = match case.milestone() {
        Milestone::Ready => ("counter.state.ready", "ok"),
        Milestone::HandedOver | Milestone::Closed => ("counter.state.done", "quiet"),
        _ if here > 0 => ("counter.state.here", "info"),
        _ => ("counter.state.not_ready", "warn"),
    };
    let places: Vec<&str> =
        case.waiting_containers().filter_map(|(_, at)| at.staged_at.as_ref()).map(|at| at.as_str()).collect();
    Ok(Hit {
        href: format!("/counter/{}", case.header.case),
        order_number: case.header.order_number.clone(),
        name: contact.map_or_else(String::new, |contact| contact.name),
        state: frame.t.s(state),
        tone,
        units: case.lines.values().map(|line| line.sum().get()).sum(),
        place: places.join(", "),
    })
}
