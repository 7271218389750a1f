//! The peers' streams: what is stored of them, and what was set aside.

use std::collections::BTreeMap;

use outpost_sync::{Digest, Incarnation, Incoming, Item, Mark, Progress, Running};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{JournalError, damaged};

/// What became of an item of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is new and must be applied.
    New,
    /// Its position or its change was stored before; it must not be applied again.
    Duplicate,
}

/// Stores one item of a peer's stream: the change itself, so that its document can be opened later, and the
/// progress it makes. A record leaves only its progress here; applying it is the application's affair, in the same
/// transaction.
pub fn store(
    conn: &Connection,
    peer: &str,
    written_at_ms: i64,
    incoming: &Incoming,
) -> Result<Stored, JournalError> {
    let (origin, mut progress) = one_progress(conn, peer, incoming.position.incarnation)?;
    if !advance(conn, origin, &mut progress, incoming)? {
        return Ok(Stored::Duplicate);
    }
    let Item::Change(change) = &incoming.item else {
        return Ok(Stored::New);
    };
    let inserted = conn
        .prepare_cached(
            "INSERT INTO sync_change(origin, n, doc, hash, bytes, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT(doc, hash) DO NOTHING",
        )?
        .execute(params![
            origin,
            incoming.position.n as i64,
            change.doc.as_str(),
            change.hash.0,
            change.bytes,
            written_at_ms
        ])?;
    if inserted == 0 {
        return Ok(Stored::Duplicate);
    }
    crate::repair::advance(conn, change)?;
    Ok(Stored::New)
}

/// Counts an item of a peer without keeping it.
pub fn count(conn: &Connection, peer: &str, incoming: &Incoming) -> Result<Stored, JournalError> {
    let (origin, mut progress) = one_progress(conn, peer, incoming.position.incarnation)?;
    let new = advance(conn, origin, &mut progress, incoming)?;
    Ok(if new { Stored::New } else { Stored::Duplicate })
}

/// Keeps a frame that could not be accepted, and only the newest `keep` of them.
pub fn note_frame(
    conn: &Connection,
    peer: &str,
    at_ms: i64,
    frame: &[u8],
    reason: &str,
    keep: usize,
) -> Result<(), JournalError> {
    conn.execute(
        "INSERT INTO sync_quarantine(peer, set_aside_at, reason, bytes) VALUES (?1, ?2, ?3, ?4)",
        params![peer, at_ms, reason, frame],
    )?;
    conn.execute(
        "DELETE FROM sync_quarantine WHERE doc IS NULL AND n IS NULL AND id <= (SELECT id FROM sync_quarantine
            WHERE doc IS NULL AND n IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?1)",
        params![i64::try_from(keep).unwrap_or(i64::MAX)],
    )?;
    Ok(())
}

/// Keeps a frame that proves how far the hub has come, in the place of the one before.
pub fn keep_proof(conn: &Connection, frame: &[u8]) -> Result<(), JournalError> {
    conn.prepare_cached(
        "INSERT INTO sync_proof(only, frame) VALUES (0, ?1) ON CONFLICT(only) DO UPDATE SET frame = excluded.frame",
    )?
    .execute(params![frame])?;
    Ok(())
}

/// The frame that proves how far the hub has come.
pub fn proof(conn: &Connection) -> Result<Option<Vec<u8>>, JournalError> {
    let mut statement = conn.prepare_cached("SELECT frame FROM sync_proof WHERE only = 0")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// Drops frames and records of a peer that were set aside before an instant, oldest first and at most `limit`. Changes
/// stay: their documents wait for them.
pub fn forget_set_aside(
    conn: &Connection,
    peer: &str,
    before_ms: i64,
    limit: usize,
) -> Result<usize, JournalError> {
    let dropped = conn
        .prepare_cached(
            "DELETE FROM sync_quarantine WHERE id IN (SELECT id FROM sync_quarantine
                WHERE peer = ?1 AND doc IS NULL AND set_aside_at < ?2 ORDER BY id LIMIT ?3)",
        )?
        .execute(params![peer, before_ms, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    Ok(dropped)
}

/// How far a peer's incarnations are stored, oldest first.
pub fn progress(conn: &Connection, peer: &str) -> Result<Vec<Progress>, JournalError> {
    let mut beyond: BTreeMap<i64, Vec<(u64, Digest)>> = BTreeMap::new();
    let mut statement = conn.prepare_cached(
        "SELECT b.origin, b.n, b.digest FROM sync_beyond b JOIN sync_incarnation s ON s.ord = b.origin
         WHERE s.owner = ?1",
    )?;
    let mut rows = statement.query(params![peer])?;
    while let Some(row) = rows.next()? {
        beyond.entry(row.get(0)?).or_default().push((row.get::<_, i64>(1)? as u64, Digest(row.get(2)?)));
    }
    let mut statement = conn.prepare_cached(
        "SELECT ord, id, last, running FROM sync_incarnation WHERE owner = ?1 ORDER BY ord",
    )?;
    let mut rows = statement.query(params![peer])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mark = Mark {
            incarnation: Incarnation(row.get(1)?),
            n: row.get::<_, i64>(2)? as u64,
            running: Running(row.get(3)?),
        };
        all.push(Progress::restore(mark, beyond.remove(&row.get(0)?).unwrap_or_default()));
    }
    Ok(all)
}

fn one_progress(
    conn: &Connection,
    peer: &str,
    incarnation: Incarnation,
) -> Result<(i64, Progress), JournalError> {
    damaged((!peer.is_empty()).then_some(()), "a peer without a name")?;
    let start = Mark::start(incarnation);
    let mut find =
        conn.prepare_cached("SELECT ord, last, running FROM sync_incarnation WHERE owner = ?1 AND id = ?2")?;
    let found: Option<(i64, i64, [u8; 32])> = find
        .query_row(params![peer, incarnation.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((origin, last, running)) = found else {
        conn.prepare_cached("INSERT INTO sync_incarnation(owner, id, running) VALUES (?1, ?2, ?3)")?
            .execute(params![peer, incarnation.0, start.running.0])?;
        return Ok((conn.last_insert_rowid(), Progress::start(incarnation)));
    };
    let mut beyond = conn.prepare_cached("SELECT n, digest FROM sync_beyond WHERE origin = ?1")?;
    let beyond = beyond
        .query_map(params![origin], |row| Ok((row.get::<_, i64>(0)? as u64, Digest(row.get(1)?))))?
        .collect::<Result<Vec<_>, _>>()?;
    let mark = Mark { incarnation, n: last as u64, running: Running(running) };
    Ok((origin, Progress::restore(mark, beyond)))
}

/// Counts an item and writes the progress down. `false` when it was counted before.
fn advance(
    conn: &Connection,
    origin: i64,
    progress: &mut Progress,
    incoming: &Incoming,
) -> Result<bool, JournalError> {
    let n = incoming.position.n;
    if !progress.take(incoming) {
        return Ok(false);
    }
    let mark = progress.mark();
    if mark.n < n {
        conn.prepare_cached("INSERT INTO sync_beyond(origin, n, digest) VALUES (?1, ?2, ?3)")?
            .execute(params![origin, n as i64, incoming.digest.0])?;
        return Ok(true);
    }
    conn.prepare_cached("UPDATE sync_incarnation SET last = ?2, running = ?3 WHERE ord = ?1")?
        .execute(params![origin, mark.n as i64, mark.running.0])?;
    if mark.n > n || incoming.gap.is_some() {
        conn.prepare_cached("DELETE FROM sync_beyond WHERE origin = ?1 AND n <= ?2")?
            .execute(params![origin, mark.n as i64])?;
    }
    Ok(true)
}
