//! What the disk can do: the floor under everything durable.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Syncs measured.
const SYNCS: usize = 300;
/// Bytes written before each: what a small group adds to the write-ahead log.
const BYTES: usize = 8_192;

/// Durations of one `fdatasync` after an append, sorted. Blocking: call it on a thread that may wait.
fn measure() -> Result<Vec<Duration>> {
    let folder = tempfile::tempdir()?;
    let mut file = OpenOptions::new().create(true).append(true).open(folder.path().join("sync"))?;
    let block = vec![0x5a_u8; BYTES];
    let mut taken = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&block)?;
        let begun = Instant::now();
        file.sync_data()?;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    Ok(taken)
}

/// The median and the 99th percentile of one `fdatasync`.
pub async fn fdatasync() -> Result<(Duration, Duration)> {
    let taken = tokio::task::spawn_blocking(measure).await??;
    Ok((taken[taken.len() / 2], taken[taken.len() * 99 / 100]))
}
