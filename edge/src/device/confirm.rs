//! Finding out whether a label came out, without ever sending it again.

use std::time::Duration;

use tokio::time::Instant;

use super::desk::DeskError;
use super::job::JobState;
use super::line::{AskError, Line};
use super::printer::PrinterState;
use super::worker::{Worker, complaint, state_of};
use crate::store::print_job::PrintJob;

/// The longest pause between two questions.
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// What became of a label.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// The printer has counted it, or was seen printing and is done.
    Counted,
    /// The printer is idle and has not counted it.
    NotCounted,
    /// The printer does not count and was not seen printing; the job stays as it is.
    CannotTell,
    /// A person has decided meanwhile.
    Decided,
}

/// Asks until there is an answer. A printer that is silent or away may still hold the label, so that is no answer.
pub(super) async fn confirm(
    worker: &Worker,
    job: &PrintJob,
    mut line: Option<Line>,
) -> Result<Confirmed, DeskError> {
    let mut pause = worker.timing.confirm;
    let mut idle_since: Option<Instant> = None;
    let mut seen_printing = false;
    loop {
        tokio::time::sleep(pause).await;
        match worker.desk.find(job.id).await? {
            Some(now) if now.state == JobState::SentUnconfirmed => {}
            _ => return Ok(Confirmed::Decided),
        }
        match ask(worker, job, &mut line).await {
            Ok(word) => {
                worker.note(PrinterState::Ready);
                match (word.counted, job.odometer) {
                    (Some(now), Some(before)) if now >= before + u64::from(job.labels) => {
                        return Ok(Confirmed::Counted);
                    }
                    // Another printer stands there, or its count was reset.
                    (Some(now), Some(before)) if now < before => return Ok(Confirmed::NotCounted),
                    _ => {}
                }
                if !word.idle {
                    seen_printing = true;
                    idle_since = None;
                    pause = worker.timing.confirm;
                    continue;
                }
                if job.odometer.is_none() && seen_printing {
                    return Ok(Confirmed::Counted);
                }
                let since = *idle_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= worker.timing.settle {
                    let can_count = job.odometer.is_some();
                    return Ok(if can_count { Confirmed::NotCounted } else { Confirmed::CannotTell });
                }
            }
            Err(state) => {
                worker.note(state);
                line = None;
                idle_since = None;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

struct Word {
    idle: bool,
    counted: Option<u64>,
}

async fn ask(worker: &Worker, job: &PrintJob, line: &mut Option<Line>) -> Result<Word, PrinterState> {
    let open = match line.take() {
        Some(open) => open,
        None => Line::open(&worker.settings.address, worker.timing.patience)
            .await
            .map_err(|_| PrinterState::Offline)?,
    };
    let line = line.insert(open);
    let status = line.status().await.map_err(|error| state_of(&error))?;
    if status.attention().is_some() {
        return Err(complaint(status.attention()));
    }
    let counted = match job.odometer {
        None => None,
        Some(_) => match line.odometer().await {
            Ok(count) => count,
            Err(AskError::Silent) => None,
            Err(error) => return Err(state_of(&error)),
        },
    };
    Ok(Word { idle: status.is_idle(), counted })
}
