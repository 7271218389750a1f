//! Numbers for the demo, the console and monitoring.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::AnyPool;

use crate::error::HubError;
use crate::store::{column, counter, intent, label};

/// Counters since the database was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Orders that came in.
    pub orders_captured: i64,
    /// Deliveries of an order that was there already.
    pub duplicates_refused: i64,
    /// Payloads that could not be understood and were kept whole.
    pub malformed_kept: i64,
    /// Orders by state.
    pub orders: BTreeMap<String, i64>,
    /// Cases by milestone; those that ended otherwise than by handover under how they ended.
    pub cases: BTreeMap<String, i64>,
    /// Parts of orders that were routed anew.
    pub reroutes: i64,
    /// Cancellations that a site carried out.
    pub cancels_accepted: i64,
    /// Cancellations that a site did not carry out.
    pub cancels_refused: i64,
    /// Cancellations that wait for their answer.
    pub cancels_pending: i64,
    /// Events of sites that were applied.
    pub events_synced: i64,
    /// Items of sites that stand in quarantine.
    pub quarantined: i64,
    /// Bytes received from the broker since the daemon started.
    pub wire_bytes_in: u64,
    /// Bytes sent to the broker since the daemon started.
    pub wire_bytes_out: u64,
    /// Open exceptions by code.
    pub exceptions: BTreeMap<String, i64>,
    /// Carrier labels by state.
    pub labels: BTreeMap<String, i64>,
}

/// Reads all numbers but the wire's.
pub async fn read(pool: &AnyPool) -> Result<Stats, HubError> {
    let mut counters = counter::all(pool).await?;
    let mut take = |name: &str| counters.remove(name).unwrap_or(0);
    let mut stats = Stats {
        orders_captured: take(counter::ORDERS_CAPTURED),
        duplicates_refused: take(counter::DUPLICATES_REFUSED),
        malformed_kept: take(counter::MALFORMED_KEPT),
        reroutes: take(counter::REROUTES),
        cancels_accepted: take(counter::CANCELS_ACCEPTED),
        cancels_refused: take(counter::CANCELS_REFUSED),
        events_synced: take(counter::EVENTS_SYNCED),
        quarantined: take(counter::ITEMS_QUARANTINED),
        labels: label::count(pool).await?,
        ..Stats::default()
    };
    stats.orders = groups(pool, "SELECT state AS name, COUNT(*) AS n FROM orders GROUP BY state").await?;
    stats.cases =
        groups(pool, "SELECT COALESCE(ended, milestone) AS name, COUNT(*) AS n FROM cases GROUP BY 1")
            .await?;
    stats.exceptions = groups(
        pool,
        "SELECT code AS name, COUNT(*) AS n FROM exception WHERE resolved_at IS NULL GROUP BY code",
    )
    .await?;
    let mut connection = pool.acquire().await?;
    stats.cancels_pending = intent::pending(&mut connection, "cancel_requested").await?;
    Ok(stats)
}

async fn groups(pool: &AnyPool, sql: &'static str) -> Result<BTreeMap<String, i64>, HubError> {
    let rows = sqlx::query(sql).fetch_all(pool).await?;
    rows.iter().map(|row| Ok((column(row, "counts", "name")?, column(row, "counts", "n")?))).collect()
}
