//! What was set aside: kept whole for inspection, blocking nobody.

use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use sqlx::AnyConnection;
use uuid::Uuid;

use crate::error::HubError;

/// Frames and items kept per site; beyond it the oldest give way, so that a flood cannot fill the disk.
pub const KEPT_MAX: i64 = 1_000;

/// Keeps a frame or a change with the reason why it was set aside.
pub async fn put(
    db: &mut AnyConnection,
    id: Uuid,
    site: &SiteId,
    (doc, hash): (Option<&str>, Option<&[u8]>),
    reason: &str,
    now: UtcMillis,
    bytes: &[u8],
) -> Result<(), HubError> {
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
    sqlx::query(
        "DELETE FROM quarantine WHERE site = $1 AND id NOT IN
             (SELECT id FROM quarantine WHERE site = $1 ORDER BY received_at DESC, id DESC LIMIT $2)",
    )
    .bind(site.as_str())
    .bind(KEPT_MAX)
    .execute(db)
    .await?;
    Ok(())
}
