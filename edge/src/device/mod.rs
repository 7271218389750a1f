//! Devices of the site: label printers.
//!
//! A label is stored before it is printed and never sent a second time by itself. [`job`] is the life of a print job
//! as a pure machine, [`worker`] drives one printer through it, [`line`] speaks with the printer over TCP, `confirm`
//! finds out whether a label came out, [`printer`] is what the screens show, [`label`] writes our own labels.

mod confirm;
pub mod desk;
pub mod job;
pub mod label;
pub mod line;
pub mod printer;
#[cfg(test)]
mod scripted;
pub mod worker;
#[cfg(test)]
mod worker_tests;

use outpost_config::EdgeSettings;
use outpost_daemon::Supervisor;
use tokio_util::sync::CancellationToken;

pub use desk::{Desk, DeskError};
use worker::{Timing, Worker};

use crate::app::print::PrintChange;
use crate::write::News;

/// Brings the jobs out of the last life of the daemon, then starts a worker for each printer.
pub async fn start(supervisor: &Supervisor, settings: &EdgeSettings, desk: &Desk) -> Result<(), DeskError> {
    if let Err(rejection) = desk.change(PrintChange::Restart).await? {
        tracing::error!(%rejection, "print jobs of the last life");
    }
    for (name, printer) in &settings.printers {
        let worker = Worker {
            name: name.clone(),
            settings: printer.clone(),
            desk: desk.clone(),
            timing: Timing::default(),
        };
        supervisor.spawn("printer", worker.run(supervisor.token()));
    }
    supervisor.spawn("printer-wake", wake_on_labels(desk.clone(), supervisor.token()));
    Ok(())
}

/// Labels are queued in the writer's groups, which tell that something changed at their printer.
async fn wake_on_labels(desk: Desk, token: CancellationToken) -> Result<(), DeskError> {
    let mut news = desk.news();
    loop {
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            heard = news.recv() => match heard {
                Ok(News::Device(printer)) => desk.wake(&printer),
                Ok(_) => {}
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => desk.wake_all(),
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return Ok(()),
            }
        }
    }
}
