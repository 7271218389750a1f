//! How a played site answers repair: from what it wrote, was sent, and was given.

use std::collections::BTreeMap;

use outpost_sync::repair::{
    Buckets, Digest, Document as Given, Fingerprint, Known, Look, Mend, Seen, Standing,
};
use outpost_sync::{Change, Document, DocumentId, Incarnation, Input, Item, Position};

use super::SimSite;

const READER: Incarnation = Incarnation([0; 16]);

impl SimSite {
    /// Every change it has, by document, each once.
    pub fn changes(&self) -> BTreeMap<DocumentId, Vec<Change>> {
        let own = self.log.iter().map(|row| &row.item);
        let received = self.received.iter().map(|incoming| &incoming.item);
        let streamed = own.chain(received).filter_map(|item| match item {
            Item::Change(change) => Some(change),
            Item::Record(_) => None,
        });
        let mut all: BTreeMap<DocumentId, Vec<Change>> = BTreeMap::new();
        for change in streamed.chain(&self.mended) {
            let of_document = all.entry(change.doc.clone()).or_default();
            if !of_document.contains(change) && !self.lost.contains(change) {
                of_document.push(change.clone());
            }
        }
        all.retain(|_, changes| !changes.is_empty());
        all
    }

    /// Loses a change from its disk.
    pub fn lose(&mut self, change: Change) {
        self.mended.retain(|other| *other != change);
        self.lost.push(change);
    }

    pub fn standing_there(&self, doc: &str) -> Standing {
        let doc = DocumentId::new(doc).unwrap();
        self.there.get(&doc).copied().unwrap_or_default()
    }

    fn known(&self) -> Vec<Known> {
        let mut known: Vec<Known> = Vec::new();
        for (doc, changes) in self.changes() {
            let there = self.there.get(&doc).copied().unwrap_or_default();
            let heads = Document::open(doc.clone(), READER, None, &changes).unwrap().heads();
            known.push(Known { doc, standing: Standing::Live, there, heads });
        }
        known.sort_by_key(|known| (Fingerprint::of(&known.doc, &[]).bucket, known.doc.clone()));
        known
    }

    pub(super) fn look(&mut self, look: Look) -> Input {
        Input::Seen(match look {
            Look::Digest => {
                let own = Position { incarnation: self.incarnation, n: self.log.len() as u64 };
                let applied = self.progress.values().map(|progress| progress.mark().position()).collect();
                let mut buckets = Buckets::default();
                for known in self.known().iter().filter(|known| known.there == Standing::Live) {
                    buckets.toggle(&Fingerprint::of(&known.doc, &known.heads));
                }
                Seen::Digest(Box::new(Digest { own, applied, buckets }))
            }
            Look::List { buckets, after, limit } => {
                let wanted = self.known().into_iter().filter(|known| {
                    let bucket = Fingerprint::of(&known.doc, &[]).bucket;
                    let later = after.as_ref().is_none_or(|after| (bucket, &known.doc) > (after.0, &after.1));
                    buckets.contains(bucket) && later
                });
                Seen::List(wanted.take(limit).collect())
            }
            Look::Documents { of, .. } => {
                let changes = self.changes();
                let given = of.into_iter().map(|wanted| {
                    let mut given = Given {
                        doc: wanted.doc.clone(),
                        standing: Standing::Live,
                        authors: Vec::new(),
                        past: Vec::new(),
                        changes: Vec::new(),
                    };
                    if let Some(changes) = changes.get(&wanted.doc) {
                        let mut document = Document::open(wanted.doc, READER, None, changes).unwrap();
                        given.authors = document.authors();
                        given.changes =
                            wanted.has.map(|has| document.lacking(&has).unwrap()).unwrap_or_default();
                    }
                    given
                });
                Seen::Documents(given.collect())
            }
        })
    }

    pub(super) fn mend(&mut self, mend: Mend) -> Input {
        for change in mend.changes {
            self.lost.retain(|lost| *lost != change);
            if !self.mended.contains(&change) {
                self.mended.push(change);
            }
        }
        self.there.extend(mend.notes);
        self.past.extend(mend.past);
        Input::Mended
    }
}
