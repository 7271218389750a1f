//! Watching a file that may be changed while the daemon runs: by its time and size, and on SIGHUP.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a file's metadata says about whether it is another one than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

/// A task for the supervisor: calls `changed` with the file's text whenever the file has changed, and on every
/// SIGHUP. An error of reading is handed over too, once for each change of what is there.
pub async fn watch_file(
    path: PathBuf,
    every: Duration,
    token: CancellationToken,
    mut changed: impl FnMut(io::Result<String>) + Send,
) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut known = stamp(&path).await;
    loop {
        let asked = tokio::select! {
            () = token.cancelled() => return Ok(()),
            _ = hangup.recv() => true,
            () = tokio::time::sleep(every) => false,
        };
        let seen = stamp(&path).await;
        if asked || seen != known {
            // Taken before the text is read: a change in between is then seen at the next look.
            known = seen;
            changed(tokio::fs::read_to_string(&path).await);
        }
    }
}

async fn stamp(path: &std::path::Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len() })
}
