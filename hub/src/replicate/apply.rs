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
use crate::error::HubError;
use crate::store::document::{self, Break, Frontier};
use crate::store::{case, counter, enrollment, exception, item, quarantine, stock};
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

/// Applies a batch. What cannot be taken is put in quarantine and named; everything else is in the database.
pub async fn apply(unit: &mut Unit, batch: &Batch, sscc: &SsccSettings) -> Result<Vec<Refusal>, HubError> {
    let site = &batch.site;
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
            merge.refused.push((incoming, "record_by_site"));
            continue;
        };
        if !known.insert(change.hash) {
            continue;
        }
        match merge.admit(unit, change).await? {
            Ok(()) => merge.accepted.push(incoming),
            Err(reason) => merge.refused.push((incoming, reason)),
        }
    }
    merge.write(unit).await?;
    react::react(unit, site, &merge.projection, sscc).await?;
    for progress in progress.values() {
        item::save_progress(unit.db(), site, progress).await?;
    }
    Ok(merge
        .refused
        .into_iter()
        .map(|(incoming, reason)| Refusal { position: incoming.position, reason: reason.to_owned() })
        .collect())
}

fn hash(incoming: &Incoming) -> Option<ChangeHash> {
    match &incoming.item {
        Item::Change(change) => Some(change.hash),
        Item::Record(_) => None,
    }
}

/// How far each incarnation of the batch has come, locked by being written at the end of this site's own lane.
async fn progress(unit: &mut Unit, batch: &Batch) -> Result<BTreeMap<Incarnation, Progress>, HubError> {
    let known = item::progress(unit.db(), &batch.site).await?;
    let mut all: BTreeMap<Incarnation, Progress> =
        known.into_iter().map(|progress| (progress.incarnation(), progress)).collect();
    let present: BTreeSet<Incarnation> =
        batch.items.iter().map(|incoming| incoming.position.incarnation).collect();
    all.retain(|incarnation, _| present.contains(incarnation));
    let now = unit.now();
    for incarnation in present {
        // The frame's signature proves that the install vouches for it.
        let link = Link { incarnation, parent: None, last: 0 };
        enrollment::note_incarnation(unit.db(), &batch.site, batch.install, &link, now).await?;
        all.entry(incarnation).or_insert_with(|| Progress::start(incarnation));
    }
    Ok(all)
}

async fn load<'b>(unit: &mut Unit, site: &'b SiteId, items: &[&Incoming]) -> Result<Merge<'b>, HubError> {
    let docs: BTreeSet<DocumentId> =
        items.iter().filter_map(|incoming| incoming.item.doc().cloned()).collect();
    let docs: Vec<DocumentId> = docs.into_iter().collect();
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

impl Merge<'_> {
    /// Checks one change and folds it. All or nothing.
    async fn admit(&mut self, unit: &mut Unit, change: &Change) -> Result<Result<(), Refused>, HubError> {
        let checked = admit::inspect(change, &self.incarnations)
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
        self.set_aside(unit).await?;
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

    /// Puts what was refused in quarantine, whole, and its document with it when it is the site's own: what comes
    /// later builds on it.
    async fn set_aside(&mut self, unit: &mut Unit) -> Result<(), HubError> {
        for (incoming, reason) in &self.refused {
            let (id, now) = (unit.ids().uuid(), unit.now());
            let (doc, hash, bytes) = match &incoming.item {
                Item::Change(change) => (Some(change.doc.as_str()), Some(&change.hash.0[..]), &change.bytes),
                Item::Record(record) => (None, None, &record.bytes),
            };
            quarantine::put(unit.db(), id, self.site, (doc, hash), reason, now, bytes).await?;
            if let Some(row) = incoming.item.doc().and_then(|doc| self.documents.get_mut(doc)) {
                if row.site == *self.site {
                    row.quarantined.get_or_insert_with(|| (*reason).to_owned());
                    self.touched.insert(row.doc.clone());
                }
            }
            let about = doc.unwrap_or("a record");
            unit.raise(exception::New {
                code: "quarantined",
                sentence: format!(
                    "{} wrote something into {about} that cannot be taken ({reason}).",
                    self.site
                ),
                once: format!("quarantined {} {about}", self.site),
                site: Some(self.site.clone()),
                ..Default::default()
            })
            .await?;
        }
        unit.count(counter::ITEMS_QUARANTINED, self.refused.len() as i64);
        Ok(())
    }
}
