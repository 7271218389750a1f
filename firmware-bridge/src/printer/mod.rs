//! Asking a Zebra printer how it is.
//!
//! A printer that is out of paper or ribbon, or whose head is open, does not answer `~HS` at all (ZPL II Programming
//! Guide, "~HS"). So a connection that takes bytes and stays silent means that somebody must go there, not that the
//! printer is gone. How long to wait is the caller's decision.

mod exchange;
mod status;
mod status_reader;
mod variable;

use core::fmt;

pub use exchange::{blocking, nonblocking};
pub use status::{Attention, HostStatus};
pub use status_reader::{FRAME_MAX, STATUS_REQUEST, StatusReader};
pub use variable::{ODOMETER_REQUEST, VALUE_MAX, ValueReader};

/// Bytes we are ready to skip over while waiting for an answer.
pub const ANSWER_MAX: usize = 2_048;

/// Why bytes from a printer are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerError {
    /// The printer refused the request (NAK).
    Refused,
    /// A frame or value longer than any printer sends.
    TooLong,
    /// A frame with a number of fields that none has, or one out of turn.
    Unexpected {
        /// Fields it has.
        fields: usize,
    },
    /// A field that should be a number or a flag and is not.
    Field {
        /// Which frame, from 1.
        frame: u8,
        /// Which field of it, from 1.
        field: u8,
    },
    /// The printer does not know the variable, or its value is no number.
    NotANumber,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the printer refused the request"),
            Self::TooLong => f.write_str("the printer's answer is longer than any we know"),
            Self::Unexpected { fields } => {
                write!(f, "the printer sent a frame of {fields} fields out of turn")
            }
            Self::Field { frame, field } => write!(f, "field {field} of frame {frame} cannot be read"),
            Self::NotANumber => f.write_str("the printer does not keep this count"),
        }
    }
}

impl core::error::Error for AnswerError {}

/// Why an exchange with a printer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<E> {
    /// The line failed; a timeout of the line arrives here too.
    Bus(E),
    /// The printer closed the line before it answered.
    Closed,
    /// The answer cannot be read.
    Answer(AnswerError),
    /// [`ANSWER_MAX`] bytes came, and no answer among them.
    Flooded,
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(error) => write!(f, "the line to the printer failed: {error}"),
            Self::Closed => f.write_str("the printer closed the line before it answered"),
            Self::Answer(error) => error.fmt(f),
            Self::Flooded => write!(f, "{ANSWER_MAX} bytes came from the printer, and no answer among them"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Bus(error) => Some(error),
            Self::Answer(error) => Some(error),
            Self::Closed | Self::Flooded => None,
        }
    }
}
