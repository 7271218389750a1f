//! The daemon from its arguments to its end.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use outpost_config::EdgeSettings;
use outpost_daemon::{Clock, Metrics, Readiness, ServerOptions, Supervisor};
use tokio_util::sync::CancellationToken;

use crate::device::{self, Desk};
use crate::ids::Ids;
use crate::moment::Moment;
use crate::replicate::{self, LineStatus};
use crate::site::Site;
use crate::state::AppState;
use crate::store;
use crate::store::query::Readers;
use crate::write::{Answer, Core, FateUnknown, Heard, Job, Limits, Writer, WriterGone, WriterOptions};

/// The exit code after a COMMIT whose fate is unknown: the service manager restarts the daemon, and retries of the
/// same commands find out.
pub const EXIT_FATE_UNKNOWN: u8 = 75;

const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(600);
const HOUSEKEEPING_FIRST_AFTER: Duration = Duration::from_secs(30);
const HOUSEKEEPING_GOES_ON_AFTER: Duration = Duration::from_secs(2);
const RULES_LOOK_EVERY: Duration = Duration::from_secs(5);

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
    // The port first: two daemons must not get as far as one database.
    let server = outpost_daemon::bind(server_options(&settings))?;
    let address = server.address();

    std::fs::create_dir_all(&settings.data.directory)
        .with_context(|| format!("cannot make {}", settings.data.directory.display()))?;
    let identity = replicate::load_or_make(&settings.data.directory)?;
    outpost_daemon::storage::write_log_again(&site.database)
        .with_context(|| format!("cannot write the log of {}", site.database.display()))?;
    let mut conn = store::open(&site.database, Moment::read(&clock).wall)
        .with_context(|| format!("cannot open {}", site.database.display()))?;
    if !site.vault.open()? {
        tracing::error!(
            "names, addresses and label bytes cannot be read any more; orders are found by number"
        );
    }
    let mut ids = Ids::random();
    let sealed =
        store::seal_earlier::seal_earlier(&mut conn, &site.vault, &mut ids, site.retention.labels_ms)?;
    if sealed > 0 {
        tracing::info!(sealed, "what an earlier version kept in plain is sealed now");
    }
    take_up_hub_rules(&conn, &site)?;
    let witness = replicate::Witness::open(&settings.data.directory)?;
    let lost = witness.lost(&conn)?;
    let mut core = Core::open(conn, site.clone(), Limits::default(), &mut ids)?;
    if let Some(lost) = lost {
        // Before anything is granted or labeled.
        let noted = core.run(&Moment::read(&clock), &mut ids, &[Job::Lost(vec![lost])])?;
        anyhow::ensure!(
            noted.answers == [Answer::Done],
            "what was lost cannot be noted: {:?}",
            noted.answers
        );
    }

    let supervisor = Supervisor::new();
    let token = supervisor.token();
    let readiness = Readiness::new();
    let ready = readiness.check("writer");
    let options =
        WriterOptions { group_max: settings.writer.group_max, queue_max: settings.writer.queue_max };
    let (writer, work) = Writer::new(core, ids, clock.clone(), options, end_at_once);
    let runtime = tokio::runtime::Handle::current();
    supervisor.spawn_thread("writer", move |token| work.run(&runtime, &token))?;

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
        shutdown: token.clone(),
    };
    supervisor.spawn("replication", replicate::run(state.clone(), identity, token.clone()));
    watch_storage(&supervisor, &state, &readiness);
    supervisor.spawn("witness", replicate::keep_witness(witness, state.readers.clone(), token.clone()));
    supervisor.spawn("housekeeping", housekeep(state.writer.clone(), token.clone()));
    watch_rules(&supervisor, &state);
    supervisor.spawn("metrics", metrics.clone().upkeep(token.clone()));
    let router = crate::http::router(state.clone(), readiness, metrics);
    supervisor.spawn("http", server.serve(router, token));
    // The incarnation was stored, so the database can be written; a job that came back proves that the writer lives.
    // Housekeeping waits: it looks through the journal, and a store that restarts wants to scan.
    match state.writer.submit_patiently(Job::Heard(Heard::default())).await? {
        Answer::Done => ready.ready(),
        answer => anyhow::bail!("the writer does not work: {answer:?}"),
    }
    tracing::info!(%address, site = %state.site.id, "serving");
    let asked = async {
        if let Err(error) = outpost_daemon::asked_to_end().await {
            tracing::error!(%error, "cannot listen for signals");
        }
    };
    supervisor.run(asked, state.settings.http.shutdown_timeout).await?;
    Ok(())
}

fn server_options(settings: &EdgeSettings) -> ServerOptions {
    ServerOptions {
        listen: settings.http.listen,
        header_timeout: settings.http.header_timeout,
        request_timeout: settings.http.request_timeout,
        body_bytes_max: settings.http.body_bytes_max,
        drain_timeout: settings.http.shutdown_timeout,
    }
}

/// The rules the hub sent last are in force again after a restart, unless the site has a file of its own.
fn take_up_hub_rules(conn: &rusqlite::Connection, site: &Site) -> anyhow::Result<()> {
    let kept: Option<String> = store::setting::load(conn, replicate::RULES)?;
    if let (Some(text), false) = (kept, site.own_rules)
        && let Err(errors) = site.rules.try_reload("hub rules", &text)
    {
        tracing::warn!(%errors, "the hub's rules are not understood; the shipped ones are in force");
    }
    Ok(())
}

async fn housekeep(writer: Writer, token: CancellationToken) -> Result<(), WriterGone> {
    let mut pause = HOUSEKEEPING_FIRST_AFTER;
    writer.submit_patiently(Job::ReleaseAfterUpdate(env!("CARGO_PKG_VERSION"))).await?;
    loop {
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        pause = match writer.submit_patiently(Job::Housekeep).await {
            Err(_) if token.is_cancelled() => return Ok(()),
            // However fast outcomes pile up, they are dropped faster.
            Ok(Answer::MoreToDo) => HOUSEKEEPING_GOES_ON_AFTER,
            answer => answer.map(|_| HOUSEKEEPING_EVERY)?,
        };
    }
}

/// Knows how much room there is on the disk, and tries a disk in trouble until it takes a write.
fn watch_storage(supervisor: &Supervisor, state: &AppState, readiness: &Readiness) {
    let writer = state.writer.clone();
    let storage = writer.storage().clone();
    storage.set_floor(state.settings.disk.free_bytes_min);
    let probe = move || {
        let writer = writer.clone();
        // The writer tells the storage what came of it; one that has ended is the supervisor's affair.
        async move { drop(writer.submit_patiently(Job::Probe).await) }
    };
    let folder = Some(state.settings.data.directory.clone());
    let watch = outpost_daemon::storage::watch(
        storage,
        folder,
        readiness.check("storage"),
        supervisor.token(),
        probe,
    );
    supervisor.spawn("storage", watch);
}

fn watch_rules(supervisor: &Supervisor, state: &AppState) {
    let Some(file) = state.settings.rules.file.clone() else { return };
    let (rules, name) = (state.site.rules.clone(), file.display().to_string());
    let changed = move |text: std::io::Result<String>| match text {
        Ok(text) => match rules.try_reload(&name, &text) {
            Ok(version) => tracing::info!(%version, "rules read"),
            Err(errors) => tracing::error!(%errors, "the rules have mistakes; the old ones stay in force"),
        },
        Err(error) => tracing::error!(%error, name, "the rules cannot be read; the old ones stay in force"),
    };
    supervisor
        .spawn("rules", outpost_daemon::watch_file(file, RULES_LOOK_EVERY, supervisor.token(), changed));
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
