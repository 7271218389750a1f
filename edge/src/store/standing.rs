//! How a SKU stands at this site: all that a decision about its units looks at, in one query, since every scan asks.

use outpost_model::id::{LocationId, Sku};
use outpost_model::rights::walk_in;
use rusqlite::{Connection, params};

use super::StoreResult;
use super::product::DEFAULT_CLASS;

/// The exception of a SKU of which more was sold or promised than there is.
pub const OVERSOLD: &str = "negative_sellable";

/// How a SKU stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Units on shelves in sellable status.
    pub sellable: i64,
    /// Of them, at the shelf that was asked about.
    pub sellable_there: i64,
    /// Units open cases wait for.
    pub reserved: i64,
    /// U: units the hub may still promise.
    pub unused: i64,
    /// Units asked back from the hub and not answered yet.
    pub recalled: i64,
    /// Its class in the grant policy.
    pub class: String,
    /// Whether people are told that it is oversold.
    pub oversold: bool,
}

impl Standing {
    /// Units that walk-ins may have; negative when too many are gone.
    pub fn walk_in(&self) -> i64 {
        let positive = |units: i64| u64::try_from(units).unwrap_or(0);
        walk_in(self.sellable, positive(self.reserved), positive(self.unused))
    }
}

/// What an exception about a SKU is about.
pub fn subject(sku: &Sku) -> String {
    format!("sku/{sku}")
}

/// How a SKU stands, and what of it lies at a shelf.
pub fn of(conn: &Connection, sku: &Sku, shelf: Option<&LocationId>) -> StoreResult<Standing> {
    let standing = conn
        .prepare_cached(
            "SELECT coalesce(sum(b.units), 0), coalesce(sum(CASE WHEN b.place = ?2 THEN b.units END), 0), \
                    (SELECT coalesce(sum(units), 0) FROM reservation WHERE sku = ?1), \
                    (SELECT coalesce(sum(granted - promised - returned), 0) FROM rights WHERE sku = ?1), \
                    (SELECT coalesce(sum(units), 0) FROM recall WHERE sku = ?1), \
                    coalesce((SELECT class FROM product WHERE sku = ?1), ?3), \
                    EXISTS (SELECT 1 FROM exception WHERE code = ?4 AND subject = ?5 AND resolved_at IS NULL) \
             FROM balance b WHERE b.sku = ?1 AND b.place_kind = 'location' AND b.status = 'sellable'",
        )?
        .query_row(
            params![sku.as_str(), shelf.map(LocationId::as_str), DEFAULT_CLASS, OVERSOLD, subject(sku)],
            |row| {
                Ok(Standing {
                    sellable: row.get(0)?,
                    sellable_there: row.get(1)?,
                    reserved: row.get(2)?,
                    unused: row.get(3)?,
                    recalled: row.get(4)?,
                    class: row.get(5)?,
                    oversold: row.get(6)?,
                })
            },
        )?;
    Ok(standing)
}
