//! After the last act everything is mended; then the chain must come to rest, and all replicas and books must agree.

use std::collections::BTreeMap;

use anyhow::Result;
use outpost_edge::store::past;
use outpost_hub::app::recover;
use outpost_model::id::SiteId;

use super::edge::Block;
use super::staff;
use super::truth::{rights, violated};
use super::world::{Happening, World};

/// How often it is looked whether the chain is at rest.
const LOOK_EVERY: u64 = 5_000;
/// By when it must be.
const REST_AFTER_MAX: u64 = 3 * 3_600_000;

/// What keeps the chain from being at rest.
enum Unrest {
    /// Something is planned, or down.
    AtWork,
    /// A restored hub waits to be shown what this site has.
    Unshown(String),
    /// A site lacks some of its past.
    NotGivenBack(usize),
    /// Items of a site that the hub has not acknowledged.
    Unacknowledged(usize, u64),
    /// Items of the hub that a site has not acknowledged.
    UnacknowledgedOfHub(usize, i64),
}

impl World {
    /// Runs the plan, mends everything, and looks whether all is well.
    pub fn run(&mut self) -> Result<()> {
        let length = self.plan.length();
        while self.step(length)? {}
        self.now = length.max(self.now);
        self.heal()?;
        self.run_until_quiet()?;
        for site in 0..self.edges.len() {
            let Some(database) = self.edges[site].database() else { continue };
            for subject in staff::answers(database)? {
                let command = staff::command(self.number(), subject, None)?;
                self.tell(site, command)?;
            }
        }
        self.run_until_quiet()?;
        self.look_at_the_end()
    }

    fn heal(&mut self) -> Result<()> {
        self.story.tell(self.now, &"world", || "everything is mended".to_owned());
        self.line.mend();
        self.hub.paused_until = 0;
        self.hub.set_full(false)?;
        self.queue.plan(self.now + 10, Happening::HubBoot);
        for edge in &mut self.edges {
            (edge.asleep_until, edge.commit_fails) = (0, None);
            (edge.slow_disk_ms, edge.stalls_ms) = (0, 0);
            if let Some(database) = edge.database() {
                super::disk::set_full(database, false)?;
            }
            self.queue.plan(self.now + 20, Happening::SiteBoot(edge.number));
            self.queue.plan(self.now + 1_000, Happening::SiteLine(edge.number));
        }
        self.queue.plan(self.now + 30, Happening::HubWork);
        if self.plan.swarm.hub_restores > 0 {
            self.queue.forget(|planned| matches!(planned, Happening::BackUp));
            self.queue.plan(self.now + 40, Happening::BackUp);
        }
        Ok(())
    }

    /// Runs until every journal has drained and no command waits to be told.
    pub fn run_until_quiet(&mut self) -> Result<()> {
        self.rogues.clear();
        let mut end = self.now + REST_AFTER_MAX;
        loop {
            let until = self.now + LOOK_EVERY;
            while self.step(until)? {}
            self.now = until;
            self.decide_about_held()?;
            match self.unrest()? {
                None => match self.queue.first_of(|planned| matches!(planned, Happening::Told(..))) {
                    None => return Ok(()),
                    Some(later) if later > until => {
                        // Somebody's handheld is out of reach for days. Nothing else happens until then.
                        self.now = later;
                        end = later + REST_AFTER_MAX;
                    }
                    Some(_) => {}
                },
                Some(unrest) if self.now > end => {
                    let what = self.told(&unrest)?;
                    violated!("I10", "after {} min without trouble {what}", REST_AFTER_MAX / 60_000)
                }
                Some(_) => {}
            }
        }
    }

    /// An operator decides about sites that the hub holds because an earlier life of theirs was heard again: the right
    /// appliance is the one that runs. Nobody is held without somebody being told.
    fn decide_about_held(&mut self) -> Result<()> {
        for (site, told) in self.hub.held_sites()? {
            if !told {
                violated!("held", "the hub holds {site}, and nobody is told");
            }
            let id = SiteId::new(site.clone())?;
            let decided = self.hub.act(self.now, move |unit| {
                let id = id.clone();
                Box::pin(async move { recover::let_go(unit, &id).await })
            });
            self.story.tell(self.now, &"operator", || format!("decides that {site} is the right one"));
            self.after_hub(self.now, decided.map(drop))?;
        }
        Ok(())
    }

    /// What is not at rest.
    fn unrest(&self) -> Result<Option<Unrest>> {
        let at_work = |planned: &Happening| {
            matches!(
                planned,
                Happening::SiteBoot(_) | Happening::HubBoot | Happening::HubWork | Happening::Redeliver
            )
        };
        if self.queue.any(at_work) || self.hub.running.is_none() {
            return Ok(Some(Unrest::AtWork));
        }
        if let Some(site) = self.hub.waits_for()?.into_iter().next() {
            return Ok(Some(Unrest::Unshown(site)));
        }
        for edge in &self.edges {
            let Some(running) = &edge.running else { return Ok(Some(Unrest::AtWork)) };
            if past::open(running.core.connection())?.is_some() {
                return Ok(Some(Unrest::NotGivenBack(edge.number)));
            }
            let depth = outpost_journal::depth(running.core.connection(), &[])?.unacknowledged;
            if depth > 0 {
                return Ok(Some(Unrest::Unacknowledged(edge.number, depth)));
            }
            let waiting = self.hub.unacknowledged(&edge.id)?;
            if waiting > 0 {
                return Ok(Some(Unrest::UnacknowledgedOfHub(edge.number, waiting)));
            }
        }
        Ok(None)
    }

    /// The same for whoever reads the story.
    fn told(&self, unrest: &Unrest) -> Result<String> {
        Ok(match unrest {
            Unrest::AtWork => "a daemon is down, or still has something to do".to_owned(),
            Unrest::Unshown(site) => format!(
                "{site} has not shown what it has since the hub was restored: it waits for {}, and has {:?}; {}",
                self.hub.recovery(site)?,
                self.hub.has_of_site(&SiteId::new(site.clone())?)?,
                self.difference(site)
            ),
            Unrest::NotGivenBack(site) => {
                let id = &self.edges[*site].id;
                format!("{id} has not been given back what it has lost: {}", self.difference(id.as_str()))
            }
            Unrest::Unacknowledged(site, depth) => {
                let edge = &self.edges[*site];
                let (safe, there) = (edge.safe()?, self.hub.has_of_site(&edge.id)?);
                let links = edge.database().map(outpost_journal::links).transpose()?;
                format!(
                    "{depth} items of {} are not acknowledged: the site knows of {safe:?}, the hub has {there:?}, and \
                     they are {links:?}",
                    edge.id
                )
            }
            Unrest::UnacknowledgedOfHub(site, items) => {
                format!("{items} items of the hub for {} are not acknowledged", self.edges[*site].id)
            }
        })
    }

    /// I5 after every pass of the hub's workers: it never counts on more than a site has granted, nor forgets a promise
    /// that the site has heard of.
    pub fn look_at_hub(&mut self) -> Result<()> {
        if !self.watched {
            return Ok(());
        }
        self.truth.look_at_serials(self.hub.next_serials()?)?;
        let unshown = self.hub.waits_for()?;
        for (site, at_hub) in self.hub.rights()? {
            let Some(edge) = self.edges.iter().find(|edge| edge.id.as_str() == site) else { continue };
            let Some(database) = edge.database() else { continue };
            let at_site = rights(database)?;
            for (sku, [granted, promised, returned]) in at_hub {
                let [_, heard, _] = at_site.get(&sku).copied().unwrap_or_default();
                let ever = self.truth.sites[edge.number].granted.of(&sku);
                if granted > ever || promised + returned > ever {
                    violated!(
                        "I5",
                        "the hub counts {granted} units of {sku} granted by {site}, {promised} promised and {returned} \
                         returned; the site never granted more than {ever}"
                    );
                }
                // A restored hub knows again when the site has shown what it has, and promises nothing before.
                if heard > promised && !unshown.contains(&site) {
                    violated!(
                        "P",
                        "{site} has heard of {heard} units of {sku} promised, the hub knows of {promised}: {}",
                        self.difference(&site)
                    );
                }
            }
        }
        Ok(())
    }

    fn look_at_the_end(&mut self) -> Result<()> {
        for site in 0..self.edges.len() {
            self.truth.sites[site].held = self.held(site)?;
        }
        self.look_at_hub()?;
        self.look_at_leases()?;
        self.compare_documents()?;
        self.compare_books()?;
        self.look_at_orders()?;
        for edge in &self.edges {
            self.truth.look_after_start(edge)?;
        }
        Ok(())
    }

    /// I14: no block of serials was leased to two sites, whether they have used any of it or not.
    fn look_at_leases(&self) -> Result<()> {
        let mut leased: BTreeMap<Block, &SiteId> = BTreeMap::new();
        for edge in &self.edges {
            for block in edge.leased()? {
                if let Some(other) = leased.insert(block.clone(), &edge.id) {
                    violated!("I14", "the serials of {block:?} were leased to {other} and to {}", edge.id);
                }
            }
        }
        Ok(())
    }
}
