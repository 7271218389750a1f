//! The daemon from its arguments to its end.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use outpost_config::EdgeSettings;
use outpost_daemon::{Clock, Metrics, Readiness, ServerOptions, Supervisor};

use crate::device::{self, Desk};
use crate::ids::Ids;
use crate::moment::Moment;
use crate::replicate::LineStatus;
use crate::site::Site;
use crate::state::AppState;
use crate::store;
use crate::store::query::Readers;
use crate::write::{Core, FateUnknown, Limits, Writer, WriterOptions};

/// The exit code after a COMMIT whose fate is unknown: the service manager restarts the daemon, and retries of the
/// same commands find out.
pub const EXIT_FATE_UNKNOWN: u8 = 75;

/// The site daemon of Outpost.
#[derive(Debug, Parser)]
#[command(name = "outpost-edge", version)]
struct Arguments {
    /// The settings file, laid over the shipped defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Read settings and rules, describe them, and end.
    #[arg(long)]
    check_config: bool,
}

/// Runs the daemon until it is asked to end. The first argument is the program's name.
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            error.print()?;
            return Ok(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)));
        }
    };
    let file = arguments.config.as_deref();
    if arguments.check_config {
        return Ok(match outpost_config::check_config::<EdgeSettings>(file) {
            Ok(described) => {
                println!("{described}");
                ExitCode::SUCCESS
            }
            Err(errors) => {
                eprintln!("{errors}");
                ExitCode::FAILURE
            }
        });
    }
    let settings = outpost_config::load::<EdgeSettings>(file)?.settings;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(settings))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: EdgeSettings) -> anyhow::Result<()> {
    start_logs(&settings)?;
    let metrics = Metrics::install()?;
    let rules = outpost_config::load_rules(settings.rules.file.as_deref())?;
    let site = Site::new(&settings, rules)?;
    let clock = Clock::system()?;
    let server = outpost_daemon::bind(ServerOptions {
        listen: settings.http.listen,
        header_timeout: settings.http.header_timeout,
        request_timeout: settings.http.request_timeout,
        body_bytes_max: settings.http.body_bytes_max,
        drain_timeout: settings.http.shutdown_timeout,
    })?;

    std::fs::create_dir_all(&settings.data.directory)
        .with_context(|| format!("cannot make {}", settings.data.directory.display()))?;
    let conn = store::open(&site.database, Moment::read(&clock).wall)
        .with_context(|| format!("cannot open {}", site.database.display()))?;
    let mut ids = Ids::random();
    let core = Core::open(conn, site.clone(), Limits::default(), &mut ids)?;

    let supervisor = Supervisor::new();
    let readiness = Readiness::new();
    let ready = readiness.check("writer");
    let options =
        WriterOptions { group_max: settings.writer.group_max, queue_max: settings.writer.queue_max };
    let (writer, work) = Writer::new(core, ids, clock.clone(), options, end_at_once);
    let runtime = tokio::runtime::Handle::current();
    supervisor.spawn_thread("writer", move |token| work.run(&runtime, &token))?;

    let shutdown_timeout = settings.http.shutdown_timeout;
    let readers = Readers::new(&site.database);
    let addresses =
        settings.printers.iter().map(|(name, printer)| (name.clone(), printer.address.to_string()));
    let desk = Desk::new(writer.clone(), readers.clone(), clock.clone(), addresses);
    device::start(&supervisor, &settings, &desk).await?;
    let state = AppState {
        writer,
        readers,
        desk,
        site: Arc::new(site),
        settings: Arc::new(settings),
        clock,
        line: LineStatus::default(),
        shutdown: supervisor.token(),
    };
    supervisor.spawn("metrics", metrics.clone().upkeep(supervisor.token()));
    let router = crate::http::router(state, readiness, metrics);
    let address = server.address();
    supervisor.spawn("http", server.serve(router, supervisor.token()));
    ready.ready();
    tracing::info!(%address, "serving");
    supervisor
        .run(
            async {
                let _ = outpost_daemon::asked_to_end().await;
            },
            shutdown_timeout,
        )
        .await?;
    Ok(())
}

fn start_logs(settings: &EdgeSettings) -> anyhow::Result<()> {
    let format = match settings.log.format {
        outpost_config::LogFormat::Text => outpost_daemon::LogFormat::Text,
        outpost_config::LogFormat::Json => outpost_daemon::LogFormat::Json,
    };
    outpost_daemon::start_logs(&settings.log.level, format)?;
    Ok(())
}

fn end_at_once(fate: &FateUnknown) {
    tracing::error!(error = %outpost_daemon::causes(fate), "ending at once");
    std::process::exit(i32::from(EXIT_FATE_UNKNOWN));
}
