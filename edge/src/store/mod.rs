//! SQL and rows: one aggregate a file. Every function takes the connection or transaction of its caller.
//!
//! The writer owns the one connection that writes; [`query`] reads for screens on connections of its own.

pub mod audit;
pub mod authority;
pub mod case;
pub mod code_try;
pub mod exception;
pub mod identity;
pub mod migrate;
pub mod outcome;
pub mod page;
pub mod past;
pub mod print_job;
pub mod product;
pub mod query;
pub mod record;
pub mod reference;
pub mod right;
pub mod seal_earlier;
pub mod serial;
pub mod setting;
pub mod site_day;
pub mod source;
pub mod standing;
pub mod stock;
pub mod vault;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// How long a connection waits for another one's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Page cache of the writer, KiB. Bounded, since an appliance has little memory.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Page cache of a reader, KiB.
const READER_CACHE_KIB: i64 = 4 * 1024;
/// The log is cut back to this size when it was reset, bytes.
const LOG_BYTES_MAX: i64 = 64 * 1024 * 1024;
/// Prepared statements a connection keeps.
const STATEMENTS_MAX: usize = 128;

/// Why the store cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no.
    #[error("the database answered: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The journal said no.
    #[error("the journal answered: {0}")]
    Journal(#[from] outpost_journal::JournalError),
    /// A row holds what this version cannot read.
    #[error("{table} {key}: {why}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// The database was written by a later version, or a migration was changed after it ran.
    #[error("cannot migrate the database: {0}")]
    Migration(String),
}

impl StoreError {
    /// A row that cannot be read.
    pub fn corrupt(table: &'static str, key: impl ToString, why: impl ToString) -> Self {
        Self::Corrupt { table, key: key.to_string(), why: why.to_string() }
    }
}

/// What a store function answers.
pub type StoreResult<T> = Result<T, StoreError>;

/// Opens the connection that writes, and brings the schema up to date.
pub fn open(path: &Path, now: outpost_model::time::UtcMillis) -> StoreResult<Connection> {
    let mut conn = Connection::open(path)?;
    prepare(&mut conn, now)?;
    Ok(conn)
}

/// Makes a connection, wherever its database is, the one that writes.
pub fn prepare(conn: &mut Connection, now: outpost_model::time::UtcMillis) -> StoreResult<()> {
    tune(conn, WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
    migrate::migrate(conn, now)
}

/// Opens a connection that cannot write.
pub fn open_reader(path: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    tune(&conn, READER_CACHE_KIB)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

fn tune(conn: &Connection, cache_kib: i64) -> StoreResult<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // FULL: an answered command survives power loss. No mmap: an I/O error must come back as an error.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "cache_size", -cache_kib)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}
