//! Who is at the counter: search by order number, by name, or by the last digits of a telephone number.
//!
//! Names are sealed, so no index knows them: a search by name opens the records of the cases that it may find, one
//! after the other, and at most [`OPENED_MAX`].

use outpost_model::fulfillment::{Fulfillment, Milestone};
use outpost_model::id::{CaseId, RecordId};
use rusqlite::{Connection, Statement, ToSql};
use serde::Serialize;

use crate::store::vault::Vault;
use crate::store::{StoreError, StoreResult, case, record};

/// The shortest text that is searched for, in characters: less would list everybody.
pub const SEARCH_CHARS_MIN: usize = 2;
/// The most cases in one answer.
const FOUND_MAX: usize = 50;
/// The most records that one search opens.
pub const OPENED_MAX: u32 = 20_000;

/// A case that may be what the customer came for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The case.
    pub case: CaseId,
    /// The number people know it by.
    pub order_number: String,
    /// Its service.
    pub service: outpost_model::header::Service,
    /// How far it is.
    pub milestone: Milestone,
    /// Whether the customer was told to come.
    pub ready: bool,
    /// The customer's name, while kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Cases whose number is, or whose customer's name or telephone matches, `text`; those found by number first.
pub fn search(conn: &Connection, vault: &Vault, text: &str) -> StoreResult<Vec<Found>> {
    let text = text.trim();
    let plain = text.trim_start_matches('#');
    let mut by_number = conn.prepare_cached(
        "SELECT case_id, consignee FROM fulfillment WHERE needs_work = 1 AND order_number IN (?1, '#' || ?1)
         ORDER BY pick_by, case_id",
    )?;
    let mut by_name = conn.prepare_cached(
        "SELECT case_id, consignee FROM fulfillment WHERE needs_work = 1 AND consignee IS NOT NULL
         ORDER BY pick_by, case_id LIMIT ?1",
    )?;
    let mut ids = matching(conn, vault, &mut by_number, &[&plain], None, FOUND_MAX)?;
    let named = matching(conn, vault, &mut by_name, &[&OPENED_MAX], Some(text), FOUND_MAX)?;
    ids.extend(named.into_iter().filter(|id| !ids.contains(id)).collect::<Vec<_>>());
    ids.truncate(FOUND_MAX);
    ids.iter().filter_map(|id| found(conn, vault, id).transpose()).collect()
}

/// Ids of the cases that a query names, in its order; with `text` only those whose customer matches it.
pub fn matching(
    conn: &Connection,
    vault: &Vault,
    query: &mut Statement<'_>,
    params: &[&dyn ToSql],
    text: Option<&str>,
    limit: usize,
) -> StoreResult<Vec<String>> {
    let mut rows = query.query(params)?;
    let mut ids = Vec::new();
    while ids.len() < limit
        && let Some(row) = rows.next()?
    {
        let id: String = row.get(0)?;
        let consignee: Option<String> = row.get(1)?;
        let wanted = match text {
            Some(text) => customer(conn, vault, consignee)?.is_some_and(|who| record::matches(&who, text)),
            None => true,
        };
        if wanted {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn customer(
    conn: &Connection,
    vault: &Vault,
    consignee: Option<String>,
) -> StoreResult<Option<outpost_model::order::Contact>> {
    let Some(text) = consignee else { return Ok(None) };
    let id: RecordId = text.parse().map_err(|error| StoreError::corrupt("fulfillment", &text, error))?;
    record::load_contact(conn, vault, id)
}

fn found(conn: &Connection, vault: &Vault, id: &str) -> StoreResult<Option<Found>> {
    let case = id.parse().map_err(|error| StoreError::corrupt("fulfillment", id, error))?;
    let Some(case::CaseRow { state, .. }) = case::load(conn, case)? else { return Ok(None) };
    let name = name_of(conn, vault, &state)?;
    Ok(Some(Found {
        case: state.header.case,
        order_number: state.header.order_number.clone(),
        service: state.header.service,
        milestone: state.milestone(),
        ready: state.ready,
        name,
    }))
}

/// The customer's name, while it is kept.
pub fn name_of(conn: &Connection, vault: &Vault, state: &Fulfillment) -> StoreResult<Option<String>> {
    let Some(consignee) = state.header.consignee else { return Ok(None) };
    Ok(record::load_contact(conn, vault, consignee)?.map(|contact| contact.name))
}
