//! A handheld that costs next to nothing: one connection, requests that were written beforehand, and no more of an
//! answer read than whether the command was applied. Where daemon and handhelds share the processor, what the load costs
//! is missing to what is measured.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::picks::{self, Pick};

/// The longest answer to one command.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// An open connection.
pub struct Handheld {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A request that gives one pick, to be sent as it is.
pub fn request(authority: &str, pick: Pick) -> Vec<u8> {
    let body = picks::batch([pick]).to_string();
    format!(
        "POST /v1/commands HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Handheld {
    /// Connects to `host:port`.
    pub async fn connect(authority: &str) -> Result<Self> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(ANSWER_BYTES_MAX) })
    }

    /// Sends a request and waits until it is applied; anything else is an error.
    pub async fn give(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let end = loop {
            if let Some(end) = whole(&self.buffer)? {
                break end;
            }
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the daemon hung up");
        };
        let answer = std::str::from_utf8(&self.buffer[..end])?;
        let applied = answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""result":"applied""#);
        ensure!(applied, "a pick was not applied: {answer}");
        Ok(())
    }
}

/// Where the answer ends, once all of it is there.
fn whole(answer: &[u8]) -> Result<Option<usize>> {
    ensure!(answer.len() <= ANSWER_BYTES_MAX, "an answer of more than {ANSWER_BYTES_MAX} bytes");
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    for line in std::str::from_utf8(&answer[..head])?.lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            let end = head + 4 + value.trim().parse::<usize>().context("a length")?;
            return Ok((answer.len() >= end).then_some(end));
        }
    }
    bail!("an answer without a length");
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nserver-timing: total;dur=1\r\n\r\n{}";
        assert_eq!(whole(answer).unwrap(), Some(answer.len()));
        assert_eq!(whole(&answer[..answer.len() - 1]).unwrap(), None);
        assert_eq!(whole(&answer[..20]).unwrap(), None);
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n{}").is_err(), "nobody says how long it is");
    }
}
