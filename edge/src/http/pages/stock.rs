//! Looking up stock, and booking what the till has sold.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_daemon::extract::Query;
use outpost_model::barcode::Barcode;
use outpost_model::id::Sku;
use outpost_model::rights::walk_in;
use outpost_model::stock::Place;
use rusqlite::{Connection, params};
use serde::Deserialize;

use super::person::Person;
use super::shell::{Frame, Shell, Tab};
use super::{PageError, show};
use crate::state::AppState;
use crate::store::{StoreResult, case, product, right, stock};

/// Products on one screen.
const FOUND_MAX: u32 = 12;
/// Letters of a search that are looked at.
const QUERY_MAX: usize = 80;

/// What is searched for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "stock.html")]
struct StockPage {
    shell: Shell,
    q: String,
    searched: bool,
    found: Vec<Item>,
}

struct Item {
    sku: String,
    title: String,
    walk_in: i64,
    on_hand: i64,
    reserved: i64,
    unused: i64,
    places: Vec<PlaceView>,
}

struct PlaceView {
    place: String,
    status: &'static str,
    units: i64,
}

/// `GET /stock?q=`
pub async fn page(
    State(state): State<AppState>,
    person: Person,
    Query(wanted): Query<Wanted>,
) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = state.readers.read(move |conn| build(conn, &frame, &wanted.q)).await?;
    show(&page)
}

fn build(conn: &Connection, frame: &Frame, q: &str) -> StoreResult<StockPage> {
    let q: String = q.trim().chars().take(QUERY_MAX).collect();
    let mut found = Vec::new();
    for sku in search(conn, &q)? {
        found.push(item(conn, frame, &sku)?);
    }
    Ok(StockPage { shell: Shell::read(conn, frame, Tab::Stock)?, searched: !q.is_empty(), q, found })
}

/// By barcode, by SKU, then by words of the title.
fn search(conn: &Connection, q: &str) -> StoreResult<Vec<Sku>> {
    if q.is_empty() {
        return Ok(Vec::new());
    }
    let parsed = Barcode::parse(q).map(|code| code.to_string()).unwrap_or_default();
    for code in [parsed.as_str(), q] {
        if let Some((sku, _)) = product::by_barcode(conn, code)? {
            return Ok(vec![sku]);
        }
    }
    if let Ok(sku) = Sku::new(q)
        && (product::load(conn, &sku)?.is_some() || !stock::of_sku(conn, &sku)?.is_empty())
    {
        return Ok(vec![sku]);
    }
    let escaped = q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let mut statement = conn.prepare_cached(
        "SELECT sku FROM product WHERE title LIKE '%' || ?1 || '%' ESCAPE '\\' ORDER BY title LIMIT ?2",
    )?;
    let rows = statement.query_map(params![escaped, FOUND_MAX], |row| row.get::<_, String>(0))?;
    let skus: Vec<String> = rows.collect::<Result<_, _>>()?;
    Ok(skus.into_iter().filter_map(|sku| Sku::new(sku).ok()).collect())
}

fn item(conn: &Connection, frame: &Frame, sku: &Sku) -> StoreResult<Item> {
    let sums = stock::sums(conn, sku)?;
    let reserved = case::reserved(conn, sku)?;
    let unused = right::load(conn, sku)?.unused();
    let places = stock::of_sku(conn, sku)?
        .into_iter()
        .map(|balance| PlaceView {
            place: match &balance.key.place {
                Place::Location(location) => location.to_string(),
                Place::Container(container) => frame.t.f("stock.container", container),
            },
            status: frame.t.s(match stock::status_name(balance.key.status) {
                "sellable" => "stock.status.sellable",
                "display" => "stock.status.display",
                "staged" => "stock.status.staged",
                "quarantine" => "stock.status.quarantine",
                "damaged" => "stock.status.damaged",
                "suspect" => "stock.status.suspect",
                _ => "stock.status.in_transit",
            }),
            units: balance.units,
        })
        .collect();
    let unsigned = |units: i64| u64::try_from(units).unwrap_or(0);
    Ok(Item {
        sku: sku.to_string(),
        title: product::load(conn, sku)?.map_or_else(|| sku.to_string(), |product| product.title),
        walk_in: walk_in(sums.sellable, unsigned(reserved), unsigned(unused)),
        on_hand: sums.on_hand,
        reserved,
        unused,
        places,
    })
}
