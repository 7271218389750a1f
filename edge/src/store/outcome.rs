//! What came of each command: a retry hears the same again.

use outpost_model::command::Outcome;
use outpost_model::id::CommandId;
use outpost_model::time::UtcMillis;
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, StoreResult, setting};

/// Where the last look for old outcomes ended.
const CURSOR: &str = "outcome_cursor";

/// The times between which outcomes became old since the look before.
const GROWN_OLD: &str = "outcome_grown_old";

/// How much time passes between two looks through all of them, at least.
const LOOK_EVERY_MS: i64 = 60 * 60 * 1_000;

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

/// What one look at old outcomes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// Outcomes that were forgotten.
    pub gone: usize,
    /// Whether the last one was reached; the next look begins at the first again.
    pub through: bool,
}

/// Forgets outcomes that are older than is kept, among the next `limit` after those the last call looked at.
///
/// An outcome grows old between two looks. One that is older than the last look could have seen was dated by a clock
/// that was wrong, as after a battery has died, and may be of this minute: it is dated anew and kept as long as any.
pub fn prune(conn: &Connection, now: UtcMillis, kept_ms: i64, limit: u32) -> StoreResult<Pruned> {
    let after: String = setting::load(conn, CURSOR)?.unwrap_or_default();
    let old = now.0.saturating_sub(kept_ms);
    let known: Option<(i64, i64)> = setting::load(conn, GROWN_OLD)?;
    let (mut from, mut to) = known.unwrap_or((old, old));
    if after.is_empty() {
        if known.is_some() && old.saturating_sub(to) < LOOK_EVERY_MS {
            return Ok(Pruned { gone: 0, through: true });
        }
        (from, to) = (to, old);
        setting::save(conn, GROWN_OLD, &(from, to))?;
    }
    let seen: (u32, Option<String>) = conn
        .prepare_cached(
            "SELECT count(*), max(command_id) FROM \
             (SELECT command_id FROM outcome WHERE command_id > ?1 ORDER BY command_id LIMIT ?2)",
        )?
        .query_row(params![after, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let through = seen.0 < limit;
    let last = seen.1.unwrap_or_default();
    let gone = conn
        .prepare_cached(
            "DELETE FROM outcome WHERE command_id > ?1 AND command_id <= ?2 AND at >= ?3 AND at < ?4",
        )?
        .execute(params![after, last, from, to])?;
    conn.prepare_cached("UPDATE outcome SET at = ?4 WHERE command_id > ?1 AND command_id <= ?2 AND at < ?3")?
        .execute(params![after, last, from, now.0])?;
    let next = if through { String::new() } else { last };
    if next != after {
        setting::save(conn, CURSOR, &next)?;
    }
    Ok(Pruned { gone, through })
}
