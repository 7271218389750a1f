//! How far the pages this site writes are filled: its ledger and its days.

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreResult;

/// Which of the site's own pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    /// The stock ledger; names are page numbers.
    Ledger,
    /// A day of the site; names are dates.
    Day,
}

impl PageKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Day => "day",
        }
    }
}

/// The number of the ledger page that is being written, with its entries; nothing before the first.
pub fn last_ledger(conn: &Connection) -> StoreResult<Option<(u32, u64)>> {
    let found: Option<(u32, i64)> = conn
        .prepare_cached(
            "SELECT CAST(name AS INTEGER), entries FROM page WHERE kind = 'ledger' \
             ORDER BY CAST(name AS INTEGER) DESC LIMIT 1",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.map(|(page, entries)| (page, entries.unsigned_abs())))
}

/// Entries of a page; nothing when it does not exist.
pub fn entries(conn: &Connection, kind: PageKind, name: &str) -> StoreResult<Option<u64>> {
    let entries: Option<i64> = conn
        .prepare_cached("SELECT entries FROM page WHERE kind = ?1 AND name = ?2")?
        .query_row([kind.as_str(), name], |row| row.get(0))
        .optional()?;
    Ok(entries.map(i64::unsigned_abs))
}

/// Remembers how many entries a page has.
pub fn save(conn: &Connection, kind: PageKind, name: &str, entries: u64) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO page (kind, name, entries) VALUES (?1, ?2, ?3)
         ON CONFLICT (kind, name) DO UPDATE SET entries = excluded.entries",
    )?
    .execute(params![kind.as_str(), name, i64::try_from(entries).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// How many pages there are.
pub fn count(conn: &Connection) -> StoreResult<u64> {
    let pages: i64 = conn.prepare_cached("SELECT COUNT(*) FROM page")?.query_row([], |row| row.get(0))?;
    Ok(pages.unsigned_abs())
}
