//! After the last act everything is mended; then the chain must come to rest, and all replicas and books must agree.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use outpost_edge::store::past;
use outpost_edge::store::query::verify as edge_verify;
use outpost_hub::replicate::verify as hub_verify;
use sqlx::Row;

use super::staff;
use super::truth::{SiteTruth, on_hand, rights, violated};
use super::world::{Happening, World};

/// How often it is looked whether the chain is at rest.
const LOOK_EVERY: u64 = 5_000;
/// By when it must be.
const REST_AFTER_MAX: u64 = 3 * 3_600_000;

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
                Some(what) if self.now > end => {
                    violated!("I10", "after {} min without trouble {what}", REST_AFTER_MAX / 60_000)
                }
                Some(_) => {}
            }
        }
    }

    /// What is not at rest.
    fn unrest(&mut self) -> Result<Option<String>> {
        if self.queue.any(|planned| {
            matches!(
                planned,
                Happening::SiteBoot(_) | Happening::HubBoot | Happening::HubWork | Happening::Redeliver
            )
        }) {
            return Ok(Some("a daemon still has something to do".to_owned()));
        }
        if self.hub.running.is_none() {
            return Ok(Some("the hub is down".to_owned()));
        }
        if let Some(site) = self.hub.waits_for()?.first() {
            return Ok(Some(format!("{site} has not shown what it has since the hub was restored")));
        }
        for edge in &self.edges {
            let id = &edge.id;
            let Some(running) = &edge.running else { return Ok(Some(format!("{id} is down"))) };
            if past::open(running.core.connection())?.is_some() {
                return Ok(Some(format!("{id} has not been given back what it has lost")));
            }
            let depth = outpost_journal::depth(running.core.connection(), &[])?.unacknowledged;
            if depth > 0 {
                let (safe, there) = (edge.safe()?, self.hub.has_of_site(id)?);
                return Ok(Some(format!(
                    "{depth} items of {id} are not acknowledged: the site knows of {safe:?}, the hub has {there:?}, \
                     and they are {:?}",
                    outpost_journal::links(running.core.connection())?
                )));
            }
            let waiting = self.hub.unacknowledged(id)?;
            if waiting > 0 {
                return Ok(Some(format!("{waiting} items of the hub for {id} are not acknowledged")));
            }
        }
        Ok(None)
    }

    /// I5 after every pass of the hub's workers: it never counts on more than a site has granted, nor forgets a promise
    /// that the site has heard of.
    pub fn look_at_hub(&mut self) -> Result<()> {
        if !self.watched {
            return Ok(());
        }
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
                        "{site} has heard of {heard} units of {sku} promised, the hub knows of {promised}"
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
        self.compare_documents()?;
        self.compare_books()?;
        self.look_at_orders()?;
        for edge in &self.edges {
            self.truth.look_after_start(edge)?;
        }
        Ok(())
    }

    /// I7: the same documents with the same heads on both sides, and every projection what a fold from scratch gives.
    fn compare_documents(&mut self) -> Result<()> {
        let hub = self.hub.hub().cloned().context("the hub is down")?;
        for edge in &self.edges {
            let Some(database) = edge.database() else { continue };
            let here = edge_verify::documents(database, true)?;
            let (betrayed, held) =
                (&self.truth.sites[edge.number].betrayed, &self.truth.sites[edge.number].held);
            let there = self.hub.read(async {
                let mut connection = hub.store.read().acquire().await?;
                let actor = hub.life.incarnation;
                Ok(hub_verify::all(&mut connection, &edge.id, actor, true).await?)
            })?;
            let mut others: BTreeMap<_, _> =
                there.into_iter().map(|state| (state.document.clone(), state)).collect();
            for document in here {
                let name = &document.document;
                if betrayed.contains(name) {
                    continue;
                }
                if held.contains(name) {
                    others.remove(name);
                    continue;
                }
                if document.projection_ok == Some(false) {
                    violated!("I7", "{}: what is stored of {name} is not its fold from scratch", edge.id);
                }
                let Some(other) = others.remove(name) else {
                    violated!("I7", "{} has {name}, which the hub does not have", edge.id)
                };
                if other.heads != document.heads {
                    violated!(
                        "I7",
                        "{name} has heads {:?} at {} and {:?} at the hub",
                        document.heads,
                        edge.id,
                        other.heads
                    );
                }
                if !other.projection_ok {
                    violated!("I7", "the hub: what is stored of {name} is not its fold from scratch");
                }
                if other.state_hash != document.state_hash {
                    violated!("I7", "{name} is another state at {} than at the hub", edge.id);
                }
            }
            if let Some(name) = others.keys().next() {
                let invariant = format!("the hub has {name}, which {} does not have", edge.id);
                if betrayed.contains(name) {
                    violated!("I9", "{invariant}: nobody may write it");
                }
                violated!("I7", "{invariant}");
            }
        }
        Ok(())
    }

    /// I4 and I5 at rest: both sides have the same stock and the same rights.
    fn compare_books(&mut self) -> Result<()> {
        let hub = self.hub.hub().cloned().context("the hub is down")?;
        let at_hub = self.hub.rights()?;
        for edge in &self.edges {
            // What is held moves no stock at the hub until a person has looked at it.
            let held = !self.truth.sites[edge.number].held.is_empty();
            let Some(database) = edge.database().filter(|_| !held) else { continue };
            let (mut here, mut there) =
                (rights(database)?, at_hub.get(edge.id.as_str()).cloned().unwrap_or_default());
            here.retain(|_, units| *units != [0; 3]);
            there.retain(|_, units| *units != [0; 3]);
            if here != there {
                violated!("I5", "{} has rights {here:?} and the hub {there:?}", edge.id);
            }
            let mut here = on_hand(database)?;
            let mut there: BTreeMap<String, i64> = self.hub.read(async {
                let rows = sqlx::query(
                    "SELECT sku, CAST(SUM(qty) AS BIGINT) FROM stock WHERE site = $1 GROUP BY sku",
                )
                .bind(edge.id.as_str())
                .fetch_all(hub.store.read())
                .await?;
                rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
            })?;
            here.retain(|_, units| *units != 0);
            there.retain(|_, units| *units != 0);
            if here != there {
                violated!("I4", "{} has {here:?} on hand and the hub believes {there:?}", edge.id);
            }
        }
        Ok(())
    }

    /// I2, I8 and quarantine: every order that was answered is there once, every intent is answered, nothing honest was
    /// refused.
    fn look_at_orders(&mut self) -> Result<()> {
        let hub = self.hub.hub().cloned().context("the hub is down")?;
        let (orders, pending, refused) = self.hub.read(async {
            let rows = sqlx::query("SELECT channel_ref, id FROM orders").fetch_all(hub.store.read()).await?;
            let mut orders: Vec<(String, String)> = Vec::with_capacity(rows.len());
            for row in rows {
                orders.push((row.try_get(0)?, row.try_get(1)?));
            }
            let pending = sqlx::query("SELECT kind, event, case_id FROM intent WHERE answer = 'pending'")
                .fetch_all(hub.store.read())
                .await?;
            let mut unanswered = None;
            for row in pending {
                let (kind, event, case): (String, String, String) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let doc = format!("case/{case}");
                if !self.truth.sites.iter().any(|truth| truth.held.contains(&doc)) {
                    unanswered = Some(format!("{kind} {event} of case {case}"));
                }
            }
            let quarantine = sqlx::query("SELECT site, doc, reason FROM quarantine WHERE hash IS NOT NULL")
                .fetch_all(hub.store.read())
                .await?;
            let mut refused = None;
            for row in quarantine {
                let (site, doc, reason): (String, String, String) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let known = |truth: &SiteTruth| truth.betrayed.contains(&doc) || truth.held.contains(&doc);
                if !self.truth.sites.iter().any(known) {
                    refused = Some(format!("{doc} of {site}: {reason}"));
                }
            }
            Ok((orders, unanswered, refused))
        })?;
        for (reference, id) in &self.truth.captured {
            let there: Vec<_> = orders.iter().filter(|(name, _)| name == reference).collect();
            if there.len() != 1 || there[0].1 != id.to_string() {
                violated!("I2", "order {reference} was answered as {id}, and the hub has {there:?}");
            }
        }
        if let Some(pending) = pending {
            violated!("I8", "intent {pending} was never answered");
        }
        if let Some(refused) = refused {
            violated!("quarantine", "the hub has refused what an honest site wrote: {refused}");
        }
        for edge in &self.edges {
            let Some(database) = edge.database() else { continue };
            let refused: Option<String> = database.query_row(
                "SELECT group_concat(reason) FROM sync_quarantine WHERE n IS NOT NULL",
                [],
                |row| row.get(0),
            )?;
            if let Some(reasons) = refused.filter(|_| self.truth.sites[edge.number].held.is_empty()) {
                violated!("quarantine", "{} has refused what the hub wrote: {reasons}", edge.id);
            }
        }
        Ok(())
    }
}
