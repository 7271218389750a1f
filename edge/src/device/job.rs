//! The life of a print job as a pure machine: nothing is sent twice unless a person asks for it.
//!
//! ```text
//! queued ─ sending ─ sent_unconfirmed ─ printed
//!   │         ├─ failed_before_first_byte ─ (by itself) sending
//!   │         └─ unknown ─ a person decides: printed | cancelled, with or without a replacement
//!   ├─ expired
//!   └─ cancelled
//! ```

use std::fmt;
use std::str::FromStr;

use outpost_model::rejection::Rejection;
use serde::{Deserialize, Serialize};

/// Where a print job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Stored; no byte has left.
    Queued,
    /// Committed before the first byte: from here on it may have come out.
    Sending,
    /// All bytes are with the printer.
    SentUnconfirmed,
    /// The printer's counter or a person says that it came out.
    Printed,
    /// The line failed before any byte left; it is sent again by itself.
    FailedBeforeFirstByte,
    /// Some or all bytes left and nobody knows what became of them.
    Unknown,
    /// It waited too long; what it says may no longer be true.
    Expired,
    /// A person gave it up.
    Cancelled,
}

/// What can happen to a print job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobInput {
    /// The worker is about to send.
    SendBegun,
    /// The line failed and no byte was taken.
    NothingSent,
    /// The line took every byte.
    AllSent,
    /// The line failed after the first byte.
    LineLost,
    /// The printer counted the labels.
    Counted,
    /// The printer is idle again and has not counted them, or it never said so in time.
    NotCounted,
    /// The daemon starts.
    Restarted,
    /// Its time to wait is over.
    Overdue,
    /// A person asks for it to be sent after all.
    Retry,
    /// A person has seen it come out.
    Confirm,
    /// A person gives it up.
    Cancel,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Sending,
        Self::SentUnconfirmed,
        Self::Printed,
        Self::FailedBeforeFirstByte,
        Self::Unknown,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The name in columns and interfaces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::SentUnconfirmed => "sent_unconfirmed",
            Self::Printed => "printed",
            Self::FailedBeforeFirstByte => "failed_before_first_byte",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a copy in this state may still come out, or is waiting for somebody's word.
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Printed | Self::Expired | Self::Cancelled)
    }

    /// Whether the worker may take it up: no byte of it has ever left.
    pub fn may_be_sent(self) -> bool {
        matches!(self, Self::Queued | Self::FailedBeforeFirstByte)
    }

    /// Whether a person has to decide.
    pub fn asks_a_person(self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// The state after an input, or why it cannot be.
    pub fn after(self, input: JobInput) -> Result<Self, Rejection> {
        use JobInput as I;
        use JobState as S;
        match (self, input) {
            (S::Queued | S::FailedBeforeFirstByte, I::SendBegun) => Ok(S::Sending),
            (S::Sending, I::NothingSent) => Ok(S::FailedBeforeFirstByte),
            (S::Sending, I::AllSent) => Ok(S::SentUnconfirmed),
            (S::Sending, I::LineLost | I::Restarted) => Ok(S::Unknown),
            (S::SentUnconfirmed, I::Counted) => Ok(S::Printed),
            (S::SentUnconfirmed, I::NotCounted) => Ok(S::Unknown),
            (state, I::Restarted) => Ok(state),
            (S::Queued | S::FailedBeforeFirstByte, I::Overdue) => Ok(S::Expired),
            // No byte of these has left, so sending them is not sending again.
            (S::FailedBeforeFirstByte | S::Expired, I::Retry) => Ok(S::Queued),
            (S::SentUnconfirmed | S::Unknown, I::Confirm) => Ok(S::Printed),
            (S::Queued | S::FailedBeforeFirstByte | S::SentUnconfirmed | S::Unknown, I::Cancel) => {
                Ok(S::Cancelled)
            }
            (state, input) => Err(state.refusal(input)),
        }
    }

    fn refusal(self, input: JobInput) -> Rejection {
        match (self, input) {
            (Self::Sending, JobInput::Cancel | JobInput::Retry | JobInput::Confirm) => {
                Rejection::new("print_job_sending", "The label is on its way to the printer. Wait a moment.")
            }
            (Self::Queued, JobInput::Retry) => {
                Rejection::new("print_job_waiting", "The label is already waiting for the printer.")
            }
            (Self::SentUnconfirmed | Self::Unknown, JobInput::Retry) => Rejection::new(
                "print_job_may_be_out",
                "The label may have come out. Look at the printer, then ask for another copy.",
            ),
            (Self::Queued | Self::FailedBeforeFirstByte, JobInput::Confirm) => {
                Rejection::new("print_job_not_sent", "Nothing was sent to the printer yet.")
            }
            (Self::Printed, _) => {
                Rejection::new("print_job_done", "The label was printed. Ask for another copy with a reason.")
            }
            (Self::Cancelled | Self::Expired, _) => Rejection::new(
                "print_job_over",
                "This print job is over. Ask for another copy with a reason.",
            ),
            _ => Rejection::new(
                "print_job_state",
                format!("A print job that is {self} cannot do that ({input:?})."),
            ),
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no state of a print job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state of a print job")]
pub struct JobStateError(String);

impl FromStr for JobState {
    type Err = JobStateError;
    fn from_str(text: &str) -> Result<Self, JobStateError> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| JobStateError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: [JobInput; 11] = [
        JobInput::SendBegun,
        JobInput::NothingSent,
        JobInput::AllSent,
        JobInput::LineLost,
        JobInput::Counted,
        JobInput::NotCounted,
        JobInput::Restarted,
        JobInput::Overdue,
        JobInput::Retry,
        JobInput::Confirm,
        JobInput::Cancel,
    ];

    #[test]
    fn every_state_answers_every_input() {
        let mut table = String::new();
        for state in JobState::ALL {
            for input in INPUTS {
                let next = match state.after(input) {
                    Ok(next) => next.to_string(),
                    Err(rejection) => format!("- {}", rejection.code),
                };
                table += &format!("{:<25}{:<13}{next}\n", state.to_string(), format!("{input:?}"));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn nothing_leads_from_a_first_byte_back_to_sending() {
        let mut reached = vec![JobState::Sending];
        let mut seen = Vec::new();
        while let Some(state) = reached.pop() {
            if seen.contains(&state) {
                continue;
            }
            seen.push(state);
            // A line that took nothing is the one way back, and no byte has left on it.
            let inputs = INPUTS.into_iter().filter(|input| *input != JobInput::NothingSent);
            reached.extend(inputs.filter_map(|input| state.after(input).ok()));
        }
        assert!(seen.iter().all(|state| !state.may_be_sent()), "{seen:?}");
    }

    #[test]
    fn states_read_as_they_are_written() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert!("done".parse::<JobState>().is_err());
    }
}
