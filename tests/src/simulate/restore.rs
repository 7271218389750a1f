//! Disks that are replaced by older ones, and what is true afterwards.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use outpost_edge::store::outcome;
use sqlx::Row;

use super::world::{BACK_UP_EVERY, Happening, World};

impl World {
    /// Backs everything up.
    pub fn back_up(&mut self) -> Result<()> {
        self.queue.plan(self.now + BACK_UP_EVERY, Happening::BackUp);
        if self.plan.swarm.hub_restores > 0 && self.hub.running.is_some() {
            let (outcome, now) = (self.hub.back_up(self.now), self.now);
            self.after_hub(now, outcome)?;
        }
        if self.plan.swarm.site_restores > 0 {
            for edge in &mut self.edges {
                edge.back_up()?;
            }
        }
        Ok(())
    }

    /// The hub's database is replaced by a copy. The channels deliver once more what they have delivered since.
    pub fn restore_hub(&mut self, pick: u64, for_ms: u64) -> Result<()> {
        if let Some(age) = self.hub.restore(self.now, pick)? {
            let now = self.now;
            self.story.tell(now, &"hub", || format!("is restored from a copy that is {} s old", age / 1_000));
            self.truth.hub_restored = true;
            self.queue.plan(now + for_ms, Happening::HubBoot);
            self.queue.plan(now + for_ms + 60_000, Happening::Redeliver);
        }
        Ok(())
    }

    /// What the hub does not know any more was never answered, as far as a channel can tell: it delivers it again.
    pub fn redeliver(&mut self) -> Result<()> {
        let Some(hub) = self.hub.hub().cloned() else {
            self.queue.plan(self.now + 10_000, Happening::Redeliver);
            return Ok(());
        };
        let known: BTreeSet<String> = self.hub.read(async {
            let rows = sqlx::query("SELECT channel_ref FROM orders").fetch_all(hub.store.read()).await?;
            rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
        })?;
        self.truth.captured.retain(|reference, _| known.contains(reference));
        for payload in self.delivered.clone() {
            let reference = payload["order"]["channel_ref"].as_str().context("a reference")?.to_owned();
            if !known.contains(&reference) {
                let id = self.number();
                super::channel::deliver(&mut self.hub, self.now, &mut self.truth, &payload, id)?;
            }
        }
        self.after_hub(self.now, Ok(()))
    }

    /// A site's disk is replaced by an image. Answers of which it knows nothing any more are lost with it.
    pub fn restore_site(&mut self, site: usize, pick: u64, for_ms: u64) -> Result<()> {
        if !self.edges[site].restore(pick)? {
            return Ok(());
        }
        self.story.tell(self.now, &self.edges[site].id, || "is restored from an image".to_owned());
        self.truth.claims.forget(site);
        let truth = &mut self.truth.sites[site];
        truth.restored = true;
        if let Some(database) = self.edges[site].database() {
            let mut lost = Vec::new();
            for command in truth.answered.keys() {
                if outcome::load(database, *command)?.is_none() {
                    lost.push(*command);
                }
            }
            for command in lost {
                truth.answered.remove(&command);
            }
        }
        self.queue.plan(self.now + for_ms, Happening::SiteBoot(site));
        Ok(())
    }
}
