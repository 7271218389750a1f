//! The printer at work: taking bytes in on one side, putting paper out on the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::label::PrintedLabel;
use super::state::{Printer, ResetPoint, Waiting};
use super::stream::{Received, Stream};
use crate::network::Door;

const PIECE: usize = 1_024;
const ODOMETER: &str = "odometer.total_label_count";

/// Runs the printer until it is dropped.
pub(super) async fn run(mut door: Door, printer: Arc<Printer>) {
    let mut connections = JoinSet::new();
    connections.spawn(print(printer.clone()));
    let mut changes = printer.changes();
    loop {
        tokio::select! {
            _ = changes.changed() => {
                let moved = if printer.look(|state| state.switched_off) { door.shut() } else { door.open() };
                if let Err(error) = moved {
                    tracing::error!(%error, "a virtual printer could not change its port");
                }
            }
            stream = door.accept() => {
                let number = printer.change(|state| { state.connections += 1; state.connections });
                connections.spawn(serve(stream, number, printer.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Prints what is in the buffer whenever it can.
async fn print(printer: Arc<Printer>) {
    let mut changes = printer.changes();
    loop {
        let job = printer.look(|state| state.can_print() && !state.buffer.is_empty());
        if !job {
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some((waiting, time)) = printer.change(|state| {
            let waiting = state.buffer.pop_front()?;
            state.remaining = 1;
            Some((waiting, state.print_time))
        }) else {
            continue;
        };
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        put_out(&printer, waiting);
    }
}

fn put_out(printer: &Printer, waiting: Waiting) {
    let reset = printer.change(|state| {
        let reset = state.reset.take();
        let was_forgotten = state.remaining == 0;
        state.remaining = 0;
        if reset != Some(ResetPoint::BeforePrinting) && !was_forgotten {
            let after = state.switched_on_at.elapsed();
            let label = PrintedLabel::of(waiting.bytes, state.odometer, waiting.connection, after);
            state.odometer += u64::from(label.quantity);
            state.printed.push(label);
        }
        if reset.is_some() {
            state.forget_buffer();
        }
        reset
    });
    if reset.is_some() {
        printer.reset_connections();
    }
}

/// One connection: ends when the host ends it, the printer restarts, or it is told to break.
async fn serve(mut stream: TcpStream, number: u64, printer: Arc<Printer>) {
    let mut restarts = printer.restarts();
    let mut received = Stream::default();
    let mut was_partial = false;
    let ended = tokio::select! {
        ended = talk(&mut stream, number, &printer, &mut received, &mut was_partial) => ended,
        _ = restarts.changed() => Err(io::ErrorKind::ConnectionReset.into()),
    };
    if was_partial {
        printer.change(|state| state.partial -= 1);
    }
    if ended.is_err() {
        // The close becomes a reset.
        let _ = stream.set_zero_linger();
    }
}

async fn talk(
    stream: &mut TcpStream,
    number: u64,
    printer: &Printer,
    received: &mut Stream,
    was_partial: &mut bool,
) -> io::Result<()> {
    let mut piece = [0; PIECE];
    loop {
        wait_for_room(printer).await;
        let rate = printer.look(|state| state.bytes_per_second);
        let size = rate.map_or(PIECE, |rate| (rate as usize / 20).clamp(1, PIECE));
        let length = stream.read(&mut piece[..size]).await?;
        if length == 0 {
            return Ok(());
        }
        if let Some(rate) = rate {
            tokio::time::sleep(Duration::from_secs_f64(length as f64 / f64::from(rate.max(1)))).await;
        }
        let taken = printer.change(|state| match state.drop_after {
            Some(left) if left < length => {
                state.drop_after = None;
                left
            }
            left => {
                state.drop_after = left.map(|left| left - length);
                length
            }
        });
        received.push(&piece[..taken]);
        while let Some(next) = received.next() {
            answer(stream, number, printer, next).await?;
        }
        if received.is_partial() != *was_partial {
            *was_partial = received.is_partial();
            printer.change(|state| if *was_partial { state.partial += 1 } else { state.partial -= 1 });
        }
        if taken < length {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
}

async fn wait_for_room(printer: &Printer) {
    let mut changes = printer.changes();
    while printer.look(|state| state.is_full()) {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn answer(stream: &mut TcpStream, number: u64, printer: &Printer, next: Received) -> io::Result<()> {
    let answer = match next {
        Received::Format(bytes) => {
            printer.change(|state| state.buffer.push_back(Waiting { bytes, connection: number }));
            None
        }
        Received::CancelAll => {
            printer.change(|state| state.forget_buffer());
            None
        }
        Received::HostStatus => printer.look(|state| (!state.is_silent()).then(|| state.host_status())),
        Received::GetVariable(name) => printer.look(|state| {
            let is_known = name == ODOMETER && state.has_odometer;
            Some(if is_known { format!("\"{}\"", state.odometer) } else { "\"?\"".to_owned() })
        }),
        Received::Overrun => return Err(io::ErrorKind::InvalidData.into()),
    };
    match answer {
        Some(answer) => stream.write_all(answer.as_bytes()).await,
        None => Ok(()),
    }
}
