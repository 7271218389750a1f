//! Payloads as the channels sent them, kept whole until their retention: they hold personal data.

use outpost_model::id::OrderId;
use outpost_model::time::UtcMillis;
use sqlx::AnyConnection;
use uuid::Uuid;

use super::column;
use crate::error::HubError;

/// A payload as it came.
#[derive(Clone)]
pub struct Payload {
    /// Where it came from.
    pub channel: String,
    /// What the channel says it is about.
    pub topic: String,
    /// The channel's id of this delivery.
    pub delivery: String,
    /// The bytes.
    pub body: Vec<u8>,
}

/// Personal data does not get into logs by accident.
impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({}, {}, {} bytes)", self.channel, self.topic, self.body.len())
    }
}

/// Keeps a payload.
pub async fn put(
    db: &mut AnyConnection,
    id: Uuid,
    payload: &Payload,
    order: Option<OrderId>,
    received_at: UtcMillis,
    retain_until: UtcMillis,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO payload (id, channel, topic, delivery, order_id, received_at, retain_until, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id.to_string())
    .bind(&payload.channel)
    .bind(&payload.topic)
    .bind(&payload.delivery)
    .bind(order.map(|order| order.to_string()))
    .bind(received_at.0)
    .bind(retain_until.0)
    .bind(&payload.body[..])
    .execute(db)
    .await?;
    Ok(())
}

/// A payload's bytes.
pub async fn body(db: &mut AnyConnection, id: Uuid) -> Result<Option<Vec<u8>>, HubError> {
    let row =
        sqlx::query("SELECT body FROM payload WHERE id = $1").bind(id.to_string()).fetch_optional(db).await?;
    row.map(|row| column(&row, "payload", "body")).transpose()
}
