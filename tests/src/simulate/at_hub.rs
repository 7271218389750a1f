//! What happens at the hub's machine: frames arrive, workers pass, the daemon starts; what it says is carried out.

use anyhow::{Context, Result};
use outpost_hub::HubError;
use outpost_hub::store::case;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::id::CaseId;

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
            self.forget_orders()?;
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
        // What it has taken away, before any site hears of it.
        self.note_taken()?;
        self.after_hub(now, outcome)?;
        self.look_at_hub()
    }

    fn note_taken(&mut self) -> Result<()> {
        for (site, case) in self.hub.taken()? {
            if self.truth.claims.is_taken(case) {
                continue;
            }
            let site = self.edges.iter().position(|edge| edge.id.as_str() == site);
            if let (Some(site), Some(believed)) = (site, self.believed(case)?) {
                let now = self.hub.clocks.moment(self.now).wall;
                self.truth.claims.take(site, &believed, now);
            }
        }
        Ok(())
    }

    /// What the hub believes of a case.
    pub(super) fn believed(&self, case: CaseId) -> Result<Option<Fulfillment>> {
        let Some(hub) = self.hub.hub() else { return Ok(None) };
        self.hub.read(async {
            let mut connection = hub.store.read().acquire().await?;
            Ok(case::get(&mut connection, case).await?.map(|row| row.state))
        })
    }

    /// What a daemon survives: that its disk takes nothing for now, when it does not.
    fn survived(&self, error: anyhow::Error) -> Result<()> {
        let of_disk = error.downcast_ref::<HubError>().is_some_and(|error| error.disk_trouble().is_some());
        if of_disk && self.hub.full { Ok(()) } else { Err(error) }
    }

    /// Carries out what the hub said.
    pub fn after_hub(&mut self, now: u64, outcome: Result<()>) -> Result<()> {
        if let Err(error) = outcome {
            self.survived(error).context("the hub")?;
        }
        let woken = match self.hub.wake(now) {
            Ok(woken) => woken,
            Err(error) => self.survived(error).map(|()| false)?,
        };
        if woken && !self.queue.any(|planned| matches!(planned, Happening::HubWork)) {
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
