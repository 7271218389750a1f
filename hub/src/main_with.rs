//! The daemon from its arguments to its end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use outpost_config::{HubSettings, check_config, load, load_rules};
use outpost_daemon::{Clock, Failure, LogFormat, Supervisor, asked_to_end, start_logs};

use crate::error::HubError;
use crate::{restore, start};

/// The exit code after a COMMIT whose fate is unknown: the service manager restarts the daemon, which finds out.
pub const EXIT_FATE_UNKNOWN: u8 = 75;

/// The hub of a chain of stores: captures orders, promises stock, routes and reconciles.
#[derive(Debug, Parser)]
#[command(name = "outpost-hub", version)]
struct Args {
    /// The settings, laid over the shipped defaults.
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Reads settings and rules, says what they come to, and ends.
    #[arg(long)]
    check_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Puts a copy in the database's place; the hub must not run. Say it without --from after a PostgreSQL server was
    /// restored.
    Restore {
        /// The copy.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
}

/// The daemon: reads its settings, opens its database, and serves until it is asked to end.
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are asked for, too; clap knows which of its answers is a failure.
            let failed = error.use_stderr();
            error.print()?;
            return Ok(if failed { ExitCode::from(2) } else { ExitCode::SUCCESS });
        }
    };
    if args.check_config {
        return Ok(match check_config::<HubSettings>(args.config.as_deref()) {
            Ok(summary) => {
                println!("{summary}");
                ExitCode::SUCCESS
            }
            Err(errors) => {
                eprintln!("{errors}");
                ExitCode::from(2)
            }
        });
    }
    let settings = load::<HubSettings>(args.config.as_deref())?.settings;
    if let Some(Command::Restore { from }) = args.command {
        return restore_copy(&settings, from.as_deref());
    }
    let rules = load_rules(settings.rules.file.as_deref())?;
    let format = match settings.log.format {
        outpost_config::LogFormat::Text => LogFormat::Text,
        outpost_config::LogFormat::Json => LogFormat::Json,
    };
    start_logs(&settings.log.level, format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("hub")
        .build()
        .context("no threads for the daemon")?;
    runtime.block_on(async {
        let deadline = settings.http.shutdown_timeout;
        let supervisor = Supervisor::new();
        let running = start::start(settings, rules, &supervisor).await?;
        tracing::info!(http = %running.http, broker = ?running.broker, "the hub serves");
        let asked = async {
            if let Err(error) = asked_to_end().await {
                tracing::error!(%error, "signals cannot be heard; the hub ends only by force");
                std::future::pending::<()>().await;
            }
        };
        let ended = supervisor.run(asked, deadline).await;
        running.hub.store.close().await;
        match ended {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(Failure::Failed { source, .. }) if is_fate_unknown(source.as_ref()) => {
                tracing::error!(error = %source, "ended at once; a restart finds out what was committed");
                Ok(ExitCode::from(EXIT_FATE_UNKNOWN))
            }
            Err(failure) => Err(failure.into()),
        }
    })
}

fn restore_copy(settings: &HubSettings, from: Option<&Path>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let now = Clock::system()?.wall().into();
    let restored = runtime.block_on(restore::restore(settings, from, now))?;
    if let Some(content) = restored.content {
        println!(
            "restored: a database of epoch {} with the streams of {} incarnations of sites",
            content.life.epoch,
            content.marks.len()
        );
    }
    if let Some(aside) = restored.aside {
        println!("the database that was there is now {}", aside.display());
    }
    println!("the next start begins a new epoch; docs/hub.md says what it waits for");
    Ok(ExitCode::SUCCESS)
}

fn is_fate_unknown(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref::<HubError>(), Some(HubError::FateUnknown(_)))
}
