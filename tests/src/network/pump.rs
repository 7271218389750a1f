//! Bytes in one direction of a line.

use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::line::Condition;

/// Small enough that a throttled line still moves smoothly.
const PIECE: usize = 2_048;
/// Pieces under way in one connection; beyond that the sender is held up by TCP itself.
const UNDER_WAY: usize = 64;

/// One direction of a line: what has passed, and when it is free again.
#[derive(Default)]
pub(super) struct Way {
    bytes: AtomicU64,
    connections: AtomicU64,
    free_at: Mutex<Option<Instant>>,
}

impl Way {
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the line for as long as so many bytes need; until when.
    fn reserve(&self, bytes: usize, bits_per_second: u64) -> Instant {
        let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / bits_per_second.max(1) as f64);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = free_at.map_or_else(Instant::now, |free_at| free_at.max(Instant::now()));
        *free_at = Some(begins + takes);
        begins + takes
    }
}

/// Carries bytes until one side ends; then the other is told.
pub(super) async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    way: &Way,
    mut condition: watch::Receiver<Condition>,
) -> io::Result<()> {
    let (queue, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let latency = condition.clone();
    let receive = async move {
        loop {
            let mut piece = vec![0; PIECE];
            let length = from.read(&mut piece).await?;
            piece.truncate(length);
            let arrives = Instant::now() + latency.borrow().latency;
            if length == 0 || queue.send((arrives, piece)).await.is_err() {
                return Ok(());
            }
        }
    };
    let deliver = async move {
        while let Some((arrives, piece)) = under_way.recv().await {
            tokio::time::sleep_until(arrives).await;
            // An error means that the line itself is gone.
            let now = condition.wait_for(|condition| condition.cut.is_none()).await.map(|now| *now);
            if let Some(rate) = now.unwrap_or_default().bits_per_second {
                tokio::time::sleep_until(way.reserve(piece.len(), rate)).await;
            }
            to.write_all(&piece).await?;
            way.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        to.shutdown().await
    };
    tokio::try_join!(receive, deliver).map(|_: ((), ())| ())
}
