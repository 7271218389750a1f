//! What the disk can do: the floor under everything durable.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// Syncs measured where none of another pace was asked for.
const SYNCS: usize = 300;
/// Bytes written before each: what one scan adds to the write-ahead log, nine pages.
const BYTES: usize = 9 * 4_096;

struct Probe {
    _folder: tempfile::TempDir,
    file: File,
    block: Vec<u8>,
}

impl Probe {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = OpenOptions::new().create(true).append(true).open(folder.path().join("sync"))?;
        Ok(Self { _folder: folder, file, block: vec![0x5a; BYTES] })
    }

    /// One append and its `fdatasync`; how long the latter took.
    fn sync(&mut self) -> Result<Duration> {
        self.file.write_all(&self.block)?;
        let begun = Instant::now();
        self.file.sync_data()?;
        Ok(begun.elapsed())
    }
}

fn quantiles(mut taken: Vec<Duration>) -> Result<(Duration, Duration)> {
    taken.sort_unstable();
    let at = |part: usize| taken.get((taken.len() * part / 100).min(taken.len().saturating_sub(1))).copied();
    at(50).zip(at(99)).ok_or_else(|| anyhow!("no sync was measured"))
}

/// The median and the 99th percentile of one `fdatasync` on a disk that does nothing else, back to back.
pub async fn fdatasync() -> Result<(Duration, Duration)> {
    tokio::task::spawn_blocking(|| {
        let mut probe = Probe::new()?;
        quantiles((0..SYNCS).map(|_| probe.sync()).collect::<Result<_>>()?)
    })
    .await?
}

/// Syncs at a steady pace on a thread of its own, while something else is measured.
pub struct Paced {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Duration>>>,
}

impl Paced {
    /// Begins half a pace from now, so that it falls between what else happens at that pace.
    pub fn start(pace: Duration) -> Result<Self> {
        let mut probe = Probe::new()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut taken = Vec::new();
            let mut due = Instant::now() + pace / 2;
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                taken.push(probe.sync()?);
                due += pace;
            }
            Ok(taken)
        });
        Ok(Self { stop, thread })
    }

    /// Ends; the median and the 99th percentile.
    pub async fn finish(self) -> Result<(Duration, Duration)> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread;
        let taken = tokio::task::spawn_blocking(move || thread.join()).await?;
        quantiles(taken.map_err(|_| anyhow!("measuring the disk panicked"))??)
    }
}
