//! Guided picking.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_config::rules::ReasonUse;
use outpost_daemon::extract::Path;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::{HeaderLine, Service};
use outpost_model::id::ContainerId;
use rusqlite::Connection;
use serde::Serialize;

use super::parts::{Products, shelf};
use super::person::Person;
use super::shell::{Choice, Frame, Shell, Tab};
use super::words::in_script;
use super::{PageError, read_case, show};
use crate::state::AppState;
use crate::store::case::CaseRow;
use crate::store::{StoreResult, case as case_store};

/// Where units are said to lie when the book knows no place.
const ANYWHERE: &str = "floor";

#[derive(Template)]
#[template(path = "pick.html")]
struct PickPage {
    shell: Shell,
    case: String,
    order_number: String,
    service: &'static str,
    due: String,
    container: String,
    next_href: String,
    manual: bool,
    lines: Vec<LineView>,
    short_reasons: Vec<Choice>,
    state_json: String,
}

struct LineView {
    line: u16,
    title: String,
    location: String,
    done: u32,
    qty: u32,
}

/// What the page's script works with.
#[derive(Serialize)]
struct PickState {
    case: String,
    container: String,
    put_back: u32,
    held: bool,
    closed: bool,
    lines: Vec<PickLine>,
}

#[derive(Serialize)]
struct PickLine {
    line: u16,
    sku: String,
    title: String,
    qty: u32,
    open: u32,
    picked: u32,
    short: u32,
    location: String,
    known_location: bool,
    barcodes: Vec<PickBarcode>,
}

#[derive(Serialize)]
struct PickBarcode {
    code: String,
    qty: u32,
}

/// `GET /pick/{case}`
pub async fn page(
    State(state): State<AppState>,
    person: Person,
    Path(case): Path<String>,
) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = read_case(&state, &case, move |conn, row| build(conn, &frame, &row)).await?;
    show(&page)
}

fn build(conn: &Connection, frame: &Frame, row: &CaseRow) -> StoreResult<PickPage> {
    let case = &row.state;
    let header = &case.header;
    let products = Products::of(conn, case)?;
    let mut lines = Vec::with_capacity(header.lines.len());
    for line in &header.lines {
        lines.push(pick_line(conn, case, line, &products)?);
    }
    // Walk order: shelves are named so that their names sort as people walk past them.
    lines.sort_by(|a, b| {
        (!a.known_location, &a.location, a.line).cmp(&(!b.known_location, &b.location, b.line))
    });
    let container = container_for(conn, case)?;
    let state = PickState {
        case: header.case.to_string(),
        container: container.clone(),
        put_back: case.to_put_back.iter().map(|item| item.qty.get()).sum(),
        held: case.held,
        closed: case.is_closed() || case.ended().is_some(),
        lines,
    };
    Ok(PickPage {
        shell: Shell::read(conn, frame, Tab::Queue)?,
        case: header.case.to_string(),
        order_number: header.order_number.clone(),
        service: frame.service(header.service),
        due: frame.distance(header.promise.pick_by),
        next_href: format!("/pack/{}", header.case),
        manual: frame.site.policy().manual_confirm,
        lines: state
            .lines
            .iter()
            .map(|line| LineView {
                line: line.line,
                title: line.title.clone(),
                location: line.location.clone(),
                done: line.picked,
                qty: line.qty,
            })
            .collect(),
        short_reasons: frame.reasons(ReasonUse::Short),
        state_json: in_script(&state),
        container,
    })
}

fn pick_line(
    conn: &Connection,
    case: &Fulfillment,
    line: &HeaderLine,
    products: &Products,
) -> StoreResult<PickLine> {
    let units = case.lines.get(&line.line).copied().unwrap_or_default();
    let location = shelf(conn, &line.sku)?;
    let barcodes = products.get(&line.sku).map_or(&[][..], |product| &product.barcodes);
    Ok(PickLine {
        line: line.line.0,
        sku: line.sku.to_string(),
        title: products.title(&line.sku),
        qty: line.qty.get(),
        open: units.open.get(),
        picked: (units.picked + units.staged + units.handed_over).get(),
        short: units.short.get(),
        known_location: location.is_some(),
        location: location.map_or_else(|| ANYWHERE.to_owned(), |location| location.to_string()),
        barcodes: barcodes
            .iter()
            .map(|barcode| PickBarcode { code: barcode.code.clone(), qty: barcode.qty.get() })
            .collect(),
    })
}

/// Where to pick into: what is in use for this case already, else a bag or tote named after the case. A carrier's
/// parcels have names of their own, and goods come into them by packing.
fn container_for(conn: &Connection, case: &Fulfillment) -> StoreResult<String> {
    let id = case.header.case;
    let open = case.containers.iter().find(|(_, container)| {
        !container.packed
            && !container.gone
            && container.staged_at.is_none()
            && !container.contents.is_empty()
    });
    if let Some((container, _)) = open {
        return Ok(container.to_string());
    }
    if case.header.service == Service::Pickup {
        let used = u16::try_from(case.containers.len()).unwrap_or(u16::MAX);
        return Ok(outpost_model::container::bag(id, used.saturating_add(1)).to_string());
    }
    let hex = id.0.simple().to_string();
    let tote = format!("tote-{}", &hex[hex.len() - 8..]);
    let taken = match ContainerId::new(tote.clone()) {
        Ok(container) => case_store::holder(conn, &container)?.is_some_and(|holder| holder != id),
        Err(_) => true,
    };
    Ok(if taken { format!("tote-{hex}") } else { tote })
}
