//! Starts a hub: everything is opened and checked before a port answers, and every task is watched over.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use outpost_config::{Broker as BrokerPlace, HubSettings, RulesHandle};
use outpost_daemon::{
    BindError, Clock, ClockError, Metrics, MetricsError, Readiness, ServerOptions, Supervisor,
};
use outpost_model::time::UtcMillis;
use outpost_mqtt::{Line, LineSettings, LineSettingsError, Role};
use outpost_sync::Identity;

use crate::app::epoch::{self, Opening};
use crate::app::seal_earlier::forget_plain;
use crate::broker::{Broker, BrokerError};
use crate::error::HubError;
use crate::ids::{Entropy, Ids};
use crate::replicate::crowd::Crowd;
use crate::replicate::driver;
use crate::replicate::intake::Intake;
use crate::site_lease::Leases;
use crate::store::vault::{Kept, Vault};
use crate::store::{Dialect, Store, authority, counter, site_lease};
use crate::wake::Wakers;
use crate::witness::{self, Witness};
use crate::write::Writer;
use crate::{Hub, http, work};

/// Why a hub does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database or the keys.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The port of the API.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The embedded broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The line to the broker.
    #[error("the line to the broker cannot be set up: {0}")]
    Line(#[from] LineSettingsError),
    /// The settings of replication do not fit each other.
    #[error("replication cannot work with these settings: {0}")]
    Sync(#[from] outpost_sync::SettingsError),
    /// The clocks.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The carrier's client.
    #[error("the carrier's address cannot be used: {0}")]
    Carrier(#[from] reqwest::Error),
    /// Copies of a database that cannot be copied here.
    #[error(
        "backup.directory: copies are made of SQLite only. For PostgreSQL say backup.external, or nothing"
    )]
    Backups,
    /// A folder or file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A hub that runs.
pub struct Running {
    /// Its parts.
    pub hub: Hub,
    /// Where API and console answer.
    pub http: SocketAddr,
    /// Where the embedded broker listens, if it runs one.
    pub broker: Option<SocketAddr>,
}

/// Opens the database and makes the hub, with its writer running. Nothing listens yet.
pub async fn open(
    settings: HubSettings,
    rules: RulesHandle,
    supervisor: &Supervisor,
) -> Result<Hub, StartError> {
    open_with(settings, rules, supervisor, Clock::system()?, Entropy::System).await
}

/// The same with another clock and another source of randomness: all of a hub but what it listens on.
pub async fn open_with(
    settings: HubSettings,
    rules: RulesHandle,
    supervisor: &Supervisor,
    clock: Clock,
    entropy: Entropy,
) -> Result<Hub, StartError> {
    if settings.backup.directory.is_some() && settings.database_url().is_postgres() {
        return Err(StartError::Backups);
    }
    let directory = &settings.data.directory;
    let file = |path: &Path, source| StartError::File { path: path.display().to_string(), source };
    std::fs::create_dir_all(directory).map_err(|source| file(directory, source))?;
    let mut ids = entropy.ids(clock.wall().into());
    let key = directory.join("hub.key");
    let identity = identity(&key, &mut ids).map_err(|source| file(&key, source))?;
    let witness = Witness::open(directory).map_err(|source| file(&directory.join(witness::FILE), source))?;
    let (url, vault_url) = (settings.database_url(), settings.vault_url());
    for database in [&url, &vault_url].into_iter().filter_map(|url| sqlite_file(url.expose())) {
        outpost_daemon::storage::write_log_again(&database).map_err(|source| file(&database, source))?;
    }
    let vault = open_vault(&settings).await?;
    let store = Store::open(url.expose(), settings.database.connections_max, vault).await?;
    let store = store.with_witness(witness).with_limits(settings.sync.write_limits());
    let folder = worker(directory, &mut ids).map_err(|source| file(&directory.join(WORKER_FILE), source))?;
    let (life, leases) = begin(&store, &mut ids, &settings, &folder, clock.wall().into()).await?;
    let wakers = Wakers::default();
    let (writer, lanes) = Writer::new(&store, (life.incarnation, &leases), &wakers, &clock, &entropy);
    for lane in lanes {
        let token = supervisor.token();
        supervisor.spawn("writer", async move { lane.run(token).await });
    }
    let (intake, gates) = Intake::new(&writer, &settings.sscc);
    for gate in gates {
        let token = supervisor.token();
        supervisor.spawn("intake", async move { gate.run(token).await });
    }
    enter_documents(&writer).await?;
    forget_plain(&store, &writer).await?;
    let hub = Hub {
        store,
        writer,
        leases,
        intake,
        crowd: Crowd::default(),
        rules,
        settings: Arc::new(settings),
        wakers,
        identity,
        life,
        clock,
        entropy,
        rules_put: Arc::default(),
        wire: Arc::new(OnceLock::new()),
    };
    hub.sync_settings().check()?;
    Ok(hub)
}

/// The life the hub goes on in, after a look at whether the database continues its own past, and the sites it works for.
async fn begin(
    store: &Store,
    ids: &mut Ids,
    settings: &HubSettings,
    folder: &str,
    now: UtcMillis,
) -> Result<(authority::Life, Leases), HubError> {
    let shared = store.dialect() == Dialect::Postgres;
    let mut tx = store.write().begin_with(store.dialect().begin()).await?;
    let before = authority::past(&mut tx).await?.map(|past| past.life.epoch);
    if shared && before.is_some() {
        let living = site_lease::living(&mut tx).await?;
        let others = living.iter().any(|other| !other.starts_with(folder));
        if others && store.witness().told().is_none() {
            // Without the others' witness this one would take their database for a restored one.
            return Err(HubError::Keys(format!(
                "other hubs work on this database: copy hub.key and {} from the data folder of one of them",
                witness::FILE
            )));
        }
        if others && settings.vault.url.is_none() {
            // What one seals with keys of its own the others could neither read nor send.
            return Err(HubError::Keys(
                "other hubs work on this database: all need one key store, named by vault.url".to_owned(),
            ));
        }
    }
    let opening = Opening { witness: store.witness(), ids: &mut *ids, sscc: &settings.sscc, shared };
    let life = epoch::begin(&mut tx, now, opening).await?;
    // In a new epoch nothing that was begun in the one before may be committed, whoever began it.
    let all = !shared || before.is_some_and(|before| before < life.epoch);
    // Each process has a name of its own: one of the same folder that still runs somewhere is another one.
    let worker = format!("{folder}.{}", ids.uuid().simple());
    let held = site_lease::resume(&mut tx, folder, &worker, all).await?;
    tx.commit().await?;
    let held = held.into_iter().map(|(site, lease)| (site, lease.epoch));
    Ok((life, Leases::new(&worker, shared, held)))
}

/// Documents that an earlier version kept are entered into what repair compares, before anything is written.
async fn enter_documents(writer: &Writer) -> Result<(), HubError> {
    const AT_ONCE: usize = 500;
    let enter = || writer.run("repair", |unit| Box::pin(crate::store::repair::enter(unit.db(), AT_ONCE)));
    while enter().await? > 0 {}
    Ok(())
}

/// Opens the key store. A file of it is made before SQLite makes it: nobody but the daemon reads keys.
async fn open_vault(settings: &HubSettings) -> Result<Vault, StartError> {
    let retention = &settings.retention;
    let ms = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let kept = Kept {
        contacts_ms: ms(retention.contacts),
        payloads_ms: ms(retention.payloads),
        labels_ms: ms(retention.labels),
        set_aside_ms: ms(retention.set_aside),
    };
    let url = settings.vault_url();
    if let Some(path) = sqlite_file(url.expose()) {
        let made = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        made.map_err(|source| StartError::File { path: path.display().to_string(), source })?;
    }
    Ok(Vault::open(url.expose(), kept).await?)
}

/// Starts everything.
pub async fn start(
    settings: HubSettings,
    rules: RulesHandle,
    supervisor: &Supervisor,
) -> Result<Running, StartError> {
    let metrics = Metrics::install()?;
    let bound = outpost_daemon::bind(ServerOptions {
        listen: settings.http.listen,
        header_timeout: settings.http.header_timeout,
        request_timeout: settings.http.request_timeout,
        body_bytes_max: settings.http.body_bytes_max,
        drain_timeout: settings.http.shutdown_timeout,
    })?;
    let hub = open(settings, rules, supervisor).await?;
    let token = supervisor.token();
    let readiness = Readiness::new();
    let (line, broker) = connect(&hub, supervisor).await?;
    let publish = driver::publishing(line.publisher);
    supervisor.spawn("replication", driver::run(hub.clone(), line.events, publish, token.clone()));
    work::start(&hub, supervisor, &readiness)?;
    watch_storage(&hub, supervisor, &readiness);
    supervisor.spawn("metrics", metrics.clone().upkeep(token.clone()));
    let http = bound.address();
    let router = http::router(hub.clone()).merge(outpost_daemon::health::routes(readiness, metrics));
    supervisor.spawn("http", bound.serve(router, token));
    Ok(Running { hub, http, broker })
}

/// Knows how much room there is on the disk of a SQLite file, and tries a disk in trouble until it takes a write. A
/// PostgreSQL server looks after its own disk; what it reports is tried again all the same.
fn watch_storage(hub: &Hub, supervisor: &Supervisor, readiness: &Readiness) {
    let storage = hub.store.storage().clone();
    let on_file = hub.store.dialect() == Dialect::Sqlite;
    let folder = on_file.then(|| hub.settings.data.directory.clone());
    storage.set_floor(hub.settings.disk.free_bytes_min);
    let (prober, told) = (hub.writer.clone(), storage.clone());
    let probe = move || {
        let (writer, storage) = (prober.clone(), told.clone());
        async move {
            // Counted: SQLite writes no page that does not change.
            let outcome = writer.run("storage", |unit| {
                unit.count(counter::STORAGE_PROBES, 1);
                Box::pin(async { Ok(()) })
            });
            let outcome = outcome.await;
            match outcome {
                Ok(()) => storage.works(),
                // What it met, the lane has told.
                Err(error) => tracing::warn!(%error, "the disk was tried"),
            }
        }
    };
    let check = readiness.check("storage");
    let watch = outpost_daemon::storage::watch(storage, folder, check, supervisor.token(), probe);
    supervisor.spawn("storage", watch);
}

/// The file of a SQLite database; nothing for others, and for files that are not reached by the system's own calls.
fn sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"))?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    (!query.contains("vfs=") && !path.is_empty() && !path.starts_with(':')).then(|| PathBuf::from(path))
}

async fn connect(hub: &Hub, supervisor: &Supervisor) -> Result<(Line, Option<SocketAddr>), StartError> {
    let token = supervisor.token();
    // A client id of its own for every start: whoever is still connected from before does not fight for it.
    let client = format!("hub-{}", hub.ids().uuid().simple());
    let (mut line, broker) = match hub.settings.broker() {
        BrokerPlace::Embedded { listen } => {
            let broker = Broker::start(listen).await?;
            let (address, reachable) = (broker.address(), broker.reachable_at());
            supervisor.spawn("broker", broker.run(token.clone()));
            (LineSettings::new(reachable.to_string(), client), Some(address))
        }
        BrokerPlace::External { address, username, password } => {
            let mut line = LineSettings::new(address.to_string(), client);
            line.username = username;
            line.password = password.map(|password| password.expose().to_owned());
            (line, None)
        }
    };
    line.shards = vec![hub.settings.broker.shard.clone()];
    let (line, task) = Line::start(line, Role::Hub, token)?;
    // A line is set once a start; a second one would be a defect, and the first one's count stays.
    let _ = hub.wire.set(line.wire.clone());
    supervisor.spawn("line", task);
    Ok((line, broker))
}

/// The file with the name of this data folder among those that share a database.
const WORKER_FILE: &str = "hub.worker";

/// The name of a data folder, made at the first start in it: the first part of the worker's.
fn worker(directory: &Path, ids: &mut Ids) -> std::io::Result<String> {
    let path = directory.join(WORKER_FILE);
    match std::fs::read_to_string(&path) {
        Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        Ok(_) => Err(std::io::Error::other("it is empty; remove it")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let name = ids.uuid().to_string();
            std::fs::write(&path, &name)?;
            Ok(name)
        }
        Err(error) => Err(error),
    }
}

/// The hub's identity, made at the first start and kept in a file only the daemon may read.
fn identity(path: &Path, ids: &mut Ids) -> std::io::Result<Identity> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let wrong = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
            Identity::from_bytes(&bytes).map_err(wrong)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let identity = Identity::generate(ids.rng());
            // Written aside and renamed: a half-written key would lock every site out.
            let aside = path.with_extension("new");
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&aside)?;
            file.write_all(&identity.to_bytes())?;
            file.sync_all()?;
            std::fs::rename(&aside, path)?;
            std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(identity)
        }
        Err(error) => Err(error),
    }
}
