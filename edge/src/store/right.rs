//! Rights: units of a SKU the hub may promise without asking. U = granted − promised − returned.

use outpost_model::id::{EventId, Sku};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, StoreResult};

/// The counters of one SKU, as folded at this site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RightsRow {
    /// G: sum of grants in the site's ledger.
    pub granted: i64,
    /// P: sum over the cases that are here.
    pub promised: i64,
    /// R: sum of what the hub gave back.
    pub returned: i64,
}

impl RightsRow {
    /// U: what the hub may still promise, as far as this site knows.
    pub fn unused(&self) -> i64 {
        self.granted - self.promised - self.returned
    }
}

/// What is added to the counters of a SKU.
pub type RightsDelta = RightsRow;

/// The counters of a SKU; all zero when nothing was ever granted.
pub fn load(conn: &Connection, sku: &Sku) -> StoreResult<RightsRow> {
    let row = conn
        .prepare_cached("SELECT granted, promised, returned FROM rights WHERE sku = ?1")?
        .query_row([sku.as_str()], read)
        .optional()?;
    Ok(row.unwrap_or_default())
}

/// All SKUs of which anything was ever granted or promised.
pub fn skus(conn: &Connection) -> StoreResult<Vec<Sku>> {
    let mut statement = conn.prepare_cached("SELECT sku FROM rights ORDER BY sku")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    names
        .map(|name| {
            let name = name?;
            Sku::new(name.as_str()).map_err(|error| StoreError::corrupt("rights", name, error))
        })
        .collect()
}

/// Adds to the counters of a SKU and gives them back.
pub fn add(conn: &Connection, sku: &Sku, delta: RightsDelta) -> StoreResult<RightsRow> {
    let row = conn
        .prepare_cached(
            "INSERT INTO rights (sku, granted, promised, returned) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (sku) DO UPDATE SET granted = granted + excluded.granted, \
                 promised = promised + excluded.promised, returned = returned + excluded.returned
             RETURNING granted, promised, returned",
        )?
        .query_row(params![sku.as_str(), delta.granted, delta.promised, delta.returned], read)?;
    Ok(row)
}

fn read(row: &Row<'_>) -> rusqlite::Result<RightsRow> {
    Ok(RightsRow { granted: row.get(0)?, promised: row.get(1)?, returned: row.get(2)? })
}

/// Remembers units that were asked back.
pub fn recall(conn: &Connection, event: EventId, sku: &Sku, units: i64) -> StoreResult<()> {
    conn.prepare_cached("INSERT INTO recall (event, sku, units) VALUES (?1, ?2, ?3)")?.execute(params![
        event.to_string(),
        sku.as_str(),
        units
    ])?;
    Ok(())
}

/// Units of a SKU that were asked back and not answered yet.
pub fn recalled(conn: &Connection, sku: &Sku) -> StoreResult<i64> {
    let units = conn
        .prepare_cached("SELECT coalesce(sum(units), 0) FROM recall WHERE sku = ?1")?
        .query_row([sku.as_str()], |row| row.get(0))?;
    Ok(units)
}

/// The hub has answered a recall, with whatever it still had.
pub fn answered(conn: &Connection, event: EventId) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM recall WHERE event = ?1")?.execute([event.to_string()])?;
    Ok(())
}
