//! `outpost-hub restore`: puts a copy in the database's place, so that the next start knows of it.

use std::fs::File;
use std::path::{Path, PathBuf};

use outpost_config::HubSettings;
use outpost_model::time::UtcMillis;
use sqlx::any::AnyConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};

use crate::error::HubError;
use crate::store::copy::{self, Content};
use crate::witness::Witness;

/// What came of it.
#[derive(Debug)]
pub struct Restored {
    /// What the copy holds; nothing when the database is a server's.
    pub content: Option<Content>,
    /// Where the database that was there before stands now.
    pub aside: Option<PathBuf>,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A hub has the database open.
    #[error("{0} is in use: stop the hub first")]
    InUse(String),
    /// For SQLite a copy must be named.
    #[error("name the copy: --from FILE")]
    NoCopy,
    /// A server is restored by its own means.
    #[error("PostgreSQL is restored by its own means; run this without --from afterwards")]
    NotHere,
    /// Not a place that a copy can be put in.
    #[error("the database's URL names no file")]
    NoFile,
    /// The copy is damaged, or is none.
    #[error("the copy cannot be used: {0}")]
    Copy(#[from] HubError),
    /// A folder or file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Restores. The database that was there is moved aside, never overwritten. For PostgreSQL it only notes that the server
/// was restored.
pub async fn restore(
    settings: &HubSettings,
    from: Option<&Path>,
    now: UtcMillis,
) -> Result<Restored, RestoreError> {
    let directory = &settings.data.directory;
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| RestoreError::File { path, source }
    };
    std::fs::create_dir_all(directory).map_err(failed(directory))?;
    let witness = Witness::open(directory).map_err(failed(directory))?;
    let url = settings.database_url();
    if url.is_postgres() {
        if from.is_some() {
            return Err(RestoreError::NotHere);
        }
        witness.testify(|told| told.restored = true).map_err(failed(directory))?;
        return Ok(Restored { content: None, aside: None });
    }
    let from = from.ok_or(RestoreError::NoCopy)?;
    let place = file_of(url.expose()).ok_or(RestoreError::NoFile)?;
    let content = copy::inspect(from).await?;
    if place.exists() {
        free(&place).await?;
    }
    // First of all: whatever happens after, the next start knows that the past may have a hole.
    witness.testify(|told| told.restored = true).map_err(failed(directory))?;
    let part = suffixed(&place, ".restoring");
    std::fs::copy(from, &part).map_err(failed(&part))?;
    File::open(&part).and_then(|file| file.sync_all()).map_err(failed(&part))?;
    let aside = move_aside(&place, now).map_err(failed(&place))?;
    std::fs::rename(&part, &place).map_err(failed(&place))?;
    let folder = place.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
    Ok(Restored { content: Some(content), aside })
}

/// The file that a SQLite URL names.
fn file_of(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
}

/// Fails while anybody else has the database open.
async fn free(place: &Path) -> Result<(), RestoreError> {
    let in_use = |_| RestoreError::InUse(place.display().to_string());
    sqlx::any::install_default_drivers();
    let options: AnyConnectOptions =
        format!("sqlite://{}?mode=rw", place.display()).parse().map_err(HubError::from)?;
    let mut connection = options.connect().await.map_err(in_use)?;
    for statement in
        ["PRAGMA busy_timeout = 200", "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "ROLLBACK"]
    {
        connection.execute(statement).await.map_err(in_use)?;
    }
    connection.close().await.map_err(HubError::from)?;
    Ok(())
}

/// Moves the database and what belongs to it to names that tell when.
fn move_aside(place: &Path, now: UtcMillis) -> std::io::Result<Option<PathBuf>> {
    if !place.exists() {
        return Ok(None);
    }
    let aside = suffixed(place, &format!(".before-{}", now.timestamp().strftime("%Y%m%dT%H%M%SZ")));
    for ending in ["-wal", "-shm", ""] {
        match std::fs::rename(suffixed(place, ending), suffixed(&aside, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(Some(aside))
}

fn suffixed(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_database_is_read_from_its_url() {
        let of = |url: &str| file_of(url).map(|path| path.display().to_string());
        assert_eq!(of("sqlite:///var/lib/hub.db?mode=rwc").as_deref(), Some("/var/lib/hub.db"));
        assert_eq!(of("sqlite:hub.db").as_deref(), Some("hub.db"));
        assert_eq!(of("sqlite::memory:"), None);
        assert_eq!(of("postgres://hub@db/hub"), None);
    }
}
