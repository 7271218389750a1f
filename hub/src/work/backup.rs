//! Copies the SQLite database as often as the settings say, and keeps as many copies as they say.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outpost_model::time::UtcMillis;
use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::backup;
use crate::error::HubError;
use crate::store::backup::Backup;
use crate::store::copy::{self, Copied};

/// The pause after a copy that failed.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Runs until it is cancelled.
pub async fn run(hub: Hub, directory: std::path::PathBuf, token: CancellationToken) -> Result<(), HubError> {
    let mut pause = prepare(&directory).map_or(AGAIN_AFTER, |()| Duration::ZERO);
    loop {
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        let outcome = pass(&hub, &directory).await;
        pause = match &outcome {
            Ok(due_in) => *due_in,
            Err(_) => AGAIN_AFTER,
        };
        survived("backup", outcome.map(drop))?;
    }
}

fn prepare(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    copy::clear(directory)
}

/// Makes a copy when one is due, and says when the next one is.
async fn pass(hub: &Hub, directory: &Path) -> Result<Duration, HubError> {
    let newest = copy::list(directory).ok().and_then(|copies| copies.last().map(|(at, _)| *at));
    let wait = due_in(newest, hub.settings.backup.interval, hub.now());
    if !wait.is_zero() {
        return Ok(wait);
    }
    make(hub, directory).await?;
    Ok(hub.settings.backup.interval)
}

/// When the next copy is due. A newest copy from the future tells of a clock that was set back: it does not count.
fn due_in(newest: Option<UtcMillis>, interval: Duration, now: UtcMillis) -> Duration {
    let Some(age) = newest.and_then(|at| u64::try_from(now.since(at)).ok()) else { return Duration::ZERO };
    interval.saturating_sub(Duration::from_millis(age))
}

/// Makes a copy now, and tells what came of it.
pub async fn make(hub: &Hub, directory: &Path) -> Result<Backup, HubError> {
    let begun_at = hub.now();
    match copy::make(&hub.store, directory, begun_at).await {
        Ok(copied) => {
            let seconds = hub.now().since(begun_at) as f64 / 1_000.0;
            tracing::info!(file = copied.file, bytes = copied.bytes, seconds, "the database was copied");
            let made = note(hub, copied, begun_at).await?;
            // From now on a database that was restored from this copy is known to be older.
            super::tide::rise(hub).await?;
            let kept = usize::try_from(hub.settings.backup.kept).unwrap_or(usize::MAX);
            if let Err(error) = copy::prune(directory, kept) {
                tracing::error!(%error, "old copies could not be removed");
            }
            Ok(made)
        }
        Err(error) => {
            let why = Arc::new(error.to_string());
            let told = hub.writer.run("backup", move |unit| {
                let why = why.clone();
                Box::pin(async move { backup::failed(unit, &why).await })
            });
            told.await?;
            Err(error)
        }
    }
}

async fn note(hub: &Hub, copied: Copied, begun_at: UtcMillis) -> Result<Backup, HubError> {
    let copied = Arc::new(copied);
    hub.writer
        .run("backup", move |unit| {
            let copied = copied.clone();
            Box::pin(async move { backup::made(unit, &copied, begun_at).await })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_due_an_interval_after_the_newest() {
        let hour = Duration::from_secs(3_600);
        let now = UtcMillis(10 * 3_600_000);
        assert_eq!(due_in(None, hour, now), Duration::ZERO);
        assert_eq!(due_in(Some(now), hour, now), hour);
        assert_eq!(due_in(Some(now + -3_599_999), hour, now), Duration::from_millis(1));
        assert_eq!(due_in(Some(now + -3_600_000), hour, now), Duration::ZERO);
        assert_eq!(due_in(Some(now + 1), hour, now), Duration::ZERO, "the clock was set back");
    }
}
