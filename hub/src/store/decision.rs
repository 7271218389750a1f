//! Why each part of an order went where it went.

use outpost_model::id::OrderId;
use sqlx::AnyConnection;
use uuid::Uuid;

use super::query::timeline::Decision;
use super::{json, to_json};
use crate::error::HubError;

/// Keeps a decision.
pub async fn put(
    db: &mut AnyConnection,
    id: Uuid,
    order: OrderId,
    decision: &Decision,
) -> Result<(), HubError> {
    sqlx::query("INSERT INTO decision (id, order_id, at, body) VALUES ($1, $2, $3, $4)")
        .bind(id.to_string())
        .bind(order.to_string())
        .bind(decision.at.0)
        .bind(to_json(decision)?)
        .execute(db)
        .await?;
    Ok(())
}

/// An order's decisions, the oldest first.
pub async fn of_order(db: &mut AnyConnection, order: OrderId) -> Result<Vec<Decision>, HubError> {
    let rows = sqlx::query("SELECT body FROM decision WHERE order_id = $1 ORDER BY at, id")
        .bind(order.to_string())
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| json(row, "decision", "body")).collect()
}
