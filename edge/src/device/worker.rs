//! The worker of one printer: one job at a time, each step durable before the next.
//!
//! Woken by signal and by timer and told nothing: it looks in the store for what there is to do. After a crash the
//! store is all it knows, and the store says `sending` before the first byte leaves.

use std::time::Duration;

use outpost_config::PrinterSettings;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::confirm::{Confirmed, confirm};
use super::desk::{Desk, DeskError};
use super::job::{JobInput, JobState};
use super::line::{AskError, Line, Patience};
use super::printer::{Cause, PrinterState};
use crate::app::print::PrintChange;
use crate::store::print_job::PrintJob;

/// How long a worker waits for what.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// For the printer itself.
    pub patience: Patience,
    /// First wait after a printer could not print; doubled each time.
    pub retry_min: Duration,
    /// Longest wait after a printer could not print.
    pub retry_max: Duration,
    /// How often an idle printer is asked how it is.
    pub idle: Duration,
    /// How often a printer is asked whether a label has come out.
    pub confirm: Duration,
    /// How long a printer may be idle before a label it has not counted is taken for lost.
    pub settle: Duration,
    /// How long a printer may take no bytes before the line is given up.
    pub stall_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            patience: Patience {
                connect: Duration::from_secs(3),
                answer: Duration::from_secs(2),
                progress: Duration::from_secs(5),
            },
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(15),
            idle: Duration::from_secs(20),
            confirm: Duration::from_millis(300),
            settle: Duration::from_secs(4),
            stall_max: Duration::from_secs(600),
        }
    }
}

/// One printer's worker.
#[derive(Debug)]
pub struct Worker {
    /// The printer's name.
    pub name: String,
    /// Its settings.
    pub settings: PrinterSettings,
    /// The jobs.
    pub desk: Desk,
    /// How long to wait for what.
    pub timing: Timing,
}

/// What a turn of the worker came to.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// A job is settled; look for the next one at once.
    Done,
    /// Nothing to do.
    Idle,
    /// The printer cannot print now; come back later.
    Blocked,
}

impl Worker {
    /// Works until it is told to stop. An error means that the store cannot be used.
    pub async fn run(self, token: CancellationToken) -> Result<(), DeskError> {
        let mut wait = self.timing.retry_min;
        let mut looked: Option<Instant> = None;
        while !token.is_cancelled() {
            let turn = tokio::select! {
                // A label in flight is cut here only at shutdown; it becomes `unknown` at the next start.
                () = token.cancelled() => break,
                turn = self.turn() => turn?,
            };
            let pause = match turn {
                Turn::Done => {
                    wait = self.timing.retry_min;
                    continue;
                }
                Turn::Idle => {
                    wait = self.timing.retry_min;
                    // Being woken for nothing is no reason to ask an idle printer how it is.
                    if looked.is_none_or(|at| at.elapsed() >= self.timing.idle) {
                        self.look().await;
                        looked = Some(Instant::now());
                    }
                    self.timing.idle
                }
                Turn::Blocked => {
                    let pause = wait;
                    wait = (wait * 2).min(self.timing.retry_max);
                    pause
                }
            };
            tokio::select! {
                () = token.cancelled() => break,
                () = self.desk.woken(&self.name) => wait = self.timing.retry_min,
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    async fn turn(&self) -> Result<Turn, DeskError> {
        let Some(job) = self.desk.next_of(&self.name).await? else {
            return Ok(Turn::Idle);
        };
        if job.state == JobState::SentUnconfirmed {
            return self.settle(&job, None).await;
        }
        let now = self.desk.now();
        if now >= job.expires_at {
            self.step(PrintChange::step(job.id, JobInput::Overdue)).await?;
            return Ok(Turn::Done);
        }
        if now < job.not_before {
            return Ok(Turn::Blocked);
        }
        let Some(mut line) = self.ready_line().await else { return Ok(Turn::Blocked) };
        let odometer = match self.odometer(&mut line).await {
            Ok(odometer) => odometer,
            Err(state) => {
                self.note(state);
                return Ok(Turn::Blocked);
            }
        };
        // A printer that left the question unanswered may answer it late, into the next one: take a new line.
        if odometer.is_none() {
            match Line::open(&self.settings.address, self.timing.patience).await {
                Ok(fresh) => line = fresh,
                Err(_) => {
                    self.note(PrinterState::Offline);
                    return Ok(Turn::Blocked);
                }
            }
        }
        self.send(&job, line, odometer).await
    }

    async fn send(&self, job: &PrintJob, mut line: Line, odometer: Option<u64>) -> Result<Turn, DeskError> {
        let Some(bytes) = self.desk.bytes(job.id).await? else {
            self.step(PrintChange::step(job.id, JobInput::Cancel)).await?;
            return Ok(Turn::Done);
        };
        let begun = PrintChange::Step {
            job: job.id,
            input: JobInput::SendBegun,
            odometer,
            not_before: None,
            expires_at: None,
        };
        let begun = self.step(begun).await?;
        // It may have been cancelled or have expired since it was looked at.
        if begun.is_none_or(|job| job.state != JobState::Sending) {
            return Ok(Turn::Done);
        }
        let stalled = || self.note(PrinterState::NeedsAttention(Cause::Full));
        match line.send(&bytes, self.timing.stall_max, stalled).await {
            Ok(()) => {
                self.step(PrintChange::step(job.id, JobInput::AllSent)).await?;
                let mut sent = job.clone();
                sent.state = JobState::SentUnconfirmed;
                sent.odometer = odometer;
                self.settle(&sent, Some(line)).await
            }
            Err(error) if error.taken == 0 => {
                tracing::warn!(printer = self.name, job = job.id.0, %error, "nothing was sent");
                let wait = self.timing.retry_min * 2_u32.saturating_pow(job.attempts.min(8));
                let pause = wait.min(self.timing.retry_max).as_millis() as i64;
                let failed = PrintChange::Step {
                    job: job.id,
                    input: JobInput::NothingSent,
                    odometer: None,
                    not_before: Some(self.desk.now() + pause),
                    expires_at: None,
                };
                self.step(failed).await?;
                Ok(Turn::Blocked)
            }
            Err(error) => {
                tracing::warn!(printer = self.name, job = job.id.0, %error, "a person must look at the printer");
                self.note(PrinterState::Offline);
                self.step(PrintChange::step(job.id, JobInput::LineLost)).await?;
                Ok(Turn::Done)
            }
        }
    }

    /// Waits until the printer has told what became of a label that it was given.
    async fn settle(&self, job: &PrintJob, line: Option<Line>) -> Result<Turn, DeskError> {
        let input = match confirm(self, job, line).await? {
            Confirmed::Counted => JobInput::Counted,
            Confirmed::NotCounted => JobInput::NotCounted,
            Confirmed::CannotTell | Confirmed::Decided => return Ok(Turn::Done),
        };
        self.step(PrintChange::step(job.id, input)).await?;
        Ok(Turn::Done)
    }

    /// One change. A person may have decided meanwhile; then the person's word stands.
    async fn step(&self, change: PrintChange) -> Result<Option<PrintJob>, DeskError> {
        match self.desk.change(change).await? {
            Ok(job) => Ok(job),
            Err(rejection) => {
                tracing::info!(printer = self.name, %rejection, "the job has moved on");
                Ok(None)
            }
        }
    }

    /// Asks an idle printer how it is, for the screens.
    async fn look(&self) {
        drop(self.ready_line().await);
    }

    /// A line to a printer that is ready to print and has nothing in its buffer.
    pub(super) async fn ready_line(&self) -> Option<Line> {
        let (mut line, idle) = match self.probe().await {
            Ok(found) => found,
            Err(state) => {
                self.note(state);
                return None;
            }
        };
        self.note(PrinterState::Ready);
        if idle {
            return Some(line);
        }
        // Somebody else's label is in the buffer: its count would be taken for ours.
        for _ in 0..20 {
            tokio::time::sleep(self.timing.confirm).await;
            match line.status().await {
                Ok(status) if status.attention().is_none() && status.is_idle() => return Some(line),
                Ok(status) if status.attention().is_none() => {}
                Ok(status) => {
                    self.note(complaint(status.attention()));
                    return None;
                }
                Err(error) => {
                    self.note(state_of(&error));
                    return None;
                }
            }
        }
        None
    }

    async fn probe(&self) -> Result<(Line, bool), PrinterState> {
        let mut line = Line::open(&self.settings.address, self.timing.patience)
            .await
            .map_err(|_| PrinterState::Offline)?;
        let status = line.status().await.map_err(|error| state_of(&error))?;
        match status.attention() {
            Some(_) => Err(complaint(status.attention())),
            None if status.buffer_full => Err(PrinterState::NeedsAttention(Cause::Full)),
            None => Ok((line, status.is_idle())),
        }
    }

    async fn odometer(&self, line: &mut Line) -> Result<Option<u64>, PrinterState> {
        let known = self.desk.board().get(&self.name).and_then(|status| status.counts_labels);
        if known == Some(false) {
            return Ok(None);
        }
        let count = match line.odometer().await {
            Ok(count) => count,
            // It has just answered `~HS`, so its silence is not for lack of paper.
            Err(AskError::Silent) => None,
            Err(error) => return Err(state_of(&error)),
        };
        self.desk.board().note_counting(&self.name, count.is_some());
        Ok(count)
    }

    pub(super) fn note(&self, state: PrinterState) {
        self.desk.note(&self.name, state);
    }
}

pub(super) fn complaint(attention: Option<outpost_firmware_bridge::printer::Attention>) -> PrinterState {
    attention.map_or(PrinterState::Ready, |attention| PrinterState::NeedsAttention(attention.into()))
}

pub(super) fn state_of(error: &AskError) -> PrinterState {
    match error {
        AskError::Silent => PrinterState::NeedsAttention(Cause::Silent),
        AskError::Lost(_) => PrinterState::Offline,
        AskError::Garbled(_) | AskError::Flooded => PrinterState::NeedsAttention(Cause::NotUnderstood),
    }
}
