//! The world: one queue of happenings in virtual time, the machines on it, and what is true of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
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
use super::truth::{Truth, on_hand, rights, violated};

/// How often the hub's workers look by themselves.
const WORK_EVERY: u64 = 30_000;
/// How often the hub renews authority.
const RENEW_EVERY: u64 = 300_000;
/// How often the hub notes how far it has come.
const RISE_EVERY: u64 = 60_000;
/// How often everything is backed up.
pub const BACK_UP_EVERY: u64 = 900_000;

/// Something that will happen.
#[derive(Debug)]
pub enum Happening {
    /// An act of the plan.
    Act(usize),
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
    /// Whether what is true is compared with what is booked: not before the morning's stock has come.
    pub watched: bool,
}

impl World {
    /// A world that begins with a morning.
    pub fn new(morning: &Morning, plan: Plan, told: bool) -> Result<Self> {
        let rules = morning::rules(plan.swarm.authority_minutes)?;
        let mut hub = HubNode::new(morning.runtime.clone(), &morning.files, rules, plan.seed)?;
        hub.defect = plan.defect;
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
                truth.granted =
                    rights(database)?.into_iter().map(|(sku, [granted, ..])| (sku, granted)).collect();
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

    fn arrive_at_hub(&mut self, site: usize, frame: Vec<u8>) -> Result<()> {
        self.story.count(self.now, 1, &frame);
        if self.hub.running.is_none() || !self.hub.line_up {
            return Ok(());
        }
        if self.now < self.hub.paused_until {
            // It waits in the queue before the worker that stands still.
            self.queue.plan(self.hub.paused_until, Happening::Up(site, frame));
            return Ok(());
        }
        let id = self.edges[site].id.clone();
        let (outcome, now) = (self.hub.receive(self.now, &id, frame), self.now);
        self.after_hub(now, outcome)?;
        self.acknowledged_by_site(site)
    }

    /// What a site says to have must be on its disk.
    fn acknowledged_by_site(&self, site: usize) -> Result<()> {
        let edge = &self.edges[site];
        if self.truth.sites[site].restored {
            return Ok(());
        }
        for (incarnation, n) in self.hub.acknowledged_by(&edge.id)? {
            let has = edge.has_of_hub(incarnation)?;
            if has < n {
                violated!("acknowledged", "{} has acknowledged {n} items of the hub, and has {has}", edge.id);
            }
        }
        Ok(())
    }

    fn arrive_at_site(&mut self, site: usize, frame: Vec<u8>) -> Result<()> {
        self.story.count(self.now, 2, &frame);
        self.rogue_hears(site, &frame);
        if !self.edges[site].line_up {
            return Ok(());
        }
        if let Some(later) = self.awake_at(site) {
            self.queue.plan(later, Happening::Down(site, frame));
            return Ok(());
        }
        self.give(site, Input::Received(frame))
    }

    /// Hands an input to a site and carries out what follows.
    pub fn give(&mut self, site: usize, input: Input) -> Result<()> {
        let mut said = Said::default();
        self.edges[site].give(self.now, input, &mut said)?;
        self.after_site(site, said)
    }

    fn acknowledge(&mut self, site: usize, at: u64) -> Result<()> {
        let due = self.edges[site].running.as_ref().and_then(|running| running.acknowledge_at);
        if due != Some(at) {
            return Ok(());
        }
        let mut said = Said::default();
        self.edges[site].write_acknowledgements(self.now, &mut said)?;
        self.after_site(site, said)
    }

    /// Carries out what a site said.
    pub fn after_site(&mut self, site: usize, said: Said) -> Result<()> {
        let Said { frames, news, committed, acknowledged, died, .. } = said;
        for frame in frames {
            for arrival in self.line.send(self.now, site, true, frame) {
                self.queue.plan(arrival.at, Happening::Up(site, arrival.frame));
            }
        }
        for mark in acknowledged {
            self.acknowledged_by_hub(site, mark)?;
        }
        if committed && self.watched {
            self.truth.look_at_site(&self.edges[site], &news)?;
            self.look_at_time(site)?;
        }
        if let Some(why) = died {
            self.story.tell(self.now, &self.edges[site].id, || format!("dies: {why}"));
            self.crash_site(site, 1_000)?;
        }
        self.plan_site(site);
        Ok(())
    }

    /// What the hub says to have must be on its disk.
    fn acknowledged_by_hub(&mut self, site: usize, mark: outpost_sync::Mark) -> Result<()> {
        let most = self.truth.sites[site].acknowledged.entry(mark.incarnation).or_insert(0);
        *most = mark.n.max(*most);
        if self.hub.running.is_some() && !self.truth.hub_restored {
            let has = self.hub.has_of_site(&self.edges[site].id)?;
            let has = has.get(&mark.incarnation).copied().unwrap_or(0);
            if has < mark.n {
                violated!(
                    "acknowledged",
                    "the hub has acknowledged {} items of {}, and has {has}",
                    mark.n,
                    self.edges[site].id
                );
            }
        }
        Ok(())
    }

    /// Plans when a site is to be woken.
    fn plan_site(&mut self, site: usize) {
        let now = self.now;
        let edge = &mut self.edges[site];
        if let Some(at) = edge.wake_at() {
            let at = at.max(now + 1);
            if edge.tick_at.is_none_or(|planned| at < planned) {
                edge.tick_at = Some(at);
                self.queue.plan(at, Happening::SiteTick(site, at));
            }
        }
        if let Some(at) = edge.running.as_ref().and_then(|running| running.acknowledge_at) {
            self.queue.plan(at.max(now + 1), Happening::Acknowledge(site, at));
        }
    }

    fn boot_site(&mut self, site: usize) -> Result<()> {
        if self.edges[site].running.is_some() {
            return Ok(());
        }
        self.edges[site].boot(self.now)?;
        self.truth.look_at_name(&self.edges[site])?;
        self.story.tell(self.now, &self.edges[site].id, || "starts again".to_owned());
        self.truth.look_after_start(&self.edges[site])?;
        self.queue.plan(self.now + 200, Happening::SiteLine(site));
        self.plan_site(site);
        Ok(())
    }

    /// A site's daemon dies and starts again after a while.
    pub fn crash_site(&mut self, site: usize, for_ms: u64) -> Result<()> {
        self.edges[site].crash()?;
        self.queue.plan(self.now + for_ms, Happening::SiteBoot(site));
        Ok(())
    }

    fn site_line(&mut self, site: usize) -> Result<()> {
        if self.edges[site].running.is_none() || self.edges[site].line_up {
            return Ok(());
        }
        if self.line.is_cut(site, self.now) {
            self.queue.plan(self.now + 2_000, Happening::SiteLine(site));
            return Ok(());
        }
        self.story.tell(self.now, &self.edges[site].id, || "has its line".to_owned());
        self.give(site, Input::LineUp)
    }

    fn boot_hub(&mut self) -> Result<()> {
        if self.hub.running.is_none() {
            self.hub.boot(self.now)?;
            self.story.tell(self.now, &"hub", || "starts again".to_owned());
            self.queue.plan(self.now + 100, Happening::HubLine);
        }
        Ok(())
    }

    fn hub_work(&mut self) -> Result<()> {
        if self.now < self.hub.paused_until || self.hub.running.is_none() {
            return Ok(());
        }
        let (outcome, now) = (self.hub.work(self.now), self.now);
        self.after_hub(now, outcome)?;
        self.look_at_hub()
    }

    /// Carries out what the hub said.
    pub fn after_hub(&mut self, now: u64, outcome: Result<()>) -> Result<()> {
        outcome.context("the hub")?;
        if self.hub.wake(now)? && !self.queue.any(|planned| matches!(planned, Happening::HubWork)) {
            self.queue.plan(now + 50, Happening::HubWork);
        }
        for (id, frame) in self.hub.frames() {
            let Some(site) = self.edges.iter().position(|edge| edge.id == id) else { continue };
            for arrival in self.line.send(now, site, false, frame) {
                self.queue.plan(arrival.at, Happening::Down(site, arrival.frame));
            }
        }
        for (id, at) in self.hub.wakes() {
            let at = at.max(now + 1);
            let Some(site) = self.edges.iter().position(|edge| edge.id == id) else { continue };
            if self.hub.tick_at.get(&id).is_none_or(|planned| at < *planned) {
                self.hub.tick_at.insert(id, at);
                self.queue.plan(at, Happening::HubTick(site, at));
            }
        }
        Ok(())
    }

    /// A number that nobody else has.
    pub fn number(&mut self) -> u128 {
        u128::from(self.rng.next_u64()) << 64 | u128::from(self.rng.next_u64())
    }
}
