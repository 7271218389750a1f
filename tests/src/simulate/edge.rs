//! A site's machine: the real writer on a database in memory, the real session, and the host that moves things
//! between them as the daemon's driver does.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use outpost_edge::replicate::acknowledged::Acknowledged;
use outpost_edge::replicate::apply::HUB;
use outpost_edge::replicate::conversation;
use outpost_edge::store::{self, past};
use outpost_edge::write::{Answer, Core, Job, Limits, News};
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
    images: Vec<Image>,
    /// What the file beside the database says: how far the site has come.
    pub(super) witness: Option<Position>,
    /// The disk was put back, and nobody has told it so far: neither the file beside the database nor the hub.
    pub unaware: bool,
    /// The disk was put back, and not all that it lacks has come back since: where its log ended.
    put_back: Option<i64>,
    /// Of a defect: the disk as it was some commits ago.
    pub(super) before: Option<Connection>,
    pub(super) commits: u32,
}

/// The oldest image of a disk that is put back: what the hub has packed away in the meantime it does not give back.
const IMAGE_AGE_MAX: u64 = 45 * 60_000;

/// A disk as it was: the database, and the file beside it.
struct Image {
    at: u64,
    database: Connection,
    witness: Option<Position>,
}

/// A block of serials: company prefix, extension, the first of it.
pub type Block = (String, u8, i64);

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
            witness: None,
            unaware: false,
            put_back: None,
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
        let mut core =
            Core::open(database, self.site.clone(), Limits { open_documents_max: 16 }, &mut self.ids)?;
        if let Some(position) = self.witness
            && !outpost_journal::holds(core.connection(), &position)?
        {
            // Before anything is granted or labeled, as the daemon does.
            let lost = Job::Lost(vec![position]);
            let noted = core.run(&self.clocks.moment(now), &mut self.ids, &[lost])?;
            ensure!(noted.answers == [Answer::Done], "a loss cannot be noted: {:?}", noted.answers);
            self.unaware = false;
        }
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
    pub fn back_up(&mut self, at: u64) -> Result<()> {
        self.images.retain(|image| at <= image.at + IMAGE_AGE_MAX);
        // A disk that lies beside the machine is as old as its image.
        if let Some(running) = &self.running {
            let database = disk::image(running.core.connection())?;
            self.images.push(Image { at, database, witness: self.witness });
        }
        Ok(())
    }

    /// Puts one of the images in the place of the disk, or of the database alone; `false` when there is none.
    pub fn restore(&mut self, now: u64, pick: u64) -> Result<bool> {
        self.images.retain(|image| now <= image.at + IMAGE_AGE_MAX);
        if self.images.is_empty() {
            return Ok(false);
        }
        self.crash()?;
        let index = pick as usize % self.images.len();
        self.images.truncate(index + 1);
        let image = &self.images[index];
        let disk = disk::image(&image.database)?;
        if pick >> 32 & 1 == 0 {
            self.witness = image.witness;
        }
        self.put_back = Some(last(&disk)?);
        self.unaware = true;
        self.disk = Some(disk);
        Ok(true)
    }

    /// Whether its disk was put back, and not all that it lacks has come back since.
    pub fn lacks_something(&self) -> bool {
        self.put_back.is_some()
    }

    /// Whether the file beside its database knows that the site has come further than the database says.
    pub fn knows_of_more(&self) -> Result<bool> {
        let (Some(position), Some(database)) = (&self.witness, self.database()) else { return Ok(false) };
        Ok(!outpost_journal::holds(database, position)?)
    }

    /// Once the hub has answered, it knows whether it was put back; once nothing is missing, it is as it was.
    pub fn look_for_word(&mut self) -> Result<()> {
        let Some(running) = self.running.as_ref().filter(|running| running.session.is_established()) else {
            return Ok(());
        };
        self.unaware = false;
        if self.put_back.is_some() && past::open(running.core.connection())?.is_none() {
            self.put_back = None;
        }
        Ok(())
    }

    /// Documents that it has written into since its disk was put back, while something of them was missing.
    pub fn written_blindly(&self) -> Result<Vec<String>> {
        let (Some(database), Some(after)) = (self.database(), self.put_back) else { return Ok(Vec::new()) };
        let mut statement = database.prepare_cached(
            "SELECT DISTINCT c.doc FROM sync_change c JOIN sync_incarnation s ON s.ord = c.origin
             WHERE s.owner = '' AND c.position > ?1 AND c.doc IS NOT NULL",
        )?;
        let rows = statement.query_map([after], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the session wants to be woken.
    pub fn wake_at(&self) -> Option<u64> {
        let session = &self.running.as_ref()?.session;
        session.wake_at().map(|at| self.clocks.when(at))
    }

    /// How far the hub has each of its lives for good, as it has heard: what lies below may be forgotten.
    pub fn safe(&self) -> Result<BTreeMap<Incarnation, u64>> {
        let Some(database) = self.database() else { return Ok(BTreeMap::new()) };
        let mut statement = database.prepare_cached(
            "SELECT id, acknowledged FROM sync_incarnation WHERE owner = '' AND acknowledged > 0",
        )?;
        let rows = statement
            .query_map([], |row| Ok((Incarnation(row.get(0)?), row.get::<_, i64>(1)?.unsigned_abs())))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The blocks of serials that were ever leased to it, as far as it knows.
    pub fn leased(&self) -> Result<Vec<Block>> {
        let Some(database) = self.database() else { return Ok(Vec::new()) };
        let mut statement =
            database.prepare_cached("SELECT company_prefix, extension, first FROM serial_block")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
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

/// Where a log ends.
pub fn last(database: &Connection) -> Result<i64> {
    Ok(database.query_row("SELECT coalesce(max(position), 0) FROM sync_change", [], |row| row.get(0))?)
}
