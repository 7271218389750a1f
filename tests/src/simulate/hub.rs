//! The hub's machine: the real hub on a SQLite file in memory, its conversations and its workers, driven one step at a
//! time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use futures_util::future::BoxFuture;
use outpost_config::{HubSettings, RulesHandle, SourceText, resolve};
use outpost_daemon::{Hands, Supervisor};
use outpost_hub::ids::Entropy;
use outpost_hub::replicate::peer::Peer;
use outpost_hub::write::Unit;
use outpost_hub::{Hub, HubError, start, store, work};
use outpost_model::id::SiteId;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::Row;
use tokio::runtime::Runtime;
use tokio::sync::broadcast::Receiver;

use super::clock::Clocks;
use super::defects::Defect;

/// The hub's machine.
pub struct HubNode {
    /// Its clocks.
    pub clocks: Clocks,
    /// The daemon, while it runs.
    pub running: Option<Running>,
    /// When each site's conversation is to be woken, as planned.
    pub tick_at: BTreeMap<SiteId, u64>,
    /// Its workers stand still until then.
    pub paused_until: u64,
    /// Whether it sees the broker.
    pub line_up: bool,
    /// The planted mistake.
    pub defect: Option<Defect>,
    /// Whether it looks for cases that nobody has accepted or begun in time.
    pub deadlines: bool,
    /// Whether its database is copied now and then.
    pub copied: bool,
    /// Whether its disk takes nothing more.
    pub full: bool,
    pub(super) runtime: Arc<Runtime>,
    folder: tempfile::TempDir,
    pub(super) hands: Hands,
    rules: RulesHandle,
    pub(super) rng: StdRng,
}

/// Frames for sites, in the order in which they were written.
type Frames = Vec<(SiteId, Vec<u8>)>;

/// A daemon that runs.
pub struct Running {
    /// The hub.
    pub hub: Hub,
    supervisor: Supervisor,
    pub(super) peers: BTreeMap<SiteId, Peer>,
    pub(super) frames: Arc<Mutex<Frames>>,
    pub(super) streams: Receiver<SiteId>,
    pub(super) authority: Receiver<SiteId>,
    /// For looking at what is in the database.
    pub(super) looks: rusqlite::Connection,
}

/// Files of a hub that is closed, by name.
pub type Files = Vec<(String, Vec<u8>)>;

impl HubNode {
    /// A machine that is switched off, with these files.
    pub fn new(runtime: Arc<Runtime>, files: &Files, rules: RulesHandle, seed: u64) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("outpost-simulated-hub").tempdir_in(memory())?;
        let clocks = Clocks::new(0x4000);
        let node = Self {
            clocks,
            running: None,
            tick_at: BTreeMap::new(),
            paused_until: 0,
            line_up: false,
            defect: None,
            deadlines: false,
            copied: false,
            full: false,
            runtime,
            hands: Hands::new(clocks.reading(0)),
            folder,
            rules,
            rng: StdRng::seed_from_u64(seed ^ 0x4855_4200_0000_0000),
        };
        node.put_files(files)?;
        Ok(node)
    }

    fn put_files(&self, files: &Files) -> Result<()> {
        for (name, bytes) in files {
            std::fs::write(self.folder.path().join(name), bytes)?;
        }
        Ok(())
    }

    /// The files of a hub that is closed.
    pub fn files(&self) -> Result<Files> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(self.folder.path())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                continue;
            }
            files.push((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?));
        }
        files.sort();
        Ok(files)
    }

    /// Sets the clocks before the daemon does something.
    pub(super) fn set_hands(&self, now: u64) {
        self.hands.set(self.clocks.reading(now));
    }

    /// Lets the database grow no further, or as far as it likes; a disk that takes writes again is found out by trying.
    pub fn set_full(&mut self, full: bool) -> Result<()> {
        self.full = full;
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        let pressed = self.runtime.block_on(hub.writer.run("disk", move |unit| {
            Box::pin(async move {
                let pages: i64 = sqlx::query("PRAGMA page_count").fetch_one(unit.db()).await?.try_get(0)?;
                let most = if full { pages } else { i64::from(u32::MAX - 1) };
                let text = format!("PRAGMA max_page_count = {most}");
                sqlx::query(sqlx::AssertSqlSafe(text)).fetch_one(unit.db()).await?;
                Ok(())
            })
        }));
        pressed?;
        if !full {
            hub.store.storage().works();
        }
        Ok(())
    }

    /// After it has met a full disk, a writer gets a new connection, for which the limit must be set again.
    pub(super) fn press(&mut self) -> Result<()> {
        if self.full { self.set_full(true) } else { Ok(()) }
    }

    /// Whether whoever wants something of it hears that its disk takes nothing.
    pub fn refuses_work(&self) -> bool {
        self.hub().is_some_and(|hub| hub.store.storage().refuses_work().is_some())
    }

    /// Starts the daemon.
    pub fn boot(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        if self.copied {
            std::fs::create_dir_all(self.copies())?;
        }
        let text = format!(
            "[data]\ndirectory = {:?}\n[database]\nconnections_max = 2\n[sync]\nhello_interval = \"120s\"\n\
             [archive]\nafter = \"1h\"\n\
             [authority]\nrenew_interval = \"5m\"\n[sscc]\ncompany_prefix = \"4012345\"\nblock_size = 10\n\
             block_low = 9\n{}",
            self.folder.path(),
            if self.copied { format!("[backup]\ndirectory = {:?}\n", self.copies()) } else { String::new() }
        );
        let file = SourceText { name: "simulated", text: &text };
        let settings = resolve::<HubSettings>(Some(file), []).map_err(|error| anyhow!("{error}"))?.settings;
        let supervisor = Supervisor::new();
        let entropy = Entropy::seeded(self.rng.next_u64());
        let open = start::open_with(settings, self.rules.clone(), &supervisor, self.hands.clock(), entropy);
        let hub = self.runtime.block_on(open)?;
        let looks = rusqlite::Connection::open(self.folder.path().join("hub.db"))?;
        looks.pragma_update(None, "query_only", true)?;
        let (streams, authority) = (hub.wakers.streams.subscribe(), hub.wakers.authority.subscribe());
        self.running = Some(Running {
            hub,
            supervisor,
            peers: BTreeMap::new(),
            frames: Arc::default(),
            streams,
            authority,
            looks,
        });
        Ok(())
    }

    /// The daemon ends or dies: every commit is on the disk, all else is gone.
    pub fn crash(&mut self) {
        if let Some(running) = self.running.take() {
            let Running { hub, supervisor, peers, looks, .. } = running;
            drop(looks);
            self.runtime.block_on(async move {
                drop(peers);
                supervisor.shut_down();
                hub.store.close().await;
            });
        }
        self.tick_at.clear();
    }

    /// Copies the database, as the backup worker does.
    pub fn back_up(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        self.runtime.block_on(work::backup::make(&hub, &self.copies()))?;
        Ok(())
    }

    fn copies(&self) -> PathBuf {
        self.folder.path().join("copies")
    }

    /// Puts one of the copies in the place of the database; how old it is. Nothing when there is none.
    pub fn restore(&mut self, now: u64, pick: u64) -> Result<Option<i64>> {
        let copies = store::copy::list(&self.copies()).unwrap_or_default();
        if copies.is_empty() {
            return Ok(None);
        }
        self.crash();
        let (at, copy) = &copies[pick as usize % copies.len()];
        for name in ["hub.db-wal", "hub.db-shm"] {
            // There is none after a clean end.
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
        std::fs::copy(copy, self.folder.path().join("hub.db"))?;
        Ok(Some(self.clocks.moment(now).wall.since(*at)))
    }

    /// The hub, when it runs.
    pub fn hub(&self) -> Option<&Hub> {
        self.running.as_ref().map(|running| &running.hub)
    }

    /// Runs a use case in a transaction.
    pub fn act<T, F>(&mut self, now: u64, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnMut(&'a mut Unit) -> BoxFuture<'a, Result<T, HubError>> + Send + 'static,
    {
        self.set_hands(now);
        self.press()?;
        let hub = self.hub().context("the hub is down")?.clone();
        Ok(self.runtime.block_on(hub.writer.run("simulated", work))?)
    }

    /// Reads from the database.
    pub fn read<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(future)
    }

    /// Frames to publish.
    pub fn frames(&mut self) -> Vec<(SiteId, Vec<u8>)> {
        let Some(running) = &self.running else { return Vec::new() };
        std::mem::take(&mut *running.frames.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When conversations want to be woken.
    pub fn wakes(&self) -> Vec<(SiteId, u64)> {
        let Some(running) = &self.running else { return Vec::new() };
        let wakes = running.peers.iter().filter_map(|(site, peer)| Some((site.clone(), peer.wake_at()?)));
        wakes.map(|(site, at)| (site, self.clocks.when(at))).collect()
    }
}

impl Drop for HubNode {
    fn drop(&mut self) {
        self.crash();
    }
}

/// A folder in memory, where there is one: a commit there costs no disk.
fn memory() -> std::path::PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
}
