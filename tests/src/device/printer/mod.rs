//! A Zebra label printer on TCP, down to its habits.
//!
//! It takes ZPL II, prints what it got in order, and answers `~HS` and the odometer. As the real ones do, it keeps
//! labels in its buffer while it cannot print, and answers `~HS` with **silence** while paper is out or the head is
//! open. Every label it printed is kept, so that a test can ask whether anything came out twice.

mod engine;
mod label;
mod state;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

pub use label::{BarcodeKind, Field, PrintedLabel};
pub use state::ResetPoint;

use crate::network::Door;
use state::Printer;

/// Bytes of labels the printer holds before it stops reading.
pub const BUFFER_BYTES: usize = 256 * 1024;

/// A printer. Clones are the same printer; it is gone with the last of them.
#[derive(Clone)]
pub struct VirtualPrinter {
    address: SocketAddr,
    printer: Arc<Printer>,
    _task: Arc<AbortOnDropHandle<()>>,
}

impl VirtualPrinter {
    /// Switches a printer on at a free port of this machine.
    pub fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Switches a printer on at this address.
    pub fn start_at(address: SocketAddr) -> io::Result<Self> {
        let door = Door::open_at(address)?;
        let address = door.address();
        let printer = Arc::new(Printer::default());
        let task = Arc::new(AbortOnDropHandle::new(tokio::spawn(engine::run(door, printer.clone()))));
        Ok(Self { address, printer, _task: task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the paper out.
    pub fn paper_out(&self) {
        self.printer.change(|state| state.paper_out = true);
    }

    /// Puts paper in; what waits in the buffer is printed.
    pub fn paper_in(&self) {
        self.printer.change(|state| state.paper_out = false);
    }

    /// Opens the head.
    pub fn open_head(&self) {
        self.printer.change(|state| state.head_open = true);
    }

    /// Closes the head; what waits in the buffer is printed.
    pub fn close_head(&self) {
        self.printer.change(|state| state.head_open = false);
    }

    /// Presses pause. A paused printer still answers.
    pub fn pause(&self) {
        self.printer.change(|state| state.paused = true);
    }

    /// Presses pause again.
    pub fn resume(&self) {
        self.printer.change(|state| state.paused = false);
    }

    /// Pulls the plug: connections die, new ones are refused, the buffer is forgotten.
    pub fn switch_off(&self) {
        self.printer.change(|state| {
            state.switched_off = true;
            state.forget_buffer();
        });
        self.printer.reset_connections();
    }

    /// Puts the plug back in.
    pub fn switch_on(&self) {
        self.printer.change(|state| state.switched_off = false);
    }

    /// The next label makes it restart: connections die and the buffer is forgotten, before or after the label came
    /// out.
    pub fn reset_at_next_label(&self, point: ResetPoint) {
        self.printer.change(|state| state.reset = Some(point));
    }

    /// Takes in at most so many bytes a second; `None` for as fast as they come.
    pub fn set_intake(&self, bytes_per_second: Option<u32>) {
        self.printer.change(|state| state.bytes_per_second = bytes_per_second);
    }

    /// The connection that delivers the byte after this many more is reset at that byte.
    pub fn drop_connection_after(&self, bytes: usize) {
        self.printer.change(|state| state.drop_after = Some(bytes));
    }

    /// How long one label takes.
    pub fn set_print_time(&self, time: Duration) {
        self.printer.change(|state| state.print_time = time);
    }

    /// Makes it one of those that have no odometer.
    pub fn remove_odometer(&self) {
        self.printer.change(|state| state.has_odometer = false);
    }

    /// Labels printed in its life, copies counted.
    pub fn odometer(&self) -> u64 {
        self.printer.look(|state| state.odometer)
    }

    /// Whether it has no paper.
    pub fn is_out_of_paper(&self) -> bool {
        self.printer.look(|state| state.paper_out)
    }

    /// Labels received and not printed.
    pub fn waiting(&self) -> usize {
        self.printer.look(|state| state.formats_waiting())
    }

    /// Connections it has accepted.
    pub fn connections(&self) -> u64 {
        self.printer.look(|state| state.connections)
    }

    /// Everything it printed, in order.
    pub fn printed(&self) -> Vec<PrintedLabel> {
        self.printer.look(|state| state.printed.clone())
    }

    /// Labels that came out more than once, by identity: number of times. A copy that says that it is one has an
    /// identity of its own.
    pub fn duplicates(&self) -> BTreeMap<String, u64> {
        let mut times = BTreeMap::new();
        self.printer.look(|state| {
            for label in &state.printed {
                *times.entry(label.identity()).or_default() += u64::from(label.quantity);
            }
        });
        times.retain(|_, count| *count > 1);
        times
    }

    /// Waits until it has printed so many labels, for at most so long; whether it did.
    pub async fn wait_for_labels(&self, count: u64, within: Duration) -> bool {
        let done = async {
            let mut changes = self.printer.changes();
            while self.odometer() < count {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(within, done).await.is_ok()
    }
}
