//! Intents sent to sites, and what each site answered.

use outpost_model::id::{CaseId, EventId, OrderId, ReasonCode};
use outpost_model::time::UtcMillis;
use sqlx::AnyConnection;

use super::column;
use crate::error::HubError;

/// Notes an intent that was written into a case.
pub async fn put(
    db: &mut AnyConnection,
    event: EventId,
    (order, case): (OrderId, CaseId),
    kind: &str,
    now: UtcMillis,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO intent (event, order_id, case_id, kind, requested_at, answer)
         VALUES ($1, $2, $3, $4, $5, 'pending')",
    )
    .bind(event.to_string())
    .bind(order.to_string())
    .bind(case.to_string())
    .bind(kind)
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}

/// Notes the answer and returns the intent's kind; nothing when it is not known or was answered before.
pub async fn answer(
    db: &mut AnyConnection,
    event: EventId,
    refused: Option<&ReasonCode>,
    now: UtcMillis,
) -> Result<Option<String>, HubError> {
    let row = sqlx::query(
        "UPDATE intent SET answer = $2, reason = $3, answered_at = $4
         WHERE event = $1 AND answer = 'pending' RETURNING kind",
    )
    .bind(event.to_string())
    .bind(if refused.is_some() { "refused" } else { "accepted" })
    .bind(refused.map(ReasonCode::as_str))
    .bind(now.0)
    .fetch_optional(db)
    .await?;
    row.map(|row| column(&row, "intent", "kind")).transpose()
}

/// Intents of a kind that wait for their answer.
pub async fn pending(db: &mut AnyConnection, kind: &str) -> Result<i64, HubError> {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM intent WHERE answer = 'pending' AND kind = $1")
        .bind(kind)
        .fetch_one(db)
        .await?;
    column(&row, "intent", "n")
}
