//! Everything about one case: lines, labels, and both sequences of what happened.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_daemon::extract::Path;
use outpost_model::event::{Body, Event, Kind, Side, tag_and_data};
use outpost_model::fact::SiteFact;
use outpost_model::fulfillment::LineQuantities;
use outpost_model::id::{ContainerId, DocumentKey};
use outpost_model::intent::HubEvent;
use outpost_model::milestone::Need;
use outpost_sync::{Document, DocumentId, Entry, Incarnation};
use rusqlite::Connection;
use serde_json::Value;

use super::job_view::JobView;
use super::parts::{self, IntentView, Products, intents};
use super::person::Person;
use super::shell::{Frame, Shell, Tab};
use super::{PageError, read_case, show};
use crate::state::AppState;
use crate::store::case::CaseRow;
use crate::store::{StoreError, StoreResult, exception, print_job};

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    shell: Shell,
    case: String,
    order_number: String,
    milestone: String,
    intents: Vec<IntentView>,
    exceptions: Vec<ExceptionView>,
    facts: Vec<(&'static str, String)>,
    ways: Vec<(&'static str, String)>,
    lines: Vec<LineView>,
    jobs: Vec<JobView>,
    events: Vec<EventView>,
}

struct ExceptionView {
    title: String,
    text: String,
}

struct LineView {
    line: u16,
    title: String,
    sku: String,
    quantities: String,
}

struct EventView {
    side: &'static str,
    side_label: &'static str,
    n: u64,
    at_ms: i64,
    at: String,
    by: String,
    what: String,
    detail: String,
}

/// `GET /case/{case}`
pub async fn page(
    State(state): State<AppState>,
    person: Person,
    Path(case): Path<String>,
) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = read_case(&state, &case, move |conn, row| build(conn, &frame, &row)).await?;
    show(&page)
}

fn build(conn: &Connection, frame: &Frame, row: &CaseRow) -> StoreResult<CasePage> {
    let case = &row.state;
    let header = &case.header;
    let key = DocumentKey::Case(header.case);
    let products = Products::of(conn, case)?;
    let jobs = print_job::of_case(conn, header.case)?;
    let raised = exception::of_subject(conn, &key.to_string())?;
    Ok(CasePage {
        shell: Shell::read(conn, frame, Tab::None)?,
        case: header.case.to_string(),
        order_number: header.order_number.clone(),
        milestone: parts::milestone(frame, case.milestone()),
        intents: intents(frame, case),
        exceptions: raised
            .into_iter()
            .filter(|exception| exception.resolved_at.is_none())
            .map(|exception| ExceptionView {
                title: exception.code.replace('_', " "),
                text: exception.sentence,
            })
            .collect(),
        facts: facts(frame, row),
        ways: ways(frame, row),
        lines: header
            .lines
            .iter()
            .map(|line| LineView {
                line: line.line.0,
                title: products.title(&line.sku),
                sku: line.sku.to_string(),
                quantities: case
                    .lines
                    .get(&line.line)
                    .map_or_else(String::new, |units| in_words(frame, units)),
            })
            .collect(),
        jobs: jobs.iter().map(|job| JobView::new(frame, job)).collect(),
        events: events(conn, frame, &key)?,
    })
}

fn facts(frame: &Frame, row: &CaseRow) -> Vec<(&'static str, String)> {
    let header = &row.state.header;
    let promise = &header.promise;
    let hold = row.state.hold_until.or(header.hold_until);
    let facts = [
        ("case.service", Some(frame.service(header.service).to_owned())),
        ("case.pick_by", Some(frame.time(promise.pick_by))),
        ("case.promised", Some(frame.time(promise.promised_at))),
        ("case.cutoff", promise.cutoff_at.map(|at| frame.time(at))),
        ("case.hold_until", hold.map(|at| frame.time(at))),
    ];
    facts.into_iter().filter_map(|(key, value)| Some((frame.t.s(key), value?))).collect()
}

fn ways(frame: &Frame, row: &CaseRow) -> Vec<(&'static str, String)> {
    let needs: Vec<Need> = row.state.needs(&frame.site.policy());
    let work: Vec<Need> = needs.into_iter().filter(|need| *need != Need::Answer).collect();
    match parts::first_need(&row.state, &work) {
        (Some(key), href) => vec![(frame.t.s(key), href)],
        (None, _) => Vec::new(),
    }
}

fn in_words(frame: &Frame, units: &LineQuantities) -> String {
    let parts = [
        ("quantity.open", units.open),
        ("quantity.picked", units.picked),
        ("quantity.staged", units.staged),
        ("quantity.handed_over", units.handed_over),
        ("quantity.short", units.short),
        ("quantity.cancelled", units.cancelled),
        ("quantity.declined", units.declined),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(_, units)| !units.is_zero())
        .map(|(key, units)| frame.t.f(key, units))
        .collect();
    told.join(", ")
}

/// Both sequences, newest first. Order of the clock is for people: each side's own order is its numbers.
fn events(conn: &Connection, frame: &Frame, key: &DocumentKey) -> StoreResult<Vec<EventView>> {
    let text = key.to_string();
    let corrupt = |why: String| StoreError::corrupt("document", &text, why);
    let id = DocumentId::new(text.clone()).map_err(|error| corrupt(error.to_string()))?;
    let Some(kept) = outpost_journal::load(conn, &id)? else { return Ok(Vec::new()) };
    // The document is only looked at, so it is opened under an actor that never writes.
    let reader = Incarnation([0; 16]);
    let document = Document::open(id, reader, kept.saved.as_deref(), &kept.later)
        .map_err(|error| corrupt(error.to_string()))?;
    let mut events: Vec<EventView> =
        document.entries().iter().filter_map(|entry| view(frame, entry)).collect();
    events.sort_by(|a, b| (b.at_ms, b.side, b.n).cmp(&(a.at_ms, a.side, a.n)));
    Ok(events)
}

fn view(frame: &Frame, entry: &Entry) -> Option<EventView> {
    let id = entry.id.parse().ok()?;
    let kind = serde_json::from_str::<Value>(&entry.text).ok()?.get("kind")?.as_str()?.to_owned();
    if SiteFact::NAMES.contains(&kind.as_str()) {
        Some(describe(frame, Side::Site, &Event::<SiteFact>::parse(id, &entry.text).ok()?))
    } else {
        Some(describe(frame, Side::Hub, &Event::<HubEvent>::parse(id, &entry.text).ok()?))
    }
}

fn describe<K: Kind>(frame: &Frame, side: Side, event: &Event<K>) -> EventView {
    let (kind, data) = match &event.body {
        Body::Known(known) => tag_and_data(known),
        Body::Unknown { kind, data } => (kind.clone(), data.clone()),
    };
    let (side, side_key) = match side {
        Side::Site => ("site", "case.side.site"),
        Side::Hub => ("hub", "case.side.hub"),
    };
    EventView {
        side,
        side_label: frame.t.s(side_key),
        n: event.n,
        at_ms: event.at.0,
        at: frame.time(event.at),
        by: event.by.to_string(),
        what: frame.t.s(&format!("event.{kind}")).trim_start_matches("event.").to_owned(),
        detail: detail(frame, &data),
    }
}

/// The few fields of an event that people look for.
fn detail(frame: &Frame, data: &Value) -> String {
    let mut words = Vec::new();
    let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| data.get(name).and_then(Value::as_u64);
    let inner = data.get("content").unwrap_or(data);
    if let Some(qty) = inner.get("qty").and_then(Value::as_u64) {
        words.push(format!("{qty} ×"));
    }
    words.extend(inner.get("sku").and_then(Value::as_str).map(str::to_owned));
    words.extend(text("location"));
    let container = text("container").and_then(|container| ContainerId::new(container).ok());
    words.extend(container.map(|container| format!("→ {}", parts::short_name(&container))));
    words.extend(text("number"));
    words.extend(text("reason").map(|code| frame.reason(&code)));
    words.extend(text("proof"));
    words.extend(text("source"));
    words.extend(text("fact"));
    words.extend(
        number("until")
            .and_then(|at| i64::try_from(at).ok())
            .map(|at| frame.time(outpost_model::time::UtcMillis(at))),
    );
    words.join(" ")
}
