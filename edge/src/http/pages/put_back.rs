//! Putting back what is not wanted any more.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_daemon::extract::Path;
use outpost_model::fact::Content;
use rusqlite::Connection;

use super::parts::{Products, shelf, short_name};
use super::person::Person;
use super::shell::{Frame, Shell, Tab};
use super::{PageError, read_case, show};
use crate::state::AppState;
use crate::store::StoreResult;
use crate::store::case::CaseRow;

#[derive(Template)]
#[template(path = "put_back.html")]
struct PutBackPage {
    shell: Shell,
    case: String,
    order_number: String,
    why: &'static str,
    items: Vec<Item>,
}

struct Item {
    line: u16,
    sku: String,
    title: String,
    qty: u32,
    container: String,
    from: String,
    location: String,
    barcodes: String,
}

/// `GET /put-back/{case}`
pub async fn page(
    State(state): State<AppState>,
    person: Person,
    Path(case): Path<String>,
) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = read_case(&state, &case, move |conn, row| build(conn, &frame, &row)).await?;
    show(&page)
}

fn build(conn: &Connection, frame: &Frame, row: &CaseRow) -> StoreResult<PutBackPage> {
    let case = &row.state;
    let products = Products::of(conn, case)?;
    // Of a case that has ended everything goes back, asked for or not.
    let units: Vec<Content> = if case.ended().is_some() {
        case.containers.values().flat_map(|container| container.contents.clone()).collect()
    } else {
        case.to_put_back.clone()
    };
    let mut items = Vec::with_capacity(units.len());
    for unit in units {
        let barcodes = products.get(&unit.sku).map_or(&[][..], |product| &product.barcodes);
        let codes: Vec<&str> = barcodes.iter().map(|barcode| barcode.code.as_str()).collect();
        items.push(Item {
            line: unit.line.0,
            title: products.title(&unit.sku),
            qty: unit.qty.get(),
            from: short_name(&unit.from),
            container: unit.from.to_string(),
            location: shelf(conn, &unit.sku)?.map_or_else(String::new, |location| location.to_string()),
            barcodes: codes.join(" "),
            sku: unit.sku.to_string(),
        });
    }
    Ok(PutBackPage {
        shell: Shell::read(conn, frame, Tab::Queue)?,
        case: case.header.case.to_string(),
        order_number: case.header.order_number.clone(),
        why: frame.t.s("put_back.why"),
        items,
    })
}
