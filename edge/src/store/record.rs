//! Records of the hub: personal data with its retention, and bytes such as labels.

use outpost_model::id::RecordId;
use outpost_model::order::Contact;
use outpost_model::time::UtcMillis;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, StoreResult};

/// How long the bytes of carrier labels are kept.
pub const LABELS_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// A person's name and address as the hub sends it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContactRecord {
    /// The person.
    pub contact: Contact,
    /// When it must be gone.
    pub retain_until: UtcMillis,
}

/// Keeps bytes of the hub; the same record again replaces them.
pub fn save(conn: &Connection, kind: &str, key: &str, bytes: &[u8], now: UtcMillis) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO record (kind, key, bytes, received) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kind, key) DO UPDATE SET bytes = excluded.bytes, received = excluded.received",
    )?
    .execute(params![kind, key, bytes, now.0])?;
    Ok(())
}

/// The bytes of a record.
pub fn load(conn: &Connection, kind: &str, key: &str) -> StoreResult<Option<Vec<u8>>> {
    let bytes = conn
        .prepare_cached("SELECT bytes FROM record WHERE kind = ?1 AND key = ?2")?
        .query_row([kind, key], |row| row.get(0))
        .optional()?;
    Ok(bytes)
}

/// Keeps a person's data until its retention ends.
pub fn save_contact(conn: &Connection, id: RecordId, record: &ContactRecord) -> StoreResult<()> {
    let json =
        serde_json::to_string(&record.contact).map_err(|error| StoreError::corrupt("contact", id, error))?;
    conn.prepare_cached(
        "INSERT INTO contact (record_id, search, contact, retain_until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (record_id) DO UPDATE SET search = excluded.search, contact = excluded.contact, \
             retain_until = excluded.retain_until",
    )?
    .execute(params![id.to_string(), searchable(&record.contact), json, record.retain_until.0])?;
    Ok(())
}

/// A person's data, while it is kept.
pub fn load_contact(conn: &Connection, id: RecordId) -> StoreResult<Option<Contact>> {
    let json: Option<String> = conn
        .prepare_cached("SELECT contact FROM contact WHERE record_id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()?;
    json.map(|json| serde_json::from_str(&json).map_err(|error| StoreError::corrupt("contact", id, error)))
        .transpose()
}

/// Deletes labels that came so long ago that their parcels have left: they show a customer's address.
pub fn purge_labels(conn: &Connection, now: UtcMillis) -> StoreResult<usize> {
    // Named, since the planner would rather take the primary key and read every label.
    let gone = conn
        .prepare_cached(
            "DELETE FROM record INDEXED BY record_label_age WHERE kind = 'label' AND received < ?1",
        )?
        .execute(params![now.0.saturating_sub(LABELS_KEPT_MS)])?;
    Ok(gone)
}

/// Deletes personal data whose retention has ended; the pages it lay on are overwritten.
pub fn purge_contacts(conn: &Connection, now: UtcMillis) -> StoreResult<usize> {
    let due: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM contact WHERE retain_until < ?1)")?
        .query_row([now.0], |row| row.get(0))?;
    if !due {
        return Ok(0);
    }
    let gone = conn.prepare_cached("DELETE FROM contact WHERE retain_until < ?1")?.execute(params![now.0])?;
    Ok(gone)
}

/// What a search looks through: the name, and the last four digits of the telephone, in lower case.
fn searchable(contact: &Contact) -> String {
    let digits: Vec<char> =
        contact.phone.iter().flat_map(|phone| phone.chars()).filter(char::is_ascii_digit).collect();
    let tail: String = digits[digits.len().saturating_sub(4)..].iter().collect();
    let company = contact.company.as_deref().unwrap_or_default();
    format!("{} {company} {tail}", contact.name).to_lowercase()
}
