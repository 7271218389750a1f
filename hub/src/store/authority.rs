//! What each site may do without asking, as committed before it is sent; and the hub's own life.

use outpost_model::authority::Authority;
use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::Incarnation;
use sqlx::AnyConnection;

use super::{column, json, to_json, unsigned};
use crate::error::HubError;

/// The hub's epoch and the incarnation it writes as.
///
/// The incarnation stays the same over restarts: no document stays open beyond its transaction here, and nothing is
/// sent before its commit, so a change that was dropped was never seen by anybody. A restored database is a new epoch
/// and a new incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Raised whenever the hub's database was restored.
    pub epoch: u32,
    /// The author of the hub's changes.
    pub incarnation: Incarnation,
    /// When the epoch began.
    pub begun_at: UtcMillis,
}

/// What a database tells of its own past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// The life that wrote into it last.
    pub life: Life,
    /// How far it has come; 0 before a version that counts it.
    pub tide: u64,
    /// Whether a site has proved that something is missing.
    pub suspected: bool,
}

/// The past that a database tells of; nothing when no hub has lived in it.
pub async fn past(db: &mut AnyConnection) -> Result<Option<Past>, HubError> {
    let row = sqlx::query("SELECT * FROM hub WHERE singleton = 1").fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let bytes: Vec<u8> = column(&row, "hub", "incarnation")?;
    let incarnation = Incarnation::from_slice(&bytes)
        .ok_or_else(|| HubError::corrupt("hub", "incarnation", "not its number of bytes"))?;
    let epoch = u32::try_from(unsigned(&row, "hub", "epoch")?)
        .map_err(|error| HubError::corrupt("hub", "epoch", error))?;
    let life = Life { epoch, incarnation, begun_at: UtcMillis(column(&row, "hub", "begun_at")?) };
    let suspected = column::<i64>(&row, "hub", "suspected")? != 0;
    Ok(Some(Past { life, tide: unsigned(&row, "hub", "tide")?, suspected }))
}

/// Writes the life that begins, and how far the database has come.
pub async fn put_life(db: &mut AnyConnection, life: &Life, tide: u64) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO hub (singleton, epoch, incarnation, created_at, begun_at, tide, suspected)
         VALUES (1, $1, $2, $3, $3, $4, 0)
         ON CONFLICT (singleton) DO UPDATE SET epoch = excluded.epoch, incarnation = excluded.incarnation,
             begun_at = excluded.begun_at, tide = excluded.tide, suspected = 0",
    )
    .bind(i64::from(life.epoch))
    .bind(&life.incarnation.0[..])
    .bind(life.begun_at.0)
    .bind(super::signed(tide))
    .execute(db)
    .await?;
    Ok(())
}

/// Counts how far the database has come.
pub async fn rise(db: &mut AnyConnection) -> Result<u64, HubError> {
    let row = sqlx::query("UPDATE hub SET tide = tide + 1 WHERE singleton = 1 RETURNING tide").fetch_one(db);
    unsigned(&row.await?, "hub", "tide")
}

/// Notes that something is missing here: the next start begins a new epoch.
pub async fn suspect(db: &mut AnyConnection) -> Result<(), HubError> {
    sqlx::query("UPDATE hub SET suspected = 1 WHERE singleton = 1").execute(db).await?;
    Ok(())
}

/// A site's authority.
pub async fn get(db: &mut AnyConnection, site: &SiteId) -> Result<Option<Authority>, HubError> {
    let row = sqlx::query("SELECT body FROM authority WHERE site = $1")
        .bind(site.as_str())
        .fetch_optional(db)
        .await?;
    let known: Option<Authority> = row.map(|row| json(&row, "authority", "body")).transpose()?;
    Ok(known.filter(|known| known.epoch > 0))
}

/// A site's authority, locked to the end of the transaction: nobody raises it meanwhile.
pub async fn lock(db: &mut AnyConnection, site: &SiteId) -> Result<Option<Authority>, HubError> {
    let nothing = Authority { epoch: 0, stream: None, through: 0, until: Default::default() };
    let row = sqlx::query(
        "INSERT INTO authority (site, epoch, through, body, committed_at) VALUES ($1, 0, 0, $2, 0)
         ON CONFLICT (site) DO UPDATE SET through = authority.through RETURNING body",
    )
    .bind(site.as_str())
    .bind(to_json(&nothing)?)
    .fetch_one(db)
    .await?;
    let known: Authority = json(&row, "authority", "body")?;
    Ok((known.epoch > 0).then_some(known))
}

/// Positions of the site's stream count from the beginning again: none of them is covered.
pub async fn forget_through(db: &mut AnyConnection, site: &SiteId) -> Result<(), HubError> {
    if let Some(known) = lock(db, site).await? {
        let known = Authority { through: 0, ..known };
        sqlx::query("UPDATE authority SET through = 0, body = $2 WHERE site = $1")
            .bind(site.as_str())
            .bind(to_json(&known)?)
            .execute(&mut *db)
            .await?;
    }
    super::case::forget_revoked(db, site).await
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
