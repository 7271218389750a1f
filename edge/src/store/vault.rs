//! The keys of what concerns a person, in a database of their own beside the site's: `keys.db`. Copies of the site's
//! database do not hold them, so that a key that is deleted here has closed its record in every copy.
//!
//! A key is durable before the sealed bytes are: a crash in between leaves a key that opens nothing, never a record
//! that nobody can open.
//!
//! Secrets lie in slots: rows of one size that are only ever appended or overwritten in place, never deleted. SQLite
//! moves the cells of a page when it splits or joins pages, and leaves what it moved where it was, even with
//! `secure_delete`; a row that never moves has no second copy to be forgotten.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outpost_model::retention::RetentionClock;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::{NewKey, RecordKey};
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::{BUSY_TIMEOUT, StoreError, StoreResult};

/// The file's name beside the database.
pub const FILE: &str = "keys.db";
/// How a name begins that is for SQLite alone, which may keep its files elsewhere than in the system's folders.
const URI: &str = "file:";

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS record_key (
        kind         TEXT NOT NULL,
        key          TEXT NOT NULL,
        slot         INTEGER NOT NULL,
        retain_until INTEGER NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS slot (id INTEGER PRIMARY KEY NOT NULL, secret BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS free_slot (id INTEGER PRIMARY KEY NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS record_key_retention ON record_key (retain_until);
    CREATE TABLE IF NOT EXISTS clock (
        singleton INTEGER PRIMARY KEY NOT NULL CHECK (singleton = 1),
        reading   TEXT NOT NULL
    ) STRICT;";

/// A record whose key was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The record's kind.
    pub kind: String,
    /// Which record.
    pub key: String,
}

/// The key store. Clones share it; it is opened when it is first used.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    path: Option<PathBuf>,
    open: Mutex<Option<Connection>>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({:?})", self.0.path)
    }
}

impl Vault {
    /// The key store beside a database file. What SQLite is told of where files lie holds for both.
    pub fn beside(database: &Path) -> Self {
        let uri = database.to_str().filter(|text| text.starts_with(URI));
        let beside = uri.and_then(|uri| {
            let (folder, name) = uri.rsplit_once('/')?;
            let told = name.split_once('?').map(|(_, told)| format!("?{told}"));
            Some(PathBuf::from(format!("{folder}/{FILE}{}", told.unwrap_or_default())))
        });
        Self::at(Some(beside.unwrap_or_else(|| database.with_file_name(FILE))))
    }

    /// A key store that nobody finds again.
    pub fn in_memory() -> Self {
        Self::at(None)
    }

    /// The same key store as another process opens it; one in memory stays as it is.
    pub fn reopened(&self) -> Self {
        if self.0.path.is_some() { Self::at(self.0.path.clone()) } else { self.clone() }
    }

    /// The same beside a database that may lie elsewhere now.
    pub fn moved(&self, database: &Path) -> Self {
        if self.0.path.is_some() { Self::beside(database) } else { self.clone() }
    }

    fn at(path: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner { path, open: Mutex::new(None) }))
    }

    /// Opens it. A file that is damaged is put aside and begun anew, since a site works on without names and addresses;
    /// then the answer is false.
    pub fn open(&self) -> StoreResult<bool> {
        let damaged = |error: &StoreError| match error {
            StoreError::Sql(error) => {
                matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
                )
            }
            _ => false,
        };
        match self.connection().map(drop) {
            Ok(()) => Ok(true),
            Err(error) if damaged(&error) => {
                let Some(path) = &self.0.path else { return Err(error) };
                tracing::error!(%error, "the key store is damaged and is begun anew");
                let aside = |source| StoreError::Migration(format!("{}: {source}", path.display()));
                std::fs::rename(path, path.with_extension("damaged")).map_err(aside)?;
                self.connection()?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn connection(&self) -> StoreResult<Opened<'_>> {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(connect(self.0.path.as_deref())?);
        }
        Ok(Opened(open))
    }

    /// The key of a record, while it is kept.
    pub fn get(&self, kind: &str, key: &str) -> StoreResult<Option<RecordKey>> {
        self.connection()?.with(|conn| {
            let secret: Option<Vec<u8>> = conn
                .prepare_cached(
                    "SELECT secret FROM record_key JOIN slot ON id = slot WHERE kind = ?1 AND key = ?2",
                )?
                .query_row([kind, key], |row| row.get(0))
                .optional()?;
            let wrong = || StoreError::corrupt("record_key", key, "not its number of bytes");
            secret.map(|secret| RecordKey::from_slice(&secret).ok_or_else(wrong)).transpose()
        })
    }

    /// Keeps keys, in one commit. A record that is sealed anew has the new key.
    pub fn keep(&self, keys: &[NewKey]) -> StoreResult<()> {
        if keys.is_empty() {
            return Ok(());
        }
        self.connection()?.with(|conn| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for new in keys {
                let slot = slot_for(&tx, new)?;
                tx.prepare_cached(
                    "INSERT INTO record_key (kind, key, slot, retain_until) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (kind, key) DO UPDATE SET retain_until = excluded.retain_until",
                )?
                .execute(params![new.kind, new.key, slot, new.retain_until_ms])?;
            }
            Ok(tx.commit()?)
        })
    }

    /// Deletes at most `limit` keys whose time is over, and wipes them: the pages they lay on are overwritten and the
    /// log is emptied.
    pub fn expire(&self, now: UtcMillis, limit: u32) -> StoreResult<Vec<Expired>> {
        self.connection()?.with(|conn| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let expired = {
                let mut due = tx.prepare_cached(
                    "SELECT kind, key, slot FROM record_key WHERE retain_until < ?1 \
                     ORDER BY retain_until LIMIT ?2",
                )?;
                let rows = due.query_map(params![now.0, limit], |row| {
                    Ok((Expired { kind: row.get(0)?, key: row.get(1)? }, row.get::<_, i64>(2)?))
                })?;
                rows.collect::<Result<Vec<_>, _>>()?
            };
            for (one, slot) in &expired {
                tx.prepare_cached("UPDATE slot SET secret = zeroblob(32) WHERE id = ?1")?.execute([slot])?;
                tx.prepare_cached("INSERT INTO free_slot (id) VALUES (?1)")?.execute([slot])?;
                tx.prepare_cached("DELETE FROM record_key WHERE kind = ?1 AND key = ?2")?
                    .execute([&one.kind, &one.key])?;
            }
            tx.commit()?;
            if !expired.is_empty() {
                conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            }
            Ok(expired.into_iter().map(|(one, _)| one).collect())
        })
    }

    /// The time for deleting, after a reading of the clocks.
    pub fn time(&self, wall: UtcMillis, boot_ms: u64, boot_id: uuid::Uuid) -> StoreResult<UtcMillis> {
        self.connection()?.with(|conn| {
            let kept: Option<String> =
                conn.query_row("SELECT reading FROM clock", [], |row| row.get(0)).optional()?;
            let kept = kept.map(|json| serde_json::from_str(&json)).transpose();
            let kept = kept.map_err(|error| StoreError::corrupt("clock", 1, error))?;
            let mut clock = kept.unwrap_or_else(|| RetentionClock::start(wall, boot_ms, boot_id));
            let now = clock.read(wall, boot_ms, boot_id);
            let json =
                serde_json::to_string(&clock).map_err(|error| StoreError::corrupt("clock", 1, error))?;
            conn.execute(
                "INSERT INTO clock (singleton, reading) VALUES (1, ?1) \
                 ON CONFLICT (singleton) DO UPDATE SET reading = excluded.reading",
                [json],
            )?;
            Ok(now)
        })
    }
}

struct Opened<'a>(MutexGuard<'a, Option<Connection>>);

impl Opened<'_> {
    fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> StoreResult<T>) -> StoreResult<T> {
        let missing = || StoreError::Migration("the key store is not open".to_owned());
        work(self.0.as_mut().ok_or_else(missing)?)
    }
}

fn connect(path: Option<&Path>) -> StoreResult<Connection> {
    let conn = match path {
        Some(path) => {
            if !path.to_string_lossy().starts_with(URI) {
                create_private(path)?;
            }
            Connection::open(path)?
        }
        None => Connection::open_in_memory()?,
    };
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.pragma_update(None, "secure_delete", true)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.execute_batch(SCHEMA)?;
    Ok(conn)
}

/// Writes a secret into the slot its record has, one that is free, or a new one.
fn slot_for(tx: &Connection, new: &NewKey) -> StoreResult<i64> {
    let own = tx
        .prepare_cached("SELECT slot FROM record_key WHERE kind = ?1 AND key = ?2")?
        .query_row([&new.kind, &new.key], |row| row.get(0))
        .optional()?;
    let slot: Option<i64> = match own {
        Some(slot) => Some(slot),
        None => tx
            .prepare_cached("DELETE FROM free_slot WHERE id = (SELECT min(id) FROM free_slot) RETURNING id")?
            .query_row([], |row| row.get(0))
            .optional()?,
    };
    let Some(slot) = slot else {
        tx.prepare_cached("INSERT INTO slot (secret) VALUES (?1)")?.execute([new.secret.as_bytes()])?;
        return Ok(tx.last_insert_rowid());
    };
    tx.prepare_cached("UPDATE slot SET secret = ?2 WHERE id = ?1")?
        .execute(params![slot, new.secret.as_bytes()])?;
    Ok(slot)
}

/// SQLite gives its log the rights of the file: nobody but the daemon reads keys.
fn create_private(path: &Path) -> StoreResult<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|source| StoreError::Migration(format!("{}: {source}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Not one byte again and again: pointers of a page may look like that.
    fn secret(n: u8) -> [u8; 32] {
        std::array::from_fn(|at| n ^ (at as u8).wrapping_mul(37))
    }

    fn key(n: u8, until: i64) -> NewKey {
        let secret = RecordKey::from_slice(&secret(n)).unwrap();
        NewKey { kind: "contact".to_owned(), key: n.to_string(), secret, retain_until_ms: until }
    }

    fn bytes_of(folder: &Path) -> Vec<u8> {
        let files =
            std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_key_is_there_until_its_time_and_then_in_no_byte_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::beside(&folder.path().join("outpost.db"));
        let keys: Vec<NewKey> = (1..=200).map(|n| key(n, i64::from(n))).collect();
        vault.keep(&keys).unwrap();
        let there = |n: u8| bytes_of(folder.path()).windows(32).any(|window| window == secret(n));
        assert!(there(7) && there(150));
        assert!(vault.get("contact", "7").unwrap().is_some());
        assert_eq!(vault.expire(UtcMillis(100), 60).unwrap().len(), 60);
        assert_eq!(vault.expire(UtcMillis(100), 60).unwrap().len(), 39, "one at its instant stays");
        assert!(vault.get("contact", "7").unwrap().is_none());
        assert!((1..100).all(|n| !there(n)), "deleted keys are overwritten");
        assert!((100..=200).all(there));
        // Slots are used again, whatever their record is called.
        let again: Vec<NewKey> =
            (1..=99).rev().map(|n| NewKey { key: format!("again {n}"), ..key(n, 900) }).collect();
        vault.keep(&again).unwrap();
        assert!((1..=200).all(there));
        assert_eq!(vault.expire(UtcMillis(1_000), 500).unwrap().len(), 200);
        assert!((1..=200).all(|n| !there(n)));
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_store_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("outpost.db");
        std::fs::write(
            folder.path().join(FILE),
            b"this is no database, and long enough to be one".repeat(40),
        )
        .unwrap();
        let vault = Vault::beside(&database);
        assert!(!vault.open().unwrap());
        vault.keep(&[key(1, 1)]).unwrap();
        assert!(folder.path().join("keys.damaged").exists());
        assert!(Vault::beside(&database).open().unwrap());
    }

    #[test]
    fn time_passes_no_faster_than_on_the_boot_clock_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("outpost.db");
        let boot = uuid::Uuid::from_u128(1);
        assert_eq!(Vault::beside(&database).time(UtcMillis(1_000), 0, boot).unwrap(), UtcMillis(1_000));
        let again = Vault::beside(&database).time(UtcMillis(31_536_000_000), 500, boot).unwrap();
        assert_eq!(again, UtcMillis(1_500));
    }
}
