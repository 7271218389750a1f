//! Records of the hub: what concerns a person, sealed, with its retention; and whatever a later version sends.

use outpost_model::header::Header;
use outpost_model::id::RecordId;
use outpost_model::order::Contact;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;
use rusqlite::{Connection, OptionalExtension, params};

use super::vault::Vault;
use super::{StoreError, StoreResult};

/// The kind of a person's name and address.
pub const CONTACT: &str = "contact";
/// The kind of a carrier label's bytes.
pub const LABEL: &str = "label";

/// Keeps bytes of a record that is not sealed; the same record again replaces them.
pub fn save(conn: &Connection, kind: &str, key: &str, bytes: &[u8], now: UtcMillis) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO record (kind, key, bytes, received) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kind, key) DO UPDATE SET bytes = excluded.bytes, received = excluded.received",
    )?
    .execute(params![kind, key, bytes, now.0])?;
    Ok(())
}

/// Keeps sealed bytes; the same record sealed anew replaces them.
pub fn save_sealed(
    conn: &Connection,
    name: Name<'_>,
    bytes: &[u8],
    retain_until: UtcMillis,
    now: UtcMillis,
) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO sealed (kind, key, bytes, retain_until, received) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (kind, key) DO UPDATE SET bytes = excluded.bytes, retain_until = excluded.retain_until, \
             received = excluded.received",
    )?
    .execute(params![name.kind, name.key, bytes, retain_until.0, now.0])?;
    Ok(())
}

/// The sealed bytes of a record.
pub fn sealed(conn: &Connection, name: Name<'_>) -> StoreResult<Option<Vec<u8>>> {
    let bytes = conn
        .prepare_cached("SELECT bytes FROM sealed WHERE kind = ?1 AND key = ?2")?
        .query_row([name.kind, name.key], |row| row.get(0))
        .optional()?;
    Ok(bytes)
}

/// Whether a record has come, readable still or not.
pub fn has_come(conn: &Connection, name: Name<'_>) -> StoreResult<bool> {
    let there = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM sealed WHERE kind = ?1 AND key = ?2)")?
        .query_row([name.kind, name.key], |row| row.get(0))?;
    Ok(there)
}

/// The content of a record; nothing when it has not come, or its key is gone.
pub fn open(conn: &Connection, vault: &Vault, name: Name<'_>) -> StoreResult<Option<Vec<u8>>> {
    let Some(bytes) = sealed(conn, name)? else { return Ok(None) };
    let Some(key) = vault.get(name.kind, name.key)? else { return Ok(None) };
    match key.open(name, &bytes) {
        Ok(content) => Ok(Some(content)),
        // A copy of the database that is older than the key store, or a row whose time is over.
        Err(error) => {
            tracing::warn!(kind = name.kind, record = name.key, %error, "a record stays closed");
            Ok(None)
        }
    }
}

/// A person's data, while it is kept.
pub fn load_contact(conn: &Connection, vault: &Vault, id: RecordId) -> StoreResult<Option<Contact>> {
    let key = id.to_string();
    let content = open(conn, vault, Name { kind: CONTACT, key: &key })?;
    content
        .map(|json| serde_json::from_slice(&json).map_err(|error| StoreError::corrupt(CONTACT, id, error)))
        .transpose()
}

/// The data of whoever a case is for, while it is kept.
pub fn contact_of(conn: &Connection, vault: &Vault, case: &Header) -> StoreResult<Option<Contact>> {
    case.consignee.map_or(Ok(None), |id| load_contact(conn, vault, id))
}

/// Drops sealed bytes whose time is over, at most `limit` rows. A case that is still open keeps knowing that its record
/// had come.
pub fn purge(conn: &Connection, now: UtcMillis, limit: u32) -> StoreResult<usize> {
    let mut due = conn.prepare_cached(
        "SELECT kind, key, EXISTS (SELECT 1 FROM fulfillment WHERE consignee = sealed.key AND needs_work = 1)
         FROM sealed WHERE retain_until < ?1 AND (length(bytes) > 0 OR NOT EXISTS \
             (SELECT 1 FROM fulfillment WHERE consignee = sealed.key AND needs_work = 1))
         ORDER BY retain_until LIMIT ?2",
    )?;
    let rows: Vec<(String, String, bool)> = due
        .query_map(params![now.0, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (kind, key, open) in &rows {
        let sql = if *open {
            "UPDATE sealed SET bytes = x'' WHERE kind = ?1 AND key = ?2"
        } else {
            "DELETE FROM sealed WHERE kind = ?1 AND key = ?2"
        };
        conn.prepare_cached(sql)?.execute([kind, key])?;
    }
    Ok(rows.len())
}

/// Whether a search text is in a person's name or company, or is among the last four digits of the telephone.
pub fn matches(contact: &Contact, text: &str) -> bool {
    let digits: Vec<char> =
        contact.phone.iter().flat_map(|phone| phone.chars()).filter(char::is_ascii_digit).collect();
    let tail: String = digits[digits.len().saturating_sub(4)..].iter().collect();
    let company = contact.company.as_deref().unwrap_or_default();
    format!("{} {company} {tail}", contact.name).to_lowercase().contains(&text.to_lowercase())
}
