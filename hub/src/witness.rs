//! What is written down outside of the database about how far it has come: a database that was restored from a copy
//! cannot know by itself that it was.
//!
//! The file stands beside the hub's key, never in a copy of the database. It also holds what must never be issued
//! twice: serials are pledged here before the transaction that leases them is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The file's name in the data folder.
pub const FILE: &str = "hub.witness";

/// What the witness says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// The epoch the hub was in.
    pub epoch: u32,
    /// The incarnation it wrote as, hex.
    pub incarnation: String,
    /// How far the database had come, at least.
    pub tide: u64,
    /// The first serial that was never leased, by series.
    #[serde(default)]
    pub serials: BTreeMap<String, u64>,
    /// Every incarnation it ever wrote as: a copy from before one of them does not know it, and what was written under
    /// it is still at the sites.
    #[serde(default)]
    pub lives: BTreeSet<String>,
    /// Somebody has put a copy in the database's place and said so.
    #[serde(default)]
    pub restored: bool,
}

/// The witness. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    path: Option<PathBuf>,
    told: Mutex<Option<Testimony>>,
}

impl Witness {
    /// Reads the witness of a data folder. One that cannot be read is an error, never a new one.
    pub fn open(directory: &Path) -> std::io::Result<Self> {
        let path = directory.join(FILE);
        let told = match std::fs::read(&path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(std::io::Error::from)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self(Arc::new(Inner { path: Some(path), told: Mutex::new(told) })))
    }

    /// What it says; nothing while it has seen nothing.
    pub fn told(&self) -> Option<Testimony> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes down more. It is on the disk when this returns.
    pub fn testify(&self, change: impl FnOnce(&mut Testimony)) -> std::io::Result<()> {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = told.clone().unwrap_or_default();
        change(&mut next);
        if told.as_ref() == Some(&next) {
            return Ok(());
        }
        if let Some(path) = &self.0.path {
            write(path, &next)?;
        }
        *told = Some(next);
        Ok(())
    }

    /// Writes down that serials of a series are leased up to here.
    pub fn pledge(&self, pledges: &BTreeMap<String, u64>) -> std::io::Result<()> {
        self.testify(|told| {
            for (series, next) in pledges {
                let known = told.serials.entry(series.clone()).or_insert(0);
                *known = (*known).max(*next);
            }
        })
    }
}

/// Written aside and renamed: a half-written witness would say nothing.
fn write(path: &Path, told: &Testimony) -> std::io::Result<()> {
    let aside = path.with_extension("witness.new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(&serde_json::to_vec(told)?)?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_over_a_restart_and_pledges_only_grow() {
        let folder = tempfile::tempdir().unwrap();
        let witness = Witness::open(folder.path()).unwrap();
        assert_eq!(witness.told(), None);
        witness.testify(|told| told.tide = 7).unwrap();
        let pledge = |next| BTreeMap::from([("0000000/0".to_owned(), next)]);
        witness.pledge(&pledge(2_000)).unwrap();
        witness.pledge(&pledge(1_000)).unwrap();
        let again = Witness::open(folder.path()).unwrap().told().unwrap();
        assert_eq!((again.tide, again.serials["0000000/0"]), (7, 2_000));
        assert_eq!(Some(again), witness.told());
    }

    #[test]
    fn one_that_cannot_be_read_is_not_taken_for_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), b"{\"epoch\":").unwrap();
        assert!(Witness::open(folder.path()).is_err());
    }
}
