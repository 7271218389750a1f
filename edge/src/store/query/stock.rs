//! Stock by SKU: what is there, what of it is spoken for, what walk-ins may have.

use outpost_model::id::Sku;
use outpost_model::rights::walk_in;
use rusqlite::{Connection, params};
use serde::Serialize;

use crate::store::right::RightsRow;
use crate::store::{StoreError, StoreResult, case, product, right, stock};

/// The most SKUs in one answer.
pub const SKUS_MAX: u32 = 1_000;

/// Stock of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockView {
    /// What.
    pub sku: Sku,
    /// Its name, where the product is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// All units in the book.
    pub on_hand: i64,
    /// On shelves in sellable status.
    pub sellable: i64,
    /// Promised to open cases and not picked yet.
    pub reserved: i64,
    /// Rights granted, promised and returned.
    #[serde(flatten)]
    pub rights: RightsRow,
    /// What the hub may still promise.
    pub unused: i64,
    /// What walk-ins may have.
    pub walk_in: i64,
    /// Every balance, where one SKU was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub balances: Vec<BalanceView>,
}

/// One balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BalanceView {
    /// The full key.
    #[serde(flatten)]
    pub key: outpost_model::stock::StockKey,
    /// Units.
    pub units: i64,
}

/// Stock of one SKU with every balance.
pub fn of_sku(conn: &Connection, sku: &Sku) -> StoreResult<StockView> {
    let balances = stock::of_sku(conn, sku)?.into_iter();
    let balances = balances.map(|balance| BalanceView { key: balance.key, units: balance.units }).collect();
    Ok(StockView { balances, ..sums(conn, sku)? })
}

/// Stock of all SKUs after one, in their order; at most [`SKUS_MAX`].
pub fn all(conn: &Connection, after: Option<&Sku>, limit: Option<u32>) -> StoreResult<Vec<StockView>> {
    let mut statement = conn.prepare_cached(
        "SELECT sku FROM (SELECT sku FROM balance UNION SELECT sku FROM rights) WHERE sku > ?1
         ORDER BY sku LIMIT ?2",
    )?;
    let limit = limit.unwrap_or(SKUS_MAX).min(SKUS_MAX);
    let rows =
        statement.query_map(params![after.map_or("", Sku::as_str), limit], |row| row.get::<_, String>(0))?;
    rows.map(|sku| {
        let sku = sku?;
        let sku = Sku::new(sku.clone()).map_err(|error| StoreError::corrupt("balance", sku, error))?;
        sums(conn, &sku)
    })
    .collect()
}

fn sums(conn: &Connection, sku: &Sku) -> StoreResult<StockView> {
    let stock::Sums { on_hand, sellable } = stock::sums(conn, sku)?;
    let reserved = case::reserved(conn, sku)?;
    let rights = right::load(conn, sku)?;
    let unused = rights.unused();
    let positive = |units: i64| u64::try_from(units).unwrap_or(0);
    Ok(StockView {
        sku: sku.clone(),
        title: product::load(conn, sku)?.map(|product| product.title),
        on_hand,
        sellable,
        reserved,
        rights,
        unused,
        walk_in: walk_in(sellable, positive(reserved), positive(unused)),
        balances: Vec::new(),
    })
}
