//! Images of a site's database: what a crash leaves, and what a backup brings back.

use anyhow::{Context, Result};
use rusqlite::Connection;
use rusqlite::backup::Backup;

/// Copies a database, as it is committed, into a new one in memory.
pub fn image(of: &Connection) -> Result<Connection> {
    let mut copy = Connection::open_in_memory()?;
    Backup::new(of, &mut copy)?.step(-1).context("copying a database")?;
    Ok(copy)
}

/// Lets a database grow no further, or as far as it likes.
pub fn set_full(database: &Connection, full: bool) -> Result<()> {
    if full {
        // On a full disk the log cannot grow either: pages that are free inside the database are of no use there.
        database.execute_batch("VACUUM")?;
    }
    let pages: i64 = database.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    // The journal's tables fill their last pages before SQLite asks for a new one.
    let most = if full { pages } else { i64::from(u32::MAX - 1) };
    database.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))?;
    Ok(())
}

/// Lets the next commits fail.
pub fn fail_commits(database: &Connection) -> Result<()> {
    database.commit_hook(Some(|| true))?;
    Ok(())
}
