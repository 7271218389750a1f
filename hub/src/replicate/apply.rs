//! The use case "merge changes": a batch of a site's items, its projection and all it triggers, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use outpost_config::SsccSettings;
use outpost_model::id::{CaseId, DocumentKey, SiteId};
use outpost_sync::{
    Batch, Change, ChangeHash, Document, DocumentId, Incarnation, Incoming, Inspection, InstallId, Item,
    Link, Progress, Refusal,
};

use super::admit::{self, Admitted, Refused};
use super::project::{Before, Projection};
use super::react;
use crate::app::archive;
use crate::error::HubError;
use crate::store::document::{self, Break, Frontier};
use crate::store::{case, counter, enrollment, exception, inbox, item, quarantine, stock};
use crate::write::Unit;

/// A batch on its way through the checks.
struct Merge<'b> {
    site: &'b SiteId,
    incarnations: BTreeMap<Incarnation, InstallId>,
    documents: BTreeMap<DocumentId, document::Row>,
    touched: BTreeSet<DocumentId>,
    accepted: Vec<&'b Incoming>,
    refused: Vec<(&'b Incoming, Refused)>,
    projection: Projection,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It is in the database, except for what is named, which is in quarantine.
    Stored(Vec<Refusal>),
    /// Nothing of it was taken: the appliance that signed it is not the site's any more.
    Revoked,
}

/// Applies a batch. What cannot be taken is put in quarantine and named; everything else is in the database.
pub async fn apply(unit: &mut Unit, batch: &Batch, sscc: &SsccSettings) -> Result<Applied, HubError> {
    let site = &batch.site;
    if enrollment::keys(unit.db(), site).await?.find(batch.install).is_none() {
        return Ok(Applied::Revoked);
    }
    let mut progress = progress(unit, batch).await?;
    let fresh: Vec<&Incoming> = batch
        .items
        .iter()
        .filter(|incoming| {
            let progress = progress.get_mut(&incoming.position.incarnation);
            progress.is_some_and(|progress| progress.store(incoming.position.n, incoming.digest))
        })
        .collect();
    let mut merge = load(unit, site, &fresh).await?;
    let hashes: Vec<ChangeHash> = fresh.iter().filter_map(|incoming| hash(incoming)).collect();
    let mut known = item::known(unit.db(), &hashes).await?;
    for incoming in fresh {
        let Item::Change(change) = &incoming.item else {
            merge.refuse(incoming, "record_by_site");
            continue;
        };
        if !known.insert((change.doc.clone(), change.hash)) {
            continue;
        }
        match merge.admit(unit, change).await? {
            Ok(()) => merge.accepted.push(incoming),
            Err(reason) => merge.refuse(incoming, reason),
        }
    }
    merge.write(unit).await?;
    react::react(unit, site, &merge.projection, sscc).await?;
    for progress in progress.values() {
        inbox::save_progress(unit.db(), site, progress).await?;
    }
    let refusals = merge.refused.into_iter().map(|(incoming, reason)| refusal(incoming, reason));
    Ok(Applied::Stored(refusals.collect()))
}

/// Puts a batch in quarantine that broke the transaction it was applied in.
pub async fn give_up(unit: &mut Unit, batch: &Batch, reason: Refused) -> Result<Vec<Refusal>, HubError> {
    let mut progress = progress(unit, batch).await?;
    let mut refusals = Vec::with_capacity(batch.items.len());
    for incoming in &batch.items {
        let of_incarnation = progress.get_mut(&incoming.position.incarnation);
        if of_incarnation.is_some_and(|progress| progress.store(incoming.position.n, incoming.digest)) {
            set_aside(unit, &batch.site, incoming, reason).await?;
            if let Some(doc) = incoming.item.doc() {
                document::quarantine(unit.db(), &batch.site, doc, reason).await?;
            }
        }
        refusals.push(refusal(incoming, reason));
    }
    unit.count(counter::ITEMS_QUARANTINED, refusals.len() as i64);
    for progress in progress.values() {
        inbox::save_progress(unit.db(), &batch.site, progress).await?;
    }
    Ok(refusals)
}

fn refusal(incoming: &Incoming, reason: Refused) -> Refusal {
    Refusal { position: incoming.position, reason: reason.to_owned() }
}

fn hash(incoming: &Incoming) -> Option<ChangeHash> {
    match &incoming.item {
        Item::Change(change) => Some(change.hash),
        Item::Record(_) => None,
    }
}

/// How far each incarnation of the batch has come, locked by being written at the end of this site's own lane.
async fn progress(unit: &mut Unit, batch: &Batch) -> Result<BTreeMap<Incarnation, Progress>, HubError> {
    let known = inbox::progress(unit.db(), &batch.site).await?;
    let mut all: BTreeMap<Incarnation, Progress> =
        known.into_iter().map(|progress| (progress.incarnation(), progress)).collect();
    let present: BTreeSet<Incarnation> =
        batch.items.iter().map(|incoming| incoming.position.incarnation).collect();
    all.retain(|incarnation, _| present.contains(incarnation));
    let (now, hub) = (unit.now(), unit.actor());
    for incarnation in present {
        // The frame's signature proves that the install vouches for it.
        let link = Link { incarnation, parent: None, last: 0 };
        if incarnation != hub && !all.contains_key(&incarnation) {
            enrollment::note_incarnation(unit.db(), &batch.site, batch.install, &link, now).await?;
        }
        all.entry(incarnation).or_insert_with(|| Progress::start(incarnation));
    }
    Ok(all)
}

async fn load<'b>(unit: &mut Unit, site: &'b SiteId, items: &[&Incoming]) -> Result<Merge<'b>, HubError> {
    let docs: BTreeSet<DocumentId> =
        items.iter().filter_map(|incoming| incoming.item.doc().cloned()).collect();
    let docs: Vec<DocumentId> = docs.into_iter().collect();
    archive::take_out(unit, &docs).await?;
    let documents = document::some(unit.db(), &docs).await?;
    let mut projection = Projection::default();
    let mut cases: Vec<CaseId> = Vec::new();
    for row in documents.values().filter(|row| row.site == *site) {
        match row.doc.as_str().parse() {
            Ok(DocumentKey::Case(case)) => cases.push(case),
            Ok(DocumentKey::SiteDay(_, date)) => {
                if let Some(day) = stock::day(unit.db(), site, date).await? {
                    projection.days.insert(date, day);
                }
            }
            _ => {}
        }
    }
    for (id, row) in case::some(unit.db(), &cases).await? {
        let before = Before::of(&row);
        projection.cases.insert(id, (row, before));
    }
    Ok(Merge {
        site,
        incarnations: enrollment::incarnations(unit.db(), site).await?,
        documents,
        touched: BTreeSet::new(),
        accepted: Vec::new(),
        refused: Vec::new(),
        projection,
    })
}

impl<'b> Merge<'b> {
    /// Notes what cannot be taken, and sets its document aside when it is this site's: what comes later builds on it.
    fn refuse(&mut self, incoming: &'b Incoming, reason: Refused) {
        self.refused.push((incoming, reason));
        let row = incoming.item.doc().and_then(|doc| self.documents.get_mut(doc));
        if let Some(row) = row.filter(|row| row.site == *self.site) {
            row.quarantined.get_or_insert_with(|| reason.to_owned());
            self.touched.insert(row.doc.clone());
        }
    }

    /// Checks one change and folds it. All or nothing.
    async fn admit(&mut self, unit: &mut Unit, change: &Change) -> Result<Result<(), Refused>, HubError> {
        let checked = admit::inspect(change, &self.incarnations, unit.actor())
            .and_then(|inspection| Ok((admit::document(change, self.site)?, inspection)));
        let (key, inspection) = match checked {
            Ok(checked) => checked,
            Err(reason) => return Ok(Err(reason)),
        };
        let last = match self.documents.get(&change.doc) {
            Some(row) if row.site != *self.site => return Ok(Err("document_of_another_site")),
            Some(row) if row.quarantined.is_some() => return Ok(Err("document_in_quarantine")),
            Some(row) => Some(row.site_n),
            None => None,
        };
        let admitted = match admit::content(&key, self.site, &inspection, last.unwrap_or(0)) {
            Ok(admitted) => admitted,
            Err(reason) => return Ok(Err(reason)),
        };
        match (&admitted, last) {
            (Admitted::Founded, Some(_)) => return Ok(Err("founded_twice")),
            (Admitted::Founded, None) => self.found(change, &inspection),
            (_, None) => return Ok(Err("no_such_document")),
            (_, Some(_)) => {
                if let Err(reason) = self.follow(unit, change, &inspection).await? {
                    return Ok(Err(reason));
                }
            }
        }
        self.projection.take(&key, admitted);
        self.touched.insert(change.doc.clone());
        Ok(Ok(()))
    }

    fn found(&mut self, change: &Change, inspection: &Inspection) {
        let row = document::Row {
            doc: change.doc.clone(),
            site: self.site.clone(),
            site_n: 0,
            hub_n: 0,
            frontier: Frontier::founded(inspection, change.hash),
            quarantined: None,
        };
        self.documents.insert(change.doc.clone(), row);
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
                let here = self.accepted.iter().filter_map(|incoming| match &incoming.item {
                    Item::Change(other) if other.doc == change.doc => Some(other.clone()),
                    Item::Change(_) | Item::Record(_) => None,
                });
                changes.extend(here);
                let actor = unit.actor();
                let opened = Document::open(change.doc.clone(), actor, None, &changes)
                    .map_err(|error| HubError::corrupt("item", &change.doc, error))?
                    .merge(std::slice::from_ref(change));
                if opened.is_err() {
                    return Ok(Err("does_not_follow"));
                }
            }
        }
        row.frontier.advance(inspection, change.hash);
        row.site_n += inspection.content.operations() as u64;
        Ok(Ok(()))
    }

    async fn write(&mut self, unit: &mut Unit) -> Result<(), HubError> {
        let site = self.site;
        item::keep(unit.db(), site, &self.accepted).await?;
        for (incoming, reason) in &self.refused {
            set_aside(unit, site, incoming, reason).await?;
        }
        unit.count(counter::ITEMS_QUARANTINED, self.refused.len() as i64);
        let documents: Vec<&document::Row> =
            self.touched.iter().filter_map(|doc| self.documents.get(doc)).collect();
        document::put(unit.db(), &documents).await?;
        let now = unit.now();
        let mut cases = Vec::with_capacity(self.projection.cases.len());
        for (row, _) in self.projection.cases.values_mut() {
            row.updated_at = now;
            cases.push(row.clone());
        }
        case::put(unit.db(), cases).await?;
        stock::add(unit.db(), site, std::mem::take(&mut self.projection.stock)).await?;
        crate::store::rights::grant(unit.db(), site, &self.projection.grants).await?;
        for (date, day) in &self.projection.days {
            stock::put_day(unit.db(), site, *date, day).await?;
        }
        unit.count(counter::EVENTS_SYNCED, self.projection.events);
        Ok(())
    }
}

/// Keeps an item in quarantine, whole, and says so to a person.
async fn set_aside(
    unit: &mut Unit,
    site: &SiteId,
    incoming: &Incoming,
    reason: Refused,
) -> Result<(), HubError> {
    let (id, now) = (unit.ids().uuid(), unit.now());
    let (doc, hash, bytes) = match &incoming.item {
        Item::Change(change) => (Some(change.doc.as_str()), Some(&change.hash.0[..]), &change.bytes),
        Item::Record(record) => (None, None, &record.bytes),
    };
    quarantine::put(unit.db(), id, site, (doc, hash), reason, now, bytes).await?;
    let about = doc.unwrap_or("a record");
    unit.raise(exception::New {
        code: "quarantined",
        sentence: format!("{site} wrote something into {about} that cannot be taken ({reason})."),
        once: format!("quarantined {site} {about}"),
        site: Some(site.clone()),
        ..Default::default()
    })
    .await?;
    Ok(())
}
