//! Changes that came before others they build on. They count as received and are not applied; when those others
//! have come they are taken out again, in the order of their authors.

use outpost_sync::{Change, ChangeHash, DocumentId, Incoming};
use rusqlite::{Connection, params};

use crate::inbox::count;
use crate::{JournalError, Stored};

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParkLimits {
    /// Changes.
    pub items_max: usize,
    /// Bytes of them.
    pub bytes_max: usize,
}

impl Default for ParkLimits {
    fn default() -> Self {
        Self { items_max: 1_000, bytes_max: 4 << 20 }
    }
}

/// What became of a change that should wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parked {
    /// It waits.
    Waits,
    /// It was received before.
    Duplicate,
    /// There is no room: it must not be acknowledged, so that it comes again.
    Full,
}

/// Lets a change of a peer wait. `incoming` is its place in the peer's stream; by repair it has none.
pub fn park(
    conn: &Connection,
    peer: &str,
    at_ms: i64,
    change: &Change,
    incoming: Option<&Incoming>,
    limits: ParkLimits,
) -> Result<Parked, JournalError> {
    let known = conn
        .prepare_cached("SELECT 1 FROM sync_parked WHERE doc = ?1 AND hash = ?2")?
        .exists(params![change.doc.as_str(), change.hash.0])?;
    if !known {
        let (items, bytes) = parked(conn)?;
        if items >= limits.items_max || bytes + change.bytes.len() > limits.bytes_max {
            return Ok(Parked::Full);
        }
    }
    if let Some(incoming) = incoming
        && count(conn, peer, incoming)? == Stored::Duplicate
    {
        return Ok(Parked::Duplicate);
    }
    if known {
        return Ok(Parked::Duplicate);
    }
    conn.prepare_cached(
        "INSERT INTO sync_parked(peer, doc, hash, bytes, parked_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![peer, change.doc.as_str(), change.hash.0, change.bytes, at_ms])?;
    Ok(Parked::Waits)
}

/// How many changes wait, and how many bytes they have.
pub fn parked(conn: &Connection) -> Result<(usize, usize), JournalError> {
    let (items, bytes): (i64, i64) = conn
        .prepare_cached("SELECT COUNT(*), COALESCE(SUM(length(bytes)), 0) FROM sync_parked")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((items as usize, bytes as usize))
}

/// The waiting changes of a document, in the order in which they came.
pub fn parked_of(conn: &Connection, doc: &DocumentId) -> Result<Vec<Change>, JournalError> {
    let mut statement =
        conn.prepare_cached("SELECT hash, bytes FROM sync_parked WHERE doc = ?1 ORDER BY id")?;
    let changes = statement.query_map(params![doc.as_str()], |row| {
        Ok(Change { doc: doc.clone(), hash: ChangeHash(row.get(0)?), bytes: row.get(1)? })
    })?;
    Ok(changes.collect::<Result<_, _>>()?)
}

/// Takes a change out: it is applied now, or in quarantine.
pub fn unpark(conn: &Connection, change: &Change) -> Result<(), JournalError> {
    conn.prepare_cached("DELETE FROM sync_parked WHERE doc = ?1 AND hash = ?2")?
        .execute(params![change.doc.as_str(), change.hash.0])?;
    Ok(())
}
