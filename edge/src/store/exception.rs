//! What a person must look at: a stable code, a sentence, what it is about.

use outpost_model::time::UtcMillis;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::StoreResult;

/// An exception as screens show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExceptionRow {
    /// Its number at this site.
    pub id: i64,
    /// Stable code.
    pub code: String,
    /// What it is about: a document, `sku/…`, `device/…`.
    pub subject: String,
    /// What happened, in a sentence without personal data.
    pub sentence: String,
    /// When it was raised.
    pub raised_at: i64,
    /// When somebody dealt with it.
    pub resolved_at: Option<i64>,
}

/// Raises an exception; the same one by the same event is raised once. True when it is new.
pub fn raise(
    conn: &Connection,
    now: UtcMillis,
    code: &str,
    subject: &str,
    event: &str,
    sentence: &str,
) -> StoreResult<bool> {
    let new = conn
        .prepare_cached(
            "INSERT INTO exception (code, subject, event, sentence, raised_at) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![code, subject, event, sentence, now.0])?;
    Ok(new == 1)
}

/// Marks open exceptions of a code about a subject as dealt with.
pub fn resolve(conn: &Connection, now: UtcMillis, code: &str, subject: &str) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE exception SET resolved_at = ?3 WHERE code = ?1 AND subject = ?2 AND resolved_at IS NULL",
    )?
    .execute(params![code, subject, now.0])?;
    Ok(())
}

/// Marks open exceptions of a code as dealt with where the case they are about waits for no record any more.
pub fn resolve_not_waiting(conn: &Connection, now: UtcMillis, code: &str) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE exception SET resolved_at = ?2 WHERE code = ?1 AND resolved_at IS NULL AND NOT EXISTS
             (SELECT 1 FROM fulfillment WHERE needs_work = 2 AND 'case/' || case_id = subject)",
    )?
    .execute(params![code, now.0])?;
    Ok(())
}

/// Exceptions nobody has dealt with, oldest first.
pub fn open(conn: &Connection, limit: u32) -> StoreResult<Vec<ExceptionRow>> {
    list(conn, "WHERE resolved_at IS NULL ORDER BY raised_at, id LIMIT ?1", params![limit])
}

/// Exceptions about a subject, open or not.
pub fn of_subject(conn: &Connection, subject: &str) -> StoreResult<Vec<ExceptionRow>> {
    list(conn, "WHERE subject = ?1 ORDER BY id", params![subject])
}

fn list(conn: &Connection, tail: &str, params: impl rusqlite::Params) -> StoreResult<Vec<ExceptionRow>> {
    let sql = format!("SELECT id, code, subject, sentence, raised_at, resolved_at FROM exception {tail}");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params, |row| {
        Ok(ExceptionRow {
            id: row.get(0)?,
            code: row.get(1)?,
            subject: row.get(2)?,
            sentence: row.get(3)?,
            raised_at: row.get(4)?,
            resolved_at: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
