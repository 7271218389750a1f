//! Rights: what each site lets the hub promise. The table itself refuses more promises than grants.

use std::collections::BTreeMap;

use outpost_model::id::{SiteId, Sku};
use sqlx::AnyConnection;

use super::many::{self, Cell};
use super::{column, parsed, signed, unsigned};
use crate::error::HubError;

const TABLE: &str = "rights";

/// Units of one SKU that a site may let the hub promise at a time. No honest site comes near; whoever grants more than
/// that could otherwise write sums that nobody can give back.
const UNUSED_MAX: u64 = 1_000_000_000_000;

/// Unused rights of all sites for some SKUs.
pub async fn unused(
    db: &mut AnyConnection,
    skus: &[Sku],
) -> Result<BTreeMap<SiteId, BTreeMap<Sku, u64>>, HubError> {
    let keys: Vec<String> = skus.iter().map(ToString::to_string).collect();
    let rows = many::select(
        db,
        "SELECT site, sku, granted - promised - returned AS unused FROM rights
         WHERE granted - promised - returned > 0 AND sku IN",
        "",
        None,
        &keys,
    )
    .await?;
    let mut found: BTreeMap<SiteId, BTreeMap<Sku, u64>> = BTreeMap::new();
    for row in &rows {
        let unused = unsigned(row, TABLE, "unused")?;
        found.entry(parsed(row, TABLE, "site")?).or_default().insert(parsed(row, TABLE, "sku")?, unused);
    }
    Ok(found)
}

/// Sites grant units. More than [`UNUSED_MAX`] breaks the transaction.
pub async fn grant(db: &mut AnyConnection, sites: &[(&SiteId, &BTreeMap<Sku, u64>)]) -> Result<(), HubError> {
    let row = |site: &SiteId, sku: &Sku, qty: u64| {
        [site.as_str().into(), sku.as_str().into(), signed(qty).into(), Cell::Int(0), Cell::Int(0)]
    };
    let mut rows = Vec::new();
    for (site, units) in sites {
        if let Some((sku, qty)) = units.iter().find(|(_, qty)| **qty > UNUSED_MAX) {
            return Err(HubError::Invariant(format!("{site} grants {qty} units of {sku} at once")));
        }
        rows.extend(units.iter().map(|(sku, qty)| row(site, sku, *qty)));
    }
    many::insert(
        db,
        "INSERT INTO rights (site, sku, granted, promised, returned)",
        // Nothing is no number: the column refuses it.
        "ON CONFLICT (site, sku) DO UPDATE SET granted = CASE
           WHEN rights.granted - rights.promised - rights.returned + excluded.granted <= 1000000000000
           THEN rights.granted + excluded.granted END",
        rows,
    )
    .await?;
    Ok(())
}

/// Promises units; `false` and no change when fewer are unused. The row stays locked to the end of the transaction.
pub async fn promise(db: &mut AnyConnection, site: &SiteId, sku: &Sku, qty: u64) -> Result<bool, HubError> {
    let done = sqlx::query(
        "UPDATE rights SET promised = promised + $3
         WHERE site = $1 AND sku = $2 AND granted - promised - returned >= $3",
    )
    .bind(site.as_str())
    .bind(sku.as_str())
    .bind(signed(qty))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes back promises of this very transaction that no case was made for.
pub async fn undo(db: &mut AnyConnection, site: &SiteId, sku: &Sku, qty: u64) -> Result<(), HubError> {
    sqlx::query("UPDATE rights SET promised = promised - $3 WHERE site = $1 AND sku = $2")
        .bind(site.as_str())
        .bind(sku.as_str())
        .bind(signed(qty))
        .execute(db)
        .await?;
    Ok(())
}

/// Gives back up to `qty` units, as many as are unused; how many that were.
pub async fn give_back(db: &mut AnyConnection, site: &SiteId, sku: &Sku, qty: u64) -> Result<u64, HubError> {
    let row = sqlx::query(
        "UPDATE rights SET granted = granted WHERE site = $1 AND sku = $2
         RETURNING granted - promised - returned AS unused",
    )
    .bind(site.as_str())
    .bind(sku.as_str())
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(0) };
    let back = unsigned(&row, TABLE, "unused")?.min(qty);
    if back > 0 {
        sqlx::query("UPDATE rights SET returned = returned + $3 WHERE site = $1 AND sku = $2")
            .bind(site.as_str())
            .bind(sku.as_str())
            .bind(signed(back))
            .execute(db)
            .await?;
    }
    Ok(back)
}

/// From the first to the last.
pub const ALL: (&str, &str) = ("", "");

/// Granted, promised and returned units of a site by SKU, from one SKU to another.
pub async fn of_site(
    db: &mut AnyConnection,
    site: &SiteId,
    (first, last): (&str, &str),
) -> Result<BTreeMap<String, [i64; 3]>, HubError> {
    let sql = "SELECT sku, granted, promised, returned FROM rights WHERE site = $1
               AND ($2 = '' OR sku >= $2) AND ($3 = '' OR sku <= $3)";
    let rows = sqlx::query(sql).bind(site.as_str()).bind(first).bind(last).fetch_all(db).await?;
    rows.iter()
        .map(|row| {
            let totals = [
                column(row, TABLE, "granted")?,
                column(row, TABLE, "promised")?,
                column(row, TABLE, "returned")?,
            ];
            Ok((column(row, TABLE, "sku")?, totals))
        })
        .collect()
}
