//! Payloads as the channels sent them, kept whole until their retention: they hold personal data.

use outpost_model::id::OrderId;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;
use sqlx::AnyConnection;
use uuid::Uuid;

use super::column;
use super::sealed::PAYLOAD;
use super::vault::Vault;
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

/// Keeps a payload, its body sealed.
pub async fn put(
    db: &mut AnyConnection,
    id: Uuid,
    payload: &Payload,
    order: Option<OrderId>,
    received_at: UtcMillis,
    retain_until: UtcMillis,
    sealed: &[u8],
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO payload (id, channel, topic, delivery, order_id, received_at, retain_until, body, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
    )
    .bind(id.to_string())
    .bind(&payload.channel)
    .bind(&payload.topic)
    .bind(&payload.delivery)
    .bind(order.map(|order| order.to_string()))
    .bind(received_at.0)
    .bind(retain_until.0)
    .bind(sealed)
    .execute(db)
    .await?;
    Ok(())
}

/// A payload's bytes, while its key is kept.
pub async fn body(db: &mut AnyConnection, vault: &Vault, id: Uuid) -> Result<Option<Vec<u8>>, HubError> {
    let key = id.to_string();
    let row =
        sqlx::query("SELECT body, sealed FROM payload WHERE id = $1").bind(&key).fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let body: Vec<u8> = column(&row, "payload", "body")?;
    match column::<i64>(&row, "payload", "sealed")? {
        0 => Ok(Some(body)),
        _ => vault.unseal(Name { kind: PAYLOAD, key: &key }, &body).await,
    }
}

/// Payloads that an earlier version kept in plain: id, until when, body.
pub async fn unsealed(
    db: &mut AnyConnection,
    limit: i64,
) -> Result<Vec<(String, UtcMillis, Vec<u8>)>, HubError> {
    let rows =
        sqlx::query("SELECT id, retain_until, body FROM payload WHERE sealed = 0 ORDER BY id LIMIT $1")
            .bind(limit)
            .fetch_all(db)
            .await?;
    rows.iter()
        .map(|row| {
            let until = UtcMillis(column(row, "payload", "retain_until")?);
            Ok((column(row, "payload", "id")?, until, column(row, "payload", "body")?))
        })
        .collect()
}

/// Puts sealed bytes in the place of plain ones.
pub async fn replace(db: &mut AnyConnection, id: &str, sealed: &[u8]) -> Result<(), HubError> {
    sqlx::query("UPDATE payload SET body = $2, sealed = 1 WHERE id = $1")
        .bind(id)
        .bind(sealed)
        .execute(db)
        .await?;
    Ok(())
}
