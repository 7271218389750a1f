//! A site's machine: the real writer on a database in memory, the real session, and the host that moves things
//! between them as the daemon's driver does.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use outpost_edge::replicate::acknowledged::Acknowledged;
use outpost_edge::replicate::apply::HUB;
use outpost_edge::replicate::conversation;
use outpost_edge::store::{self, past};
use outpost_edge::write::{Answer, Core, Job, Limits, News};
use outpost_edge::{Ids, Moment, Site};
use outpost_model::id::SiteId;
use outpost_sync::{
    Effect, Identity, Incarnation, Input, Mark, Notice, Position, PublicIdentity, Refusal, Session, Settings,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rusqlite::Connection;

use super::clock::Clocks;
use super::defects::Defect;
use super::disk;

/// How long acknowledgements are gathered, as the driver does.
const ACKNOWLEDGE_EVERY: u64 = 500;
/// How long one waits that could not be written down.
const ACKNOWLEDGE_AGAIN: u64 = 5_000;

/// Of a defect: commits that a crash takes, at most.
const COMMITS_LOST: u32 = 6;

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
    /// The planted mistake.
    pub defect: Option<Defect>,
    /// Who signs for it.
    pub identity: Identity,
    hub: PublicIdentity,
    site: Site,
    ids: Ids,
    rng: StdRng,
    disk: Option<Connection>,
    images: Vec<Connection>,
    /// Of a defect: the disk as it was some commits ago.
    before: Option<Connection>,
    commits: u32,
}

/// A daemon that runs.
pub struct Running {
    /// The writer.
    pub core: Core,
    /// When acknowledgements are written down.
    pub acknowledge_at: Option<u64>,
    session: Session,
    incarnation: Incarnation,
    acknowledged: Acknowledged,
    /// What the session knows to be lost.
    lost: Option<Position>,
    /// Of a defect: what was acknowledged and is still to be stored.
    owed: Vec<Job>,
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

    /// Hands something to the session and carries out what follows.
    pub fn give(&mut self, now: u64, input: Input, said: &mut Said) -> Result<()> {
        let mut inputs = VecDeque::from([input]);
        match &inputs[0] {
            Input::LineUp => self.line_up = true,
            Input::LineDown => self.line_up = false,
            _ => {}
        }
        while let Some(input) = inputs.pop_front() {
            let clocks = self.clocks.now(now);
            let Some(running) = &mut self.running else { return Ok(()) };
            for effect in running.session.handle(clocks, &mut self.rng, input) {
                self.carry_out(now, effect, &mut inputs, said)?;
                if said.died.is_some() {
                    return Ok(());
                }
                if std::mem::take(&mut said.anew) {
                    inputs = self.begin_anew()?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Another session, from what is written down; what it is told first.
    fn begin_anew(&mut self) -> Result<VecDeque<Input>> {
        let Some(running) = &mut self.running else { return Ok(VecDeque::new()) };
        let (site, key) = (self.id.clone(), self.identity.clone());
        running.session = conversation::open(running.core.connection(), settings(), site, key, self.hub)?;
        let loss = past::open(running.core.connection())?;
        running.lost = loss.and_then(|loss| loss.lost.last().copied());
        Ok(self.line_up.then_some(Input::LineUp).into_iter().collect())
    }

    fn carry_out(
        &mut self,
        now: u64,
        effect: Effect,
        inputs: &mut VecDeque<Input>,
        said: &mut Said,
    ) -> Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        match effect {
            Effect::Publish { bytes, .. } => said.frames.push(bytes),
            Effect::Read { query, limit, bytes_max } => {
                let mut items = outpost_journal::read(running.core.connection(), &query, limit, bytes_max)?;
                if self.defect == Some(Defect::CursorOverUncommitted) && items.len() > 2 {
                    // A row that is not visible yet when the cursor passes it.
                    items.remove(items.len() / 2);
                }
                inputs.push_back(Input::Read { query, items });
            }
            Effect::Store(batch) if self.defect == Some(Defect::AcknowledgeBeforeCommit) => {
                running.owed.push(Job::Merge(batch));
                running.acknowledge_at.get_or_insert(now + ACKNOWLEDGE_EVERY);
                inputs.push_back(Input::Stored { refused: Vec::new() });
            }
            Effect::Store(batch) => {
                let answers = self.run(now, &[Job::Merge(batch)], said, inputs)?;
                inputs.push_back(match answers.into_iter().next() {
                    Some(Answer::Merged(refused)) => {
                        said.set_aside.extend(refused.iter().cloned());
                        Input::Stored { refused }
                    }
                    Some(Answer::Deferred { refused, later }) => {
                        said.set_aside.extend(refused.iter().cloned());
                        Input::StoredBut { refused, later }
                    }
                    _ if self.defect == Some(Defect::IgnoreAFailedStore) && said.died.is_none() => {
                        Input::Stored { refused: Vec::new() }
                    }
                    _ => Input::StoreFailed,
                });
                self.count_parked(inputs)?;
            }
            Effect::Look(look) => {
                let seen = outpost_journal::look(running.core.connection(), HUB, &look)?;
                inputs.push_back(Input::Seen(seen));
            }
            Effect::Mend(mend) => {
                let answers = self.run(now, &[Job::Mend(mend)], said, inputs)?;
                let mended = matches!(answers.first(), Some(Answer::Done));
                inputs.push_back(if mended { Input::Mended } else { Input::MendFailed });
                self.count_parked(inputs)?;
            }
            Effect::Acknowledged(mark) => {
                said.acknowledged.push(mark);
                running.acknowledged.hear(mark);
                running.acknowledge_at.get_or_insert(now + ACKNOWLEDGE_EVERY);
            }
            Effect::Quarantine { bytes, reason } => {
                said.frames_refused += 1;
                let reason = reason.to_string();
                self.run(now, &[Job::KeepFrame { bytes, reason }], said, inputs)?;
            }
            Effect::Notice(notice) => {
                said.gap |= matches!(notice, Notice::Forgotten { .. });
                if let Notice::Refused(refusal) = &notice {
                    said.refused.push(refusal.clone());
                }
                let moment = self.moment(now);
                if let Some(job) = conversation::job_of(&notice, &moment, self.site.clock_error_max_ms) {
                    let kept = conversation::must_be_kept(&job);
                    let answers = self.run(now, &[job], said, inputs)?;
                    said.anew = kept && matches!(answers.first(), Some(Answer::Failed(_)));
                }
            }
        }
        Ok(())
    }

    fn count_parked(&self, inputs: &mut VecDeque<Input>) -> Result<()> {
        if let Some(running) = &self.running {
            inputs.push_back(Input::Parked(outpost_journal::parked(running.core.connection())?.0));
        }
        Ok(())
    }

    /// Writes down what was acknowledged.
    pub fn write_acknowledgements(&mut self, now: u64, said: &mut Said) -> Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.acknowledge_at = None;
        let marks = running.acknowledged.take();
        let mut jobs: Vec<Job> = marks.iter().copied().map(Job::Acknowledge).collect();
        jobs.append(&mut running.owed);
        let answers = self.submit(now, &jobs, said)?;
        let Some(running) = &mut self.running else { return Ok(()) };
        for (number, mark) in marks.into_iter().enumerate() {
            if !running.acknowledged.answered(mark, answers.get(number)) {
                running.acknowledge_at.get_or_insert(now + ACKNOWLEDGE_AGAIN);
            }
        }
        Ok(())
    }

    /// Runs jobs as one group and tells the session what follows.
    pub fn submit(&mut self, now: u64, jobs: &[Job], said: &mut Said) -> Result<Vec<Answer>> {
        let mut inputs = VecDeque::new();
        let answers = self.run(now, jobs, said, &mut inputs)?;
        for input in inputs {
            self.give(now, input, said)?;
        }
        Ok(answers)
    }

    /// Runs jobs as one group. No answers: the daemon died, and nobody knows what is on the disk.
    fn run(
        &mut self,
        now: u64,
        jobs: &[Job],
        said: &mut Said,
        inputs: &mut VecDeque<Input>,
    ) -> Result<Vec<Answer>> {
        let (before, after) = (self.moment(now), self.moment(now + self.slow_disk_ms));
        let Some(running) = &mut self.running else { return Ok(Vec::new()) };
        if jobs.is_empty() || said.died.is_some() {
            return Ok(Vec::new());
        }
        self.commits += 1;
        if self.defect == Some(Defect::LoseTheTail) && self.commits.is_multiple_of(COMMITS_LOST) {
            self.before = Some(disk::image(running.core.connection())?);
        }
        let fails = self.commit_fails.take();
        if fails == Some(false) {
            disk::fail_commits(running.core.connection())?;
        }
        let committed = running.core.run(&before, &mut self.ids, jobs).and_then(|mut committed| {
            if self.defect != Some(Defect::SkipTheConfirmation) {
                running.core.confirm(&after, &mut committed)?;
            }
            Ok(committed)
        });
        let committed = match (committed, fails) {
            (Ok(committed), None) => committed,
            (Ok(committed), Some(_)) => {
                // It is on the disk, and COMMIT answers that it may not be.
                (said.committed, said.news) = (true, committed.news);
                said.died = Some("COMMIT failed, and was durable".to_owned());
                return Ok(Vec::new());
            }
            (Err(_), _) => {
                said.died = Some("COMMIT failed, and was not durable".to_owned());
                return Ok(Vec::new());
            }
        };
        said.committed = true;
        said.news.extend(committed.news);
        if running.incarnation != running.core.incarnation() {
            running.incarnation = running.core.incarnation();
            if self.defect != Some(Defect::ForgetToIntroduce) {
                inputs.push_back(Input::Links(outpost_journal::links(running.core.connection())?));
            }
        }
        if jobs.iter().any(|job| matches!(job, Job::Lost(_) | Job::Behind(_) | Job::Same(_) | Job::Merge(_)))
        {
            let loss = past::open(running.core.connection())?;
            let lost = loss.and_then(|loss| loss.lost.last().copied());
            if std::mem::replace(&mut running.lost, lost) != lost {
                inputs.push_back(Input::Lost(lost));
            }
        }
        if committed.wrote {
            inputs.push_back(Input::Woken);
        }
        Ok(committed.answers)
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
