//! Cases: the folded state as JSON beside the columns that queries filter or sort by.

use outpost_model::fulfillment::{Container, Fulfillment, Milestone};
use outpost_model::id::{CaseId, ContainerId, RecordId, Sku};
use outpost_model::quantity::Quantity;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;
use outpost_sync::{Incarnation, Position};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

use super::{StoreError, StoreResult, record};

/// A case as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRow {
    /// Its state.
    pub state: Fulfillment,
    /// Where its header stands in the hub's stream.
    pub place: Place,
}

/// Where the header of a case stands in the hub's stream: what authority is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The life of the stream; not known of a case that was taken in by an earlier version.
    pub stream: Option<Incarnation>,
    /// The number in it.
    pub n: u64,
}

impl Place {
    /// Nowhere: no authority covers the case. So it is with one that came by repair, until it comes by the stream as well
    /// or is known to have been sent before.
    pub const NOWHERE: Self = Self { stream: None, n: i64::MAX.unsigned_abs() };
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        Self { stream: Some(position.incarnation), n: position.n }
    }
}

/// What the column `needs_work` says of a case: nothing to do, something to do, or something to do once the record it
/// names has come. Screens and queues show only the second.
const DONE: i64 = 0;
const AT_WORK: i64 = 1;
const WAITING: i64 = 2;

/// The case, if it is here.
pub fn load(conn: &Connection, case: CaseId) -> StoreResult<Option<CaseRow>> {
    let found: Option<(String, Option<[u8; Incarnation::BYTES]>, i64)> = conn
        .prepare_cached("SELECT state, stream, position FROM fulfillment WHERE case_id = ?1")?
        .query_row([case.to_string()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((state, stream, position)) = found else { return Ok(None) };
    let place = Place { stream: stream.map(Incarnation), n: position.unsigned_abs() };
    Ok(Some(CaseRow { state: parse(case, &state)?, place }))
}

/// Moves a case to another place in the hub's stream.
pub fn place(conn: &Connection, case: CaseId, place: Place) -> StoreResult<()> {
    conn.prepare_cached("UPDATE fulfillment SET stream = ?2, position = ?3 WHERE case_id = ?1")?.execute(
        params![
            case.to_string(),
            place.stream.map(|stream| stream.0),
            i64::try_from(place.n).unwrap_or(i64::MAX)
        ],
    )?;
    Ok(())
}

/// Gives all cases without one this place: they have been sent up to there.
pub fn place_all(conn: &Connection, place: Position) -> StoreResult<()> {
    conn.prepare_cached("UPDATE fulfillment SET stream = ?1, position = ?2 WHERE stream IS NULL")?
        .execute(params![place.incarnation.0, i64::try_from(place.n).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// Reads a stored state.
pub fn parse(case: impl ToString, state: &str) -> StoreResult<Fulfillment> {
    serde_json::from_str(state).map_err(|error| StoreError::corrupt("fulfillment", case, error))
}

/// Writes the case and what it still waits for from the shelves. `before` is the case as it is stored, if it is: what
/// did not change is not written again, since each row and index costs a scan a page.
pub fn save(
    conn: &Connection,
    before: Option<&Fulfillment>,
    row: &CaseRow,
    now: UtcMillis,
) -> StoreResult<()> {
    let state = &row.state;
    let header = &state.header;
    let json = serde_json::to_string(state)
        .map_err(|error| StoreError::corrupt("fulfillment", header.case, error))?;
    let case = header.case.to_string();
    let milestone = milestone_name(state.milestone());
    let needs_work = needs_work(state);
    if before.is_some_and(|before| self::needs_work(before) == needs_work) {
        // Names no column of an index: SQLite would write them all anew.
        conn.prepare_cached(
            "UPDATE fulfillment SET milestone = ?2, changed_at = ?3, state = ?4 WHERE case_id = ?1",
        )?
        .execute(params![case, milestone, now.0, json])?;
    } else {
        let work = match needs_work {
            false => DONE,
            true if record_has_come(conn, state)? => AT_WORK,
            true => WAITING,
        };
        conn.prepare_cached(
            "INSERT INTO fulfillment (case_id, order_number, service, milestone, needs_work, pick_by, stream, \
                                      position, consignee, changed_at, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (case_id) DO UPDATE SET milestone = excluded.milestone, \
                 needs_work = excluded.needs_work, changed_at = excluded.changed_at, \
                 state = excluded.state",
        )?
        .execute(params![
            case,
            header.order_number,
            header.service.as_str(),
            milestone,
            work,
            header.promise.pick_by.0,
            row.place.stream.map(|stream| stream.0),
            i64::try_from(row.place.n).unwrap_or(i64::MAX),
            header.consignee.map(|record| record.to_string()),
            now.0,
            json,
        ])?;
    }
    let stored = before.map(Fulfillment::reserved).unwrap_or_default();
    save_reservation(conn, &case, &stored, &state.reserved())?;
    save_holdings(conn, before, state)
}

fn save_holdings(conn: &Connection, before: Option<&Fulfillment>, state: &Fulfillment) -> StoreResult<()> {
    let case = state.header.case.to_string();
    let holds = |content: &Container| !content.gone && !content.contents.is_empty();
    for (container, content) in &state.containers {
        let held = before.and_then(|before| before.containers.get(container)).is_some_and(holds);
        if holds(content) && held {
            continue;
        }
        if !holds(content) {
            conn.prepare_cached("DELETE FROM holding WHERE container = ?1 AND case_id = ?2")?
                .execute(params![container.as_str(), case])?;
        } else {
            conn.prepare_cached(
                "INSERT INTO holding (container, case_id) VALUES (?1, ?2) ON CONFLICT (container) DO NOTHING",
            )?
            .execute(params![container.as_str(), case])?;
        }
    }
    Ok(())
}

/// The case whose goods lie in a container.
pub fn holder(conn: &Connection, container: &ContainerId) -> StoreResult<Option<CaseId>> {
    let found: Option<String> = conn
        .prepare_cached("SELECT case_id FROM holding WHERE container = ?1")?
        .query_row([container.as_str()], |row| row.get(0))
        .optional()?;
    found
        .map(|case| case.parse().map_err(|error| StoreError::corrupt("holding", container, error)))
        .transpose()
}

fn save_reservation(
    conn: &Connection,
    case: &str,
    stored: &BTreeMap<Sku, Quantity>,
    wanted: &BTreeMap<Sku, Quantity>,
) -> StoreResult<()> {
    for (sku, units) in wanted {
        let sql = match stored.get(sku) {
            Some(known) if known == units => continue,
            Some(_) => "UPDATE reservation SET units = ?3 WHERE sku = ?1 AND case_id = ?2",
            None => {
                "INSERT INTO reservation (sku, case_id, units) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (sku, case_id) DO UPDATE SET units = excluded.units"
            }
        };
        conn.prepare_cached(sql)?.execute(params![sku.as_str(), case, units.delta()])?;
    }
    for sku in stored.keys().filter(|sku| !wanted.contains_key(*sku)) {
        conn.prepare_cached("DELETE FROM reservation WHERE sku = ?1 AND case_id = ?2")?
            .execute(params![sku.as_str(), case])?;
    }
    Ok(())
}

/// Cases in which the site has something to do, an answer to give for example: that waits for no record.
pub fn at_work(conn: &Connection) -> StoreResult<Vec<CaseId>> {
    let sql = "SELECT case_id FROM fulfillment WHERE needs_work = 1
               UNION ALL SELECT case_id FROM fulfillment WHERE needs_work = 2 ORDER BY case_id";
    ids(conn, sql, [])
}

/// How many cases wait for the record they name.
pub fn waiting(conn: &Connection) -> StoreResult<u64> {
    let count: i64 = conn
        .prepare_cached("SELECT count(*) FROM fulfillment WHERE needs_work = 2")?
        .query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Cases that have waited for their record since before an instant, and of which nobody was told by this code yet.
pub fn waiting_untold(
    conn: &Connection,
    before: UtcMillis,
    code: &str,
    limit: u32,
) -> StoreResult<Vec<CaseId>> {
    let sql = "SELECT case_id FROM fulfillment WHERE needs_work = 2 AND changed_at <= ?1 AND NOT EXISTS
                   (SELECT 1 FROM exception WHERE code = ?2 AND subject = 'case/' || case_id) LIMIT ?3";
    ids(conn, sql, params![before.0, code, limit])
}

fn ids(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> StoreResult<Vec<CaseId>> {
    let mut statement = conn.prepare_cached(sql)?;
    let ids = statement.query_map(params, |row| row.get::<_, String>(0))?;
    ids.map(|id| {
        let id = id?;
        id.parse().map_err(|error| StoreError::corrupt("fulfillment", id, error))
    })
    .collect()
}

/// Units of a SKU that open cases wait for.
pub fn reserved(conn: &Connection, sku: &Sku) -> StoreResult<i64> {
    let units = conn
        .prepare_cached("SELECT coalesce(sum(units), 0) FROM reservation WHERE sku = ?1")?
        .query_row([sku.as_str()], |row| row.get(0))?;
    Ok(units)
}

/// A milestone as columns and queries name it: its serde form.
pub fn milestone_name(milestone: Milestone) -> &'static str {
    match milestone {
        Milestone::Offered => "offered",
        Milestone::Accepted => "accepted",
        Milestone::Picking => "picking",
        Milestone::Picked => "picked",
        Milestone::Packed => "packed",
        Milestone::Labeled => "labeled",
        Milestone::Staged => "staged",
        Milestone::Ready => "ready",
        Milestone::HandedOver => "handed_over",
        Milestone::Closed => "closed",
    }
}

/// Whether the record that the case names is here: a case that came before it waits for it. One whose time is over
/// has come.
fn record_has_come(conn: &Connection, state: &Fulfillment) -> StoreResult<bool> {
    let Some(consignee) = state.header.consignee else { return Ok(true) };
    record::has_come(conn, Name { kind: record::CONTACT, key: &consignee.to_string() })
}

/// Puts cases that waited for a record to work.
pub fn record_came(conn: &Connection, consignee: RecordId, now: UtcMillis) -> StoreResult<Vec<CaseId>> {
    let sql = "UPDATE fulfillment SET needs_work = 1, changed_at = ?2 WHERE consignee = ?1 AND needs_work = 2
               RETURNING case_id";
    ids(conn, sql, params![consignee.to_string(), now.0])
}

/// Whether the site still has something to do for a case.
pub fn needs_work(state: &Fulfillment) -> bool {
    !state.is_closed() || state.pending().next().is_some()
}
