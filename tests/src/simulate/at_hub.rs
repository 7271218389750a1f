//! What happens at the hub's machine: frames arrive, workers pass, the daemon starts; what it says is carried out.

use anyhow::{Context, Result};

use super::truth::violated;
use super::world::{Happening, World};

impl World {
    pub(super) fn arrive_at_hub(&mut self, site: usize, frame: Vec<u8>) -> Result<()> {
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
    pub(super) fn acknowledged_by_site(&self, site: usize) -> Result<()> {
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

    pub(super) fn boot_hub(&mut self) -> Result<()> {
        if self.hub.running.is_none() {
            self.hub.boot(self.now)?;
            self.story.tell(self.now, &"hub", || "starts again".to_owned());
            self.queue.plan(self.now + 100, Happening::HubLine);
        }
        Ok(())
    }

    pub(super) fn hub_work(&mut self) -> Result<()> {
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
}
