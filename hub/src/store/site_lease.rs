//! Who works for each site: a row a site, with an epoch that grows whenever it changes hands; and the workers that live.
//! On SQLite nothing changes hands but at a start: what speaks of the living and of passing on is PostgreSQL's alone.

use std::collections::BTreeMap;

use outpost_model::id::SiteId;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{column, locked, many, parsed, signed, unsigned};
use crate::error::HubError;

const TABLE: &str = "site_lease";

/// A site's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who works for the site; empty when nobody does.
    pub worker: String,
    /// How often it has changed hands.
    pub epoch: u64,
}

/// Locks the leases of sites to the end of the transaction, in the order of their names. Sites without one are missing
/// from the answer.
pub async fn lock(db: &mut AnyConnection, sites: &[String]) -> Result<BTreeMap<SiteId, Lease>, HubError> {
    let tail = if locked(db).is_empty() { "" } else { "ORDER BY site FOR UPDATE" };
    let rows =
        many::select(db, "SELECT site, worker, epoch FROM site_lease WHERE site IN", tail, None, sites)
            .await?;
    rows.iter().map(read).collect()
}

/// All leases.
pub async fn all(db: &mut AnyConnection) -> Result<BTreeMap<SiteId, Lease>, HubError> {
    let rows = sqlx::query("SELECT site, worker, epoch FROM site_lease").fetch_all(db).await?;
    rows.iter().map(read).collect()
}

/// Takes a site that nobody has had yet; `false` when somebody was faster.
pub async fn found(db: &mut AnyConnection, site: &SiteId, worker: &str) -> Result<bool, HubError> {
    let done = sqlx::query(
        "INSERT INTO site_lease (site, worker, epoch) VALUES ($1, $2, 1) ON CONFLICT (site) DO NOTHING",
    )
    .bind(site.as_str())
    .bind(worker)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Passes a site on from the epoch that was seen, to another worker or to nobody; `false` when it has changed hands
/// since, or while another transaction holds the lease: whoever asks must not wait, or it would seem dead itself.
pub async fn pass_on(
    db: &mut AnyConnection,
    site: &SiteId,
    seen: u64,
    worker: &str,
) -> Result<bool, HubError> {
    let done = sqlx::query(
        "UPDATE site_lease SET worker = $3, epoch = epoch + 1 WHERE site IN
                 (SELECT site FROM site_lease WHERE site = $1 AND epoch = $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(site.as_str())
    .bind(signed(seen))
    .bind(worker)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A process starts in a data folder: the sites that an earlier one of the same folder had are its own, in a new epoch, so
/// that what that one may still have under way is refused. With `all`, every site is.
pub async fn resume(
    db: &mut AnyConnection,
    folder: &str,
    worker: &str,
    all: bool,
) -> Result<BTreeMap<SiteId, Lease>, HubError> {
    sqlx::query("DELETE FROM worker WHERE worker LIKE $1")
        .bind(format!("{folder}.%"))
        .execute(&mut *db)
        .await?;
    let rows = sqlx::query(
        "UPDATE site_lease SET worker = $1, epoch = epoch + 1 WHERE worker LIKE $2 OR $3 = 1
         RETURNING site, worker, epoch",
    )
    .bind(worker)
    .bind(format!("{folder}.%"))
    .bind(i64::from(all))
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// The worker lives for so long from now on, and takes no part any more when that is 0.
pub async fn beat(db: &mut AnyConnection, worker: &str, for_ms: i64) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO worker (worker, until)
         VALUES ($1, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $2)
         ON CONFLICT (worker) DO UPDATE SET until = excluded.until",
    )
    .bind(worker)
    .bind(for_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// Workers that live, by the database's clock, in the order of their names.
pub async fn living(db: &mut AnyConnection) -> Result<Vec<String>, HubError> {
    let rows = sqlx::query(
        "SELECT worker FROM worker WHERE until > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)
         ORDER BY worker",
    )
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| column(row, "worker", "worker")).collect()
}

fn read(row: &AnyRow) -> Result<(SiteId, Lease), HubError> {
    let lease = Lease { worker: column(row, TABLE, "worker")?, epoch: unsigned(row, TABLE, "epoch")? };
    Ok((parsed(row, TABLE, "site")?, lease))
}
