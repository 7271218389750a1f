//! Reference data of the hub: which version of each set is in force, its items by digest, and parts that wait for others.

use outpost_sync::reference::{Place, Sum, Version};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, StoreResult};

/// A set as it is in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Its version; zero when it was never filled.
    pub version: Version,
    /// The sum over its items.
    pub sum: Sum,
    /// How many items it has.
    pub count: u64,
}

/// The set in force.
pub fn held(conn: &Connection, set: &str) -> StoreResult<Held> {
    let held = conn
        .prepare_cached("SELECT epoch, n, sum, count FROM reference_set WHERE name = ?1")?
        .query_row([set], |row| Ok((version(row)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, i64>(3)?)))
        .optional()?;
    let Some((version, sum, count)) = held else { return Ok(Held::default()) };
    let wrong = || StoreError::corrupt("reference_set", set, "not a sum");
    let sum = Sum::from_slice(&sum).ok_or_else(wrong)?;
    Ok(Held { version, sum, count: count.unsigned_abs() })
}

/// The names of all sets in force.
pub fn names(conn: &Connection) -> StoreResult<Vec<String>> {
    let mut statement = conn.prepare_cached("SELECT name FROM reference_set ORDER BY name")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    let number = |index| row.get::<_, i64>(index).map(i64::unsigned_abs);
    Ok(Version { epoch: number(0)?, n: number(1)? })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Puts a version in force.
pub fn put_in_force(conn: &Connection, set: &str, held: &Held) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO reference_set (name, epoch, n, sum, count) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, n = excluded.n, sum = excluded.sum, \
             count = excluded.count",
    )?
    .execute(params![
        set,
        signed(held.version.epoch),
        signed(held.version.n),
        held.sum.0,
        signed(held.count)
    ])?;
    Ok(())
}

/// The digest of an item.
pub fn digest(conn: &Connection, set: &str, key: &str) -> StoreResult<Option<[u8; 32]>> {
    let digest = conn
        .prepare_cached("SELECT digest FROM reference_item WHERE name = ?1 AND key = ?2")?
        .query_row([set, key], |row| row.get(0))
        .optional()?;
    Ok(digest)
}

/// Keys of all items of a set.
pub fn keys(conn: &Connection, set: &str) -> StoreResult<Vec<String>> {
    let mut statement = conn.prepare_cached("SELECT key FROM reference_item WHERE name = ?1")?;
    let keys = statement.query_map([set], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(keys)
}

/// Writes an item; its text only where it is given.
pub fn put(
    conn: &Connection,
    set: &str,
    key: &str,
    digest: &[u8; 32],
    text: Option<&str>,
) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO reference_item (name, key, digest, text) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![set, key, digest, text])?;
    Ok(())
}

/// Drops an item.
pub fn remove(conn: &Connection, set: &str, key: &str) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM reference_item WHERE name = ?1 AND key = ?2")?.execute([set, key])?;
    Ok(())
}

/// The text of an item of a set that has no table of its own.
pub fn text(conn: &Connection, set: &str, key: &str) -> StoreResult<Option<String>> {
    let text: Option<Option<String>> = conn
        .prepare_cached("SELECT text FROM reference_item WHERE name = ?1 AND key = ?2")?
        .query_row([set, key], |row| row.get(0))
        .optional()?;
    Ok(text.flatten())
}

/// Keeps a part until the others are here. Parts of earlier versions are dropped: the newest edition counts.
pub fn gather(conn: &Connection, place: &Place, bytes: &[u8]) -> StoreResult<()> {
    let (epoch, n) = (signed(place.version.epoch), signed(place.version.n));
    conn.prepare_cached("DELETE FROM reference_part WHERE name = ?1 AND (epoch, n) < (?2, ?3)")?
        .execute(params![place.set, epoch, n])?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO reference_part (name, epoch, n, part, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![place.set, epoch, n, place.part, bytes])?;
    Ok(())
}

/// A part that was gathered.
pub fn gathered(conn: &Connection, place: &Place) -> StoreResult<Option<Vec<u8>>> {
    let bytes = conn
        .prepare_cached(
            "SELECT bytes FROM reference_part WHERE name = ?1 AND epoch = ?2 AND n = ?3 AND part = ?4",
        )?
        .query_row(
            params![place.set, signed(place.version.epoch), signed(place.version.n), place.part],
            |row| row.get(0),
        )
        .optional()?;
    Ok(bytes)
}

/// How many parts of a version are here.
pub fn parts(conn: &Connection, set: &str, version: Version) -> StoreResult<usize> {
    let count: i64 = conn
        .prepare_cached("SELECT count(*) FROM reference_part WHERE name = ?1 AND epoch = ?2 AND n = ?3")?
        .query_row(params![set, signed(version.epoch), signed(version.n)], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Drops what was gathered up to a version.
pub fn drop_parts(conn: &Connection, set: &str, through: Version) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM reference_part WHERE name = ?1 AND (epoch, n) <= (?2, ?3)")?
        .execute(params![set, signed(through.epoch), signed(through.n)])?;
    Ok(())
}
