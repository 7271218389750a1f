//! A small pool of read-only connections. Screens wait for one another here, never for the writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::store::vault::Vault;
use crate::store::{StoreError, StoreResult, open_reader};

/// Connections that are kept open.
const READERS_MAX: usize = 4;

/// The pool.
#[derive(Clone)]
pub struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
    vault: Vault,
}

/// Why a read gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The daemon is ending.
    #[error("the daemon is ending")]
    Ending,
    /// The read panicked.
    #[error("a read panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

impl Readers {
    /// A pool on a database that exists.
    pub fn new(path: &Path) -> Self {
        Self {
            path: Arc::new(path.to_owned()),
            idle: Arc::default(),
            turns: Arc::new(Semaphore::new(READERS_MAX)),
            vault: Vault::beside(path),
        }
    }

    /// The keys of what concerns a person, for reading: screens do not wait for the writer here either.
    pub fn vault(&self) -> Vault {
        self.vault.clone()
    }

    /// Runs a read in one transaction, so that all it sees belongs together.
    pub async fn read<T, F>(&self, read: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| ReadError::Ending)?;
        let pool = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            pool.read_here(read)
        });
        Ok(task.await.map_err(ReadError::Panicked)??)
    }

    fn read_here<T>(&self, read: impl FnOnce(&Connection) -> StoreResult<T>) -> StoreResult<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => open_reader(&self.path)?,
        };
        let tx = conn.transaction()?;
        let result = read(&tx);
        drop(tx);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        result
    }
}
