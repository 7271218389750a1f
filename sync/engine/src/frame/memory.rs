//! What both ends of a conversation remember of the changes that were sent in it, so that a later change of the
//! same document needs to name neither the document nor what it builds on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::examples::{Example, Examples};
use crate::bytes::{ChangeHash, DocumentId};
use crate::inspection::{Content, Inspection, ObjectRef};

/// A change refers to another one at most this many positions before it. The reader remembers twice as far, since
/// frames may come in another order than they were sent.
pub(crate) const REACH: u64 = 1_024;

/// The newest change of a document in a stream, as far as the next one needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tip {
    pub doc: DocumentId,
    pub n: u64,
    pub hash: ChangeHash,
    pub seq: u64,
    pub next_op: u64,
    pub ev: ObjectRef,
}

impl Tip {
    pub(crate) fn of(doc: &DocumentId, n: u64, hash: ChangeHash, inspection: &Inspection) -> Self {
        let ev = match &inspection.content {
            // The founding change makes the map with its second operation.
            Content::Header(_) => ObjectRef { counter: inspection.start_op + 1, actor: inspection.author },
            Content::Entries { ev, .. } => *ev,
        };
        Self { doc: doc.clone(), n, hash, seq: inspection.seq, next_op: inspection.next_op(), ev }
    }
}

/// What a frame adds to the memory of both ends, once it is really sent or has proved to be what was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    pub tips: Vec<Tip>,
    pub examples: Vec<(u64, Arc<Example>)>,
    /// The frame is told by examples of earlier ones, which the two ends may remember differently.
    pub leans: bool,
}

/// The tips of one incarnation's documents, and texts that were said of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(super) examples: Examples,
    by_number: BTreeMap<u64, Tip>,
    by_document: HashMap<DocumentId, u64>,
}

impl Memory {
    pub(crate) fn learn(&mut self, learned: Learned) {
        learned.tips.into_iter().for_each(|tip| self.note(tip));
        learned.examples.into_iter().for_each(|(number, example)| self.examples.note(number, example));
    }

    /// Nothing to refer to; what is said next is told apart from all that was.
    pub(crate) fn begun_anew(&self) -> Self {
        Self { examples: self.examples.begun_anew(), ..Self::default() }
    }

    pub(crate) fn note(&mut self, tip: Tip) {
        match self.by_document.get(&tip.doc) {
            Some(n) if *n >= tip.n => return,
            Some(n) => drop(self.by_number.remove(n)),
            None => {}
        }
        let oldest = tip.n.saturating_sub(2 * REACH);
        self.by_document.insert(tip.doc.clone(), tip.n);
        self.by_number.insert(tip.n, tip);
        while let Some(first) = self.by_number.first_entry() {
            if *first.key() >= oldest {
                break;
            }
            let tip = first.remove();
            self.by_document.remove(&tip.doc);
        }
    }

    /// The tip at a position, if it still is its document's newest.
    pub(crate) fn at(&self, n: u64) -> Option<&Tip> {
        self.by_number.get(&n)
    }

    /// The tip of a document.
    pub(crate) fn of(&self, doc: &DocumentId) -> Option<&Tip> {
        self.by_document.get(doc).and_then(|n| self.by_number.get(n))
    }
}
