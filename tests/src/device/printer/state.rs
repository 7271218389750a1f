//! What the printer is doing and what is wrong with it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::BUFFER_BYTES;
use super::label::PrintedLabel;

/// When a restart hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetPoint {
    /// The label is lost.
    BeforePrinting,
    /// The label came out, and the host never hears of it.
    AfterPrinting,
}

/// A label in the buffer.
pub(super) struct Waiting {
    pub bytes: Vec<u8>,
    pub connection: u64,
}

pub(super) struct State {
    pub paper_out: bool,
    pub head_open: bool,
    pub paused: bool,
    pub switched_off: bool,
    pub has_odometer: bool,
    pub reset: Option<ResetPoint>,
    pub bytes_per_second: Option<u32>,
    pub drop_after: Option<usize>,
    pub print_time: Duration,
    pub buffer: VecDeque<Waiting>,
    /// Labels of the batch on the head that are still to come.
    pub remaining: u32,
    /// Connections in the middle of a label.
    pub partial: usize,
    pub printed: Vec<PrintedLabel>,
    pub odometer: u64,
    pub connections: u64,
    pub switched_on_at: Instant,
}

impl State {
    pub fn can_print(&self) -> bool {
        !(self.paper_out || self.head_open || self.paused || self.switched_off)
    }

    /// Whether it answers `~HS` at all.
    pub fn is_silent(&self) -> bool {
        self.paper_out || self.head_open
    }

    pub fn is_full(&self) -> bool {
        self.buffer.iter().map(|waiting| waiting.bytes.len()).sum::<usize>() >= BUFFER_BYTES
    }

    pub fn formats_waiting(&self) -> usize {
        self.buffer.len() + usize::from(self.remaining > 0)
    }

    pub fn forget_buffer(&mut self) {
        self.buffer.clear();
        self.remaining = 0;
    }

    /// The three frames of `~HS`.
    pub fn host_status(&self) -> String {
        let flag = u8::from;
        format!(
            "\x02030,{},{},1218,{:03},{},0,{},000,0,0,0\x03\r\n\x02000,0,{},0,0,2,4,0,{:08},1,000\x03\r\n\
             \x021234,0\x03\r\n",
            flag(self.paper_out),
            flag(self.paused),
            self.formats_waiting().min(999),
            flag(self.is_full()),
            flag(self.partial > 0),
            flag(self.head_open),
            self.remaining,
        )
    }
}

/// The printer's state, and word of every change of it.
pub(super) struct Printer {
    state: Mutex<State>,
    /// Counts changes, so that whoever waits for one looks again.
    changed: watch::Sender<u64>,
    /// Counts restarts: a connection that sees it move dies.
    restarts: watch::Sender<u64>,
}

impl Default for Printer {
    fn default() -> Self {
        let state = State {
            paper_out: false,
            head_open: false,
            paused: false,
            switched_off: false,
            has_odometer: true,
            reset: None,
            bytes_per_second: None,
            drop_after: None,
            print_time: Duration::ZERO,
            buffer: VecDeque::new(),
            remaining: 0,
            partial: 0,
            printed: Vec::new(),
            odometer: 0,
            connections: 0,
            switched_on_at: Instant::now(),
        };
        Self { state: Mutex::new(state), changed: watch::Sender::new(0), restarts: watch::Sender::new(0) }
    }
}

impl Printer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let value = change(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
        value
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub fn reset_connections(&self) {
        self.restarts.send_modify(|count| *count += 1);
    }

    pub fn restarts(&self) -> watch::Receiver<u64> {
        self.restarts.subscribe()
    }
}
