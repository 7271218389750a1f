//! The pickup counter: finding the customer's order.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_daemon::extract::Query;
use outpost_model::fulfillment::{Fulfillment, Milestone};
use outpost_model::header::Service;
use rusqlite::Connection;
use serde::Deserialize;

use super::person::Person;
use super::shell::{Frame, Shell, Tab};
use super::{PageError, show};
use crate::state::AppState;
use crate::store::query::pickup;
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
        for state in search(conn, frame, &q)? {
            found.push(hit(conn, frame, &state)?);
        }
    }
    Ok(CounterPage { shell: Shell::read(conn, frame, Tab::Counter)?, searched: !q.is_empty(), q, found })
}

/// Pickups whose number ends in the text, whose customer has it in the name, or whose phone ends in it.
fn search(conn: &Connection, frame: &Frame, q: &str) -> StoreResult<Vec<Fulfillment>> {
    let escaped: String = q.to_lowercase().chars().flat_map(escape).collect();
    let (ship, vault) = (Service::Ship.as_str(), &frame.site.vault);
    let mut by_number = conn.prepare_cached(
        "SELECT case_id, consignee FROM fulfillment
         WHERE service <> ?1 AND lower(order_number) LIKE '%' || ?2 ESCAPE '\\'
         ORDER BY needs_work = 1 DESC, pick_by LIMIT ?3",
    )?;
    let mut by_name = conn.prepare_cached(
        "SELECT case_id, consignee FROM fulfillment WHERE service <> ?1 AND consignee IS NOT NULL
         ORDER BY needs_work = 1 DESC, pick_by LIMIT ?2",
    )?;
    let hits = HITS_MAX as usize;
    let ids = pickup::by_number_or_name(
        (conn, vault),
        (&mut by_number, &[&ship, &escaped, &HITS_MAX]),
        (&mut by_name, &[&ship, &pickup::OPENED_MAX]),
        q,
        hits,
    )?;
    let loaded = ids.iter().map(|id| {
        let id = id.parse().map_err(|error| StoreError::corrupt("fulfillment", id, error))?;
        Ok(case::load(conn, id)?.map(|row| row.state))
    });
    loaded.filter_map(Result::transpose).collect()
}

/// A character as `LIKE` takes it for itself.
fn escape(c: char) -> impl Iterator<Item = char> {
    let special = matches!(c, '%' | '_' | '\\');
    special.then_some('\\').into_iter().chain([c])
}

fn hit(conn: &Connection, frame: &Frame, case: &Fulfillment) -> StoreResult<Hit> {
    let contact = record::contact_of(conn, &frame.site.vault, &case.header)?;
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
