//! Single values by name.

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, StoreResult};

/// How often the disk was tried.
const PROBES: &str = "storage_probes";

/// The value under a name.
pub fn load<T: DeserializeOwned>(conn: &Connection, name: &str) -> StoreResult<Option<T>> {
    let json: Option<String> = conn
        .prepare_cached("SELECT value FROM setting WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    json.map(|json| serde_json::from_str(&json).map_err(|error| StoreError::corrupt("setting", name, error)))
        .transpose()
}

/// Takes a value away.
pub fn remove(conn: &Connection, name: &str) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM setting WHERE name = ?1")?.execute([name])?;
    Ok(())
}

/// Puts a value under a name.
pub fn save<T: Serialize>(conn: &Connection, name: &str, value: &T) -> StoreResult<()> {
    let json = serde_json::to_string(value).map_err(|error| StoreError::corrupt("setting", name, error))?;
    conn.prepare_cached(
        "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![name, json])?;
    Ok(())
}

/// Writes something of no meaning, and another thing each time: SQLite writes no page that does not change.
pub fn probe(conn: &Connection) -> StoreResult<()> {
    let probes: u64 = load(conn, PROBES)?.unwrap_or(0);
    save(conn, PROBES, &(probes + 1))
}
