//! What each site may do without asking, as committed before it is sent; and the hub's own life.

use outpost_model::authority::Authority;
use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::Incarnation;
use sqlx::AnyConnection;

use super::{column, json, to_json, unsigned};
use crate::error::HubError;

/// The hub's epoch and the incarnation it writes as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Raised whenever the hub's database was restored.
    pub epoch: u32,
    /// The author of the hub's changes.
    pub incarnation: Incarnation,
}

/// The hub's present life; the first one begins with `mint`.
///
/// The incarnation stays the same over restarts: no document stays open beyond its transaction here, and nothing is
/// sent before its commit, so a change that was dropped was never seen by anybody. A restored database is a new epoch
/// and a new incarnation.
pub async fn life(db: &mut AnyConnection, mint: Incarnation, now: UtcMillis) -> Result<Life, HubError> {
    sqlx::query(
        "INSERT INTO hub (singleton, epoch, incarnation, created_at) VALUES (1, 1, $1, $2)
         ON CONFLICT (singleton) DO NOTHING",
    )
    .bind(&mint.0[..])
    .bind(now.0)
    .execute(&mut *db)
    .await?;
    read_life(db).await?.ok_or_else(|| HubError::Invariant("the hub's own row is gone".to_owned()))
}

/// The life that a database tells of; nothing when no hub has lived in it.
pub async fn read_life(db: &mut AnyConnection) -> Result<Option<Life>, HubError> {
    let row =
        sqlx::query("SELECT epoch, incarnation FROM hub WHERE singleton = 1").fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let bytes: Vec<u8> = column(&row, "hub", "incarnation")?;
    let incarnation = Incarnation::from_slice(&bytes)
        .ok_or_else(|| HubError::corrupt("hub", "incarnation", "not its number of bytes"))?;
    let epoch = u32::try_from(unsigned(&row, "hub", "epoch")?)
        .map_err(|error| HubError::corrupt("hub", "epoch", error))?;
    Ok(Some(Life { epoch, incarnation }))
}

/// A site's authority.
pub async fn get(db: &mut AnyConnection, site: &SiteId) -> Result<Option<Authority>, HubError> {
    let row = sqlx::query("SELECT body FROM authority WHERE site = $1")
        .bind(site.as_str())
        .fetch_optional(db)
        .await?;
    row.map(|row| json(&row, "authority", "body")).transpose()
}

/// Writes a site's authority. Within an epoch it never goes back.
pub async fn put(
    db: &mut AnyConnection,
    site: &SiteId,
    authority: &Authority,
    now: UtcMillis,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO authority (site, epoch, through, body, committed_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (site) DO UPDATE SET epoch = excluded.epoch, through = excluded.through,
             body = excluded.body, committed_at = excluded.committed_at
         WHERE authority.epoch < excluded.epoch
            OR (authority.epoch = excluded.epoch AND authority.through <= excluded.through)",
    )
    .bind(site.as_str())
    .bind(i64::from(authority.epoch))
    .bind(super::signed(authority.through))
    .bind(to_json(authority)?)
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}
