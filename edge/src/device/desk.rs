//! The print jobs as workers and screens see them: reads, changes through the one writer, and who is told of them.

use std::sync::{Arc, Mutex, PoisonError};

use outpost_model::time::UtcMillis;
use rusqlite::Connection;
use tokio::sync::Notify;

use super::printer::{PrinterBoard, PrinterState};
use crate::app::print::{self, PrintChange, PrintResult};
use crate::store::StoreError;
use crate::store::print_job::{self, PrintJob, PrintJobId};

/// Why a job could not be read or changed.
pub type DeskError = StoreError;

#[derive(Debug, Clone)]
pub struct Desk {
    store: Arc<Mutex<Connection>>,
    board: PrinterBoard,
    wake: Arc<Notify>,
    now: Arc<std::sync::atomic::AtomicI64>,
}

impl Desk {
    pub fn new(conn: Connection) -> Self {
        Self { store: Arc::new(Mutex::new(conn)), board: PrinterBoard::default(), wake: Arc::default(), now: Arc::default() }
    }
    #[cfg(test)]
    pub fn for_tests(now: UtcMillis) -> Self {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("../store/migrations/0002_print_job.sql")).unwrap();
        let desk = Self::new(conn); desk.set_now(now); desk
    }
    #[cfg(test)]
    pub fn queue_for_tests(&self, job: &print_job::NewPrintJob<'_>) -> PrintJobId {
        let now = self.now(); let id = self.with(|c| print::queue(c, now, job)).unwrap().unwrap(); self.wake(); id
    }
    pub fn set_now(&self, at: UtcMillis) { self.now.store(at.0, std::sync::atomic::Ordering::SeqCst) }
    pub fn now(&self) -> UtcMillis { UtcMillis(self.now.load(std::sync::atomic::Ordering::SeqCst)) }
    pub fn board(&self) -> &PrinterBoard { &self.board }
    pub fn note(&self, printer: &str, state: PrinterState) { self.board.note(printer, state, self.now()); }
    pub async fn woken(&self) { self.wake.notified().await }
    pub fn wake(&self) { self.wake.notify_one() }
    fn with<T>(&self, run: impl FnOnce(&Connection) -> T) -> T { run(&self.store.lock().unwrap_or_else(PoisonError::into_inner)) }
    pub async fn next_of(&self, printer: &str) -> Result<Option<PrintJob>, DeskError> { self.with(|c| print_job::next_of(c, printer)) }
    pub async fn find(&self, id: PrintJobId) -> Result<Option<PrintJob>, DeskError> { self.with(|c| print_job::find(c, id)) }
    pub async fn bytes(&self, id: PrintJobId) -> Result<Option<Vec<u8>>, DeskError> { self.with(|c| print_job::bytes(c, id)) }
    pub async fn change(&self, change: PrintChange) -> Result<PrintResult, DeskError> { let now = self.now(); self.with(|c| print::change(c, now, &change)) }
}
