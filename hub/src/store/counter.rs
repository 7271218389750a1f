//! Counters of the statistics. A row per lane, so that lanes do not wait for each other.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, AnyPool};

use super::column;
use crate::error::HubError;

/// Orders that came in for the first time.
pub const ORDERS_CAPTURED: &str = "orders_captured";
/// Deliveries of an order that was there already.
pub const DUPLICATES_REFUSED: &str = "duplicates_refused";
/// Payloads that could not be understood and were kept whole.
pub const MALFORMED_KEPT: &str = "malformed_kept";
/// Parts of orders that were routed anew.
pub const REROUTES: &str = "reroutes";
/// Cancellations that a site carried out.
pub const CANCELS_ACCEPTED: &str = "cancels_accepted";
/// Cancellations that a site did not carry out.
pub const CANCELS_REFUSED: &str = "cancels_refused";
/// Events of sites that were applied.
pub const EVENTS_SYNCED: &str = "events_synced";
/// Items of sites that were put in quarantine.
pub const ITEMS_QUARANTINED: &str = "items_quarantined";
/// Times a disk in trouble was tried.
pub const STORAGE_PROBES: &str = "storage_probes";

/// Adds to a counter.
pub async fn add(db: &mut AnyConnection, name: &str, lane: u32, by: i64) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO counter (name, lane, value) VALUES ($1, $2, $3)
         ON CONFLICT (name, lane) DO UPDATE SET value = counter.value + excluded.value",
    )
    .bind(name)
    .bind(i64::from(lane))
    .bind(by)
    .execute(db)
    .await?;
    Ok(())
}

/// All counters.
pub async fn all(pool: &AnyPool) -> Result<BTreeMap<String, i64>, HubError> {
    let rows = sqlx::query("SELECT name, CAST(SUM(value) AS BIGINT) AS value FROM counter GROUP BY name")
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| Ok((column(row, "counter", "name")?, column(row, "counter", "value")?))).collect()
}
