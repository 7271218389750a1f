//! What happens at a site's machine: frames arrive, the daemon starts and dies, the line comes back; what it says is
//! carried out.

use anyhow::Result;
use outpost_sync::{Input, Mark};

use super::edge::Said;
use super::truth::violated;
use super::world::{Happening, World};

impl World {
    pub(super) fn arrive_at_site(&mut self, site: usize, frame: Vec<u8>) -> Result<()> {
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
        self.edges[site].look_for_word()?;
        self.after_site(site, said)
    }

    pub(super) fn acknowledge(&mut self, site: usize, at: u64) -> Result<()> {
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
        let Said { frames, news, committed, acknowledged, gap, asleep_until, died, .. } = said;
        let put_back = self.truth.hub_restored || self.truth.sites.iter().any(|site| site.restored);
        if gap && !put_back {
            // Only what somebody had for good is forgotten, and who had it can have lost it only by an old copy.
            violated!("stream", "{} names items as gone that the hub never had", self.edges[site].id);
        }
        if let Some(until) = asleep_until {
            let edge = &mut self.edges[site];
            edge.asleep_until = until.max(edge.asleep_until);
            self.story.tell(self.now, &edge.id, || "sleeps in the middle of a commit".to_owned());
        }
        let at = asleep_until.unwrap_or(self.now);
        for frame in frames {
            for arrival in self.line.send(at, site, true, frame) {
                self.queue.plan(arrival.at, Happening::Up(site, arrival.frame));
            }
        }
        for mark in acknowledged {
            self.acknowledged_by_hub(site, mark)?;
        }
        if committed && self.watched {
            let at_hub = self.hub.clocks.moment(self.now).wall;
            self.truth.look_at_site(&self.edges[site], &news, at_hub)?;
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
    pub(super) fn acknowledged_by_hub(&mut self, site: usize, mark: Mark) -> Result<()> {
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
    pub(super) fn plan_site(&mut self, site: usize) {
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

    pub(super) fn boot_site(&mut self, site: usize) -> Result<()> {
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

    pub(super) fn site_line(&mut self, site: usize) -> Result<()> {
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
}
