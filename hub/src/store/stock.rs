//! The hub's view of each site's stock, and what each site has said of its day.

use std::collections::BTreeMap;

use jiff::civil::Date;
use outpost_model::id::SiteId;
use outpost_model::site_day::SiteDayState;
use outpost_model::stock::{Place, StockKey, StockStatus};
use sqlx::AnyConnection;

use super::many::{self, Cell};
use super::{column, json, parsed, to_json};
use crate::error::HubError;

const TABLE: &str = "stock";

/// Adds movements of sites, summed by key.
pub async fn add(
    db: &mut AnyConnection,
    sites: &[(&SiteId, &BTreeMap<StockKey, i64>)],
) -> Result<(), HubError> {
    let mut rows = Vec::new();
    for (site, deltas) in sites {
        for (key, delta) in deltas.iter().filter(|(_, delta)| **delta != 0) {
            rows.push([
                Cell::from(site.as_str()),
                to_json(key)?.into(),
                key.sku.as_str().into(),
                status(key).into(),
                (*delta).into(),
            ]);
        }
    }
    many::insert(
        db,
        "INSERT INTO stock (site, key, sku, status, qty)",
        "ON CONFLICT (site, key) DO UPDATE SET qty = stock.qty + excluded.qty",
        rows,
    )
    .await?;
    Ok(())
}

/// Sellable means: in sellable status and at a location. In a container units belong to somebody.
fn status(key: &StockKey) -> &'static str {
    match (&key.place, key.status) {
        (Place::Location(_), StockStatus::Sellable) => "sellable",
        _ => "other",
    }
}

/// Units on hand and sellable units of a site by SKU, from one SKU to another.
pub async fn of_site(
    db: &mut AnyConnection,
    site: &SiteId,
    (first, last): (&str, &str),
) -> Result<BTreeMap<String, [i64; 2]>, HubError> {
    let rows = sqlx::query(
        "SELECT sku, CAST(SUM(qty) AS BIGINT) AS on_hand,
                CAST(SUM(CASE WHEN status = 'sellable' THEN qty ELSE 0 END) AS BIGINT) AS sellable
         FROM stock WHERE site = $1 AND sku >= $2 AND sku <= $3 GROUP BY sku",
    )
    .bind(site.as_str())
    .bind(first)
    .bind(last)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let sums = [column(row, TABLE, "on_hand")?, column(row, TABLE, "sellable")?];
            Ok((column(row, TABLE, "sku")?, sums))
        })
        .collect()
}

/// Every balance of a site that is not zero, by its key.
pub async fn balances(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<(StockKey, i64)>, HubError> {
    let rows = sqlx::query("SELECT key, qty FROM stock WHERE site = $1 AND qty <> 0 ORDER BY key")
        .bind(site.as_str())
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| Ok((json(row, TABLE, "key")?, column(row, TABLE, "qty")?))).collect()
}

/// What a site has said of a day.
pub async fn day(
    db: &mut AnyConnection,
    site: &SiteId,
    date: Date,
) -> Result<Option<SiteDayState>, HubError> {
    let row = sqlx::query("SELECT body FROM site_day WHERE site = $1 AND date = $2")
        .bind(site.as_str())
        .bind(date.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| json(&row, "site_day", "body")).transpose()
}

/// What a site has said of the last day it has said something of.
pub async fn last_day(db: &mut AnyConnection, site: &SiteId) -> Result<Option<SiteDayState>, HubError> {
    let row = sqlx::query("SELECT body FROM site_day WHERE site = $1 ORDER BY date DESC LIMIT 1")
        .bind(site.as_str())
        .fetch_optional(db)
        .await?;
    row.map(|row| json(&row, "site_day", "body")).transpose()
}

/// Writes what a site has said of a day.
pub async fn put_day(
    db: &mut AnyConnection,
    site: &SiteId,
    date: Date,
    day: &SiteDayState,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO site_day (site, date, body) VALUES ($1, $2, $3)
         ON CONFLICT (site, date) DO UPDATE SET body = excluded.body",
    )
    .bind(site.as_str())
    .bind(date.to_string())
    .bind(to_json(day)?)
    .execute(db)
    .await?;
    Ok(())
}

/// The last day each site has said something of.
pub async fn days(db: &mut AnyConnection) -> Result<BTreeMap<SiteId, (Date, SiteDayState)>, HubError> {
    let rows = sqlx::query(
        "SELECT d.site, d.date, d.body FROM site_day d
         WHERE d.date = (SELECT MAX(date) FROM site_day l WHERE l.site = d.site)",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let day = (parsed(row, "site_day", "date")?, json(row, "site_day", "body")?);
            Ok((parsed(row, "site_day", "site")?, day))
        })
        .collect()
}
