//! Who is at the counter: search by order number, by name, or by the last digits of a telephone number.
//!
//! Names are sealed, so no index knows them: a search by name opens the records of the cases that it may find, one
//! after the other, and at most [`OPENED_MAX`].

use outpost_model::fulfillment::Milestone;
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
    let ids = by_number_or_name(
        (conn, vault),
        (&mut by_number, &[&plain]),
        (&mut by_name, &[&OPENED_MAX]),
        text,
        FOUND_MAX,
    )?;
    ids.iter().filter_map(|id| found(conn, vault, id).transpose()).collect()
}

/// A query for cases, which selects `case_id` and `consignee`, and what it is asked with.
type Asked<'a, 's> = (&'a mut Statement<'s>, &'a [&'a dyn ToSql]);

/// Ids of at most `limit` cases: those that the first query finds by their number, then those of the second whose customer
/// matches the text.
pub fn by_number_or_name(
    (conn, vault): (&Connection, &Vault),
    (by_number, number_params): Asked<'_, '_>,
    (by_name, name_params): Asked<'_, '_>,
    text: &str,
    limit: usize,
) -> StoreResult<Vec<String>> {
    let mut ids = matching(conn, vault, by_number, number_params, None, limit)?;
    if ids.len() == limit {
        return Ok(ids);
    }
    let named = matching(conn, vault, by_name, name_params, Some(text), limit)?;
    let fresh: Vec<String> = named.into_iter().filter(|id| !ids.contains(id)).collect();
    ids.extend(fresh);
    ids.truncate(limit);
    Ok(ids)
}

/// Ids of the cases that a query names, in its order; with `text` only those whose customer matches it.
fn matching(
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
    let name = record::contact_of(conn, vault, &state.header)?.map(|contact| contact.name);
    Ok(Some(Found {
        case: state.header.case,
        order_number: state.header.order_number.clone(),
        service: state.header.service,
        milestone: state.milestone(),
        ready: state.ready,
        name,
    }))
}
