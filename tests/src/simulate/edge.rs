//! A site's machine: the real writer on a database in memory, the real session, and the host that moves things
//! between them as the daemon's driver does.

use anyhow::{Context, Result};
use outpost_edge::replicate::acknowledged::Acknowledged;
use outpost_edge::replicate::apply::HUB;
use outpost_edge::replicate::conversation;
use outpost_edge::store::{self, past};
use outpost_edge::write::{Core, Job, Limits, News};
use outpost_edge::{Ids, Moment, Site};
use outpost_model::id::SiteId;
use outpost_sync::{Identity, Incarnation, Mark, Position, PublicIdentity, Refusal, Session, Settings};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rusqlite::Connection;

use super::clock::Clocks;
use super::defects::Defect;
use super::disk;

/// A site's machine.
pub struct EdgeNode {
    /// Its place in the chain.
    pub number: usize,
    /// Its id.
    pub id: SiteId,
    /// Its clocks.
    pub clocks: Clocks,
    /// The daemon, while it runs.
    pub running: Option<Running>,
    /// Whether the daemon sees its line.
    pub line_up: bool,
    /// When the session's tick is planned.
    pub tick_at: Option<u64>,
    /// The machine sleeps until then.
    pub asleep_until: u64,
    /// The machine was switched off; whether its wall clock has no battery.
    pub switched_off: Option<bool>,
    /// The next commit fails; whether it reaches the disk.
    pub commit_fails: Option<bool>,
    /// Commits take so long.
    pub slow_disk_ms: u64,
    /// The next commit of something irrevocable takes so much longer: the machine sleeps in the middle of it.
    pub stalls_ms: u64,
    /// The planted mistake.
    pub defect: Option<Defect>,
    /// Who signs for it.
    pub identity: Identity,
    pub(super) hub: PublicIdentity,
    pub(super) site: Site,
    pub(super) ids: Ids,
    pub(super) rng: StdRng,
    disk: Option<Connection>,
    images: Vec<Connection>,
    /// Of a defect: the disk as it was some commits ago.
    pub(super) before: Option<Connection>,
    pub(super) commits: u32,
}

/// A daemon that runs.
pub struct Running {
    /// The writer.
    pub core: Core,
    /// When acknowledgements are written down.
    pub acknowledge_at: Option<u64>,
    pub(super) session: Session,
    pub(super) incarnation: Incarnation,
    pub(super) acknowledged: Acknowledged,
    /// What the session knows to be lost.
    pub(super) lost: Option<Position>,
    /// Of a defect: what was acknowledged and is still to be stored.
    pub(super) owed: Vec<Job>,
}

impl Running {
    /// The name it writes under.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }
}

/// What came of something a site was given.
#[derive(Default)]
pub struct Said {
    /// Frames to publish.
    pub frames: Vec<Vec<u8>>,
    /// What commits changed.
    pub news: Vec<News>,
    /// Whether something was committed.
    pub committed: bool,
    /// What the hub says it has for good.
    pub acknowledged: Vec<Mark>,
    /// What the hub has refused.
    pub refused: Vec<Refusal>,
    /// What was refused of the hub.
    pub set_aside: Vec<Refusal>,
    /// Frames that were set aside.
    pub frames_refused: usize,
    /// Something of its own stream is named as forgotten.
    pub gap: bool,
    /// How long the commit took.
    pub took_ms: u64,
    /// The machine sleeps until its commit is over.
    pub asleep_until: Option<u64>,
    /// The daemon died.
    pub died: Option<String>,
    /// What the hub has said could not be written down: the conversation begins anew.
    pub anew: bool,
}

impl EdgeNode {
    /// A machine that is switched off.
    pub fn new(number: usize, site: Site, identity: Identity, hub: PublicIdentity, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ (number as u64 + 1) << 32);
        Self {
            number,
            id: site.id.clone(),
            clocks: Clocks::new(number as u128 + 1),
            running: None,
            line_up: false,
            tick_at: None,
            asleep_until: 0,
            switched_off: None,
            commit_fails: None,
            slow_disk_ms: 0,
            stalls_ms: 0,
            defect: None,
            identity,
            hub,
            site,
            ids: Ids::seeded(rng.next_u64()),
            rng,
            disk: None,
            images: Vec::new(),
            before: None,
            commits: 0,
        }
    }

    /// What its clocks show.
    pub fn moment(&self, now: u64) -> Moment {
        self.clocks.moment(now)
    }

    /// Puts a disk into the machine.
    pub fn insert(&mut self, database: &Connection) -> Result<()> {
        self.disk = Some(disk::image(database)?);
        Ok(())
    }

    /// Its database, whether the daemon runs or not.
    pub fn database(&self) -> Option<&Connection> {
        self.running.as_ref().map(|running| running.core.connection()).or(self.disk.as_ref())
    }

    /// Starts the daemon on what the disk holds.
    pub fn boot(&mut self, now: u64) -> Result<()> {
        let mut database = self.disk.take().context("a machine without a disk")?;
        if let Some(dead_clock) = self.switched_off.take() {
            self.clocks.reboot(now, dead_clock);
        }
        store::prepare(&mut database, self.moment(now).wall)?;
        let core = Core::open(database, self.site.clone(), Limits { open_documents_max: 16 }, &mut self.ids)?;
        let session = conversation::open(
            core.connection(),
            settings(),
            self.id.clone(),
            self.identity.clone(),
            self.hub,
        )?;
        let incarnation = core.incarnation();
        let lost = past::open(core.connection())?.and_then(|loss| loss.lost.last().copied());
        self.running = Some(Running {
            core,
            session,
            incarnation,
            acknowledged: Acknowledged::default(),
            acknowledge_at: None,
            lost,
            owed: Vec::new(),
        });
        self.line_up = false;
        Ok(())
    }

    /// The daemon dies: only what is committed is left.
    pub fn crash(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            self.disk = Some(disk::image(running.core.connection())?);
        }
        if let Some(before) = self.before.take() {
            self.disk = Some(before);
        }
        (self.line_up, self.tick_at, self.commit_fails) = (false, None, None);
        Ok(())
    }

    /// Keeps an image of the disk.
    pub fn back_up(&mut self) -> Result<()> {
        if let Some(database) = self.database() {
            let image = disk::image(database)?;
            self.images.push(image);
        }
        Ok(())
    }

    /// Puts one of the images in the place of the disk; `false` when there is none.
    pub fn restore(&mut self, pick: u64) -> Result<bool> {
        if self.images.is_empty() {
            return Ok(false);
        }
        self.crash()?;
        let image = &self.images[pick as usize % self.images.len()];
        self.disk = Some(disk::image(image)?);
        Ok(true)
    }

    /// When the session wants to be woken.
    pub fn wake_at(&self) -> Option<u64> {
        let session = &self.running.as_ref()?.session;
        session.wake_at().map(|at| self.clocks.when(at))
    }

    /// How far it has stored the hub's stream.
    pub fn has_of_hub(&self, incarnation: Incarnation) -> Result<u64> {
        let Some(database) = self.database() else { return Ok(0) };
        let progress = outpost_journal::progress(database, HUB)?;
        Ok(progress.iter().find(|one| one.incarnation() == incarnation).map_or(0, |one| one.through()))
    }
}

/// A quieter conversation than the shipped one: a run lasts for hours.
pub fn settings() -> Settings {
    Settings {
        hello_every_ms: 120_000,
        silent_after_ms: 360_000,
        compression_level: 1,
        ..Settings::default()
    }
}
