//! Sources of bookings, such as a till's receipt line, each of which is booked once.

use outpost_model::time::UtcMillis;
use rusqlite::{Connection, params};

use super::StoreResult;

/// Marks a source as booked; false when it was already.
pub fn book(conn: &Connection, source: &str, now: UtcMillis) -> StoreResult<bool> {
    let new = conn
        .prepare_cached("INSERT INTO booked_source (source, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![source, now.0])?;
    Ok(new == 1)
}
