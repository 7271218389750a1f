//! The print jobs as workers and screens see them: reads, changes through the one writer, and who is told of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use outpost_daemon::Clock;
use outpost_model::time::UtcMillis;
use tokio::sync::Notify;

use super::printer::{PrinterBoard, PrinterState};
use crate::app::print::{PrintChange, PrintResult};
use crate::moment::Moment;
use crate::store::print_job::{self, PrintJob, PrintJobId};
use crate::store::query::{ReadError, Readers};
use crate::write::{Answer, Job, News, Unanswered, Writer, WriterGone};

/// Why a job could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The writer has ended.
    #[error(transparent)]
    Writer(#[from] WriterGone),
    /// The writer could not do it; nothing has changed.
    #[error("{0}")]
    Failed(&'static str),
}

/// What workers and screens share.
#[derive(Clone)]
pub struct Desk {
    writer: Writer,
    readers: Readers,
    clock: Clock,
    board: PrinterBoard,
    wakes: Arc<BTreeMap<String, Notify>>,
}

impl Desk {
    /// A desk for printers by name, each with its address.
    pub fn new(
        writer: Writer,
        readers: Readers,
        clock: Clock,
        printers: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let board = PrinterBoard::default();
        let now = Moment::read(&clock).wall;
        let mut wakes = BTreeMap::new();
        for (name, address) in printers {
            board.put_up(&name, address, now);
            wakes.insert(name, Notify::new());
        }
        Self { writer, readers, clock, board, wakes: Arc::new(wakes) }
    }

    /// The wall clock.
    pub fn now(&self) -> UtcMillis {
        Moment::read(&self.clock).wall
    }

    /// How the printers are.
    pub fn board(&self) -> &PrinterBoard {
        &self.board
    }

    /// Notes how a printer is and tells the screens when that is news.
    pub fn note(&self, printer: &str, state: PrinterState) {
        if self.board.note(printer, state, self.now()) {
            tracing::info!(printer, state = state.as_str(), "printer");
            self.writer.tell(News::Device(printer.to_owned()));
        }
    }

    /// What changes from now on.
    pub fn news(&self) -> tokio::sync::broadcast::Receiver<News> {
        self.writer.news()
    }

    /// Completes when a printer may have something new to do.
    pub async fn woken(&self, printer: &str) {
        match self.wakes.get(printer) {
            Some(wake) => wake.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Has a printer's worker look for work.
    pub fn wake(&self, printer: &str) {
        if let Some(wake) = self.wakes.get(printer) {
            wake.notify_one();
        }
    }

    /// Has all workers look for work: a command may have made a label.
    pub fn wake_all(&self) {
        for wake in self.wakes.values() {
            wake.notify_one();
        }
    }

    /// What a printer's worker has to look at next.
    pub async fn next_of(&self, printer: &str) -> Result<Option<PrintJob>, DeskError> {
        let printer = printer.to_owned();
        Ok(self.readers.read(move |conn| print_job::next_of(conn, &printer)).await?)
    }

    /// A job.
    pub async fn find(&self, id: PrintJobId) -> Result<Option<PrintJob>, DeskError> {
        Ok(self.readers.read(move |conn| print_job::find(conn, id)).await?)
    }

    /// The bytes of a job.
    pub async fn bytes(&self, id: PrintJobId) -> Result<Option<Vec<u8>>, DeskError> {
        let vault = self.readers.vault();
        Ok(self.readers.read(move |conn| print_job::bytes(conn, &vault, id)).await?)
    }

    /// A change by a worker: durable when this returns. Waits for room in the writer's queue.
    pub async fn change(&self, change: PrintChange) -> Result<PrintResult, DeskError> {
        let answer = self.writer.submit_patiently(Job::Print(change)).await?;
        self.result(answer)
    }

    /// A change that a person asked for: refused rather than queued when the writer has too much to do.
    pub async fn ask(&self, change: PrintChange) -> Result<Result<PrintResult, DeskError>, Unanswered> {
        let answer = self.writer.submit(Job::Print(change)).await?;
        Ok(self.result(answer))
    }

    fn result(&self, answer: Answer) -> Result<PrintResult, DeskError> {
        match answer {
            Answer::Printed(result) => {
                if let Ok(Some(job)) = &result
                    && job.state.may_be_sent()
                {
                    self.wake(&job.printer);
                }
                Ok(result)
            }
            Answer::Failed(failed) => Err(DeskError::Failed(failed.sentence)),
            _ => Err(DeskError::Failed("The writer has answered something else.")),
        }
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("printers", &self.wakes.keys()).finish_non_exhaustive()
    }
}
