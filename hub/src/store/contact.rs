//! Contacts: personal data, apart from the order, each with its retention.

use outpost_model::id::{OrderId, RecordId};
use outpost_model::order::Contact;
use outpost_model::time::UtcMillis;
use sqlx::AnyConnection;

use super::{column, json, to_json};
use crate::error::HubError;

/// Writes an order's contact.
pub async fn put(
    db: &mut AnyConnection,
    record: RecordId,
    order: OrderId,
    retain_until: UtcMillis,
    contact: &Contact,
) -> Result<(), HubError> {
    sqlx::query("INSERT INTO contact (record, order_id, retain_until, body) VALUES ($1, $2, $3, $4)")
        .bind(record.to_string())
        .bind(order.to_string())
        .bind(retain_until.0)
        .bind(to_json(contact)?)
        .execute(db)
        .await?;
    Ok(())
}

/// A contact and until when it may be kept; nothing once it was deleted.
pub async fn get(db: &mut AnyConnection, record: RecordId) -> Result<Option<(Contact, UtcMillis)>, HubError> {
    let row = sqlx::query("SELECT body, retain_until FROM contact WHERE record = $1")
        .bind(record.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        let contact = json(&row, "contact", "body")
            .map_err(|_| HubError::corrupt("contact", record, "not a contact"))?;
        Ok((contact, UtcMillis(column(&row, "contact", "retain_until")?)))
    })
    .transpose()
}

/// Deletes the personal data whose time has come: contacts, and raw payloads, which hold the same.
pub async fn expire(db: &mut AnyConnection, now: UtcMillis) -> Result<u64, HubError> {
    let contacts =
        sqlx::query("DELETE FROM contact WHERE retain_until < $1").bind(now.0).execute(&mut *db).await?;
    let payloads =
        sqlx::query("DELETE FROM payload WHERE retain_until < $1").bind(now.0).execute(&mut *db).await?;
    Ok(contacts.rows_affected() + payloads.rows_affected())
}
