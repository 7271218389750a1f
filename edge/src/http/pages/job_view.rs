//! A print job as people see it.

use super::shell::Frame;
use crate::device::job::JobState;
use crate::device::printer::PrinterState;
use crate::store::print_job::PrintJob;

/// A print job as people see it.
pub struct JobView {
    pub id: i64,
    pub title: String,
    pub number: String,
    pub printer: String,
    pub state: String,
    pub tone: &'static str,
    pub copy: u32,
    pub reason: String,
    pub age: String,
    /// What keeps it from being printed.
    pub trouble: String,
    /// Whether a person has to look at the printer.
    pub asks: bool,
    pub can_retry: bool,
    pub can_cancel: bool,
    pub can_reprint: bool,
}

impl JobView {
    /// The view of a job.
    pub fn new(frame: &Frame, job: &PrintJob) -> Self {
        let live = job.state.is_live();
        let (trouble, attention) = if live { trouble(frame, &job.printer) } else { (String::new(), false) };
        // A printer that stands with a complaint still holds what it was sent: it goes on by itself.
        let holds = job.state == JobState::SentUnconfirmed && attention;
        let reason = job.reason.as_deref().unwrap_or_default();
        let known = ["damaged", "lost", "not_printed", "other"].contains(&reason);
        Self {
            id: job.id.0,
            title: frame.t.s(&format!("job.{}", job.kind.as_str())).to_owned(),
            number: job.number.clone(),
            printer: job.printer.clone(),
            state: frame.t.s(&format!("job.state.{}", job.state)).to_owned(),
            tone: tone(job.state),
            copy: job.copy,
            reason: if known {
                frame.t.s(&format!("reprint.{reason}")).to_owned()
            } else {
                reason.to_owned()
            },
            age: frame.time(job.changed_at),
            trouble,
            asks: job.state.asks_a_person(),
            can_retry: job.state == JobState::Expired && job.kept,
            can_cancel: job.state.may_be_sent(),
            can_reprint: job.kept
                && !holds
                && matches!(job.state, JobState::Printed | JobState::Cancelled | JobState::SentUnconfirmed),
        }
    }
}

/// What is wrong with a printer, in words; and whether somebody must go there.
pub fn trouble(frame: &Frame, printer: &str) -> (String, bool) {
    match frame.printers.iter().find(|status| status.name == printer).map(|status| status.state) {
        Some(PrinterState::NeedsAttention(cause)) => {
            (frame.t.s(&format!("printer.advice.{}", cause.as_str())).to_owned(), true)
        }
        Some(PrinterState::Offline) => (frame.t.s("printer.advice.offline").to_owned(), false),
        _ => (String::new(), false),
    }
}

fn tone(state: JobState) -> &'static str {
    match state {
        JobState::Printed => "ok",
        JobState::Queued | JobState::Sending | JobState::SentUnconfirmed => "info",
        JobState::FailedBeforeFirstByte => "warn",
        JobState::Unknown => "bad",
        JobState::Expired | JobState::Cancelled => "quiet",
    }
}
