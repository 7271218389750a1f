//! What was set aside: kept whole for inspection, blocking nobody.

use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::{Change, DocumentId};
use sqlx::AnyConnection;
use uuid::Uuid;

use super::column;
use crate::error::HubError;

/// Frames and records kept per site; beyond it the oldest give way, so that a flood cannot fill the disk.
pub const KEPT_MAX: i64 = 1_000;
/// Changes of held documents kept per site. Later ones are not: their author has them, and gives them by repair when
/// the document is released.
pub const CHANGES_MAX: i64 = 10_000;

/// Keeps a frame or a change with the reason why it was set aside. A change is kept once.
pub async fn put(
    db: &mut AnyConnection,
    id: Uuid,
    site: &SiteId,
    (doc, hash): (Option<&str>, Option<&[u8]>),
    reason: &str,
    now: UtcMillis,
    bytes: &[u8],
) -> Result<(), HubError> {
    if let (Some(doc), Some(hash)) = (doc, hash)
        && !has_room(db, site, doc, hash).await?
    {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO quarantine (id, site, doc, hash, reason, received_at, bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id.to_string())
    .bind(site.as_str())
    .bind(doc)
    .bind(hash)
    .bind(reason)
    .bind(now.0)
    .bind(bytes)
    .execute(&mut *db)
    .await?;
    if doc.is_some() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM quarantine WHERE site = $1 AND doc IS NULL AND id NOT IN
             (SELECT id FROM quarantine WHERE site = $1 AND doc IS NULL
              ORDER BY received_at DESC, id DESC LIMIT $2)",
    )
    .bind(site.as_str())
    .bind(KEPT_MAX)
    .execute(db)
    .await?;
    Ok(())
}

/// Both questions are answered by one index, the first by a look, the second by at most [`CHANGES_MAX`] of its entries.
async fn has_room(db: &mut AnyConnection, site: &SiteId, doc: &str, hash: &[u8]) -> Result<bool, HubError> {
    let same = sqlx::query("SELECT 1 FROM quarantine WHERE site = $1 AND doc = $2 AND hash = $3 LIMIT 1")
        .bind(site.as_str())
        .bind(doc)
        .bind(hash)
        .fetch_optional(&mut *db)
        .await?;
    if same.is_some() {
        return Ok(false);
    }
    let row = sqlx::query("SELECT COUNT(*) AS kept FROM quarantine WHERE site = $1 AND doc IS NOT NULL")
        .bind(site.as_str())
        .fetch_one(db)
        .await?;
    Ok(column::<i64>(&row, "quarantine", "kept")? < CHANGES_MAX)
}

/// Whether changes of a document are kept.
pub async fn holds(db: &mut AnyConnection, site: &SiteId, doc: &DocumentId) -> Result<bool, HubError> {
    let row = sqlx::query("SELECT COUNT(*) AS kept FROM quarantine WHERE site = $1 AND doc = $2")
        .bind(site.as_str())
        .bind(doc.as_str())
        .fetch_one(db)
        .await?;
    Ok(column::<i64>(&row, "quarantine", "kept")? > 0)
}

/// The kept changes of a document, in the order in which they came. What is no change is left out.
pub async fn changes(
    db: &mut AnyConnection,
    site: &SiteId,
    doc: &DocumentId,
) -> Result<Vec<Change>, HubError> {
    let rows =
        sqlx::query("SELECT bytes FROM quarantine WHERE site = $1 AND doc = $2 ORDER BY received_at, id")
            .bind(site.as_str())
            .bind(doc.as_str())
            .fetch_all(db)
            .await?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in &rows {
        changes.extend(Change::from_bytes(doc.clone(), column(row, "quarantine", "bytes")?).ok());
    }
    Ok(changes)
}

/// Forgets what was kept of a document: it is tried again in the same transaction, or replaced by a successor.
pub async fn clear(db: &mut AnyConnection, site: &SiteId, doc: &DocumentId) -> Result<(), HubError> {
    sqlx::query("DELETE FROM quarantine WHERE site = $1 AND doc = $2")
        .bind(site.as_str())
        .bind(doc.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// A document of a site of which changes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub document: String,
    /// The first reason.
    pub reason: String,
    /// How many changes.
    pub changes: u64,
    /// When the first of them came.
    pub since: UtcMillis,
}

/// The documents of a site of which changes are kept, by name.
pub async fn documents(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Kept>, HubError> {
    let rows = sqlx::query(
        "SELECT doc, reason, received_at FROM quarantine WHERE site = $1 AND doc IS NOT NULL
         ORDER BY doc, received_at, id",
    )
    .bind(site.as_str())
    .fetch_all(db)
    .await?;
    let mut kept: Vec<Kept> = Vec::new();
    for row in &rows {
        let document: String = column(row, "quarantine", "doc")?;
        match kept.last_mut() {
            Some(last) if last.document == document => last.changes += 1,
            _ => kept.push(Kept {
                document,
                reason: column(row, "quarantine", "reason")?,
                changes: 1,
                since: UtcMillis(column(row, "quarantine", "received_at")?),
            }),
        }
    }
    Ok(kept)
}
