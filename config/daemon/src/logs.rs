//! Logs on standard error, for people or for collectors.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::util::TryInitError;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The directives are not understood.
    #[error("log level {0:?} is not understood")]
    Level(String, #[source] ParseError),
    /// Something else writes this process's logs already.
    #[error("logs are already set up in this process")]
    Installed(#[source] TryInitError),
}

/// Starts logs for the process: `level` is a level or directives such as `info,outpost_edge=debug`.
pub fn start_logs(level: &str, format: LogFormat) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(level).map_err(|error| LogError::Level(level.to_string(), error))?;
    let registry = tracing_subscriber::registry().with(filter);
    let written = match format {
        LogFormat::Text => {
            let colors = std::io::stderr().is_terminal();
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colors);
            registry.with(lines).try_init()
        }
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).with_ansi(false);
            registry.with(lines).try_init()
        }
    };
    written.map_err(LogError::Installed)
}
