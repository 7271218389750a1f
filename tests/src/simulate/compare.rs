//! Whether all replicas and books agree when the chain is at rest.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use outpost_edge::store::query::verify as edge_verify;
use outpost_hub::replicate::verify as hub_verify;
use outpost_sync::DocumentId;
use sqlx::Row;

use super::edge::EdgeNode;
use super::truth::{SiteTruth, on_hand, rights, violated};
use super::world::World;

impl World {
    /// I7: the same documents with the same heads on both sides, and every projection what a fold from scratch gives.
    pub(super) fn compare_documents(&self) -> Result<()> {
        self.edges.iter().try_for_each(|edge| self.compare_site(edge))
    }

    fn compare_site(&self, edge: &EdgeNode) -> Result<()> {
        let hub = self.hub.hub().cloned().context("the hub is down")?;
        let Some(database) = edge.database() else { return Ok(()) };
        let here = edge_verify::documents(database, true)?;
        let truth = &self.truth.sites[edge.number];
        let (betrayed, held) = (&truth.betrayed, &truth.held);
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
            // Where a page of the ledger is held, the site's own sums are more or less than what both sides know.
            let sums = document.state_hash.is_none() && held.iter().any(|doc| doc.starts_with("ledger/"));
            if document.projection_ok == Some(false) && !sums {
                let (here, there) = (rights(database)?, self.hub.rights()?.remove(edge.id.as_str()));
                violated!(
                    "I7",
                    "{}: what is stored of {name} is not its fold from scratch; of rights it has {here:?}, the hub {there:?}",
                    edge.id
                );
            }
            let Some(other) = others.remove(name) else {
                let entry = outpost_journal::entry(database, &DocumentId::new(name.clone())?)?;
                let stands = entry.map(|entry| (entry.standing, entry.there));
                violated!("I7", "{} has {name} ({stands:?}), which the hub does not have", edge.id)
            };
            if other.heads != document.heads {
                let (ours, theirs) = (document.heads, other.heads);
                violated!("I7", "{name} has heads {ours:?} at {} and {theirs:?} at the hub", edge.id);
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
        Ok(())
    }

    /// What of a site's documents is not the same on both sides, for whoever reads the story.
    pub(super) fn difference(&self, site: &str) -> String {
        let edge = self.edges.iter().find(|edge| edge.id.as_str() == site);
        let differs = edge.and_then(|edge| self.compare_site(edge).err());
        differs.map_or_else(|| "all documents are the same".to_owned(), |differs| differs.to_string())
    }

    /// I4 and I5 at rest: both sides have the same stock and the same rights.
    pub(super) fn compare_books(&mut self) -> Result<()> {
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
    pub(super) fn look_at_orders(&mut self) -> Result<()> {
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
