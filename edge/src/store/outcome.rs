//! What came of each command: a retry hears the same again.

use outpost_model::command::Outcome;
use outpost_model::id::CommandId;
use outpost_model::time::UtcMillis;
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, StoreResult};

/// How long outcomes are kept: longer than a handheld's outbox lies in a drawer.
pub const KEPT_MS: i64 = 60 * 24 * 60 * 60 * 1_000;

/// The outcome of a command that came before.
pub fn load(conn: &Connection, command: CommandId) -> StoreResult<Option<Outcome>> {
    let found: Option<String> = conn
        .prepare_cached("SELECT outcome FROM outcome WHERE command_id = ?1")?
        .query_row([command.to_string()], |row| row.get(0))
        .optional()?;
    let parse = |json: String| {
        serde_json::from_str(&json).map_err(|error| StoreError::corrupt("outcome", command, error))
    };
    found.map(parse).transpose()
}

/// Remembers the outcome of a command that came for the first time.
pub fn insert(conn: &Connection, command: CommandId, outcome: &Outcome, now: UtcMillis) -> StoreResult<()> {
    let json =
        serde_json::to_string(outcome).map_err(|error| StoreError::corrupt("outcome", command, error))?;
    conn.prepare_cached("INSERT INTO outcome (command_id, at, outcome) VALUES (?1, ?2, ?3)")?
        .execute(params![command.to_string(), now.0, json])?;
    Ok(())
}

/// Puts another outcome in the place of the first: the person must not hear of a permission that has ended.
pub fn replace(conn: &Connection, command: CommandId, outcome: &Outcome) -> StoreResult<()> {
    let json =
        serde_json::to_string(outcome).map_err(|error| StoreError::corrupt("outcome", command, error))?;
    conn.prepare_cached("UPDATE outcome SET outcome = ?2 WHERE command_id = ?1")?
        .execute(params![command.to_string(), json])?;
    Ok(())
}

/// Forgets outcomes that are older than anybody's retry, at most `limit` of them.
pub fn prune(conn: &Connection, now: UtcMillis, limit: u32) -> StoreResult<usize> {
    let gone = conn
        .prepare_cached(
            "DELETE FROM outcome WHERE command_id IN \
             (SELECT command_id FROM outcome WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute(params![now.0.saturating_sub(KEPT_MS), limit])?;
    Ok(gone)
}
