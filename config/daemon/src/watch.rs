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

/// A task for the supervisor: calls `changed` with the file's text once at the start, so that a change between
/// loading and watching is not missed, then whenever the file has changed, and on every SIGHUP. A change is told
/// when two looks in a row saw the same, since a file that is being written is not a file that was written. An
/// error of reading is handed over too, once for each change of what is there.
pub async fn watch_file(
    path: PathBuf,
    every: Duration,
    token: CancellationToken,
    mut changed: impl FnMut(io::Result<String>) + Send,
) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut told = None;
    let mut last = None;
    let mut asked = true;
    loop {
        let seen = stamp(&path).await;
        let settled = seen == last && seen != told;
        last = seen;
        if asked || settled {
            // Stamped before the text is read: a change in between is then seen at the next look.
            told = seen;
            changed(tokio::fs::read_to_string(&path).await);
        }
        asked = tokio::select! {
            () = token.cancelled() => return Ok(()),
            _ = hangup.recv() => true,
            () = tokio::time::sleep(every) => false,
        };
    }
}

async fn stamp(path: &std::path::Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_a_loss_and_a_return_are_each_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.toml");
        std::fs::write(&path, "one").unwrap();
        let token = CancellationToken::new();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let watching =
            tokio::spawn(watch_file(path.clone(), Duration::from_millis(5), token.clone(), move |text| {
                tell.send(text.map_err(|error| error.kind())).unwrap();
            }));
        assert_eq!(told.recv().await.unwrap(), Ok("one".into()));
        std::fs::write(&path, "three").unwrap();
        // A look may fall between the truncation and the write: what counts is where it ends.
        while told.recv().await.unwrap() != Ok("three".into()) {}
        std::fs::remove_file(&path).unwrap();
        assert_eq!(told.recv().await.unwrap(), Err(io::ErrorKind::NotFound));
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert!(told.is_empty(), "what has not changed is not told again");
        let other = folder.path().join("other");
        std::fs::write(&other, "back").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(told.recv().await.unwrap(), Ok("back".into()));
        token.cancel();
        watching.await.unwrap().unwrap();
    }
}
