//! Whether the disk takes what has to be written: how much room is left on it, and what the writer met.
//!
//! A daemon refuses new work before the disk is full: below a floor of free bytes it takes none from people and
//! channels, and below half of it none from the other side of the line either. What is left is for what must still be
//! written: acknowledgements, the end of print jobs, permissions that are withdrawn. When the disk fails all the same,
//! reads go on and new work waits until a write has succeeded again.

use std::convert::Infallible;
use std::fs::OpenOptions;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;

use crate::health::ReadyCheck;
use crate::problem::Problem;

/// How often the room on the disk is looked at, and a disk in trouble is tried.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Seconds after which a client may ask again.
const RETRY_AFTER_S: u32 = 5;

/// What the writer met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskTrouble {
    /// There is no room.
    Full,
    /// It reports errors.
    Failed,
}

impl DiskTrouble {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "storage_full",
            Self::Failed => "storage_failed",
        }
    }

    /// A sentence for staff.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Full => "The computer that keeps this is full. Nothing was saved; call support.",
            Self::Failed => "The computer that keeps this cannot save it. Nothing has changed; call support.",
        }
    }
}

#[derive(Debug, Default)]
struct Known {
    floor: u64,
    free: Option<u64>,
    low: bool,
    trouble: Option<DiskTrouble>,
}

/// What is known of the disk. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Storage(Arc<Mutex<Known>>);

impl Storage {
    /// A disk of which nothing bad is known, and no floor.
    pub fn new() -> Self {
        Self::default()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Free bytes below which no new work is taken.
    pub fn set_floor(&self, bytes: u64) {
        self.known().floor = bytes;
    }

    /// Notes how many bytes are free. Low ends an eighth above the floor, so that it does not flutter.
    pub fn note_free(&self, bytes: u64) {
        let mut known = self.known();
        let end = if known.low { known.floor.saturating_add(known.floor / 8) } else { known.floor };
        known.free = Some(bytes);
        known.low = bytes < end;
    }

    /// Notes that a write failed.
    pub fn met(&self, trouble: DiskTrouble) {
        let before = self.known().trouble.replace(trouble);
        if before != Some(trouble) {
            tracing::error!(code = trouble.code(), "the disk takes nothing; no new work until it does");
        }
    }

    /// Notes that a write succeeded.
    pub fn works(&self) {
        if self.known().trouble.take().is_some() {
            tracing::info!("the disk takes writes again");
        }
    }

    /// What the writer met last, as long as no write has succeeded since.
    pub fn trouble(&self) -> Option<DiskTrouble> {
        self.known().trouble
    }

    /// Why new work is refused, if it is.
    pub fn refuses_work(&self) -> Option<DiskTrouble> {
        let known = self.known();
        known.trouble.or(known.low.then_some(DiskTrouble::Full))
    }

    /// Why what the other side of the line sends is refused, if it is. It is sent again.
    pub fn refuses_batches(&self) -> Option<DiskTrouble> {
        let known = self.known();
        let very_low = known.free.is_some_and(|free| free < known.floor / 2);
        known.trouble.or(very_low.then_some(DiskTrouble::Full))
    }

    /// What is wrong, for people.
    pub fn reason(&self) -> Option<String> {
        let known = self.known();
        match known.trouble {
            Some(DiskTrouble::Full) => {
                Some("storage_full: the disk is full; no new work is taken".to_owned())
            }
            Some(DiskTrouble::Failed) => {
                Some("storage_failed: the disk reports errors; no new work is taken".to_owned())
            }
            None if known.low => Some(format!(
                "storage_full: {} bytes are free, {} must be; no new work is taken",
                known.free.unwrap_or(0),
                known.floor
            )),
            None => None,
        }
    }
}

/// Refuses requests that would change something while the disk cannot keep it. Reads go on.
pub async fn refuse_writes(State(storage): State<Storage>, request: Request, next: Next) -> Response {
    match storage.refuses_work() {
        Some(trouble) if !request.method().is_safe() => problem(trouble).into_response(),
        _ => next.run(request).await,
    }
}

/// 503 with the code and sentence of a trouble.
pub fn problem(trouble: DiskTrouble) -> Problem {
    Problem::busy(trouble.code(), trouble.sentence(), RETRY_AFTER_S)
}

/// Writes the log of a SQLite database once more, in place, and syncs it. Call it before the database is opened.
///
/// After a sync that failed, the system may count bytes as written that are in its memory alone, and no later sync writes
/// them: a process that goes on from there builds on a log with a hole. Written again, they are on their way once more;
/// the same bytes in the same place harm nothing.
pub fn write_log_again(database: &Path) -> io::Result<()> {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    let log = match OpenOptions::new().read(true).write(true).open(&name) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut part = vec![0; 256 * 1024];
    let mut offset = 0;
    loop {
        let read = log.read_at(&mut part, offset)?;
        if read == 0 {
            return log.sync_all();
        }
        log.write_all_at(&part[..read], offset)?;
        offset += read as u64;
    }
}

/// Bytes that this process may still write on the disk of a folder.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Looks at the disk until the daemon ends: how much room is left in the folder, if there is a floor for it; and
/// whether a disk in trouble takes a write again, by `probe`, whose write tells the storage itself.
pub async fn watch<P, F>(
    storage: Storage,
    folder: Option<PathBuf>,
    ready: ReadyCheck,
    token: CancellationToken,
    probe: P,
) -> Result<(), Infallible>
where
    P: Fn() -> F,
    F: Future<Output = ()>,
{
    loop {
        if let Some(folder) = &folder {
            match free_bytes(folder) {
                Ok(bytes) => {
                    metrics::gauge!("outpost_storage_free_bytes").set(bytes as f64);
                    storage.note_free(bytes);
                }
                Err(error) => tracing::warn!(%error, folder = %folder.display(), "free bytes are not known"),
            }
        }
        if storage.trouble().is_some() {
            probe().await;
        }
        metrics::gauge!("outpost_storage_takes_work")
            .set(f64::from(u8::from(storage.refuses_work().is_none())));
        match storage.reason() {
            Some(reason) => ready.not_ready(reason),
            None => ready.ready(),
        }
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_refused_below_the_floor_and_batches_below_half_of_it() {
        let storage = Storage::new();
        storage.set_floor(800);
        assert_eq!(storage.refuses_work(), None, "nothing is known yet");
        for (free, work, batches) in [
            (800, false, false),
            (799, true, false),
            (899, true, false),
            (400, true, false),
            (399, true, true),
            (900, false, false),
            (800, false, false),
        ] {
            storage.note_free(free);
            assert_eq!(storage.refuses_work().is_some(), work, "{free} bytes free");
            assert_eq!(storage.refuses_batches().is_some(), batches, "{free} bytes free");
            assert_eq!(storage.reason().is_some(), work);
        }
    }

    #[test]
    fn a_disk_in_trouble_takes_nothing_until_a_write_succeeds() {
        let storage = Storage::new();
        storage.met(DiskTrouble::Failed);
        storage.note_free(u64::MAX);
        assert_eq!(storage.refuses_work(), Some(DiskTrouble::Failed));
        assert_eq!(storage.refuses_batches(), Some(DiskTrouble::Failed));
        storage.met(DiskTrouble::Full);
        assert!(storage.reason().is_some_and(|reason| reason.starts_with("storage_full")));
        storage.works();
        assert_eq!((storage.refuses_work(), storage.reason()), (None, None));
    }

    #[test]
    fn without_a_floor_room_is_never_too_little() {
        let storage = Storage::new();
        storage.note_free(0);
        assert_eq!(storage.refuses_work(), None);
    }

    #[test]
    fn a_log_is_written_again_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        write_log_again(&database).unwrap();
        let log = folder.path().join("a.db-wal");
        let bytes: Vec<u8> = (0..700_001_u32).map(|n| (n % 251) as u8).collect();
        std::fs::write(&log, &bytes).unwrap();
        write_log_again(&database).unwrap();
        assert_eq!(std::fs::read(&log).unwrap(), bytes);
    }

    #[test]
    fn the_room_in_a_folder_is_known() {
        assert!(free_bytes(&std::env::temp_dir()).unwrap() > 0);
        assert!(free_bytes(Path::new("/no/such/folder")).is_err());
    }
}
