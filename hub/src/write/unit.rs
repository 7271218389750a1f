//! What a use case may do: a transaction, the time, ids, and what to say once it is committed.

use std::collections::{BTreeMap, BTreeSet};

use outpost_config::WriteLimits;
use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::{Name, NewKey};
use outpost_sync::{Change, Incarnation, Item};
use sqlx::{Any, AnyConnection, Transaction};

use crate::error::HubError;
use crate::ids::Ids;
use crate::site_lease::Leases;
use crate::store::parked::Room;
use crate::store::stream::{self, Head};
use crate::store::vault::Vault;
use crate::store::{counter, exception, outbox, site_lease};
use crate::wake::{News, Wakes};
use crate::witness::Witness;

/// A unit of work: one transaction, in which one or several use cases run.
pub struct Unit {
    tx: Transaction<'static, Any>,
    lane: u32,
    now: UtcMillis,
    ids: Ids,
    actor: Incarnation,
    room: Room,
    limits: WriteLimits,
    /// Streams whose rows are locked by this transaction, with what was appended to them.
    streams: BTreeMap<SiteId, Head>,
    counts: BTreeMap<&'static str, i64>,
    /// What must be written down outside before this is committed: serials leased, by series.
    pledges: BTreeMap<String, u64>,
    witness: Witness,
    leases: Leases,
    /// Sites whose leases are locked by this transaction, with whether they are this worker's.
    held: BTreeMap<SiteId, bool>,
    /// Sites whose errands were looked for.
    looked: BTreeSet<SiteId>,
    vault: Vault,
    /// Keys of what was sealed, to be kept before the transaction is.
    keys: Vec<NewKey>,
    /// What the workers and screens are told after the commit.
    pub wakes: Wakes,
}

impl Unit {
    pub(super) fn new(
        tx: Transaction<'static, Any>,
        lane: u32,
        now: UtcMillis,
        ids: Ids,
        actor: Incarnation,
        (leases, witness, vault): (Leases, Witness, Vault),
    ) -> Self {
        Self {
            tx,
            lane,
            now,
            ids,
            actor,
            room: Room::default(),
            limits: WriteLimits::default(),
            streams: BTreeMap::new(),
            counts: BTreeMap::new(),
            pledges: BTreeMap::new(),
            witness,
            leases,
            held: BTreeMap::new(),
            looked: BTreeSet::new(),
            vault,
            keys: Vec::new(),
            wakes: Wakes::default(),
        }
    }

    pub(super) fn with_limits(self, limits: WriteLimits) -> Self {
        Self { limits, ..self }
    }

    /// Limits on what is written, and on the documents of a site.
    pub fn limits(&self) -> WriteLimits {
        self.limits
    }

    /// The connection in its transaction.
    pub fn db(&mut self) -> &mut AnyConnection {
        &mut self.tx
    }

    /// The time of this unit.
    pub fn now(&self) -> UtcMillis {
        self.now
    }

    /// The source of ids.
    pub fn ids(&mut self) -> &mut Ids {
        &mut self.ids
    }

    /// Who writes into documents: the hub in its present life.
    pub fn actor(&self) -> Incarnation {
        self.actor
    }

    /// How much of a site may wait for what it builds on.
    pub fn room(&self) -> Room {
        self.room
    }

    /// The key store.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Seals a content with a key of its own, which is durable before this transaction is.
    pub fn seal(&mut self, name: Name<'_>, retain_until: UtcMillis, content: &[u8]) -> Vec<u8> {
        let (key, sealed) = NewKey::seal(name, retain_until.0, content, self.ids.rng());
        self.keys.push(key);
        sealed
    }

    /// Counts something for the statistics.
    pub fn count(&mut self, name: &'static str, by: i64) {
        *self.counts.entry(name).or_insert(0) += by;
    }

    /// Pledges that no serial of a series below this one is leased again, whatever becomes of the database.
    pub fn pledge(&mut self, series: String, next: u64) {
        let known = self.pledges.entry(series).or_insert(0);
        *known = next.max(*known);
    }

    /// Raises an exception once; `true` when it was not there before.
    pub async fn raise(&mut self, exception: exception::New<'_>) -> Result<bool, HubError> {
        let id = self.ids.uuid();
        let now = self.now;
        let fresh = exception::raise(self.db(), id, now, exception).await?;
        if fresh {
            self.wakes.news.insert(News::Exceptions);
        }
        Ok(fresh)
    }

    /// Locks the leases of sites to the end of the transaction and asserts their epochs. From then on nobody else writes
    /// for those that are this worker's; [`has`](Self::has) says which. A site nobody works for is taken.
    pub async fn hold(&mut self, sites: &[&SiteId]) -> Result<(), HubError> {
        let new: BTreeSet<&SiteId> =
            sites.iter().copied().filter(|site| !self.held.contains_key(*site)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = new.iter().map(ToString::to_string).collect();
        let found = site_lease::lock(&mut self.tx, &names).await?;
        let worker = self.worker();
        for site in new {
            let mut lease = found.get(site).cloned();
            if lease.as_ref().is_none_or(|lease| lease.worker.is_empty()) {
                match &lease {
                    None => site_lease::found(&mut self.tx, site, &worker).await?,
                    Some(free) => site_lease::pass_on(&mut self.tx, site, free.epoch, &worker).await?,
                };
                // Somebody may have been faster, also another lane of this worker.
                lease = site_lease::lock(&mut self.tx, &[site.to_string()]).await?.remove(site);
            }
            // A worker's name is of one process only: it has none of what an earlier one held.
            let mine = lease.filter(|lease| lease.worker == worker);
            match &mine {
                Some(lease) => self.leases.take(site.clone(), lease.epoch),
                None => self.leases.lose(site),
            }
            self.held.insert(site.clone(), mine.is_some());
        }
        Ok(())
    }

    /// Whether a site that [`hold`](Self::hold) was asked for is this worker's.
    pub fn has(&self, site: &SiteId) -> bool {
        self.held.get(site).copied().unwrap_or(false)
    }

    /// Holds one site; `false` when it is another worker's.
    pub async fn holds(&mut self, site: &SiteId) -> Result<bool, HubError> {
        self.hold(&[site]).await?;
        Ok(self.has(site))
    }

    /// Holds one site, which must be this worker's: what is written then can only be written by whoever works for it.
    pub async fn must_hold(&mut self, site: &SiteId) -> Result<(), HubError> {
        if self.holds(site).await? { Ok(()) } else { Err(HubError::NotHeld(site.clone())) }
    }

    /// Holds a site, whoever works for it now: what is done can only be done at once and as a whole. The other worker
    /// finds out by its next transaction.
    pub async fn seize(&mut self, site: &SiteId) -> Result<(), HubError> {
        if self.holds(site).await? {
            return Ok(());
        }
        let lease = site_lease::lock(&mut self.tx, &[site.to_string()]).await?.remove(site);
        let worker = self.worker();
        let epoch = lease.map_or(0, |lease| lease.epoch);
        if !site_lease::pass_on(&mut self.tx, site, epoch, &worker).await? {
            return Err(HubError::NotHeld(site.clone()));
        }
        self.leases.take(site.clone(), epoch + 1);
        self.held.insert(site.clone(), true);
        Ok(())
    }

    /// This worker's name.
    pub fn worker(&self) -> String {
        self.leases.worker().to_owned()
    }

    /// Whether other workers may have the database open.
    pub fn is_shared(&self) -> bool {
        self.leases.is_shared()
    }

    /// Whether the errands of a site have not been looked for in this transaction; from now on they have.
    pub(crate) fn first_look(&mut self, site: &SiteId) -> bool {
        self.looked.insert(site.clone())
    }

    /// The head of a site's stream, locked to the end of the transaction. Only who works for the site gets it.
    pub async fn stream(&mut self, site: &SiteId) -> Result<&mut Head, HubError> {
        self.must_hold(site).await?;
        if !self.streams.contains_key(site) {
            let head = stream::lock(&mut self.tx, site).await?;
            let head = head.ok_or_else(|| HubError::Invariant(format!("site {site} has no stream")))?;
            self.streams.insert(site.clone(), head);
        }
        self.streams
            .get_mut(site)
            .ok_or_else(|| HubError::Invariant(format!("the stream of {site} was lost")))
    }

    /// Appends items to a site's stream and returns the position of the last.
    pub async fn append(&mut self, site: &SiteId, items: &[Item]) -> Result<u64, HubError> {
        self.stream(site).await?;
        self.wakes.streams.insert(site.clone());
        let head = self.streams.get_mut(site);
        let head = head.ok_or_else(|| HubError::Invariant(format!("the stream of {site} was lost")))?;
        head.append(&mut self.tx, site, items).await
    }

    /// Moves changes of the hub to the end of a site's stream and returns the position of the last.
    pub async fn append_again(&mut self, site: &SiteId, changes: &[Change]) -> Result<u64, HubError> {
        self.stream(site).await?;
        self.wakes.streams.insert(site.clone());
        let head = self.streams.get_mut(site);
        let head = head.ok_or_else(|| HubError::Invariant(format!("the stream of {site} was lost")))?;
        head.append_again(&mut self.tx, site, changes).await
    }

    /// Begins a site's stream anew, without a past.
    pub async fn begin_stream_anew(
        &mut self,
        site: &SiteId,
        incarnation: Incarnation,
    ) -> Result<(), HubError> {
        if let Some(head) = self.streams.remove(site) {
            stream::save(&mut self.tx, site, &head).await?;
        }
        outbox::begin_anew(&mut self.tx, site, incarnation).await?;
        // Its peer finds out and gives way to another.
        self.wakes.authority.insert(site.clone());
        Ok(())
    }

    /// Writes what was gathered and commits.
    pub(super) async fn commit(mut self) -> Result<Wakes, HubError> {
        for (site, head) in &self.streams {
            stream::save(&mut self.tx, site, head).await?;
        }
        for (name, by) in &self.counts {
            counter::add(&mut self.tx, name, self.lane, *by).await?;
        }
        if !self.pledges.is_empty() {
            let pledged = self.witness.pledge(&self.pledges);
            pledged.map_err(|error| HubError::Keys(format!("serials could not be pledged: {error}")))?;
        }
        // Keys first: after a crash in between, a key opens nothing; the other way round nobody could read a record.
        self.vault.keep(&self.keys).await?;
        match self.tx.commit().await {
            Ok(()) => {
                let events = self.counts.get(counter::EVENTS_SYNCED).copied().unwrap_or(0);
                metrics::counter!("hub_events_synced").increment(u64::try_from(events).unwrap_or(0));
                Ok(self.wakes)
            }
            // The database answered: it has not committed. PostgreSQL says so with its codes; SQLite when it is busy.
            Err(sqlx::Error::Database(error)) if is_definite(error.code().as_deref()) => {
                Err(HubError::Database(sqlx::Error::Database(error)))
            }
            Err(error) => Err(HubError::FateUnknown(error.to_string())),
        }
    }
}

fn is_definite(code: Option<&str>) -> bool {
    match code {
        // A full disk: SQLite says so before the last frame of the commit is whole in its log.
        Some("5" | "517" | "13") => true,
        // The five characters of a SQLSTATE; classes 08 and 57 mean that the server went away meanwhile.
        Some(code) => code.len() == 5 && !code.starts_with("08") && !code.starts_with("57"),
        None => false,
    }
}
