//! A TCP line to a label printer: asks it how it is and gives it bytes, and knows whether the first byte has left.

use std::io;
use std::time::Duration;

use outpost_config::HostPort;
use outpost_firmware_bridge::printer::{
    ANSWER_MAX, AnswerError, HostStatus, ODOMETER_REQUEST, STATUS_REQUEST, StatusReader, ValueReader,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Bytes given to the system at once: small, so that a line that breaks is noticed soon.
const PIECE_BYTES: usize = 4096;

/// How long a printer is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the connection.
    pub connect: Duration,
    /// For an answer to a question.
    pub answer: Duration,
    /// For the printer to take the next bytes of a label.
    pub progress: Duration,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The printer is there and says nothing: paper, ribbon or head.
    #[error("the printer does not answer")]
    Silent,
    /// The line is gone.
    #[error("the line to the printer is lost")]
    Lost(#[source] io::Error),
    /// It says what no printer we know says.
    #[error("the printer's answer cannot be read")]
    Garbled(#[source] AnswerError),
    /// Much came, and no answer among it.
    #[error("{ANSWER_MAX} bytes came from the printer, and no answer among them")]
    Flooded,
}

/// Why a label did not get to the printer, and how much of it the line had taken.
#[derive(Debug, thiserror::Error)]
#[error("the line broke after {taken} of {of} bytes")]
pub struct SendError {
    /// Bytes the system took; they may or may not be with the printer.
    pub taken: usize,
    /// Bytes of the label.
    pub of: usize,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// A connection to a printer.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    patience: Patience,
}

impl Line {
    /// Connects.
    pub async fn open(address: &HostPort, patience: Patience) -> io::Result<Self> {
        let target = (address.host.as_str(), address.port);
        let stream =
            timeout(patience.connect, TcpStream::connect(target)).await.map_err(|_| timed_out())??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, patience })
    }

    /// Asks `~HS`. After [`AskError::Silent`] the line must be closed: a late answer would be taken for the next one.
    pub async fn status(&mut self) -> Result<HostStatus, AskError> {
        let mut reader = StatusReader::new();
        self.ask(STATUS_REQUEST, move |byte| reader.push(byte)).await
    }

    /// Asks how many labels the printer has printed in its life; nothing when it does not keep that count.
    pub async fn odometer(&mut self) -> Result<Option<u64>, AskError> {
        let mut reader = ValueReader::new();
        match self.ask(ODOMETER_REQUEST, move |byte| reader.push(byte)).await {
            Ok(count) => Ok(Some(count)),
            Err(AskError::Garbled(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask<T>(
        &mut self,
        request: &[u8],
        read: impl FnMut(u8) -> Option<Result<T, AnswerError>>,
    ) -> Result<T, AskError> {
        let patience = self.patience.answer;
        timeout(patience, self.exchange(request, read)).await.unwrap_or(Err(AskError::Silent))
    }

    async fn exchange<T>(
        &mut self,
        request: &[u8],
        mut read: impl FnMut(u8) -> Option<Result<T, AnswerError>>,
    ) -> Result<T, AskError> {
        self.stream.write_all(request).await.map_err(AskError::Lost)?;
        let mut piece = [0; 256];
        let mut seen = 0;
        while seen < ANSWER_MAX {
            let length = self.stream.read(&mut piece).await.map_err(AskError::Lost)?;
            if length == 0 {
                return Err(AskError::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
            for byte in &piece[..length] {
                if let Some(answer) = read(*byte) {
                    return answer.map_err(AskError::Garbled);
                }
            }
            seen += length;
        }
        Err(AskError::Flooded)
    }

    /// Gives the printer a label. `stalled` is told when the printer takes no bytes for a while: it is full, and
    /// somebody must see to it; the label is not given up for that before `give_up`.
    pub async fn send(
        &mut self,
        bytes: &[u8],
        give_up: Duration,
        mut stalled: impl FnMut(),
    ) -> Result<(), SendError> {
        let mut taken = 0;
        let mut waited = Duration::ZERO;
        while taken < bytes.len() {
            let end = bytes.len().min(taken + PIECE_BYTES);
            match timeout(self.patience.progress, self.stream.write(&bytes[taken..end])).await {
                Ok(Ok(0)) => return Err(broken(taken, bytes, io::ErrorKind::WriteZero.into())),
                Ok(Ok(length)) => {
                    taken += length;
                    waited = Duration::ZERO;
                }
                Ok(Err(source)) => return Err(broken(taken, bytes, source)),
                Err(_) if waited >= give_up => return Err(broken(taken, bytes, timed_out())),
                Err(_) => {
                    waited += self.patience.progress;
                    stalled();
                }
            }
        }
        self.stream.flush().await.map_err(|source| broken(taken, bytes, source))
    }
}

fn broken(taken: usize, bytes: &[u8], source: io::Error) -> SendError {
    SendError { taken, of: bytes.len(), source }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}
