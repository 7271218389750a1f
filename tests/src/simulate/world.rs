//! The world: one queue of happenings in virtual time, the machines on it, and what is true of them.

use std::collections::BTreeMap;

use anyhow::Result;
use outpost_edge::write::Job;
use outpost_model::command::Command;
use outpost_sync::Input;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::edge::{EdgeNode, Said};
use super::hub::HubNode;
use super::line::Line;
use super::morning::{self, Morning};
use super::plan::Plan;
use super::queue::Queue;
use super::rogue::Rogue;
use super::story::Story;
use super::truth::{Truth, on_hand};

/// How often the hub's workers look by themselves.
const WORK_EVERY: u64 = 30_000;
/// How often the hub renews authority.
const RENEW_EVERY: u64 = 300_000;
/// How often the hub notes how far it has come.
const RISE_EVERY: u64 = 60_000;
/// How often daemons tidy up.
const TIDY_EVERY: u64 = 420_000;
/// How often everything is backed up.
pub const BACK_UP_EVERY: u64 = 900_000;
/// The same when nothing goes wrong any more.
pub const BACK_UP_AT_THE_END: u64 = 30_000;

/// Something that will happen.
#[derive(Debug)]
pub enum Happening {
    /// An act of the plan.
    Act(usize),
    /// A fault that had to wait.
    Fault(Box<super::plan::Act>),
    /// A frame of a site arrives at the hub.
    Up(usize, Vec<u8>),
    /// A frame of the hub arrives at a site.
    Down(usize, Vec<u8>),
    /// A site's session is woken.
    SiteTick(usize, u64),
    /// A site writes down what was acknowledged.
    Acknowledge(usize, u64),
    /// A site's daemon starts.
    SiteBoot(usize),
    /// A site sees its line again, or looks whether it does.
    SiteLine(usize),
    /// A handheld tells a command.
    Told(usize, Box<Command>),
    /// A site's disk has room again.
    Room(usize),
    /// The hub's disk has room again.
    HubRoom,
    /// A stranger tries again, or gives up.
    Rogue(usize),
    /// A conversation of the hub is woken.
    HubTick(usize, u64),
    /// The hub starts.
    HubBoot,
    /// The hub's line to the broker is there again.
    HubLine,
    /// The hub's workers look for work.
    HubWork,
    /// The same, by their timer.
    HubWorkTimer,
    /// The hub renews authority.
    HubRenew,
    /// The hub notes how far its database has come.
    HubRise,
    /// Daemons drop what nobody needs any more.
    Tidy,
    /// Everything is backed up that may be restored later.
    BackUp,
    /// Channels deliver once more what a restored hub has forgotten.
    Redeliver,
}

/// All there is.
pub struct World {
    /// The time: milliseconds since the beginning.
    pub now: u64,
    /// What is to happen.
    pub queue: Queue<Happening>,
    /// The hub's machine.
    pub hub: HubNode,
    /// The sites' machines.
    pub edges: Vec<EdgeNode>,
    /// The line between them.
    pub line: Line,
    /// What is true.
    pub truth: Truth,
    /// What happened.
    pub story: Story,
    /// What is to be done.
    pub plan: Plan,
    /// Randomness of what has no number of its own.
    pub rng: StdRng,
    /// What channels have delivered.
    pub delivered: Vec<serde_json::Value>,
    /// Strangers with a site's key.
    pub rogues: BTreeMap<usize, Rogue>,
    /// The hub was restored and has not started since.
    pub hub_forgot: bool,
    /// Whether what is true is compared with what is booked: not before the morning's stock has come.
    pub watched: bool,
}

impl World {
    /// A world that begins with a morning.
    pub fn new(morning: &Morning, plan: Plan, told: bool) -> Result<Self> {
        let rules = morning::rules(plan.swarm.authority_minutes, plan.swarm.deadlines)?;
        let mut hub = HubNode::new(morning.runtime.clone(), &morning.files, rules, plan.seed)?;
        hub.defect = plan.defect;
        hub.deadlines = plan.swarm.deadlines;
        hub.copied = plan.swarm.hub_restores > 0;
        hub.boot(0)?;
        let mut edges = Vec::with_capacity(plan.sites);
        for (number, (database, identity)) in morning.sites.iter().enumerate().take(plan.sites) {
            let site = morning::site(number)?;
            let mut edge = EdgeNode::new(number, site, identity.clone(), morning.hub, plan.seed);
            edge.slow_disk_ms = plan.swarm.slow_disk_ms;
            edge.defect = plan.defect;
            edge.insert(database)?;
            edge.boot(0)?;
            edges.push(edge);
        }
        let mut world = Self::of_parts(plan, hub, edges, told);
        world.watched = true;
        for edge in &world.edges {
            if let Some(database) = edge.database() {
                let truth = &mut world.truth.sites[edge.number];
                truth.opening = on_hand(database)?;
                truth.granted.look(database)?;
                truth.copied = edge.safe()?;
            }
        }
        for (index, planned) in world.plan.acts.iter().enumerate() {
            world.queue.plan(planned.at, Happening::Act(index));
        }
        Ok(world)
    }

    /// A world of machines that run.
    pub fn of_parts(plan: Plan, hub: HubNode, edges: Vec<EdgeNode>, told: bool) -> Self {
        let mut queue = Queue::default();
        for edge in &edges {
            queue.plan(1 + edge.number as u64, Happening::SiteLine(edge.number));
        }
        queue.plan(0, Happening::HubLine);
        queue.plan(WORK_EVERY, Happening::HubWorkTimer);
        queue.plan(RENEW_EVERY, Happening::HubRenew);
        if plan.swarm.tidy {
            queue.plan(TIDY_EVERY, Happening::Tidy);
        }
        if plan.swarm.hub_restores > 0 {
            queue.plan(500, Happening::HubRise);
        }
        if plan.swarm.hub_restores + plan.swarm.site_restores > 0 {
            queue.plan(1_000, Happening::BackUp);
        }
        Self {
            now: 0,
            queue,
            hub,
            line: Line::new(plan.swarm.clone(), edges.len(), plan.seed),
            truth: Truth::new(edges.len()),
            edges,
            story: Story::new(told),
            rng: StdRng::seed_from_u64(plan.seed ^ 0x574f_524c_4400),
            plan,
            delivered: Vec::new(),
            rogues: BTreeMap::new(),
            hub_forgot: false,
            watched: false,
        }
    }

    /// Lets the next thing happen; `false` when its time is not before then.
    pub fn step(&mut self, until: u64) -> Result<bool> {
        let Some((at, what)) = self.queue.next() else { return Ok(false) };
        if at >= until {
            self.queue.plan(at, what);
            return Ok(false);
        }
        self.now = at.max(self.now);
        self.happen(what)?;
        Ok(true)
    }

    fn happen(&mut self, what: Happening) -> Result<()> {
        match what {
            Happening::Act(index) => self.act(index),
            Happening::Fault(act) => self.fail(*act),
            Happening::Up(site, frame) => self.arrive_at_hub(site, frame),
            Happening::Down(site, frame) => self.arrive_at_site(site, frame),
            Happening::SiteTick(site, at) => {
                if self.edges[site].tick_at != Some(at) {
                    return Ok(());
                }
                self.edges[site].tick_at = None;
                match self.awake_at(site) {
                    None => self.give(site, Input::Tick),
                    Some(later) => {
                        self.queue.plan(later, Happening::SiteTick(site, later));
                        self.edges[site].tick_at = Some(later);
                        Ok(())
                    }
                }
            }
            Happening::Acknowledge(site, at) => self.acknowledge(site, at),
            Happening::SiteBoot(site) => self.boot_site(site),
            Happening::SiteLine(site) => self.site_line(site),
            Happening::Told(site, command) => self.tell(site, *command),
            Happening::Room(site) => match self.edges[site].database() {
                Some(database) => super::disk::set_full(database, false),
                None => Ok(()),
            },
            Happening::HubRoom => self.hub.set_full(false),
            Happening::Rogue(site) => self.rogue_tick(site),
            Happening::HubTick(site, at) => {
                let id = self.edges[site].id.clone();
                if self.hub.tick_at.get(&id) != Some(&at) {
                    return Ok(());
                }
                self.hub.tick_at.remove(&id);
                if self.now < self.hub.paused_until {
                    return Ok(());
                }
                let (outcome, now) = (self.hub.tick(self.now, &id), self.now);
                self.after_hub(now, outcome)
            }
            Happening::HubBoot => self.boot_hub(),
            Happening::HubLine => {
                let (outcome, now) = (self.hub.line(self.now, true), self.now);
                self.after_hub(now, outcome)
            }
            Happening::HubWorkTimer => {
                self.queue.plan(self.now + WORK_EVERY, Happening::HubWorkTimer);
                self.hub_work()
            }
            Happening::HubWork => self.hub_work(),
            Happening::HubRise => {
                self.queue.plan(self.now + RISE_EVERY, Happening::HubRise);
                let (outcome, now) = (self.hub.rise(self.now), self.now);
                self.after_hub(now, outcome)
            }
            Happening::Tidy => {
                self.queue.plan(self.now + TIDY_EVERY, Happening::Tidy);
                self.tidy()
            }
            Happening::BackUp => self.back_up(),
            Happening::Redeliver => self.redeliver(),
            Happening::HubRenew => {
                self.queue.plan(self.now + RENEW_EVERY, Happening::HubRenew);
                if self.now < self.hub.paused_until {
                    return Ok(());
                }
                let (outcome, now) = (self.hub.renew(self.now), self.now);
                self.after_hub(now, outcome)
            }
        }
    }

    /// When a machine that sleeps wakes.
    pub fn awake_at(&self, site: usize) -> Option<u64> {
        let until = self.edges[site].asleep_until;
        (self.now < until).then_some(until)
    }

    /// Sites drop what both sides have, and the hub packs what has been closed for long.
    fn tidy(&mut self) -> Result<()> {
        for site in 0..self.edges.len() {
            if self.awake_at(site).is_none() && self.edges[site].running.is_some() {
                let mut said = Said::default();
                self.edges[site].submit(self.now, &[Job::Housekeep], &mut said)?;
                self.after_site(site, said)?;
                if self.hub.copied {
                    self.look_at_copies(site)?;
                }
            }
        }
        if self.now < self.hub.paused_until {
            return Ok(());
        }
        let (outcome, now) = (self.hub.pack(self.now), self.now);
        self.after_hub(now, outcome)
    }

    /// A number that nobody else has.
    pub fn number(&mut self) -> u128 {
        u128::from(self.rng.next_u64()) << 64 | u128::from(self.rng.next_u64())
    }
}
