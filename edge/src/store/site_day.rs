//! The folded days of the site itself.

use jiff::civil::Date;
use outpost_model::site_day::SiteDayState;
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, StoreResult};

/// A day, if anything was said about it.
pub fn load(conn: &Connection, date: Date) -> StoreResult<Option<SiteDayState>> {
    let json: Option<String> = conn
        .prepare_cached("SELECT state FROM site_day WHERE date = ?1")?
        .query_row([date.to_string()], |row| row.get(0))
        .optional()?;
    json.map(|json| parse(date, &json)).transpose()
}

/// The last day before `date` about which anything was said.
pub fn before(conn: &Connection, date: Date) -> StoreResult<Option<SiteDayState>> {
    let json: Option<String> = conn
        .prepare_cached("SELECT state FROM site_day WHERE date < ?1 ORDER BY date DESC LIMIT 1")?
        .query_row([date.to_string()], |row| row.get(0))
        .optional()?;
    json.map(|json| parse(date, &json)).transpose()
}

fn parse(date: Date, json: &str) -> StoreResult<SiteDayState> {
    serde_json::from_str(json).map_err(|error| StoreError::corrupt("site_day", date, error))
}

/// Writes a day.
pub fn save(conn: &Connection, date: Date, state: &SiteDayState) -> StoreResult<()> {
    let json = serde_json::to_string(state).map_err(|error| StoreError::corrupt("site_day", date, error))?;
    conn.prepare_cached(
        "INSERT INTO site_day (date, state) VALUES (?1, ?2) ON CONFLICT (date) DO UPDATE SET state = excluded.state",
    )?
    .execute(params![date.to_string(), json])?;
    Ok(())
}
