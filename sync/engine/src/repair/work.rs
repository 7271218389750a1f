//! The documents of a page that differ, worked off group by group.

use std::collections::VecDeque;

use super::compare::{Differences, lacking};
use super::drive::Walk;
use super::{Authors, Document, Standing, Wanted};
use crate::bytes::{DocumentId, Incarnation};
use crate::change::Change;

/// A document and how far each side has it.
pub(super) struct Pair {
    pub doc: DocumentId,
    pub here: Authors,
    pub there: Authors,
    /// Both as they were when this was last looked at.
    before: Option<(Authors, Authors)>,
    /// Everything that the hub lacks was given, or it lacks nothing.
    given: bool,
}

/// What is to do before the next page is asked for.
pub(super) struct Work {
    /// What is to be compared after this page.
    pub rest: Option<Walk>,
    pub group: Vec<Pair>,
    pub notes: Vec<(DocumentId, Standing)>,
    /// Authors that the hub says were this site's.
    pub past: Vec<Incarnation>,
    tells: Vec<(DocumentId, Standing)>,
    queue: VecDeque<DocumentId>,
}

impl Work {
    pub(super) fn new(differences: Differences, rest: Option<Walk>) -> Self {
        let Differences { repair, notes, tells } = differences;
        Self { rest, group: Vec::new(), notes, past: Vec::new(), tells, queue: repair.into() }
    }

    /// Takes up the next documents; `false` when there are none.
    pub(super) fn begin_group(&mut self, max: usize) -> bool {
        let docs = self.queue.drain(..max.min(self.queue.len()));
        let pair = |doc| Pair { doc, here: Vec::new(), there: Vec::new(), before: None, given: false };
        self.group = docs.map(pair).collect();
        !self.group.is_empty()
    }

    /// Whether both sides were told what documents are to the other.
    pub(super) fn is_told(&self) -> bool {
        self.notes.is_empty() && self.tells.is_empty()
    }

    /// The group as a question, with or without asking for changes.
    pub(super) fn wanted(&self, changes: bool) -> Vec<Wanted> {
        let of = |pair: &Pair| Wanted { doc: pair.doc.clone(), has: changes.then(|| pair.there.clone()) };
        self.group.iter().map(of).collect()
    }

    /// Takes in how far this side has the group's documents. What it does not take is the hub's to know.
    pub(super) fn here(&mut self, documents: &[Document]) {
        for document in documents {
            if let Some(pair) = self.group.iter_mut().find(|pair| pair.doc == document.doc) {
                pair.here = document.authors.clone();
            }
            if document.standing != Standing::Live {
                self.tells.retain(|(doc, _)| *doc != document.doc);
                self.tells.push((document.doc.clone(), document.standing));
                self.group.retain(|pair| pair.doc != document.doc);
            }
        }
    }

    /// Takes in how far the hub has them, and gives the changes that this side lacks.
    pub(super) fn there(&mut self, documents: Vec<Document>) -> Vec<Change> {
        let mut changes = Vec::new();
        for document in documents {
            let Some(index) = self.group.iter().position(|pair| pair.doc == document.doc) else { continue };
            match document.standing {
                Standing::Live | Standing::Archived => {
                    self.group[index].there = document.authors;
                    self.past.extend(document.past);
                    changes.extend(document.changes);
                }
                Standing::Held | Standing::Sealed => {
                    self.notes.push((document.doc, document.standing));
                    self.group.remove(index);
                }
            }
        }
        changes
    }

    /// What the hub is given: changes it lacks, and what documents are to this side. And how many changes that is.
    pub(super) fn gifts(&mut self, documents: Vec<Document>) -> (Vec<Document>, usize) {
        let mut rows = Vec::new();
        let mut count = 0;
        for document in documents {
            let Some(pair) = self.group.iter_mut().find(|pair| pair.doc == document.doc) else { continue };
            pair.given = lacking(&pair.there, &pair.here) <= document.changes.len() as u64;
            count += document.changes.len();
            if !document.changes.is_empty() {
                rows.push(document);
            }
        }
        for (doc, standing) in std::mem::take(&mut self.tells) {
            rows.retain(|row| row.doc != doc);
            let (authors, past, changes) = Default::default();
            rows.push(Document { doc, standing, authors, past, changes });
        }
        (rows, count)
    }

    /// Keeps those documents that still differ and did not stand still; `true` when there are any.
    pub(super) fn again(&mut self) -> bool {
        self.group.retain_mut(|pair| {
            let done = pair.given && lacking(&pair.here, &pair.there) == 0;
            let now = Some((pair.here.clone(), pair.there.clone()));
            let still = pair.before == now;
            pair.before = now;
            !done && !still
        });
        !self.group.is_empty()
    }
}
