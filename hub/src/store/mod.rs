//! The hub's database: SQLite by default, PostgreSQL by its URL. One SQL text for both.
//!
//! Each module is one aggregate: its rows and the statements that touch them. Functions that write take the
//! connection of a running transaction; screens read through [`query`].

pub mod archive;
pub mod authority;
pub mod backup;
pub mod block;
pub mod case;
pub mod copy;
pub mod counter;
mod cursor;
pub mod decision;
pub mod document;
pub mod enrollment;
pub mod errand;
pub mod exception;
mod frontier;
pub mod inbox;
pub mod intent;
pub mod item;
pub mod label;
pub mod line;
pub mod many;
mod migrate;
pub mod order;
pub mod outbox;
pub mod parked;
pub mod payload;
pub mod place;
pub mod product;
pub mod quarantine;
pub mod query;
pub mod recovery;
pub mod reference;
pub mod repair;
pub mod rights;
pub mod sealed;
pub mod serial;
pub mod site;
pub mod site_lease;
pub mod stock;
pub mod stream;
pub mod vault;

use std::time::Duration;

use outpost_config::WriteLimits;
use outpost_daemon::Storage;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor, Row};

use crate::error::HubError;
use crate::witness::Witness;
use vault::Vault;

/// Which database it is. Only the runner of migrations, the way a transaction begins and the number of writers
/// depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one writer.
    Sqlite,
    /// A server, several writers.
    Postgres,
}

/// The database, open: connections for screens and connections for the writers, so that no crowd of readers can
/// keep a writer waiting.
#[derive(Debug, Clone)]
pub struct Store {
    dialect: Dialect,
    read: AnyPool,
    write: AnyPool,
    witness: Witness,
    limits: WriteLimits,
    storage: Storage,
    vault: Vault,
}

impl Store {
    /// Opens the database and brings its tables up to date. The key store is open already: nothing that concerns a
    /// person is written without it.
    pub async fn open(url: &str, connections_max: u32, vault: Vault) -> Result<Self, HubError> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(url)?;
        let options: AnyConnectOptions = url
            .parse::<AnyConnectOptions>()?
            .log_slow_statements(log::LevelFilter::Warn, Duration::from_secs(2));
        let pool = |connections: u32, writes: bool| {
            AnyPoolOptions::new()
                .max_connections(connections.max(1))
                .acquire_timeout(Duration::from_secs(10))
                .test_before_acquire(dialect == Dialect::Postgres)
                .after_connect(move |connection, _| {
                    Box::pin(async move {
                        prepare(dialect, connection).await?;
                        if writes { prepare_to_write(dialect, connection).await } else { Ok(()) }
                    })
                })
                .connect_with(options.clone())
        };
        // A pool tries again for seconds when a connection cannot be prepared, and then says only that it took too long.
        // A file that is no database, or a disk that fails, is told at once and as what it is.
        let mut first = AnyConnection::connect_with(&options).await?;
        prepare(dialect, &mut first).await?;
        let write = pool(dialect.writers(), true).await?;
        migrate::run(&write, dialect).await?;
        let read = pool(connections_max.saturating_sub(dialect.writers()), false).await?;
        first.close().await?;
        let (witness, limits) = Default::default();
        Ok(Self { dialect, read, write, witness, limits, storage: Storage::new(), vault })
    }

    /// The same with what is written down about it outside.
    pub fn with_witness(self, witness: Witness) -> Self {
        Self { witness, ..self }
    }

    /// The same with other limits on what is written.
    pub fn with_limits(self, limits: WriteLimits) -> Self {
        Self { limits, ..self }
    }

    /// Limits on what is written.
    pub fn limits(&self) -> WriteLimits {
        self.limits
    }

    /// What is written down about it outside.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Connections for screens and for replication's reading.
    pub fn read(&self) -> &AnyPool {
        &self.read
    }

    /// The key store.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Connections for the writers.
    pub(crate) fn write(&self) -> &AnyPool {
        &self.write
    }

    /// Whether the database's disk takes what is written.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Whether free pages of its file may hold what an earlier version wrote in plain.
    pub(crate) async fn is_to_be_written_anew(&self) -> Result<bool, HubError> {
        if self.dialect != Dialect::Sqlite {
            return Ok(false);
        }
        let chore = sqlx::query("SELECT name FROM chore WHERE name = 'write_file_anew'");
        Ok(chore.fetch_optional(&self.write).await?.is_some())
    }

    /// Writes its file anew, without free pages, and empties its log.
    pub(crate) async fn write_anew(&self) -> Result<(), HubError> {
        let mut connection = self.write.acquire().await?;
        // It makes a copy, which may be longer than memory.
        (*connection).execute("PRAGMA temp_store = FILE").await?;
        (*connection).execute("VACUUM").await?;
        prepare_to_write(self.dialect, &mut connection).await?;
        (*connection).execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        (*connection).execute("DELETE FROM chore WHERE name = 'write_file_anew'").await?;
        Ok(())
    }

    /// Lets the next writer have a new connection. After a trouble with its disk SQLite has rolled back by itself, which
    /// the connection's own count of open transactions does not know.
    pub(crate) async fn renew_writer(&self) {
        if self.dialect == Dialect::Sqlite
            && let Ok(connection) = self.write.acquire().await
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "a connection was not closed in order");
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
        self.vault.close().await;
    }
}

impl Dialect {
    /// The database that a URL names.
    fn of(url: &str) -> Result<Self, HubError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            _ => Err(HubError::Migration("the URL must begin with sqlite: or postgres:".to_owned())),
        }
    }

    /// Transactions that may write at the same time.
    pub fn writers(self) -> u32 {
        match self {
            Self::Sqlite => 1,
            Self::Postgres => 4,
        }
    }

    /// How a writing transaction begins. SQLite takes its lock at once: a lock taken later can fail half way.
    pub fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }
}

async fn prepare(dialect: Dialect, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    match dialect {
        Dialect::Sqlite => {
            // FULL: an answered commit survives power loss. The cache is 16 MiB a connection.
            for pragma in [
                "PRAGMA busy_timeout = 5000",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA cache_size = -16384",
                "PRAGMA wal_autocheckpoint = 4000",
            ] {
                connection.execute(pragma).await?;
            }
        }
        Dialect::Postgres => {
            connection.execute("SET lock_timeout = '10s'").await?;
            connection.execute("SET synchronous_commit = on").await?;
            // Statements over hundreds of rows take longer to plan anew than to run, and their plan is always the same.
            connection.execute("SET plan_cache_mode = force_generic_plan").await?;
            connection.execute("SET jit = off").await?;
            // A worker that is paused within a transaction holds locks: the server ends it, and nothing is committed.
            connection.execute("SET idle_in_transaction_session_timeout = '10s'").await?;
        }
    }
    Ok(())
}

/// A statement over many rows keeps what it would take to undo it alone: in a file of its own, unless it is told otherwise.
async fn prepare_to_write(dialect: Dialect, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if dialect == Dialect::Sqlite {
        connection.execute("PRAGMA temp_store = MEMORY").await?;
    }
    Ok(())
}

/// Reads a column, telling table and column when it is not of its type.
pub(crate) fn column<'r, T>(row: &'r AnyRow, table: &'static str, name: &'static str) -> Result<T, HubError>
where
    T: sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
{
    row.try_get(name).map_err(|error| HubError::corrupt(table, name, error))
}

/// Reads a text column as a typed value.
pub(crate) fn parsed<T>(row: &AnyRow, table: &'static str, name: &'static str) -> Result<T, HubError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let text: &str = column(row, table, name)?;
    text.parse().map_err(|error| HubError::corrupt(table, name, error))
}

/// Reads a text column as JSON.
pub(crate) fn json<T>(row: &AnyRow, table: &'static str, name: &'static str) -> Result<T, HubError>
where
    T: serde::de::DeserializeOwned,
{
    let text: &str = column(row, table, name)?;
    serde_json::from_str(text).map_err(|error| HubError::corrupt(table, name, error))
}

/// What a SELECT ends with so that its rows stay locked to the end of the transaction. SQLite has one writer at a time.
pub(crate) fn locked(db: &AnyConnection) -> &'static str {
    if db.backend_name() == "PostgreSQL" { "FOR UPDATE" } else { "" }
}

/// Writes plain data as JSON text.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, HubError> {
    serde_json::to_string(value)
        .map_err(|error| HubError::Invariant(format!("plain data without JSON: {error}")))
}

/// Reads an integer column as an unsigned number.
pub(crate) fn unsigned(row: &AnyRow, table: &'static str, name: &'static str) -> Result<u64, HubError> {
    let value: i64 = column(row, table, name)?;
    u64::try_from(value).map_err(|error| HubError::corrupt(table, name, error))
}

/// A number as a database column; positions and quantities stay far below the limit.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
