//! Rights: units of a SKU the hub may promise without asking. U = granted − promised − returned.

use outpost_model::id::Sku;
use rusqlite::{Connection, OptionalExtension, params};

use super::StoreResult;

/// The counters of one SKU, as folded at this site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RightsRow {
    /// G: sum of grants in the site's ledger.
    pub granted: i64,
    /// P: sum over the cases that are here.
    pub promised: i64,
    /// R: sum of what the hub gave back.
    pub returned: i64,
    /// Asked back and not returned yet.
    pub recalled: i64,
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
        .prepare_cached("SELECT granted, promised, returned, recalled FROM rights WHERE sku = ?1")?
        .query_row([sku.as_str()], |row| {
            Ok(RightsRow {
                granted: row.get(0)?,
                promised: row.get(1)?,
                returned: row.get(2)?,
                recalled: row.get(3)?,
            })
        })
        .optional()?;
    Ok(row.unwrap_or_default())
}

/// Adds to the counters of a SKU and gives them back.
pub fn add(conn: &Connection, sku: &Sku, delta: RightsDelta) -> StoreResult<RightsRow> {
    conn.prepare_cached(
        "INSERT INTO rights (sku, granted, promised, returned, recalled) VALUES (?1, ?2, ?3, ?4, max(?5, 0))
         ON CONFLICT (sku) DO UPDATE SET granted = granted + ?2, promised = promised + ?3, \
             returned = returned + ?4, recalled = max(recalled + ?5, 0)",
    )?
    .execute(params![sku.as_str(), delta.granted, delta.promised, delta.returned, delta.recalled])?;
    load(conn, sku)
}
