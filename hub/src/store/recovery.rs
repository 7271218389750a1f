//! Sites that have not shown yet what they have, since the hub was restored.

use std::collections::BTreeSet;

use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::Position;
use sqlx::AnyConnection;

use super::authority::Life;
use super::{column, json, parsed, to_json};
use crate::error::HubError;

const TABLE: &str = "recovery";

/// Written where it will say how the waiting ended.
const OWED: &str = "rights_owed";

/// A site that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The site.
    pub site: SiteId,
    /// Since when.
    pub begun_at: UtcMillis,
    /// Where its own stream ended, as it has said; nothing while it has not spoken.
    pub tail: Option<Vec<Position>>,
    /// When its documents were found to be the hub's.
    pub compared_at: Option<UtcMillis>,
}

/// Waits for a site from the beginning of an epoch.
pub async fn open(db: &mut AnyConnection, site: &SiteId, life: &Life) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO recovery (site, epoch, begun_at) VALUES ($1, $2, $3)
         ON CONFLICT (site) DO UPDATE SET epoch = excluded.epoch, begun_at = excluded.begun_at, tail = NULL,
             compared_at = NULL, settled_at = NULL, how = NULL, held = 0",
    )
    .bind(site.as_str())
    .bind(i64::from(life.epoch))
    .bind(life.begun_at.0)
    .execute(db)
    .await?;
    Ok(())
}

/// The sites that are waited for.
pub async fn sites(db: &mut AnyConnection) -> Result<BTreeSet<SiteId>, HubError> {
    let rows = sqlx::query("SELECT site FROM recovery WHERE settled_at IS NULL").fetch_all(db).await?;
    rows.iter().map(|row| parsed(row, TABLE, "site")).collect()
}

/// Whether a site is waited for.
pub async fn waits(db: &mut AnyConnection, site: &SiteId) -> Result<bool, HubError> {
    let row = sqlx::query("SELECT 1 AS one FROM recovery WHERE site = $1 AND settled_at IS NULL")
        .bind(site.as_str())
        .fetch_optional(db)
        .await?;
    Ok(row.is_some())
}

/// Everybody who is waited for, with how far each has come.
pub async fn all(db: &mut AnyConnection) -> Result<Vec<Waiting>, HubError> {
    let rows = sqlx::query(
        "SELECT site, begun_at, tail, compared_at FROM recovery WHERE settled_at IS NULL AND held = 0 ORDER BY site",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let tail = match column::<Option<String>>(row, TABLE, "tail")? {
                Some(_) => Some(json(row, TABLE, "tail")?),
                None => None,
            };
            Ok(Waiting {
                site: parsed(row, TABLE, "site")?,
                begun_at: UtcMillis(column(row, TABLE, "begun_at")?),
                tail,
                compared_at: column::<Option<i64>>(row, TABLE, "compared_at")?.map(UtcMillis),
            })
        })
        .collect()
}

/// Waits for a person to decide about a site; `false` when that is waited for already.
pub async fn hold(db: &mut AnyConnection, site: &SiteId, now: UtcMillis) -> Result<bool, HubError> {
    let done = sqlx::query(
        "INSERT INTO recovery (site, epoch, begun_at, held) VALUES ($1, 0, $2, 1)
         ON CONFLICT (site) DO UPDATE SET held = 1, begun_at = excluded.begun_at, settled_at = NULL, how = NULL
             WHERE recovery.held = 0 OR recovery.settled_at IS NOT NULL",
    )
    .bind(site.as_str())
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes where the site's own stream ends.
pub async fn note_tail(db: &mut AnyConnection, site: &SiteId, tail: &[Position]) -> Result<(), HubError> {
    sqlx::query("UPDATE recovery SET tail = $2 WHERE site = $1 AND settled_at IS NULL")
        .bind(site.as_str())
        .bind(to_json(&tail)?)
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that the site's documents are the hub's.
pub async fn note_compared(db: &mut AnyConnection, site: &SiteId, now: UtcMillis) -> Result<(), HubError> {
    sqlx::query("UPDATE recovery SET compared_at = $2 WHERE site = $1 AND settled_at IS NULL")
        .bind(site.as_str())
        .bind(now.0)
        .execute(db)
        .await?;
    Ok(())
}

/// A site that is waited for has rights to get back: how many, is known when it has shown what was promised from them.
pub async fn owe_rights(db: &mut AnyConnection, site: &SiteId) -> Result<(), HubError> {
    sqlx::query("UPDATE recovery SET how = $2 WHERE site = $1 AND settled_at IS NULL")
        .bind(site.as_str())
        .bind(OWED)
        .execute(db)
        .await?;
    Ok(())
}

/// Whether the site gets back its rights when it is not waited for any more.
pub async fn owes_rights(db: &mut AnyConnection, site: &SiteId) -> Result<bool, HubError> {
    let row =
        sqlx::query("SELECT 1 AS one FROM recovery WHERE site = $1 AND settled_at IS NULL AND how = $2")
            .bind(site.as_str())
            .bind(OWED)
            .fetch_optional(db)
            .await?;
    Ok(row.is_some())
}

/// Waits for the site no longer; `false` when it was not waited for.
pub async fn settle(
    db: &mut AnyConnection,
    site: &SiteId,
    now: UtcMillis,
    how: &str,
) -> Result<bool, HubError> {
    let done = sqlx::query(
        "UPDATE recovery SET settled_at = $2, how = $3, held = 0 WHERE site = $1 AND settled_at IS NULL",
    )
    .bind(site.as_str())
    .bind(now.0)
    .bind(how)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
