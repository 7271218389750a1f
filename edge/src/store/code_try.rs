//! Wrong pickup codes, counted by case and across restarts.

use outpost_model::id::CaseId;
use rusqlite::{Connection, OptionalExtension};

use super::StoreResult;

/// Wrong codes said for a case so far.
pub fn wrong(conn: &Connection, case: CaseId) -> StoreResult<u32> {
    let wrong = conn
        .prepare_cached("SELECT wrong FROM code_try WHERE case_id = ?1")?
        .query_row([case.to_string()], |row| row.get(0))
        .optional()?;
    Ok(wrong.unwrap_or(0))
}

/// Counts one more.
pub fn count(conn: &Connection, case: CaseId) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO code_try (case_id, wrong) VALUES (?1, 1) ON CONFLICT (case_id) DO UPDATE SET wrong = wrong + 1",
    )?
    .execute([case.to_string()])?;
    Ok(())
}
