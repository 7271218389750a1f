//! What can go wrong inside the hub. A person's mistake is no error: it is a `Rejection`, carried in the answer.

use outpost_daemon::DiskTrouble;
use outpost_model::rejection::Rejection;

/// What a use case says: done, or refused with nothing changed.
pub type Verdict<T> = Result<T, Rejection>;

/// An error of the hub.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The database refused or could not be reached; nothing was committed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// What the database holds cannot be read.
    #[error("{table} holds {what} that cannot be read: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row, by its key.
        what: String,
        /// What the reader said.
        reason: String,
    },
    /// A migration failed or is unknown to this version.
    #[error("migrating the database: {0}")]
    Migration(String),
    /// An assertion about the business does not hold: a defect, and nothing was committed.
    #[error("invariant broken: {0}")]
    Invariant(String),
    /// A document refused what the hub wanted to write.
    #[error("document {doc}: {reason}")]
    Document {
        /// Its id.
        doc: String,
        /// Why.
        reason: String,
    },
    /// COMMIT failed in a way that leaves open whether it happened. Nobody is told that it did.
    #[error("the fate of a commit is unknown: {0}")]
    FateUnknown(String),
    /// The disk takes nothing: nothing was changed, and the same may be asked again.
    #[error("{}", .0.sentence())]
    Storage(DiskTrouble),
    /// Another worker works for the site: nothing was written for it.
    #[error("another worker works for {0}")]
    NotHeld(outpost_model::id::SiteId),
    /// The daemon is stopping.
    #[error("the hub is stopping")]
    Stopping,
    /// A job failed before anything was written, for this reason, which is kept for its other waiters.
    #[error("{0}")]
    Failed(String),
    /// The database was replaced under the running hub, or has a hole that a site has shown.
    #[error("the database does not continue its own past; the next start begins a new epoch")]
    Replaced,
    /// A key, certificate or file of the daemon is not usable.
    #[error("{0}")]
    Keys(String),
}

impl HubError {
    /// A row that cannot be read.
    pub fn corrupt(table: &'static str, what: impl ToString, reason: impl ToString) -> Self {
        Self::Corrupt { table, what: what.to_string(), reason: reason.to_string() }
    }

    /// Whether it was the database's disk, and how.
    pub fn disk_trouble(&self) -> Option<DiskTrouble> {
        let error = match self {
            Self::Storage(trouble) => return Some(*trouble),
            Self::Database(sqlx::Error::Database(error)) => error,
            _ => return None,
        };
        let code = error.code()?;
        match code.as_ref() {
            // PostgreSQL: disk_full and io_error.
            "53100" => Some(DiskTrouble::Full),
            "58030" => Some(DiskTrouble::Failed),
            // SQLite's numbers; the low byte is the kind: FULL, READONLY, IOERR, CORRUPT, CANTOPEN, NOTADB.
            code if code.len() < 5 => match code.parse::<u32>().ok()? & 0xff {
                13 => Some(DiskTrouble::Full),
                8 | 10 | 11 | 14 | 26 => Some(DiskTrouble::Failed),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether another attempt may succeed: a deadlock or serialization failure, a busy or lost database.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("40001" | "40P01" | "55P03" | "5" | "517"))
            }
            Self::Database(error) => matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut),
            _ => false,
        }
    }
}
