//! Who is at the counter: search by order number, by name, or by the last digits of a telephone number.

use outpost_model::fulfillment::Milestone;
use outpost_model::id::CaseId;
use rusqlite::{Connection, params};
use serde::Serialize;

use crate::store::{StoreError, StoreResult, case};

/// The shortest text that is searched for, in characters: less would list everybody.
pub const SEARCH_CHARS_MIN: usize = 2;
/// The most cases in one answer.
const FOUND_MAX: u32 = 50;

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

/// Cases whose number begins, or whose customer's name or telephone matches, with `text`.
pub fn search(conn: &Connection, text: &str) -> StoreResult<Vec<Found>> {
    let text = text.trim();
    let plain = text.trim_start_matches('#');
    let mut statement = conn.prepare_cached(
        "SELECT f.case_id, f.state, c.contact FROM fulfillment f
         LEFT JOIN contact c ON c.record_id = f.consignee
         WHERE f.needs_work = 1
           AND (f.order_number IN (?1, '#' || ?1)
                OR f.consignee IN (SELECT record_id FROM contact WHERE search LIKE ?2 ESCAPE '\\'))
         ORDER BY f.pick_by, f.case_id LIMIT ?3",
    )?;
    let like = format!("%{}%", escape(&text.to_lowercase()));
    let mut rows = statement.query(params![plain, like, FOUND_MAX])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let state = case::parse(&id, &row.get::<_, String>(1)?)?;
        let contact: Option<String> = row.get(2)?;
        let name = contact
            .map(|json| serde_json::from_str::<outpost_model::order::Contact>(&json))
            .transpose()
            .map_err(|error| StoreError::corrupt("contact", &id, error))?
            .map(|contact| contact.name);
        found.push(Found {
            case: state.header.case,
            order_number: state.header.order_number.clone(),
            service: state.header.service,
            milestone: state.milestone(),
            ready: state.ready,
            name,
        });
    }
    Ok(found)
}

/// Takes their meaning from the letters that have one in LIKE.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
