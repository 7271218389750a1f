//! Handing an order to its customer.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_config::rules::ReasonUse;
use outpost_daemon::extract::Path;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::id::LineNo;
use rusqlite::Connection;

use super::parts::{IntentView, Products, intents, short_name, why_not};
use super::person::Person;
use super::shell::{Choice, Frame, Shell, Tab};
use super::{PageError, read_case, show};
use crate::state::AppState;
use crate::store::case::CaseRow;
use crate::store::{StoreResult, code_try, record};

#[derive(Template)]
#[template(path = "handover.html")]
struct HandoverPage {
    shell: Shell,
    case: String,
    order_number: String,
    name: String,
    done: Option<String>,
    intents: Vec<IntentView>,
    places: Vec<PlaceView>,
    not_ready: bool,
    arrived: bool,
    lines: Vec<GiveLine>,
    decline_reasons: Vec<Choice>,
    tries_left: u32,
    may_hand_over: String,
}

struct PlaceView {
    place: String,
    container: String,
}

struct GiveLine {
    line: u16,
    title: String,
    available: u32,
}

/// `GET /counter/{case}`
pub async fn page(
    State(state): State<AppState>,
    person: Person,
    Path(case): Path<String>,
) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = read_case(&state, &case, move |conn, row| build(conn, &frame, &row)).await?;
    show(&page)
}

fn build(conn: &Connection, frame: &Frame, row: &CaseRow) -> StoreResult<HandoverPage> {
    let case = &row.state;
    let header = &case.header;
    let products = Products::of(conn, case)?;
    let contact = record::contact_of(conn, &frame.site.vault, header)?;
    let tries_max = frame.site.rules.current().rules.pickup.code_tries_max;
    let lines = available(case, &products);
    let done = lines.is_empty() && case.open().is_zero();
    let done_key = if case.ended().is_some() { "counter.ended" } else { "counter.done" };
    Ok(HandoverPage {
        shell: Shell::read(conn, frame, Tab::Counter)?,
        case: header.case.to_string(),
        order_number: header.order_number.clone(),
        name: contact.map_or_else(String::new, |contact| contact.name),
        done: (done || case.ended().is_some()).then(|| frame.t.s(done_key).to_owned()),
        intents: intents(frame, case),
        places: places(case),
        not_ready: case.ended().is_none() && !case.open().is_zero(),
        arrived: case.arrived,
        lines: if case.ended().is_some() { Vec::new() } else { lines },
        decline_reasons: frame.reasons(ReasonUse::Return),
        tries_left: tries_max.saturating_sub(code_try::wrong(conn, header.case)?),
        may_hand_over: why_not(conn, frame, row)?,
    })
}

/// What is here and wanted, by line.
fn available(case: &Fulfillment, products: &Products) -> Vec<GiveLine> {
    let mut units: BTreeMap<LineNo, (String, u32)> = BTreeMap::new();
    for (id, _) in case.waiting_containers() {
        for item in case.wanted_in(id) {
            let entry = units.entry(item.line).or_insert_with(|| (products.title(&item.sku), 0));
            entry.1 += item.qty.get();
        }
    }
    units.into_iter().map(|(line, (title, available))| GiveLine { line: line.0, title, available }).collect()
}

fn places(case: &Fulfillment) -> Vec<PlaceView> {
    case.waiting_containers()
        .filter_map(|(id, container)| {
            let place = container.staged_at.as_ref()?;
            Some(PlaceView { place: place.to_string(), container: short_name(id) })
        })
        .collect()
}
