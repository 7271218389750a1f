//! A hub with a database of its own, and sites that talk to it through a pipe in memory.

use std::sync::Arc;
use std::time::Duration;

use outpost_config::{HubSettings, RulesHandle, SourceText, resolve};
use outpost_daemon::Supervisor;
use outpost_hub::app::enroll::{self, Terms};
use outpost_hub::replicate::peer::{Message, Peer, Publish};
use outpost_hub::store::site::{Site, SiteKind};
use outpost_hub::write::Unit;
use outpost_hub::{Hub, HubError, start, store};
use outpost_model::header::Service;
use outpost_model::id::SiteId;
use outpost_sync::{Input, Now};
use sqlx::Row;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::site::SimSite;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A hub.
pub struct World {
    pub hub: Hub,
    supervisor: Supervisor,
    _directory: tempfile::TempDir,
}

/// The databases to test on: SQLite, and a new one on PostgreSQL.
pub async fn databases() -> Vec<Option<String>> {
    let postgres = Database::postgres().await.map(|database| Some(database.url));
    std::iter::once(None).chain(postgres).collect()
}

impl World {
    pub async fn open(database: Option<String>) -> Self {
        Self::open_with(database, "").await
    }

    /// With some settings of one's own.
    pub async fn open_with(database: Option<String>, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = database.map(|url| format!("[database]\nurl = {url:?}\n")).unwrap_or_default();
        let text = format!("{more}\n[data]\ndirectory = {:?}\n{url}", directory.path());
        let source = SourceText { name: "test", text: &text };
        let settings: HubSettings = resolve(Some(source), []).unwrap().settings;
        let supervisor = Supervisor::new();
        let hub = start::open(settings, RulesHandle::shipped().unwrap(), &supervisor).await.unwrap();
        Self { hub, supervisor, _directory: directory }
    }

    /// The same hub after a restart.
    pub async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    /// The same with other settings.
    pub async fn restart_with(self, change: impl FnOnce(&mut HubSettings)) -> Self {
        self.reopen(change, |_| {}).await
    }

    /// The same after something was done to the file of its database, which nobody has open then.
    pub async fn restart_after(self, meanwhile: impl FnOnce(&std::path::Path)) -> Self {
        self.reopen(|_| {}, meanwhile).await
    }

    async fn reopen(
        self,
        change: impl FnOnce(&mut HubSettings),
        meanwhile: impl FnOnce(&std::path::Path),
    ) -> Self {
        let Self { hub, supervisor, _directory } = self;
        let mut settings = (*hub.settings).clone();
        change(&mut settings);
        supervisor.shut_down();
        supervisor.run(async {}, PATIENCE).await.unwrap();
        hub.store.close().await;
        meanwhile(&_directory.path().join("hub.db"));
        let supervisor = Supervisor::new();
        let hub = start::open(settings, RulesHandle::shipped().unwrap(), &supervisor).await.unwrap();
        Self { hub, supervisor, _directory }
    }

    /// Runs a use case in a transaction.
    pub async fn run<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: for<'a> FnMut(&'a mut Unit) -> futures_util::future::BoxFuture<'a, Result<T, HubError>>
            + Send
            + 'static,
    {
        self.hub.writer.run("test", work).await.unwrap()
    }

    /// Imports and enrolls a site.
    pub async fn enroll(&self, name: &str) -> SimSite {
        let site = SimSite::new(name, self.hub.identity.public());
        let (id, public) = (site.id.clone(), site.public());
        let terms = Terms { sscc: self.hub.settings.sscc.clone() };
        self.run(move |unit| {
            let (id, terms) = (id.clone(), terms.clone());
            Box::pin(async move {
                store::site::put(unit.db(), &a_store(&id)).await?;
                let token = enroll::make_token(unit, &id).await?.unwrap();
                enroll::enroll(unit, &id, &token.token, &public, &terms).await?.unwrap();
                Ok(())
            })
        })
        .await;
        site
    }

    pub fn now(&self) -> Now {
        Now { boot_ms: self.hub.clock.since_boot().as_millis() as u64, wall_ms: self.hub.now().0 }
    }

    /// Brings a site's line up.
    pub async fn connect(&self, site: &mut SimSite) -> Pipe {
        let (frames, down) = mpsc::unbounded_channel();
        let publish: Publish = Arc::new(move |_: &SiteId, frame| {
            // The test has hung up.
            let _ = frames.send(frame);
        });
        let peer = Peer::open(self.hub.clone(), site.id.clone(), publish).await.unwrap().unwrap();
        let (up, messages) = mpsc::channel(256);
        let cancel = CancellationToken::new();
        let task = tokio::spawn(peer.run(messages, cancel.clone()));
        let mut pipe = Pipe { up, down, cancel, task, lost: 0, frames: Vec::new(), up_frames: 0 };
        pipe.say(Message::Input(Input::LineUp)).await;
        pipe.give(self, site, Input::LineUp).await;
        pipe
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        let row = sqlx::query(sql).fetch_one(self.hub.store.read()).await.unwrap();
        row.try_get(0).unwrap()
    }

    pub async fn texts(&self, sql: &'static str) -> Vec<String> {
        let rows = sqlx::query(sql).fetch_all(self.hub.store.read()).await.unwrap();
        rows.iter().map(|row| row.try_get(0).unwrap()).collect()
    }
}

/// The line between a site and its peer at the hub.
pub struct Pipe {
    up: mpsc::Sender<Message>,
    down: mpsc::UnboundedReceiver<Vec<u8>>,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), HubError>>,
    /// Frames of the hub that are still to be lost.
    pub lost: usize,
    /// All frames, of both.
    pub frames: Vec<Vec<u8>>,
    pub up_frames: usize,
}

impl Pipe {
    async fn say(&self, message: Message) {
        self.up.send(message).await.unwrap();
    }

    /// Hands an input to the site and what follows from it to the hub.
    pub async fn give(&mut self, world: &World, site: &mut SimSite, input: Input) {
        for frame in site.give(world.now(), input) {
            self.forward(frame).await;
        }
    }

    /// Hands a frame to the hub, whoever made it.
    pub async fn forward(&mut self, frame: Vec<u8>) {
        self.up_frames += 1;
        self.frames.push(frame.clone());
        self.say(Message::Input(Input::Received(frame))).await;
    }

    /// Tells the peer what the driver would: the stream has grown, or authority and keys have changed.
    pub async fn wake(&mut self) {
        self.say(Message::Input(Input::Woken)).await;
        self.say(Message::Refresh).await;
    }

    /// Lets both talk until the site is content.
    pub async fn until(&mut self, world: &World, site: &mut SimSite, content: impl Fn(&SimSite) -> bool) {
        let talk = async {
            while !content(site) {
                let now = world.now();
                let wait =
                    site.session.wake_at().map_or(50, |at| at.saturating_sub(now.boot_ms).clamp(1, 50));
                tokio::select! {
                    frame = self.down.recv() => {
                        let frame = frame.expect("the peer ended");
                        self.frames.push(frame.clone());
                        if self.lost > 0 {
                            self.lost -= 1;
                            continue;
                        }
                        self.give(world, site, Input::Received(frame)).await;
                    }
                    () = tokio::time::sleep(Duration::from_millis(wait)) => {
                        self.give(world, site, Input::Tick).await;
                    }
                }
            }
        };
        if tokio::time::timeout(PATIENCE, talk).await.is_err() {
            panic!("the site is not content: {}", site.state());
        }
    }

    /// Lets both talk for a while.
    pub async fn until_it_rests(&mut self, world: &World, site: &mut SimSite, pause: Duration) {
        let end = std::time::Instant::now() + pause;
        self.until(world, site, move |_| std::time::Instant::now() >= end).await;
    }

    /// Until everything the site wrote is acknowledged and it has all that the hub wrote.
    pub async fn until_quiet(&mut self, world: &World, site: &mut SimSite) {
        let end = {
            let mut connection = world.hub.store.read().acquire().await.unwrap();
            store::stream::peek(&mut connection, &site.id).await.unwrap().unwrap().mark.n
        };
        self.until(world, site, |site| site.unacknowledged() == 0 && site.has_of_hub() >= end).await;
    }

    /// Lets both talk until the peer ends by itself.
    pub async fn until_over(&mut self, world: &World, site: &mut SimSite) {
        let talk = async {
            loop {
                tokio::select! {
                    frame = self.down.recv() => match frame {
                        Some(frame) => self.answer(world, site, Input::Received(frame)).await,
                        None => return,
                    },
                    () = tokio::time::sleep(Duration::from_millis(50)) => {
                        self.answer(world, site, Input::Tick).await;
                    }
                }
            }
        };
        assert!(tokio::time::timeout(PATIENCE, talk).await.is_ok(), "the peer goes on: {}", site.state());
    }

    /// Hands an input to the site, and what follows to a hub that may not listen any more.
    async fn answer(&mut self, world: &World, site: &mut SimSite, input: Input) {
        for frame in site.give(world.now(), input) {
            let _ = self.up.send(Message::Input(Input::Received(frame))).await;
        }
    }

    /// Cuts the line and ends the peer.
    pub async fn cut(self, world: &World, site: &mut SimSite) {
        site.give(world.now(), Input::LineDown);
        self.cancel.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn a_store(id: &SiteId) -> Site {
    Site {
        site: id.clone(),
        name: id.to_string(),
        kind: SiteKind::Store,
        zone: "Europe/Berlin".to_owned(),
        country: "DE".to_owned(),
        postal_code: "10115".to_owned(),
        latitude: 52.5,
        longitude: 13.4,
        services: vec![Service::Ship, Service::Pickup],
        capacity_per_day: 0,
        priority: 0,
    }
}
