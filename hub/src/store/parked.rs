//! Changes of sites that came before others they build on: they count as received and are not applied. When those
//! others have come they are taken out again, in the order in which they came.

use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::{Change, DocumentId};
use sqlx::AnyConnection;

use super::column;
use crate::error::HubError;

/// How much of a site may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Changes.
    pub items_max: usize,
    /// Bytes of them.
    pub bytes_max: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { items_max: 1_000, bytes_max: 4 << 20 }
    }
}

/// How much of a site waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Changes.
    pub items: usize,
    /// Bytes of them.
    pub bytes: usize,
}

impl Room {
    /// Whether one more change fits.
    pub fn takes(&self, waiting: Waiting, change: &Change) -> bool {
        waiting.items < self.items_max && waiting.bytes + change.bytes.len() <= self.bytes_max
    }
}

/// How much of a site waits.
pub async fn waiting(db: &mut AnyConnection, site: &SiteId) -> Result<Waiting, HubError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS items, CAST(COALESCE(SUM(LENGTH(bytes)), 0) AS BIGINT) AS bytes
         FROM sync_parked WHERE site = $1",
    )
    .bind(site.as_str())
    .fetch_one(db)
    .await?;
    let number = |name| column::<i64>(&row, "sync_parked", name);
    let size = |number: i64| usize::try_from(number).unwrap_or(0);
    Ok(Waiting { items: size(number("items")?), bytes: size(number("bytes")?) })
}

/// Lets a change wait; one that waits already stays where it is.
pub async fn park(
    db: &mut AnyConnection,
    site: &SiteId,
    change: &Change,
    now: UtcMillis,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO sync_parked (site, doc, hash, place, bytes, parked_at)
         VALUES ($1, $2, $3, (SELECT COALESCE(MAX(place), 0) + 1 FROM sync_parked WHERE site = $1), $4, $5)
         ON CONFLICT (site, doc, hash) DO NOTHING",
    )
    .bind(site.as_str())
    .bind(change.doc.as_str())
    .bind(&change.hash.0[..])
    .bind(change.bytes.clone())
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}

/// The waiting changes of a site's documents, of those that are named, in the order in which they came.
pub async fn of_documents(
    db: &mut AnyConnection,
    site: &SiteId,
    docs: &[DocumentId],
) -> Result<Vec<Change>, HubError> {
    let rows = sqlx::query("SELECT doc, bytes FROM sync_parked WHERE site = $1 ORDER BY place")
        .bind(site.as_str())
        .fetch_all(db)
        .await?;
    let mut changes = Vec::new();
    for row in &rows {
        let name: String = column(row, "sync_parked", "doc")?;
        let Some(doc) = docs.iter().find(|doc| doc.as_str() == name) else { continue };
        let change = Change::from_bytes(doc.clone(), column(row, "sync_parked", "bytes")?);
        changes.push(change.map_err(|error| HubError::corrupt("sync_parked", doc, error))?);
    }
    Ok(changes)
}

/// Takes a change out.
pub async fn unpark(db: &mut AnyConnection, site: &SiteId, change: &Change) -> Result<(), HubError> {
    sqlx::query("DELETE FROM sync_parked WHERE site = $1 AND doc = $2 AND hash = $3")
        .bind(site.as_str())
        .bind(change.doc.as_str())
        .bind(&change.hash.0[..])
        .execute(db)
        .await?;
    Ok(())
}
