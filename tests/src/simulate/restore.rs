//! Disks that are replaced by older ones, and what is true afterwards.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use outpost_edge::store::{case as edge_case, outcome, past};
use outpost_model::id::CaseId;
use outpost_sync::repair::Standing;
use outpost_sync::{DocumentId, Incarnation};
use sqlx::Row;

use super::edge::EdgeNode;
use super::plan::Act;
use super::truth::violated;
use super::world::{BACK_UP_AT_THE_END, BACK_UP_EVERY, Happening, World};

/// When channels try again that found no hub, or one whose disk takes nothing.
const REDELIVERED_AGAIN: u64 = 10_000;
/// When a disk is put back instead, while what another one lost is still on its way back.
const PUT_BACK_LATER: u64 = 600_000;

impl World {
    /// Backs everything up.
    pub fn back_up(&mut self) -> Result<()> {
        // Nothing is at rest before a copy contains it: once the plan is over, nobody waits for that.
        let every = if self.now < self.plan.length() { BACK_UP_EVERY } else { BACK_UP_AT_THE_END };
        self.queue.plan(self.now + every, Happening::BackUp);
        if self.plan.swarm.hub_restores > 0 && self.hub.running.is_some() {
            let streams: Vec<_> =
                self.edges.iter().map(|edge| self.hub.has_of_site(&edge.id)).collect::<Result<_>>()?;
            let (outcome, now) = (self.hub.back_up(self.now), self.now);
            if outcome.is_ok() {
                for (truth, stream) in self.truth.sites.iter_mut().zip(streams) {
                    for (incarnation, n) in stream {
                        let most = truth.copied.entry(incarnation).or_insert(0);
                        *most = n.max(*most);
                    }
                }
            }
            self.after_hub(now, outcome)?;
        }
        if self.plan.swarm.site_restores > 0 && self.now < self.plan.length() {
            for edge in &mut self.edges {
                edge.back_up(self.now)?;
            }
        }
        Ok(())
    }

    /// What a site takes for safe is in a copy of the hub's database: what only the hub itself has may be lost with it.
    pub fn look_at_copies(&self, site: usize) -> Result<()> {
        let edge = &self.edges[site];
        let Some(database) = edge.database() else { return Ok(()) };
        // Of a life whose end was lost nothing is acknowledged by number: its documents were compared.
        let lost = past::load(database)?.map(|loss| loss.lost).unwrap_or_default();
        let whole = |life: &Incarnation| lost.iter().all(|lost| lost.incarnation != *life);
        for (incarnation, n) in edge.safe()?.into_iter().filter(|(life, _)| whole(life)) {
            let copied = self.truth.sites[site].copied.get(&incarnation).copied().unwrap_or(0);
            if n > copied {
                violated!(
                    "copies",
                    "{} forgets {n} items of {incarnation}, of which copies of the hub contain {copied}",
                    edge.id
                );
            }
        }
        Ok(())
    }

    /// Documents that a site wrote into before it had its past back, and that are held because its past had written there
    /// too. Somebody must have been told of each.
    pub fn held(&self, site: usize) -> Result<BTreeSet<String>> {
        let edge = &self.edges[site];
        let Some(database) = edge.database() else { return Ok(BTreeSet::new()) };
        let set_aside = self.hub.set_aside(&edge.id)?;
        let mut held = BTreeSet::new();
        for doc in &self.truth.sites[site].blind {
            let entry = outpost_journal::entry(database, &DocumentId::new(doc.clone())?)?;
            if !set_aside.contains(doc) && entry.is_none_or(|entry| entry.standing != Standing::Held) {
                continue;
            }
            let told = "SELECT EXISTS(SELECT 1 FROM exception WHERE subject = ?1 AND resolved_at IS NULL)";
            if !database.query_row(told, [doc], |row| row.get::<_, bool>(0))? {
                violated!("quarantine", "{doc} of {} is held, and nobody there is told", edge.id);
            }
            held.insert(doc.clone());
        }
        Ok(held)
    }

    /// The hub's database is replaced by a copy. The channels deliver once more what they have delivered since.
    ///
    /// Not while a site still lacks some of its past: what both have lost nobody knows any more.
    pub fn restore_hub(&mut self, pick: u64, for_ms: u64) -> Result<()> {
        if self.edges.iter().any(EdgeNode::lacks_something) {
            return self.put_back_later(Act::RestoreHub { pick, for_ms });
        }
        if let Some(age) = self.hub.restore(self.now, pick)? {
            let now = self.now;
            self.story.tell(now, &"hub", || format!("is restored from a copy that is {} s old", age / 1_000));
            (self.truth.hub_restored, self.hub_forgot) = (true, true);
            self.queue.plan(now + for_ms, Happening::HubBoot);
            self.queue.plan(now + for_ms + 60_000, Happening::Redeliver);
        }
        Ok(())
    }

    fn put_back_later(&mut self, act: Act) -> Result<()> {
        let at = self.now + PUT_BACK_LATER;
        if at < self.plan.length() {
            self.queue.plan(at, Happening::Fault(Box::new(act)));
        }
        Ok(())
    }

    /// What the hub knows of what channels have delivered.
    fn known_orders(&self) -> Result<Option<BTreeSet<String>>> {
        let Some(hub) = self.hub.hub().cloned() else { return Ok(None) };
        let known = self.hub.read(async {
            let rows = sqlx::query("SELECT channel_ref FROM orders").fetch_all(hub.store.read()).await?;
            rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
        })?;
        Ok(Some(known))
    }

    /// A hub that was restored has started: what it does not know any more was never answered, as far as a channel can
    /// tell. A site may give it back under the same number.
    pub fn forget_orders(&mut self) -> Result<()> {
        if std::mem::take(&mut self.hub_forgot)
            && let Some(known) = self.known_orders()?
        {
            self.truth.captured.retain(|reference, _| known.contains(reference));
            let mut forgotten = Vec::new();
            for case in self.truth.claims.taken() {
                if self.believed(case)?.is_none_or(|believed| believed.revoked.is_none()) {
                    forgotten.push(case);
                }
            }
            self.truth.claims.forget_taken(&forgotten);
        }
        Ok(())
    }

    /// Channels deliver again what the hub does not know any more.
    pub fn redeliver(&mut self) -> Result<()> {
        let Some(known) = self.known_orders()?.filter(|_| !self.hub.refuses_work()) else {
            self.queue.plan(self.now + REDELIVERED_AGAIN, Happening::Redeliver);
            return Ok(());
        };
        for payload in self.delivered.clone() {
            let reference = payload["order"]["channel_ref"].as_str().context("a reference")?.to_owned();
            if !known.contains(&reference) {
                let id = self.number();
                let delivered =
                    super::channel::deliver(&mut self.hub, self.now, &mut self.truth, &payload, id);
                if delivered.is_err() {
                    self.queue.plan(self.now + REDELIVERED_AGAIN, Happening::Redeliver);
                    return self.after_hub(self.now, delivered.map(drop));
                }
            }
        }
        self.after_hub(self.now, Ok(()))
    }

    /// A site's disk is replaced by an image. Answers of which it knows nothing any more are lost with it.
    ///
    /// Not while the hub still waits to be shown what the site has: what both have lost nobody knows any more.
    pub fn restore_site(&mut self, site: usize, pick: u64, for_ms: u64) -> Result<()> {
        let unshown = self.hub_forgot || self.hub.waits_for()?.contains(self.edges[site].id.as_str());
        if unshown {
            return self.put_back_later(Act::RestoreSite { site, pick, for_ms });
        }
        if !self.edges[site].restore(self.now, pick)? {
            return Ok(());
        }
        self.story.tell(self.now, &self.edges[site].id, || "is restored from an image".to_owned());
        self.truth.claims.forget(site);
        self.forget_serials(site)?;
        let truth = &mut self.truth.sites[site];
        truth.restored = true;
        if let Some(database) = self.edges[site].database() {
            truth.granted.put_back(database)?;
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

    /// Serials of which neither the image, nor the file beside it, nor the hub knows that they were used: nobody can keep
    /// them from being used again.
    fn forget_serials(&mut self, site: usize) -> Result<()> {
        let edge = &self.edges[site];
        let (Some(database), false) = (edge.database(), edge.knows_of_more()?) else { return Ok(()) };
        let of_site: BTreeSet<CaseId> = self.truth.serials_of(&edge.id).map(|(_, case)| case).collect();
        let mut known = BTreeSet::new();
        for case in of_site {
            let here = edge_case::load(database, case)?.map(|row| row.state);
            for state in here.into_iter().chain(self.believed(case)?) {
                let labels = state.containers.values().flat_map(|container| &container.labels);
                known.extend(labels.map(|label| label.number.clone()));
            }
        }
        let id = edge.id.clone();
        self.truth.forget_serials(|serial, of| *of == id && !known.contains(serial));
        Ok(())
    }
}
