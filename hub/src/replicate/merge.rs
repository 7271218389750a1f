//! Checks batches against what the database holds, change by change, and writes what they add up to: one read and one
//! write of each table for all of them.

mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use outpost_model::defects::{Planted, is_planted};
use outpost_model::id::{CaseId, DocumentKey, SiteId};
use outpost_sync::repair::Standing;
use outpost_sync::{
    Batch, Change, ChangeHash, Document, DocumentId, Incarnation, Incoming, Inspection, InstallId, Item,
    Link, PeerKeys, Position, Progress,
};

use super::admit::{self, Admitted, Refused};
use super::apply::{Applied, refusal, set_aside};
use super::parking::Parking;
use super::project::{Before, OfSite, Projection};
use super::reading::{ReadBatch, Reading};
use crate::app::{archive, reference};
use crate::error::HubError;
use crate::store::document::{self, Break, Frontier};
use crate::store::place::Place;
use crate::store::{case, counter, enrollment, inbox, item, rights, stock};
use crate::write::Unit;

/// What the database holds of a site that sends.
#[derive(Default)]
struct Sender {
    keys: PeerKeys,
    incarnations: BTreeMap<Incarnation, InstallId>,
    progress: BTreeMap<Incarnation, Progress>,
    moved: BTreeSet<Incarnation>,
}

/// Batches on their way through the checks.
pub(super) struct Merge<'b> {
    senders: BTreeMap<SiteId, Sender>,
    documents: BTreeMap<DocumentId, document::Row>,
    touched: BTreeSet<DocumentId>,
    /// Changes that are in the database, among those that may be.
    known: BTreeSet<(DocumentId, ChangeHash)>,
    accepted: Vec<(&'b SiteId, &'b Incoming)>,
    refused: Vec<(&'b SiteId, &'b Incoming, Refused)>,
    parking: BTreeMap<&'b SiteId, Parking<'b>>,
    founded: BTreeSet<DocumentId>,
    /// How many documents sites have founded, of those that found more.
    count_founded: BTreeMap<&'b SiteId, u64>,
    projection: Projection,
}

impl<'b> Merge<'b> {
    /// Reads all that the batches may touch.
    pub(super) async fn load(unit: &mut Unit, batches: &'b [Arc<ReadBatch>]) -> Result<Self, HubError> {
        let sites: BTreeSet<&SiteId> = batches.iter().map(|read| &read.batch.site).collect();
        let sites: Vec<&SiteId> = sites.into_iter().collect();
        unit.hold(&sites).await?;
        let sites: Vec<String> = sites.into_iter().map(ToString::to_string).collect();
        let mut senders: BTreeMap<SiteId, Sender> = BTreeMap::new();
        for (site, keys) in enrollment::keys_of(unit.db(), &sites).await? {
            senders.entry(site).or_default().keys = keys;
        }
        for (site, incarnations) in enrollment::incarnations_of(unit.db(), &sites).await? {
            senders.entry(site).or_default().incarnations = incarnations;
        }
        for (site, progress) in inbox::progress_of(unit.db(), &sites).await? {
            let all = progress.into_iter().map(|progress| (progress.incarnation(), progress));
            senders.entry(site).or_default().progress = all.collect();
        }
        let items = || batches.iter().flat_map(|read| &read.batch.items);
        let docs: BTreeSet<&DocumentId> = items().filter_map(|incoming| incoming.item.doc()).collect();
        let docs: Vec<String> = docs.into_iter().map(ToString::to_string).collect();
        let mut documents = document::some(unit.db(), &docs).await?;
        let packed = documents.values().filter(|row| row.packed).map(|row| row.doc.clone());
        let packed: Vec<DocumentId> = packed.collect();
        if !packed.is_empty() {
            archive::take_out(unit, &packed).await?;
            documents.extend(document::named(unit.db(), &packed).await?);
        }
        let theirs: Vec<_> = documents.values().filter(|row| senders.contains_key(&row.site)).collect();
        let projection = projection(unit, &theirs).await?;
        let doubtful: BTreeSet<&DocumentId> =
            batches.iter().flat_map(|read| doubtful(read, &documents)).collect();
        let doubtful: Vec<String> = doubtful.into_iter().map(ToString::to_string).collect();
        let known = item::known(unit.db(), &doubtful).await?;
        Ok(Self {
            senders,
            documents,
            touched: BTreeSet::new(),
            known,
            accepted: Vec::with_capacity(items().count()),
            refused: Vec::new(),
            parking: BTreeMap::new(),
            founded: BTreeSet::new(),
            count_founded: BTreeMap::new(),
            projection,
        })
    }

    /// Takes a batch in.
    pub(super) async fn take(&mut self, unit: &mut Unit, read: &'b ReadBatch) -> Result<Applied, HubError> {
        let batch = &read.batch;
        if !unit.has(&batch.site) {
            return Ok(Applied::NotHeld);
        }
        let Some(sender) = self.senders.get_mut(&batch.site) else { return Ok(Applied::Revoked) };
        if sender.keys.find(batch.install).is_none() {
            return Ok(Applied::Revoked);
        }
        let hub = unit.actor();
        for incoming in &batch.items {
            let incarnation = incoming.position.incarnation;
            if !sender.progress.contains_key(&incarnation) {
                // The frame's signature proves that the install vouches for it.
                if incarnation != hub {
                    let link = Link { incarnation, parent: None, last: 0 };
                    let now = unit.now();
                    enrollment::note_incarnation(unit.db(), &batch.site, batch.install, &link, now).await?;
                    sender.incarnations.entry(incarnation).or_insert(batch.install);
                }
                sender.progress.insert(incarnation, Progress::start(incarnation));
            }
        }
        let before: BTreeMap<Incarnation, Progress> = sender.progress.clone();
        let refused_before = self.refused.len();
        let mut later = Vec::new();
        for (incoming, reading) in batch.items.iter().zip(&read.readings) {
            if !self.count(&batch.site, incoming) {
                continue;
            }
            match self.admit(unit, &batch.site, incoming, reading).await? {
                Ok(()) => {}
                Err(reason) if self.was_refused(unit, &batch.site, incoming, reason).await? => {
                    self.refuse(&batch.site, incoming, "document_in_quarantine");
                }
                Err(reason) if self.waits(unit, incoming, reason).await? => {
                    let parking = self.parking.entry(&batch.site).or_default();
                    if !parking.park(unit, &batch.site, incoming).await? {
                        later.push(incoming.position);
                    }
                }
                Err(_) if is_planted(Planted::QuarantineBlocksTheStream) => later.push(incoming.position),
                Err(reason) => self.refuse(&batch.site, incoming, reason),
            }
        }
        if !later.is_empty() {
            self.count_anew(batch, before, &later);
        }
        let refused = self.refused[refused_before..].iter();
        let refused = refused.map(|(_, incoming, reason)| refusal(incoming, reason)).collect();
        Ok(Applied::stored(refused, later))
    }

    /// Counts a position as received; `false` when it was before.
    pub(super) fn count(&mut self, site: &SiteId, incoming: &Incoming) -> bool {
        let Some(sender) = self.senders.get_mut(site) else { return false };
        let incarnation = incoming.position.incarnation;
        let progress = sender.progress.entry(incarnation).or_insert_with(|| Progress::start(incarnation));
        let fresh = progress.take(incoming);
        if fresh {
            sender.moved.insert(incarnation);
        }
        fresh
    }

    /// Counts a batch once more, from what was received before it: what must come again was not.
    fn count_anew(&mut self, batch: &'b Batch, before: BTreeMap<Incarnation, Progress>, later: &[Position]) {
        if let Some(sender) = self.senders.get_mut(&batch.site) {
            sender.progress = before;
        }
        for incoming in batch.items.iter().filter(|incoming| !later.contains(&incoming.position)) {
            self.count(&batch.site, incoming);
        }
    }

    /// Documents of which changes have waited for what these batches brought, by site.
    pub(super) fn woken(&self) -> BTreeMap<SiteId, Vec<DocumentId>> {
        let mut woken: BTreeMap<SiteId, Vec<DocumentId>> = BTreeMap::new();
        for doc in &self.touched {
            let Some(row) = self.documents.get(doc) else { continue };
            if self.founded.contains(doc) || row.place.waiting {
                woken.entry(row.site.clone()).or_default().push(doc.clone());
            }
        }
        woken
    }

    /// Notes what cannot be taken, and sets its document aside when it is this site's: what comes later builds on it.
    fn refuse(&mut self, site: &'b SiteId, incoming: &'b Incoming, reason: Refused) {
        self.refused.push((site, incoming, reason));
        let row = incoming.item.doc().and_then(|doc| self.documents.get_mut(doc));
        let open = |row: &&mut document::Row| row.site == *site && row.place.standing != Standing::Sealed;
        if let Some(row) = row.filter(open) {
            row.quarantined.get_or_insert_with(|| reason.to_owned());
            self.touched.insert(row.doc.clone());
        }
    }

    /// Checks one change and folds it. All or nothing.
    async fn admit(
        &mut self,
        unit: &mut Unit,
        site: &'b SiteId,
        incoming: &'b Incoming,
        reading: &Reading,
    ) -> Result<Result<(), Refused>, HubError> {
        let change = match &incoming.item {
            Item::Change(change) => change,
            Item::Record(record) => return reference::held(unit, site, record).await,
        };
        if self.is_here(change, reading) {
            return Ok(Ok(()));
        }
        let (inspection, key, admitted) = match self.check(unit.actor(), site, change, reading) {
            Ok(checked) => checked,
            Err(reason) => return Ok(Err(reason)),
        };
        if matches!(admitted, Admitted::Founded) {
            if !self.may_found(unit, site).await? {
                return Ok(Err("too_many_documents"));
            }
            self.documents.insert(change.doc.clone(), founded(site, change, inspection));
            self.founded.insert(change.doc.clone());
        } else if let Err(reason) = self.follow(unit, change, inspection).await? {
            return Ok(Err(reason));
        }
        self.projection.take(site, key, admitted);
        if !self.touched.contains(&change.doc) {
            self.touched.insert(change.doc.clone());
        }
        self.accepted.push((site, incoming));
        Ok(Ok(()))
    }

    /// Whether the very change was taken in before, at another position.
    fn is_here(&self, change: &Change, reading: &Reading) -> bool {
        if !self.known.is_empty() && self.known.contains(&(change.doc.clone(), change.hash)) {
            return true;
        }
        let Ok(inspection) = &reading.inspection else { return false };
        let Some(row) = self.documents.get(&change.doc) else { return false };
        // Within this transaction only a number that was used can be the same change.
        row.frontier.last(inspection.author) >= inspection.seq
            && self.accepted.iter().any(|(_, other)| match &other.item {
                Item::Change(other) => other.hash == change.hash && other.doc == change.doc,
                Item::Record(_) => false,
            })
    }

    fn check<'r>(
        &self,
        hub: Incarnation,
        site: &SiteId,
        change: &Change,
        reading: &'r Reading,
    ) -> Result<(&'r Inspection, &'r DocumentKey, &'r Admitted), Refused> {
        let inspection = reading.inspection.as_ref().map_err(|reason| *reason)?;
        let sender = self.senders.get(site).ok_or("author_not_registered")?;
        admit::author(inspection.author, &sender.incarnations, hub)?;
        let key = reading.key.as_ref().map_err(|reason| *reason)?;
        let row = self.documents.get(&change.doc);
        if let Some(row) = row {
            if row.site != *site {
                return Err("document_of_another_site");
            }
            if row.place.standing == Standing::Sealed {
                return Err("document_sealed");
            }
            if row.quarantined.is_some() {
                return Err("document_in_quarantine");
            }
        }
        let admitted = reading.content.as_ref().map_err(|reason| *reason)?;
        match (admitted.first(), row) {
            (None, Some(_)) => Err("founded_twice"),
            (Some(_), None) => Err("no_such_document"),
            (Some(first), Some(row)) if first != row.site_n + 1 => Err("number_out_of_sequence"),
            (Some(_), Some(row)) if room::is_full(row, inspection) => Err("document_full"),
            _ => Ok((inspection, key, admitted)),
        }
    }

    /// Whether the change follows on its document: by the frontier, or by opening the document when that forgot.
    async fn follow(
        &mut self,
        unit: &mut Unit,
        change: &Change,
        inspection: &Inspection,
    ) -> Result<Result<(), Refused>, HubError> {
        let Some(row) = self.documents.get_mut(&change.doc) else { return Ok(Err("no_such_document")) };
        match row.frontier.check(inspection) {
            Ok(()) => {}
            Err(Break::Malformed) => return Ok(Err("out_of_sequence")),
            Err(Break::Unknown) => {
                let mut changes = item::changes(unit.db(), &change.doc).await?;
                let here = self.accepted.iter().filter_map(|(_, incoming)| match &incoming.item {
                    Item::Change(other) if other.doc == change.doc => Some(other.clone()),
                    Item::Change(_) | Item::Record(_) => None,
                });
                changes.extend(here);
                let opened = Document::open(change.doc.clone(), unit.actor(), None, &changes)
                    .map_err(|error| HubError::corrupt("item", &change.doc, error))?
                    .merge(std::slice::from_ref(change));
                if opened.is_err() {
                    return Ok(Err("does_not_follow"));
                }
            }
        }
        row.advance(inspection, change.hash);
        row.site_n += inspection.content.operations() as u64;
        Ok(Ok(()))
    }

    /// Writes everything, each table once.
    pub(super) async fn write(mut self, unit: &mut Unit) -> Result<Projection, HubError> {
        for (site, parking) in &self.parking {
            for change in parking.write(unit, site).await? {
                if let Some(row) = self.documents.get_mut(&change.doc) {
                    row.place.waiting = true;
                    self.touched.insert(change.doc.clone());
                }
            }
        }
        let kept = item::keep(unit.db(), &self.accepted).await?;
        if kept != self.accepted.len() as u64 {
            let expected = self.accepted.len();
            return Err(HubError::Invariant(format!("{kept} of {expected} accepted changes were new")));
        }
        for (site, incoming, reason) in &self.refused {
            set_aside(unit, site, incoming, reason).await?;
        }
        unit.count(counter::ITEMS_QUARANTINED, self.refused.len() as i64);
        let documents: Vec<&document::Row> =
            self.touched.iter().filter_map(|doc| self.documents.get(doc)).collect();
        document::put(unit.db(), &documents).await?;
        let now = unit.now();
        for case in &self.projection.changed {
            if let Some((row, _)) = self.projection.cases.get_mut(case) {
                row.updated_at = now;
            }
        }
        let changed = self.projection.changed.iter().filter_map(|case| self.projection.cases.get(case));
        let changed: Vec<&case::Row> = changed.map(|(row, _)| row).collect();
        case::put(unit.db(), &changed).await?;
        let sites = &self.projection.sites;
        let moved: Vec<_> = sites.iter().map(|(site, of_site)| (site, &of_site.stock)).collect();
        stock::add(unit.db(), &moved).await?;
        let granted: Vec<_> = sites.iter().map(|(site, of_site)| (site, &of_site.grants)).collect();
        rights::grant(unit.db(), &granted).await?;
        for (site, of_site) in sites {
            for (date, day) in of_site.days.iter().filter(|_| of_site.day_changed) {
                stock::put_day(unit.db(), site, *date, day).await?;
            }
        }
        let mut progress = Vec::with_capacity(self.senders.len());
        for (site, sender) in &self.senders {
            let moved = sender.moved.iter().filter_map(|incarnation| sender.progress.get(incarnation));
            progress.extend(moved.map(|progress| (site, progress)));
        }
        inbox::save_all(unit.db(), &progress).await?;
        unit.count(counter::EVENTS_SYNCED, self.projection.events);
        Ok(self.projection)
    }
}

fn founded(site: &SiteId, change: &Change, inspection: &Inspection) -> document::Row {
    document::Row {
        doc: change.doc.clone(),
        site: site.clone(),
        site_n: 0,
        hub_n: 0,
        frontier: Frontier::founded(inspection, change.hash),
        quarantined: None,
        packed: false,
        place: Place::founded(change.hash),
    }
}

/// Documents of changes that may be in the database already: those that are not their author's next ones.
fn doubtful<'b>(read: &'b ReadBatch, documents: &BTreeMap<DocumentId, document::Row>) -> Vec<&'b DocumentId> {
    let items = read.batch.items.iter().zip(&read.readings);
    let doubtful = items.filter_map(|(incoming, reading)| {
        let (Item::Change(change), Ok(inspection)) = (&incoming.item, &reading.inspection) else {
            return None;
        };
        let last = documents.get(&change.doc).map(|row| row.frontier.last(inspection.author));
        last.is_none_or(|last| inspection.seq <= last).then_some(&change.doc)
    });
    doubtful.collect()
}

/// What the projections are before the batches.
async fn projection(unit: &mut Unit, documents: &[&document::Row]) -> Result<Projection, HubError> {
    let mut projection = Projection::default();
    let mut cases: Vec<CaseId> = Vec::new();
    for row in documents {
        match row.doc.as_str().parse() {
            Ok(DocumentKey::Case(case)) => cases.push(case),
            Ok(DocumentKey::SiteDay(_, date)) => {
                if let Some(day) = stock::day(unit.db(), &row.site, date).await? {
                    let of_site: &mut OfSite = projection.sites.entry(row.site.clone()).or_default();
                    of_site.days.insert(date, day);
                }
            }
            _ => {}
        }
    }
    for (id, row) in case::some(unit.db(), &cases).await? {
        let before = Before::of(&row);
        projection.cases.insert(id, (row, before));
    }
    Ok(projection)
}
