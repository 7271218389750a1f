//! The questions over a real line, blocking and async.
//!
//! The async calls may be dropped at any await, which is how a caller's timeout ends them; answers that arrive late
//! are then still on the line, so after a timeout the line should be closed rather than asked again.

use super::status_reader::{STATUS_REQUEST, StatusReader};
use super::variable::{ODOMETER_REQUEST, ValueReader};
use super::{ANSWER_MAX, AnswerError, Error, HostStatus};

/// Feeds pieces of an answer to a reader and keeps the limit.
struct Answer<R> {
    read: R,
    bytes: usize,
}

impl<T, R: FnMut(u8) -> Option<Result<T, AnswerError>>> Answer<R> {
    fn new(read: R) -> Self {
        Self { read, bytes: 0 }
    }

    fn take<E>(&mut self, piece: &[u8]) -> Result<Option<T>, Error<E>> {
        if piece.is_empty() {
            return Err(Error::Closed);
        }
        for byte in piece {
            if let Some(answer) = (self.read)(*byte) {
                return answer.map(Some).map_err(Error::Answer);
            }
        }
        self.bytes += piece.len();
        if self.bytes >= ANSWER_MAX { Err(Error::Flooded) } else { Ok(None) }
    }
}

/// Over a line that waits.
pub mod blocking {
    use embedded_io::{Read, Write};

    use super::*;

    /// Asks how the printer is.
    pub fn host_status<L: Read + Write>(line: &mut L) -> Result<HostStatus, Error<L::Error>> {
        let mut reader = StatusReader::new();
        ask(line, STATUS_REQUEST, Answer::new(move |byte| reader.push(byte)))
    }

    /// Asks how many labels it has printed in its life.
    pub fn odometer<L: Read + Write>(line: &mut L) -> Result<u64, Error<L::Error>> {
        let mut reader = ValueReader::new();
        ask(line, ODOMETER_REQUEST, Answer::new(move |byte| reader.push(byte)))
    }

    fn ask<L, T, R>(line: &mut L, request: &[u8], mut answer: Answer<R>) -> Result<T, Error<L::Error>>
    where
        L: Read + Write,
        R: FnMut(u8) -> Option<Result<T, AnswerError>>,
    {
        line.write_all(request).map_err(Error::Bus)?;
        line.flush().map_err(Error::Bus)?;
        let mut piece = [0; 64];
        loop {
            let length = line.read(&mut piece).map_err(Error::Bus)?;
            if let Some(value) = answer.take(&piece[..length])? {
                return Ok(value);
            }
        }
    }
}

/// Over a line that is awaited.
pub mod nonblocking {
    use embedded_io_async::{Read, Write};

    use super::*;

    /// Asks how the printer is.
    pub async fn host_status<L: Read + Write>(line: &mut L) -> Result<HostStatus, Error<L::Error>> {
        let mut reader = StatusReader::new();
        ask(line, STATUS_REQUEST, Answer::new(move |byte| reader.push(byte))).await
    }

    /// Asks how many labels it has printed in its life.
    pub async fn odometer<L: Read + Write>(line: &mut L) -> Result<u64, Error<L::Error>> {
        let mut reader = ValueReader::new();
        ask(line, ODOMETER_REQUEST, Answer::new(move |byte| reader.push(byte))).await
    }

    async fn ask<L, T, R>(line: &mut L, request: &[u8], mut answer: Answer<R>) -> Result<T, Error<L::Error>>
    where
        L: Read + Write,
        R: FnMut(u8) -> Option<Result<T, AnswerError>>,
    {
        line.write_all(request).await.map_err(Error::Bus)?;
        line.flush().await.map_err(Error::Bus)?;
        let mut piece = [0; 64];
        loop {
            let length = line.read(&mut piece).await.map_err(Error::Bus)?;
            if let Some(value) = answer.take(&piece[..length])? {
                return Ok(value);
            }
        }
    }
}
