//! The hub's machine: the real hub on a SQLite file in memory, its conversations and its workers, driven one step at a
//! time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use outpost_config::{HubSettings, RulesHandle, SourceText, resolve};
use outpost_daemon::{Hands, Supervisor};
use outpost_hub::app::label::{self, Purchase};
use outpost_hub::ids::Entropy;
use outpost_hub::replicate::peer::{Peer, Publish};
use outpost_hub::store::label::State;
use outpost_hub::write::Unit;
use outpost_hub::{Hub, HubError, start, store, work};
use outpost_model::id::SiteId;
use outpost_sync::{Incarnation, Input};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::Runtime;
use tokio::sync::broadcast::Receiver;

use super::clock::Clocks;
use super::defects::Defect;

/// The most labels the carrier sells at a time.
const LABELS_MAX: i64 = 8;

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
    /// Whether its database is copied now and then.
    pub copied: bool,
    runtime: Arc<Runtime>,
    folder: tempfile::TempDir,
    hands: Hands,
    rules: RulesHandle,
    rng: StdRng,
}

/// Frames for sites, in the order in which they were written.
type Frames = Vec<(SiteId, Vec<u8>)>;

/// A daemon that runs.
pub struct Running {
    /// The hub.
    pub hub: Hub,
    supervisor: Supervisor,
    peers: BTreeMap<SiteId, Peer>,
    frames: Arc<Mutex<Frames>>,
    streams: Receiver<SiteId>,
    authority: Receiver<SiteId>,
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
            copied: false,
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

    fn set_hands(&self, now: u64) {
        self.hands.set(self.clocks.reading(now));
    }

    /// Starts the daemon.
    pub fn boot(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        let text = format!(
            "[data]\ndirectory = {:?}\n[database]\nconnections_max = 2\n[sync]\nhello_interval = \"120s\"\n\
             [archive]\nafter = \"1h\"\n\
             [authority]\nrenew_interval = \"5m\"\n[sscc]\ncompany_prefix = \"4012345\"\nblock_size = 40\n\
             block_low = 10\n{}",
            self.folder.path(),
            if self.copied { format!("[backup]\ndirectory = {:?}\n", self.copies()) } else { String::new() }
        );
        let file = SourceText { name: "simulated", text: &text };
        let settings = resolve::<HubSettings>(Some(file), []).map_err(|error| anyhow!("{error}"))?.settings;
        let supervisor = Supervisor::new();
        let entropy = Entropy::seeded(self.rng.next_u64());
        let open = start::open_with(settings, self.rules.clone(), &supervisor, self.hands.clock(), entropy);
        let hub = self.runtime.block_on(open)?;
        let (streams, authority) = (hub.wakers.streams.subscribe(), hub.wakers.authority.subscribe());
        self.running = Some(Running {
            hub,
            supervisor,
            peers: BTreeMap::new(),
            frames: Arc::default(),
            streams,
            authority,
        });
        Ok(())
    }

    /// The daemon ends or dies: every commit is on the disk, all else is gone.
    pub fn crash(&mut self) {
        if let Some(running) = self.running.take() {
            let Running { hub, supervisor, peers, .. } = running;
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

    /// Notes how far the database has come, and looks at the sites that a restored hub waits for.
    pub fn rise(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        self.runtime.block_on(async {
            work::tide::look(&hub).await?;
            work::tide::rise(&hub).await
        })?;
        Ok(())
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
        let hub = self.hub().context("the hub is down")?.clone();
        Ok(self.runtime.block_on(hub.writer.run("simulated", work))?)
    }

    /// Reads from the database.
    pub fn read<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(future)
    }

    /// A frame of a site arrives.
    pub fn receive(&mut self, now: u64, site: &SiteId, frame: Vec<u8>) -> Result<()> {
        self.reach(now, site)?;
        self.give(now, site, Input::Received(frame))
    }

    /// The conversation with a site is woken.
    pub fn tick(&mut self, now: u64, site: &SiteId) -> Result<()> {
        self.give(now, site, Input::Tick)
    }

    /// The line to the broker goes up or down.
    pub fn line(&mut self, now: u64, up: bool) -> Result<()> {
        self.line_up = up;
        let Some(running) = &self.running else { return Ok(()) };
        let sites: Vec<SiteId> = running.peers.keys().cloned().collect();
        for site in sites {
            self.give(now, &site, if up { Input::LineUp } else { Input::LineDown })?;
        }
        Ok(())
    }

    /// Opens the conversation with a site where there is none, as the driver does.
    fn reach(&mut self, now: u64, site: &SiteId) -> Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        if running.peers.contains_key(site) {
            return Ok(());
        }
        self.hands.set(self.clocks.reading(now));
        let frames = running.frames.clone();
        let publish: Publish = Arc::new(move |site: &SiteId, bytes| {
            frames.lock().unwrap_or_else(PoisonError::into_inner).push((site.clone(), bytes));
        });
        let open = Peer::open(running.hub.clone(), site.clone(), publish);
        if let Some(peer) = self.runtime.block_on(open)? {
            running.peers.insert(site.clone(), peer);
            if self.line_up {
                self.give(now, site, Input::LineUp)?;
            }
        }
        Ok(())
    }

    fn give(&mut self, now: u64, site: &SiteId, input: Input) -> Result<()> {
        self.set_hands(now);
        let Some(running) = &mut self.running else { return Ok(()) };
        let Some(peer) = running.peers.get_mut(site) else { return Ok(()) };
        let outcome = self.runtime.block_on(async {
            peer.handle(input).await?;
            while peer.is_storing() {
                peer.settle().await?;
            }
            peer.note_heard().await
        });
        // As the driver does: the next frame begins a new conversation.
        if outcome.is_err() || peer.is_over() {
            running.peers.remove(site);
        }
        Ok(outcome?)
    }

    /// Hands on what committed transactions had to say. `true` when orders may be routed or labels bought.
    pub fn wake(&mut self, now: u64) -> Result<bool> {
        let mut work = false;
        loop {
            let Some(running) = &mut self.running else { return Ok(work) };
            work |= running.hub.wakers.routing.notified().now_or_never().is_some();
            work |= running.hub.wakers.labels.notified().now_or_never().is_some();
            if let Ok(site) = running.streams.try_recv() {
                self.give(now, &site, Input::Woken)?;
                continue;
            }
            let Ok(site) = running.authority.try_recv() else { return Ok(work) };
            if let Some(peer) = running.peers.get_mut(&site) {
                self.hands.set(self.clocks.reading(now));
                self.runtime.block_on(peer.refresh())?;
                if peer.is_over() {
                    running.peers.remove(&site);
                }
            }
        }
    }

    /// The workers look for what is due: orders to route, labels to buy and to give back.
    pub fn work(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        self.runtime.block_on(work::routing::all(&hub, true))?;
        if self.defect == Some(Defect::RightsFromTotals) {
            self.act(now, |unit| Box::pin(lower_promises(unit)))?;
        }
        let due = self.runtime.block_on(store::label::due(hub.store.read(), hub.now(), LABELS_MAX))?;
        for wanted in due {
            let number = format!("TRK{:016x}", self.rng.next_u64());
            self.act(now, move |unit| {
                let (wanted, number) = (wanted.clone(), number.clone());
                Box::pin(async move {
                    if wanted.state == State::VoidWanted {
                        return label::voided(unit, &wanted).await;
                    }
                    let zpl = format!("^XA^FD{number}^FS^XZ").into_bytes();
                    let carrier = "virtual".to_owned();
                    let currency = "EUR".to_owned();
                    label::bought(
                        unit,
                        &wanted,
                        &Purchase { carrier, number, zpl, price_minor: 490, currency },
                    )
                    .await
                })
            })?;
        }
        Ok(())
    }

    /// The authority worker's pass.
    pub fn renew(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        Ok(self.runtime.block_on(work::authority::pass(&hub, true))?)
    }

    /// The archive worker's pass.
    pub fn pack(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        self.runtime.block_on(work::archive::pass(&hub, 1))?;
        Ok(())
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

    /// How far a site says to have stored the hub's stream, as the hub has written it down.
    pub fn acknowledged_by(&self, site: &SiteId) -> Result<BTreeMap<Incarnation, u64>> {
        let Some(hub) = self.hub() else { return Ok(BTreeMap::new()) };
        self.runtime.block_on(async {
            let mut connection = hub.store.read().acquire().await?;
            let marks = store::outbox::acknowledged(&mut connection, site).await?;
            Ok(marks.into_iter().map(|(incarnation, mark)| (incarnation, mark.n)).collect())
        })
    }

    /// How far it has stored a site's stream, by incarnation.
    pub fn has_of_site(&self, site: &SiteId) -> Result<BTreeMap<Incarnation, u64>> {
        let Some(hub) = self.hub() else { return Ok(BTreeMap::new()) };
        self.runtime.block_on(async {
            let mut connection = hub.store.read().acquire().await?;
            let progress = store::inbox::progress(&mut connection, site).await?;
            Ok(progress.iter().map(|one| (one.incarnation(), one.through())).collect())
        })
    }
}

impl Drop for HubNode {
    fn drop(&mut self) {
        self.crash();
    }
}

/// A defect: what a case does not need any more is taken from what was promised.
async fn lower_promises(unit: &mut Unit) -> Result<(), HubError> {
    let over = "SELECT 1 FROM cases WHERE cases.site = rights.site AND cases.live = 0";
    let text = format!("UPDATE rights SET promised = promised - 1 WHERE promised > 0 AND EXISTS ({over})");
    sqlx::query(sqlx::AssertSqlSafe(text)).execute(unit.db()).await?;
    Ok(())
}

/// A folder in memory, where there is one: a commit there costs no disk.
fn memory() -> std::path::PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
}
