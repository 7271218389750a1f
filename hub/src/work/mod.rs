//! The hub's workers: each is woken by a signal and by a timer, is told nothing, and looks for itself.

pub mod archive;
pub mod authority;
pub mod backup;
pub mod deadline;
pub mod labels;
mod parcel;
pub mod reference;
pub mod retention;
pub mod routing;
pub mod site_leases;
pub mod tide;

use outpost_daemon::{Readiness, Supervisor};

use crate::Hub;
use crate::carrier::Carrier;
use crate::error::HubError;
use crate::start::StartError;

/// Starts all workers.
pub fn start(hub: &Hub, supervisor: &Supervisor, readiness: &Readiness) -> Result<(), StartError> {
    let token = supervisor.token();
    let carrier = Carrier::new(&hub.settings.carrier)?;
    let check = readiness.check("database");
    supervisor.spawn("routing", routing::run(hub.clone(), carrier.is_some(), check, token.clone()));
    if let Some(carrier) = carrier {
        supervisor.spawn("labels", labels::run(hub.clone(), carrier, token.clone()));
    }
    supervisor.spawn("site leases", site_leases::run(hub.clone(), token.clone()));
    supervisor.spawn("authority", authority::run(hub.clone(), token.clone()));
    if let Some(directory) = hub.settings.backup.directory.clone() {
        supervisor.spawn("backup", backup::run(hub.clone(), directory, token.clone()));
    }
    supervisor.spawn("deadlines", deadline::run(hub.clone(), token.clone()));
    supervisor.spawn("archive", archive::run(hub.clone(), token.clone()));
    supervisor.spawn("tide", tide::run(hub.clone(), token.clone()));
    supervisor.spawn("reference", reference::run(hub.clone(), token.clone()));
    supervisor.spawn("retention", retention::run(hub.clone(), token.clone()));
    if let Some(file) = hub.settings.rules.file.clone() {
        let (rules, name) = (hub.rules.clone(), file.display().to_string());
        let wake = hub.wakers.reference.clone();
        let every = std::time::Duration::from_secs(2);
        supervisor.spawn(
            "rules",
            outpost_daemon::watch_file(file, every, token, move |text| {
                reload(&rules, &name, text);
                wake.notify_one();
            }),
        );
    }
    Ok(())
}

fn reload(rules: &outpost_config::RulesHandle, name: &str, text: std::io::Result<String>) {
    match text {
        Ok(text) => match rules.try_reload(name, &text) {
            Ok(version) => tracing::info!(%version, "the rules were read"),
            Err(errors) => tracing::error!(%errors, "the rules were refused; those in force stay"),
        },
        Err(error) => tracing::error!(%error, name, "the rules cannot be read; those in force stay"),
    }
}

/// A pass of a worker has failed: it is said, and tried again at the next one. Only a stop or an unknown fate ends it.
fn survived(worker: &'static str, outcome: Result<(), HubError>) -> Result<(), HubError> {
    match outcome {
        Err(error @ HubError::FateUnknown(_)) => Err(error),
        Err(HubError::Stopping) | Ok(()) => Ok(()),
        Err(error) => {
            tracing::error!(%error, worker, "a pass has failed");
            Ok(())
        }
    }
}
