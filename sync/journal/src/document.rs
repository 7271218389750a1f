//! Documents at rest: a saved form and the changes since then.

use outpost_sync::repair::Standing;
use outpost_sync::{Change, ChangeHash, DocumentId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::JournalError;

/// What is kept of a document: hand it to `Document::open`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The saved form, if it was ever saved.
    pub saved: Option<Vec<u8>>,
    /// The changes since then, in the order in which they were journaled.
    pub later: Vec<Change>,
}

/// Loads a document; nothing when it is unknown.
pub fn load(conn: &Connection, doc: &DocumentId) -> Result<Option<Kept>, JournalError> {
    let row: Option<(Vec<u8>, i64)> = conn
        .prepare_cached("SELECT saved, through FROM sync_document WHERE doc = ?1")?
        .query_row(params![doc.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (saved, through) = match row {
        Some((saved, through)) => (Some(saved), through),
        None => (None, 0),
    };
    let mut statement = conn.prepare_cached(
        "SELECT hash, bytes FROM sync_change WHERE doc = ?1 AND position > ?2 ORDER BY position",
    )?;
    let later = statement
        .query_map(params![doc.as_str(), through], |row| {
            Ok(Change { doc: doc.clone(), hash: ChangeHash(row.get(0)?), bytes: row.get(1)? })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok((saved.is_some() || !later.is_empty()).then_some(Kept { saved, later }))
}

/// Keeps the saved form of a document that holds every change journaled for it so far.
pub fn save(conn: &Connection, doc: &DocumentId, saved: &[u8]) -> Result<(), JournalError> {
    conn.prepare_cached(
        "INSERT INTO sync_document(doc, saved, through)
         VALUES (?1, ?2, COALESCE((SELECT MAX(position) FROM sync_change WHERE doc = ?1), 0))
         ON CONFLICT(doc) DO UPDATE SET saved = excluded.saved, through = MAX(through, excluded.through)",
    )?
    .execute(params![doc.as_str(), saved])?;
    Ok(())
}

/// What one call of [`forget`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows it looked at.
    pub seen: usize,
    /// Rows it dropped.
    pub dropped: usize,
    /// It came to the end of the log: the next call begins at its start.
    pub at_end: bool,
}

/// Drops rows that nobody needs: own items that are acknowledged and the peers' changes, where the saved form of
/// their document holds them. A call looks at the next `rows` rows of the log and at no others, however long it is.
/// The newest row stays, or its position would be given again, to a change that a saved form then seems to hold. So does
/// the last item of every own life: a peer that was restored and lacks the end of a life is told with it what is gone.
pub fn forget(conn: &Connection, rows: usize) -> Result<Swept, JournalError> {
    let after: i64 = conn.query_row("SELECT after FROM sync_sweep", [], |row| row.get(0))?;
    let (seen, through): (usize, Option<i64>) = conn
        .prepare_cached(
            "SELECT COUNT(*), MAX(position) FROM
                (SELECT position FROM sync_change WHERE position > ?1 ORDER BY position LIMIT ?2)",
        )?
        .query_row(params![after, i64::try_from(rows).unwrap_or(i64::MAX)], |row| {
            Ok((row.get::<_, i64>(0)? as usize, row.get(1)?))
        })?;
    let mut dropped = 0;
    if let Some(through) = through {
        // A cross join keeps SQLite from beginning with another table than the log.
        dropped = conn
            .prepare_cached(
                "DELETE FROM sync_change WHERE position IN (
                    SELECT c.position FROM sync_change c
                    CROSS JOIN sync_incarnation s ON s.ord = c.origin
                    LEFT JOIN sync_document d ON d.doc = c.doc
                    WHERE c.position > ?1 AND c.position <= ?2
                      AND (s.owner != '' OR c.n <= s.acknowledged AND c.n < s.last)
                      AND (c.doc IS NULL OR c.position <= d.through)
                      AND c.position < (SELECT MAX(position) FROM sync_change))",
            )?
            .execute(params![after, through])?;
    }
    let at_end = seen < rows;
    let next = if at_end { 0 } else { through.unwrap_or(0) };
    conn.prepare_cached("UPDATE sync_sweep SET after = ?1")?.execute(params![next])?;
    Ok(Swept { seen, dropped, at_end })
}

/// Drops a document that is archived elsewhere: its saved form, its acknowledged own changes and the peers'
/// changes. `false`, and nothing is dropped, while own changes of it wait for the peer. With its saved form gone, nobody
/// refers to their positions, so that even the newest may be given again.
pub fn discard(conn: &Connection, doc: &DocumentId) -> Result<bool, JournalError> {
    let waiting: bool = conn.query_row(
        "SELECT EXISTS(SELECT 1 FROM sync_change c JOIN sync_incarnation s ON s.ord = c.origin
         WHERE c.doc = ?1 AND s.owner = '' AND c.n > s.acknowledged)",
        params![doc.as_str()],
        |row| row.get(0),
    )?;
    if waiting {
        return Ok(false);
    }
    conn.execute("DELETE FROM sync_change WHERE doc = ?1", params![doc.as_str()])?;
    conn.execute("DELETE FROM sync_document WHERE doc = ?1", params![doc.as_str()])?;
    crate::repair::stand(conn, doc, Standing::Archived, None)?;
    Ok(true)
}
