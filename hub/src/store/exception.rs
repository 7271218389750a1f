//! Exceptions: what a person must look at. Each is raised once for its reason.

use outpost_model::id::{CaseId, OrderId, SiteId};
use outpost_model::time::UtcMillis;
use sqlx::AnyConnection;
use uuid::Uuid;

use crate::error::HubError;

/// An exception to be raised.
#[derive(Debug, Clone, Default)]
pub struct New<'a> {
    /// Stable code; each has a runbook.
    pub code: &'a str,
    /// What happened, in a sentence for staff, without personal data.
    pub sentence: String,
    /// What makes it the same exception: raised again while this is the same, it is not a second one.
    pub once: String,
    /// The order it is about.
    pub order: Option<OrderId>,
    /// The case it is about.
    pub case: Option<CaseId>,
    /// The site it is about.
    pub site: Option<SiteId>,
    /// The payload that was kept.
    pub payload: Option<Uuid>,
}

/// Raises it; `false` when it was there already.
pub async fn raise(
    db: &mut AnyConnection,
    id: Uuid,
    now: UtcMillis,
    exception: New<'_>,
) -> Result<bool, HubError> {
    let done = sqlx::query(
        "INSERT INTO exception (id, once, code, sentence, order_id, case_id, site, payload, raised_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (once) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(exception.once)
    .bind(exception.code)
    .bind(exception.sentence)
    .bind(exception.order.map(|order| order.to_string()))
    .bind(exception.case.map(|case| case.to_string()))
    .bind(exception.site.map(String::from))
    .bind(exception.payload.map(|payload| payload.to_string()))
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Marks one as dealt with; `false` when there is no such open exception.
pub async fn resolve(
    db: &mut AnyConnection,
    id: Uuid,
    now: UtcMillis,
    by: &str,
    note: Option<&str>,
) -> Result<bool, HubError> {
    // The key of a resolved one gives way, so that the same thing happening again is seen again.
    let done = sqlx::query(
        "UPDATE exception SET resolved_at = $2, resolved_by = $3, note = $4, once = once || ' resolved ' || id
         WHERE id = $1 AND resolved_at IS NULL",
    )
    .bind(id.to_string())
    .bind(now.0)
    .bind(by)
    .bind(note)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Resolves by rule what has been overtaken by events: all open ones of an order with a code.
pub async fn overtaken(
    db: &mut AnyConnection,
    order: OrderId,
    code: &str,
    now: UtcMillis,
) -> Result<u64, HubError> {
    let done = sqlx::query(
        "UPDATE exception SET resolved_at = $3, resolved_by = 'hub', once = once || ' resolved ' || id
         WHERE order_id = $1 AND code = $2 AND resolved_at IS NULL",
    )
    .bind(order.to_string())
    .bind(code)
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Resolves by rule all open ones of a site with a code.
pub async fn gone_at(
    db: &mut AnyConnection,
    site: &SiteId,
    code: &str,
    now: UtcMillis,
) -> Result<(), HubError> {
    sqlx::query(
        "UPDATE exception SET resolved_at = $3, resolved_by = 'hub', once = once || ' resolved ' || id
         WHERE site = $1 AND code = $2 AND resolved_at IS NULL",
    )
    .bind(site.as_str())
    .bind(code)
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}

/// The id of the open exception with this key.
pub async fn id_of(db: &mut AnyConnection, once: &str) -> Result<Uuid, HubError> {
    let row = sqlx::query("SELECT id FROM exception WHERE once = $1").bind(once).fetch_one(db).await?;
    super::parsed(&row, "exception", "id")
}

/// Resolves by rule the open exception with this key.
pub async fn gone(db: &mut AnyConnection, once: &str, now: UtcMillis) -> Result<(), HubError> {
    sqlx::query(
        "UPDATE exception SET resolved_at = $2, resolved_by = 'hub', once = once || ' resolved ' || id
         WHERE once = $1 AND resolved_at IS NULL",
    )
    .bind(once)
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}
