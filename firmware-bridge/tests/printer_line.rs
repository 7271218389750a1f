//! The exchange with a printer over a scripted line: answers in pieces, noise, refusals, silence.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::fmt;

use outpost_firmware_bridge::printer::{ANSWER_MAX, AnswerError, Error, blocking, nonblocking};

/// What the line does, in order.
enum Step {
    /// The host must write exactly this next.
    Expect(&'static [u8]),
    /// The printer answers, and a read gets at most so many bytes of it at a time.
    Answer(Vec<u8>, usize),
    /// A read runs into the line's own timeout.
    Silence,
    /// A read finds the line closed.
    Close,
}

#[derive(Debug, PartialEq)]
struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl std::error::Error for TimedOut {}

impl embedded_io::Error for TimedOut {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::TimedOut
    }
}

struct ScriptedLine {
    steps: VecDeque<Step>,
    written: Vec<u8>,
}

impl ScriptedLine {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), written: Vec::new() }
    }

    fn is_finished(&self) -> bool {
        self.steps.is_empty() && self.written.is_empty()
    }

    fn settle_writes(&mut self) {
        if let Some(Step::Expect(expected)) = self.steps.front() {
            assert_eq!(self.written, *expected);
            self.written.clear();
            self.steps.pop_front();
        }
    }

    fn next_read(&mut self, buffer: &mut [u8]) -> Result<usize, TimedOut> {
        self.settle_writes();
        match self.steps.pop_front() {
            Some(Step::Answer(mut bytes, piece)) => {
                let length = bytes.len().min(piece).min(buffer.len());
                buffer[..length].copy_from_slice(&bytes[..length]);
                bytes.drain(..length);
                if !bytes.is_empty() {
                    self.steps.push_front(Step::Answer(bytes, piece));
                }
                Ok(length)
            }
            Some(Step::Silence) => Err(TimedOut),
            Some(Step::Close) => Ok(0),
            Some(Step::Expect(expected)) => panic!("read while {expected:?} was to be written"),
            None => panic!("read after the end of the script"),
        }
    }
}

impl embedded_io::ErrorType for ScriptedLine {
    type Error = TimedOut;
}

impl embedded_io::Read for ScriptedLine {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TimedOut> {
        self.next_read(buffer)
    }
}

impl embedded_io::Write for ScriptedLine {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, TimedOut> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), TimedOut> {
        self.settle_writes();
        Ok(())
    }
}

impl embedded_io_async::Read for ScriptedLine {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TimedOut> {
        self.next_read(buffer)
    }
}

impl embedded_io_async::Write for ScriptedLine {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TimedOut> {
        embedded_io::Write::write(self, bytes)
    }

    async fn flush(&mut self) -> Result<(), TimedOut> {
        embedded_io::Write::flush(self)
    }
}

const ASKED: Step = Step::Expect(b"~HS\r\n");
const STATUS: &[u8] = b"\x02030,0,1,1218,002,0,0,0,000,0,0,0\x03\r\n\
    \x02000,0,0,0,0,2,4,0,00000003,1,000\x03\r\n\x021234,0\x03\r\n";

#[test]
fn an_answer_is_read_from_pieces_of_any_size() {
    for piece in 1..=STATUS.len() {
        let mut line = ScriptedLine::new([ASKED, Step::Answer(STATUS.to_vec(), piece)]);
        let status = blocking::host_status(&mut line).unwrap();
        assert!(status.paused && !status.paper_out && !status.head_up);
        assert_eq!((status.formats_in_buffer, status.labels_remaining), (2, 3));
    }
}

#[test]
fn silence_is_the_lines_timeout_and_nothing_is_asked_twice() {
    let mut line = ScriptedLine::new([ASKED, Step::Silence]);
    assert_eq!(blocking::host_status(&mut line), Err(Error::Bus(TimedOut)));
    assert!(line.is_finished());
    let mut half = ScriptedLine::new([ASKED, Step::Answer(STATUS[..60].to_vec(), 7), Step::Silence]);
    assert_eq!(blocking::host_status(&mut half), Err(Error::Bus(TimedOut)));
}

#[test]
fn a_closed_line_and_a_refusal_are_told_apart() {
    let mut closed = ScriptedLine::new([ASKED, Step::Answer(STATUS[..20].to_vec(), 20), Step::Close]);
    assert_eq!(blocking::host_status(&mut closed), Err(Error::Closed));
    let mut refused = ScriptedLine::new([ASKED, Step::Answer(b"\x15".to_vec(), 1)]);
    assert_eq!(blocking::host_status(&mut refused), Err(Error::Answer(AnswerError::Refused)));
}

#[test]
fn something_that_talks_without_end_is_given_up() {
    let mut line = ScriptedLine::new([ASKED, Step::Answer(vec![b'H'; 3 * ANSWER_MAX], 50)]);
    assert_eq!(blocking::host_status(&mut line), Err(Error::Flooded));
}

#[tokio::test]
async fn the_async_shell_asks_the_same() {
    let count = Step::Expect(b"! U1 getvar \"odometer.total_label_count\"\r\n");
    let mut line = ScriptedLine::new([
        ASKED,
        Step::Answer(STATUS.to_vec(), 5),
        count,
        Step::Answer(b"\r\n\"2145\"\r\n".to_vec(), 3),
    ]);
    assert!(nonblocking::host_status(&mut line).await.unwrap().paused);
    // Nothing of the status answer may be taken for the count.
    assert_eq!(nonblocking::odometer(&mut line).await, Ok(2145));
}

#[test]
fn a_printer_without_an_odometer_is_not_taken_for_a_new_one() {
    let asked = Step::Expect(b"! U1 getvar \"odometer.total_label_count\"\r\n");
    let mut line = ScriptedLine::new([asked, Step::Answer(b"\"?\"".to_vec(), 3)]);
    assert_eq!(blocking::odometer(&mut line), Err(Error::Answer(AnswerError::NotANumber)));
}
