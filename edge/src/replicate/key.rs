//! The appliance's own key: made once, in a file that only the daemon may read, and never in the database, so that
//! a copy of the database is not a copy of the appliance.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use outpost_sync::{Identity, IdentityError};

/// The file's name in the data folder.
const FILE: &str = "identity.key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the appliance's key file {path}")]
    File {
        /// Where it is.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("the appliance's key file {path} is damaged")]
    Damaged {
        /// Where it is.
        path: String,
        /// What is wrong.
        #[source]
        source: IdentityError,
    },
}

/// Reads the key, or makes one: it is on disk before it is used.
pub fn load_or_make(folder: &Path) -> Result<Identity, KeyError> {
    let path = folder.join(FILE);
    let name = path.display().to_string();
    match fs::read(&path) {
        Ok(bytes) => Identity::from_bytes(&bytes).map_err(|source| KeyError::Damaged { path: name, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let identity = Identity::generate(&mut rand::rng());
            write(folder, &path, &identity.to_bytes())
                .map_err(|source| KeyError::File { path: name, source })?;
            Ok(identity)
        }
        Err(source) => Err(KeyError::File { path: name, source }),
    }
}

/// Written beside and renamed, so that a crash leaves a whole key or none.
fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = load_or_make(folder.path()).unwrap();
        let again = load_or_make(folder.path()).unwrap();
        assert_eq!(first.to_bytes(), again.to_bytes());
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(folder.path().join(FILE), b"short").unwrap();
        assert!(matches!(load_or_make(folder.path()), Err(KeyError::Damaged { .. })));
    }
}
