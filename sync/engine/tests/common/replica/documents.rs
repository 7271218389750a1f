//! How a replica answers repair: from its disk.

use std::collections::BTreeSet;

use outpost_sync::repair::{
    Authors, Buckets, Digest, Document as Row, Fingerprint, Known, Look, Mend, Seen, Standing,
};
use outpost_sync::{Change, DocumentId, Incarnation, Input, Inspection, Limits, Position};

use super::Replica;

impl Replica {
    /// Documents known here, in the order of repair.
    fn docs(&self) -> Vec<DocumentId> {
        let docs: BTreeSet<_> = self.changes.iter().map(|change| change.doc.clone()).collect();
        let mut docs: Vec<_> = docs.into_iter().collect();
        docs.sort_by_key(|doc| (Fingerprint::of(doc, &[]).bucket, doc.clone()));
        docs
    }

    pub fn standing(&self, doc: &DocumentId) -> Standing {
        self.standings.get(doc).copied().unwrap_or_default()
    }

    pub fn there(&self, doc: &DocumentId) -> Standing {
        self.there.get(doc).copied().unwrap_or_default()
    }

    pub fn buckets(&mut self) -> Buckets {
        let mut buckets = Buckets::default();
        for doc in self.docs() {
            if (self.standing(&doc), self.there(&doc)) == (Standing::Live, Standing::Live) {
                let heads = self.document(&doc).heads();
                buckets.toggle(&Fingerprint::of(&doc, &heads));
            }
        }
        buckets
    }

    pub(super) fn look(&mut self, look: Look) -> Input {
        self.looks += 1;
        Input::Seen(match look {
            Look::Digest => {
                let current = self.links.last().unwrap();
                let own = Position { incarnation: current.incarnation, n: current.last };
                let whole = self.progress.values().filter(|progress| progress.beyond().len() == 0);
                let applied = whole.map(|progress| progress.mark().position()).collect();
                Seen::Digest(Box::new(Digest { own, applied, buckets: self.buckets() }))
            }
            Look::List { buckets, after, limit } => {
                let docs = self.docs().into_iter().filter(|doc| {
                    let bucket = Fingerprint::of(doc, &[]).bucket;
                    let later = after.as_ref().is_none_or(|after| (bucket, doc) > (after.0, &after.1));
                    buckets.contains(bucket) && later
                });
                let docs: Vec<DocumentId> = docs.take(limit).collect();
                Seen::List(docs.into_iter().map(|doc| self.known(doc)).collect())
            }
            Look::Documents { of, bytes_max } => {
                let mut weight = 0;
                let rows = of.into_iter().map(|wanted| {
                    let mut row = self.row(wanted.doc, wanted.has);
                    row.changes.retain(|change| {
                        let fits = weight <= bytes_max;
                        weight += if fits { change.bytes.len() } else { 0 };
                        fits
                    });
                    row
                });
                Seen::Documents(rows.collect())
            }
        })
    }

    fn known(&mut self, doc: DocumentId) -> Known {
        let (standing, there) = (self.standing(&doc), self.there(&doc));
        let heads = self.document(&doc).heads();
        Known { doc, standing, there, heads }
    }

    fn row(&mut self, doc: DocumentId, has: Option<Authors>) -> Row {
        let standing = self.standing(&doc);
        if !self.knows(doc.as_str()) {
            return Row { doc, standing, authors: Vec::new(), past: Vec::new(), changes: Vec::new() };
        }
        let document = self.document(&doc);
        let authors = document.authors();
        let changes = has.map(|has| document.lacking(&has).unwrap()).unwrap_or_default();
        Row { doc, standing, authors, past: Vec::new(), changes }
    }

    pub(super) fn mend(&mut self, mend: Mend) -> Input {
        if self.failing_mends > 0 {
            self.failing_mends -= 1;
            return Input::MendFailed;
        }
        for change in mend.changes {
            assert!(self.foreign != Some(author(&change)), "a change of a stranger was handed over");
            if !self.has(&change) {
                self.mended += 1;
                self.merge(change);
            }
        }
        self.there.extend(mend.notes);
        Input::Mended
    }

    pub(super) fn has(&self, change: &Change) -> bool {
        self.changes.iter().any(|known| known.doc == change.doc && known.hash == change.hash)
    }

    /// A disk loses the last changes of a document, and nobody notices.
    pub fn lose_changes(&mut self, doc: &str, count: usize) {
        let mut kept: Vec<usize> =
            (0..self.changes.len()).filter(|n| self.changes[*n].doc.as_str() == doc).collect();
        let lost = kept.split_off(kept.len().saturating_sub(count));
        let mut n = 0;
        self.changes.retain(|_| {
            n += 1;
            !lost.contains(&(n - 1))
        });
        self.docs.clear();
    }

    /// Another appliance takes this one's place: nothing is on its disk.
    pub fn lose_everything(&mut self) {
        self.links.clear();
        self.log.clear();
        self.acknowledged.clear();
        self.lose_received();
    }

    pub fn set_standing(&mut self, doc: &str, standing: Standing) {
        self.standings.insert(DocumentId::new(doc).unwrap(), standing);
    }
}

fn author(change: &Change) -> Incarnation {
    Inspection::of(change, &Limits::PROTOCOL).unwrap().author
}
