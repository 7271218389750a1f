//! Sealed records: names and addresses, carrier labels. What stands here is closed; keys are the vault's.

use outpost_model::id::RecordId;
use outpost_model::order::Contact;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;
use sqlx::AnyConnection;

use super::column;
use super::vault::Vault;
use crate::error::HubError;

/// The kind of a person's name and address.
pub const CONTACT: &str = "contact";
/// The kind of a carrier label.
pub const LABEL: &str = "label";
/// The kind that payloads are sealed as.
pub const PAYLOAD: &str = "payload";

/// Keeps sealed bytes; the same record sealed anew replaces them.
pub async fn put(
    db: &mut AnyConnection,
    name: Name<'_>,
    retain_until: UtcMillis,
    bytes: &[u8],
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO sealed (kind, key, retain_until, bytes) VALUES ($1, $2, $3, $4)
         ON CONFLICT (kind, key) DO UPDATE SET retain_until = excluded.retain_until, bytes = excluded.bytes",
    )
    .bind(name.kind)
    .bind(name.key)
    .bind(retain_until.0)
    .bind(bytes)
    .execute(db)
    .await?;
    Ok(())
}

/// Sealed bytes; nothing once their time was over.
pub async fn get(db: &mut AnyConnection, name: Name<'_>) -> Result<Option<Vec<u8>>, HubError> {
    let row = sqlx::query("SELECT bytes FROM sealed WHERE kind = $1 AND key = $2")
        .bind(name.kind)
        .bind(name.key)
        .fetch_optional(db)
        .await?;
    row.map(|row| column(&row, "sealed", "bytes")).transpose()
}

/// A person's data, while it is kept.
pub async fn contact(
    db: &mut AnyConnection,
    vault: &Vault,
    record: RecordId,
) -> Result<Option<Contact>, HubError> {
    let key = record.to_string();
    let name = Name { kind: CONTACT, key: &key };
    let Some(bytes) = get(db, name).await? else { return Ok(None) };
    let Some(content) = vault.unseal(name, &bytes).await? else { return Ok(None) };
    let contact = serde_json::from_slice(&content);
    contact.map(Some).map_err(|_| HubError::corrupt("sealed", record, "not a contact"))
}

/// Deletes sealed records and payloads whose time is over, and frames and records set aside before an instant: at most
/// `limit` of each.
pub async fn expire(
    db: &mut AnyConnection,
    now: UtcMillis,
    set_aside_before: UtcMillis,
    limit: i64,
) -> Result<[u64; 3], HubError> {
    let records = sqlx::query(
        "DELETE FROM sealed WHERE (kind, key) IN
             (SELECT kind, key FROM sealed WHERE retain_until < $1 ORDER BY retain_until LIMIT $2)",
    );
    let payloads = sqlx::query(
        "DELETE FROM payload WHERE id IN
             (SELECT id FROM payload WHERE retain_until < $1 ORDER BY retain_until LIMIT $2)",
    );
    // Changes stay: their documents wait for them.
    let frames = sqlx::query(
        "DELETE FROM quarantine WHERE id IN
             (SELECT id FROM quarantine WHERE received_at < $1 AND doc IS NULL ORDER BY received_at LIMIT $2)",
    );
    let mut gone = [0; 3];
    for (gone, (query, before)) in
        gone.iter_mut().zip([(records, now), (payloads, now), (frames, set_aside_before)])
    {
        *gone = query.bind(before.0).bind(limit).execute(&mut *db).await?.rows_affected();
    }
    Ok(gone)
}
