//! One case with everything a screen needs to work on it.

use outpost_model::authority::NoAuthority;
use outpost_model::command::Held;
use outpost_model::fulfillment::{Fulfillment, LineQuantities, Milestone};
use outpost_model::id::{CaseId, DocumentKey, LineNo, LocationId, Sku};
use outpost_model::milestone::Need;
use outpost_model::order::Contact;
use outpost_model::quantity::Quantity;
use outpost_model::stock::{Place, StockStatus};
use rusqlite::Connection;
use serde::Serialize;

use crate::moment::Moment;
use crate::site::Site;
use crate::store::exception::{self, ExceptionRow};
use crate::store::product::ProductBarcode;
use crate::store::{StoreResult, case, code_try, product, record, stock};
use crate::write::held;

/// A case with everything a screen needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseDetail {
    /// Its state, header included.
    pub fulfillment: Fulfillment,
    /// How far it is.
    pub milestone: Milestone,
    /// What has to be done, the most urgent first.
    pub needs: Vec<Need>,
    /// Its lines with what is known of their products.
    pub lines: Vec<LineDetail>,
    /// Whether labels may be issued and goods handed over now.
    pub permission: PermissionView,
    /// Wrong pickup codes that may still be said.
    pub code_tries_left: u32,
    /// What was raised about it.
    pub exceptions: Vec<ExceptionRow>,
    /// The customer, only where asked for and while kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
}

/// A line with what is known of its product.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineDetail {
    /// Its number.
    pub line: LineNo,
    /// What is to be picked.
    pub sku: Sku,
    /// Its name; the SKU where the product is not known.
    pub title: String,
    /// Codes on it.
    pub barcodes: Vec<ProductBarcode>,
    /// Units this site is to deliver.
    pub ordered: Quantity,
    /// What became of them.
    pub quantities: LineQuantities,
    /// Where the book has it, fullest first.
    pub locations: Vec<Shelf>,
}

/// Units on a shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shelf {
    /// The shelf.
    pub location: LocationId,
    /// Units in sellable status.
    pub units: i64,
}

/// Whether authority covers the case now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PermissionView {
    /// Whether it does.
    pub allowed: bool,
    /// Why not: `none`, `beyond`, `expired`, `time_unknown` or `past_lost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

impl From<Held> for PermissionView {
    fn from(held: Held) -> Self {
        let reason = match held {
            Held::Yes => None,
            Held::No(NoAuthority::None) => Some("none"),
            Held::No(NoAuthority::Beyond) => Some("beyond"),
            Held::No(NoAuthority::Expired) => Some("expired"),
            Held::No(NoAuthority::TimeUnknown) => Some("time_unknown"),
            Held::No(NoAuthority::PastLost) => Some("past_lost"),
        };
        Self { allowed: reason.is_none(), reason }
    }
}

/// Reads a case; with the customer's data only where a screen needs it.
pub fn load(
    conn: &Connection,
    site: &Site,
    now: &Moment,
    id: CaseId,
    with_contact: bool,
) -> StoreResult<Option<CaseDetail>> {
    let Some(row) = case::load(conn, id)? else { return Ok(None) };
    let state = row.state;
    let lines = state.header.lines.iter().map(|line| {
        line_detail(conn, line.line, &line.sku, state.lines.get(&line.line).copied().unwrap_or_default())
    });
    let contact = if with_contact { record::contact_of(conn, &site.vault, &state.header)? } else { None };
    let tries_max = site.rules.current().rules.pickup.code_tries_max;
    Ok(Some(CaseDetail {
        milestone: state.milestone(),
        needs: state.needs(&site.policy()),
        lines: lines.collect::<StoreResult<_>>()?,
        permission: held(conn, site, now, (state.header.case, row.place), state.header.service)?.into(),
        code_tries_left: tries_max.saturating_sub(code_try::wrong(conn, id)?),
        exceptions: exception::of_subject(conn, &DocumentKey::Case(id).to_string())?,
        contact,
        fulfillment: state,
    }))
}

fn line_detail(
    conn: &Connection,
    line: LineNo,
    sku: &Sku,
    quantities: LineQuantities,
) -> StoreResult<LineDetail> {
    let known = product::load(conn, sku)?;
    let (title, barcodes) =
        known.map_or_else(|| (sku.to_string(), Vec::new()), |product| (product.title, product.barcodes));
    let shelves = stock::of_sku(conn, sku)?.into_iter().filter_map(|balance| match balance.key.place {
        Place::Location(location) if balance.key.status == StockStatus::Sellable => {
            Some(Shelf { location, units: balance.units })
        }
        _ => None,
    });
    Ok(LineDetail {
        line,
        sku: sku.clone(),
        title,
        barcodes,
        ordered: quantities.sum(),
        quantities,
        locations: shelves.collect(),
    })
}
