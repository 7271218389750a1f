//! A copy of the SQLite database as a file: made while the hub works, and not called one before it was opened and read.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use outpost_model::time::UtcMillis;
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection, Row};

use super::authority::{self, Life};
use super::backup::{self, SiteMark};
use super::{Store, migrate, unsigned};
use crate::error::HubError;

const PREFIX: &str = "hub-";
const SUFFIX: &str = ".db";
const STAMP: &str = "%Y%m%dT%H%M%SZ";
/// What is being written has this name until it is whole.
const PART: &str = "copy.part";

/// A copy that was opened and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name in its folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// How far it holds the streams of sites.
    pub marks: Vec<SiteMark>,
}

/// What a database file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The version of its tables.
    pub version: u64,
    /// Whose past it is.
    pub life: Life,
    /// How far it holds the streams of sites.
    pub marks: Vec<SiteMark>,
}

/// Makes a copy in a folder. It contains everything that was committed before, and appears under its name only when it
/// is whole, on the disk, and was read.
pub async fn make(store: &Store, directory: &Path, now: UtcMillis) -> Result<Copied, HubError> {
    let file = name(now);
    let (part, whole) = (directory.join(PART), directory.join(&file));
    if whole.exists() {
        return Err(HubError::Keys(format!("{} exists already", whole.display())));
    }
    reserve(&part).map_err(|error| failed(&part, error))?;
    let outcome = write(store, &part).await;
    if outcome.is_err() {
        // Whatever is there is not a copy; the next one must find its place free.
        let _ = std::fs::remove_file(&part);
    }
    let (bytes, marks) = outcome?;
    std::fs::rename(&part, &whole).map_err(|error| failed(&whole, error))?;
    sync(directory).await.map_err(|error| failed(directory, error))?;
    Ok(Copied { file, bytes, marks })
}

async fn write(store: &Store, part: &Path) -> Result<(u64, Vec<SiteMark>), HubError> {
    let mut connection = store.read().acquire().await?;
    sqlx::query("VACUUM INTO $1").bind(part.display().to_string()).execute(&mut *connection).await?;
    drop(connection);
    // SQLite does not sync what it writes there.
    sync(part).await.map_err(|error| failed(part, error))?;
    let content = inspect(part).await?;
    let bytes = std::fs::metadata(part).map_err(|error| failed(part, error))?.len();
    Ok((bytes, content.marks))
}

/// The place of a copy, taken before anybody else may read what will stand there: it holds personal data.
fn reserve(part: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).map(drop)
}

async fn sync(path: &Path) -> std::io::Result<()> {
    let path = path.to_owned();
    let synced = tokio::task::spawn_blocking(move || File::open(path)?.sync_all()).await;
    synced.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// Opens a database file that nobody writes to, checks that it is whole, and says what it holds.
pub async fn inspect(path: &Path) -> Result<Content, HubError> {
    let mut connection = open(path).await?;
    let content = read(&mut connection, path).await;
    connection.close().await?;
    content
}

async fn read(connection: &mut AnyConnection, path: &Path) -> Result<Content, HubError> {
    let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut *connection).await?;
    let verdict: String = row.try_get(0)?;
    if verdict != "ok" {
        return Err(HubError::corrupt("backup", path.display(), verdict));
    }
    let row = sqlx::query("SELECT MAX(version) AS version FROM schema_version").fetch_one(&mut *connection);
    let version = unsigned(&row.await?, "schema_version", "version")?;
    if version > migrate::version() {
        return Err(HubError::Migration(format!("{} was written by a later version", path.display())));
    }
    let past = authority::past(connection).await?;
    let past = past.ok_or_else(|| HubError::corrupt("hub", path.display(), "no hub has lived in it"))?;
    Ok(Content { version, life: past.life, marks: backup::stored(connection).await? })
}

async fn open(path: &Path) -> Result<AnyConnection, HubError> {
    sqlx::any::install_default_drivers();
    let mut encoded = String::new();
    for byte in path.display().to_string().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    let options: AnyConnectOptions = format!("sqlite://{encoded}?mode=ro&immutable=true").parse()?;
    Ok(options.connect().await?)
}

/// Removes what an earlier process left unfinished.
pub fn clear(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(directory.join(PART)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The copies of a folder, oldest first, each with its instant.
pub fn list(directory: &Path) -> std::io::Result<Vec<(UtcMillis, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if let Some(at) = entry.file_name().to_str().and_then(instant) {
            found.push((at, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes the oldest copies beyond those that are kept.
pub fn prune(directory: &Path, kept: usize) -> std::io::Result<usize> {
    let copies = list(directory)?;
    let beyond = copies.len().saturating_sub(kept);
    for (_, path) in &copies[..beyond] {
        std::fs::remove_file(path)?;
    }
    Ok(beyond)
}

fn name(at: UtcMillis) -> String {
    format!("{PREFIX}{}{SUFFIX}", at.timestamp().strftime(STAMP))
}

fn instant(name: &str) -> Option<UtcMillis> {
    let stamp = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let at = DateTime::strptime(STAMP, stamp).ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(at.timestamp().into())
}

fn failed(path: &Path, error: std::io::Error) -> HubError {
    HubError::Keys(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_copy_tells_its_instant() {
        let at = UtcMillis(1_795_422_301_000);
        assert_eq!(name(at), "hub-20261123T082501Z.db");
        assert_eq!(instant(&name(at)), Some(at));
        for other in ["hub.db", "hub-20261123T082501Z.db.part", "hub-20261323T082501Z.db", PART] {
            assert_eq!(instant(other), None, "{other}");
        }
    }

    #[test]
    fn the_oldest_copies_go_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let touch = |name: &str| std::fs::write(folder.path().join(name), b"").unwrap();
        for second in 0..5 {
            touch(&name(UtcMillis(1_795_422_301_000 + second * 1_000)));
        }
        touch("notes.txt");
        assert_eq!(prune(folder.path(), 5).unwrap(), 0);
        assert_eq!(prune(folder.path(), 3).unwrap(), 2);
        let left = list(folder.path()).unwrap();
        assert_eq!(left.first().unwrap().0, UtcMillis(1_795_422_303_000));
        assert_eq!(left.len(), 3);
        assert!(folder.path().join("notes.txt").exists());
    }
}
