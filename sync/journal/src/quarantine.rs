//! What cannot be taken: kept whole, told to its author, counted as received so that it blocks nobody. A change in
//! quarantine holds its document: what comes later of it builds on what is missing, and is kept with it.

use outpost_sync::repair::Standing;
use outpost_sync::{Change, ChangeHash, DocumentId, Incarnation, Incoming, Item, Position};
use rusqlite::{Connection, params};

use crate::JournalError;
use crate::inbox::{Stored, count};
use crate::repair::{entry, stand};

/// Changes of held documents are kept until they weigh this. Later ones are not: their author has them, and gives
/// them by repair when the document is released.
const KEPT_BYTES_MAX: i64 = 32 << 20;

/// What is set aside.
#[derive(Debug, Clone, Copy)]
pub enum SetAside<'a> {
    /// An item of the peer's stream.
    Item(&'a Incoming),
    /// A change that came by repair, or that had waited.
    Change(&'a Change),
}

/// Sets something of a peer aside. A change holds its document from then on, for the first reason that was found.
pub fn set_aside(
    conn: &Connection,
    peer: &str,
    at_ms: i64,
    what: SetAside<'_>,
    reason: &str,
) -> Result<(), JournalError> {
    let (position, change, record) = match what {
        SetAside::Change(change) => (None, Some(change), None),
        SetAside::Item(incoming) => {
            if count(conn, peer, incoming)? == Stored::Duplicate {
                return Ok(());
            }
            match &incoming.item {
                Item::Change(change) => (Some(incoming.position), Some(change), None),
                Item::Record(record) => (Some(incoming.position), None, Some(record)),
            }
        }
    };
    if let Some(change) = change {
        let held = entry(conn, &change.doc)?.is_some_and(|entry| entry.standing == Standing::Held);
        if !held {
            stand(conn, &change.doc, Standing::Held, Some(reason))?;
        } else if is_full(conn)? || is_kept(conn, change)? {
            return Ok(());
        }
    }
    let bytes = change.map(|change| &change.bytes).or_else(|| record.map(|record| &record.bytes));
    insert(conn, peer, at_ms, reason, position, change, bytes.map_or(&[], Vec::as_slice))
}

fn insert(
    conn: &Connection,
    peer: &str,
    at_ms: i64,
    reason: &str,
    position: Option<Position>,
    change: Option<&Change>,
    bytes: &[u8],
) -> Result<(), JournalError> {
    conn.prepare_cached(
        "INSERT INTO sync_quarantine(peer, set_aside_at, reason, incarnation, n, doc, hash, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        peer,
        at_ms,
        reason,
        position.map(|position| position.incarnation.0),
        position.map(|position| position.n as i64),
        change.map(|change| change.doc.as_str()),
        change.map(|change| change.hash.0),
        bytes
    ])?;
    Ok(())
}

fn is_full(conn: &Connection) -> Result<bool, JournalError> {
    let bytes: i64 = conn
        .prepare_cached("SELECT COALESCE(SUM(length(bytes)), 0) FROM sync_quarantine WHERE doc IS NOT NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(bytes >= KEPT_BYTES_MAX)
}

fn is_kept(conn: &Connection, change: &Change) -> Result<bool, JournalError> {
    let mut statement = conn.prepare_cached("SELECT 1 FROM sync_quarantine WHERE doc = ?1 AND hash = ?2")?;
    Ok(statement.exists(params![change.doc.as_str(), change.hash.0])?)
}

/// The changes of a held document that are kept, in the order in which they came.
pub fn held_changes(conn: &Connection, doc: &DocumentId) -> Result<Vec<Change>, JournalError> {
    let mut statement = conn.prepare_cached(
        "SELECT hash, bytes FROM sync_quarantine WHERE doc = ?1 AND hash IS NOT NULL ORDER BY id",
    )?;
    let changes = statement.query_map(params![doc.as_str()], |row| {
        Ok(Change { doc: doc.clone(), hash: ChangeHash(row.get(0)?), bytes: row.get(1)? })
    })?;
    Ok(changes.collect::<Result<_, _>>()?)
}

/// Ends the quarantine of a document: what was kept of it must have been handed out by [`held_changes`] before, in
/// the same transaction.
pub fn release(conn: &Connection, doc: &DocumentId, standing: Standing) -> Result<(), JournalError> {
    conn.prepare_cached("DELETE FROM sync_quarantine WHERE doc = ?1")?.execute(params![doc.as_str()])?;
    stand(conn, doc, standing, None)
}

/// Remembers incarnations of this site that the hub vouches for: an appliance that was restored or replaced does not
/// know all of its own.
pub fn vouch(conn: &Connection, own: &[Incarnation]) -> Result<(), JournalError> {
    for incarnation in own {
        conn.prepare_cached("INSERT INTO sync_past(id) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute(params![incarnation.0])?;
    }
    Ok(())
}

/// Whether an incarnation is one of this site's, by its own memory or by the hub's word, and not the present one.
pub fn vouched(conn: &Connection, incarnation: Incarnation) -> Result<bool, JournalError> {
    let known = conn
        .prepare_cached(
            "SELECT 1 FROM sync_past WHERE id = ?1
             UNION ALL SELECT 1 FROM sync_incarnation WHERE owner = '' AND id = ?1",
        )?
        .exists(params![incarnation.0])?;
    let present = crate::outbox::current(conn)?.map(|mark| mark.incarnation);
    Ok(known && present != Some(incarnation))
}
