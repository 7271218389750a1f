//! Reads that only the console's pages need.

use std::collections::BTreeMap;

use outpost_model::time::UtcMillis;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, QueryBuilder};

use crate::error::HubError;
use crate::store::column;

/// Rights of a site over all SKUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RightsTotals {
    /// SKUs with rights.
    pub skus: i64,
    /// Units granted.
    pub granted: i64,
    /// Units promised.
    pub promised: i64,
    /// Units given back.
    pub returned: i64,
}

impl RightsTotals {
    /// Units that may still be promised.
    pub fn unused(&self) -> i64 {
        self.granted - self.promised - self.returned
    }
}

/// Rights by site.
pub async fn rights_totals(pool: &AnyPool) -> Result<BTreeMap<String, RightsTotals>, HubError> {
    const TABLE: &str = "rights";
    let rows = sqlx::query(
        "SELECT site, COUNT(*) AS skus, CAST(SUM(granted) AS BIGINT) AS granted,
                CAST(SUM(promised) AS BIGINT) AS promised, CAST(SUM(returned) AS BIGINT) AS returned
         FROM rights GROUP BY site",
    )
    .fetch_all(pool)
    .await?;
    let read = |row: &AnyRow| {
        let totals = RightsTotals {
            skus: column(row, TABLE, "skus")?,
            granted: column(row, TABLE, "granted")?,
            promised: column(row, TABLE, "promised")?,
            returned: column(row, TABLE, "returned")?,
        };
        Ok((column(row, TABLE, "site")?, totals))
    };
    rows.iter().map(read).collect()
}

/// The zone of every site.
pub async fn zones(pool: &AnyPool) -> Result<BTreeMap<String, String>, HubError> {
    let rows = sqlx::query("SELECT site, zone FROM site ORDER BY site").fetch_all(pool).await?;
    rows.iter().map(|row| Ok((column(row, "site", "site")?, column(row, "site", "zone")?))).collect()
}

/// A case in a site's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRow {
    /// The order.
    pub order: String,
    /// The order's number.
    pub number: String,
    /// How the customer gets it.
    pub service: String,
    /// How far it is.
    pub milestone: String,
    /// Units.
    pub units: i64,
    /// When picking must be done.
    pub pick_by: UtcMillis,
    /// When it was offered.
    pub offered_at: UtcMillis,
}

/// The open cases of a site, the most urgent first.
pub async fn open_cases(pool: &AnyPool, site: &str, limit: u32) -> Result<Vec<CaseRow>, HubError> {
    const TABLE: &str = "cases";
    let rows = sqlx::query(
        "SELECT c.order_id, o.number, c.service, c.milestone, c.units, c.pick_by, c.offered_at
         FROM cases c JOIN orders o ON o.id = c.order_id
         WHERE c.site = $1 AND c.live = 1 ORDER BY c.pick_by, c.id LIMIT $2",
    )
    .bind(site)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    let read = |row: &AnyRow| {
        Ok(CaseRow {
            order: column(row, TABLE, "order_id")?,
            number: column(row, TABLE, "number")?,
            service: column(row, TABLE, "service")?,
            milestone: column(row, TABLE, "milestone")?,
            units: column(row, TABLE, "units")?,
            pick_by: UtcMillis(column(row, TABLE, "pick_by")?),
            offered_at: UtcMillis(column(row, TABLE, "offered_at")?),
        })
    };
    rows.iter().map(read).collect()
}

/// A product in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRow {
    /// The stock keeping unit.
    pub sku: String,
    /// Its title.
    pub title: String,
}

/// Products by SKU, whose SKU begins with or whose title holds what is searched for.
pub async fn products(pool: &AnyPool, q: &str, after: &str, limit: u32) -> Result<Vec<ProductRow>, HubError> {
    let pattern = super::orders::prefix(q);
    let rows = sqlx::query(
        "SELECT sku, title FROM product
         WHERE sku > $1 AND ($2 = '' OR sku LIKE $3 ESCAPE '!' OR LOWER(title) LIKE LOWER($4) ESCAPE '!')
         ORDER BY sku LIMIT $5",
    )
    .bind(after)
    .bind(q)
    .bind(&pattern)
    .bind(format!("%{pattern}"))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    let read = |row: &AnyRow| {
        Ok(ProductRow { sku: column(row, "product", "sku")?, title: column(row, "product", "title")? })
    };
    rows.iter().map(read).collect()
}

/// Stock and rights of one SKU at one site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockCell {
    /// What.
    pub sku: String,
    /// Where.
    pub site: String,
    /// Units in the site's hands, whatever their status.
    pub on_hand: i64,
    /// Units in sellable status.
    pub sellable: i64,
    /// Rights granted.
    pub granted: i64,
    /// Rights promised.
    pub promised: i64,
    /// Rights given back.
    pub returned: i64,
}

impl StockCell {
    /// Rights that may still be promised.
    pub fn unused(&self) -> i64 {
        self.granted - self.promised - self.returned
    }
}

/// Stock and rights of some SKUs at some sites, by SKU and site. Both lists are needed for the indexes to help.
pub async fn stock(pool: &AnyPool, skus: &[String], sites: &[String]) -> Result<Vec<StockCell>, HubError> {
    let mut cells: BTreeMap<(String, String), StockCell> = BTreeMap::new();
    if skus.is_empty() || sites.is_empty() {
        return Ok(Vec::new());
    }
    let among = |start: &str, end: &str| {
        let mut query = QueryBuilder::<Any>::new(start);
        query.push(" WHERE site IN (");
        let mut list = query.separated(", ");
        for site in sites {
            list.push_bind(site.clone());
        }
        query.push(") AND sku IN (");
        let mut list = query.separated(", ");
        for sku in skus {
            list.push_bind(sku.clone());
        }
        query.push(")").push(end);
        query
    };
    let mut query = among(
        "SELECT site, sku, CAST(SUM(qty) AS BIGINT) AS on_hand,
                CAST(SUM(CASE WHEN status = 'sellable' THEN qty ELSE 0 END) AS BIGINT) AS sellable FROM stock",
        " GROUP BY site, sku",
    );
    for row in query.build().fetch_all(pool).await? {
        let cell = cell(&mut cells, &row, "stock")?;
        cell.on_hand = column(&row, "stock", "on_hand")?;
        cell.sellable = column(&row, "stock", "sellable")?;
    }
    let mut query = among("SELECT site, sku, granted, promised, returned FROM rights", "");
    for row in query.build().fetch_all(pool).await? {
        let cell = cell(&mut cells, &row, "rights")?;
        cell.granted = column(&row, "rights", "granted")?;
        cell.promised = column(&row, "rights", "promised")?;
        cell.returned = column(&row, "rights", "returned")?;
    }
    Ok(cells.into_values().collect())
}

fn cell<'c>(
    cells: &'c mut BTreeMap<(String, String), StockCell>,
    row: &AnyRow,
    table: &'static str,
) -> Result<&'c mut StockCell, HubError> {
    let sku: String = column(row, table, "sku")?;
    let site: String = column(row, table, "site")?;
    let fresh = StockCell { sku: sku.clone(), site: site.clone(), ..StockCell::default() };
    Ok(cells.entry((sku, site)).or_insert(fresh))
}

/// How many exceptions are open.
pub async fn open_exceptions(pool: &AnyPool) -> Result<i64, HubError> {
    let row =
        sqlx::query("SELECT COUNT(*) AS n FROM exception WHERE resolved_at IS NULL").fetch_one(pool).await?;
    column(&row, "exception", "n")
}
