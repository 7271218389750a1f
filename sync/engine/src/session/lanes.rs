//! Lanes: documents whose items are sent before their turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::bytes::DocumentId;
use crate::frame::body::Lane;
use crate::item::{Outgoing, Position};

#[derive(Default)]
pub(super) struct Lanes {
    /// Promoted documents, each with its last item that was read for its lane.
    promoted: BTreeMap<DocumentId, Option<Position>>,
    /// Documents whose items must be looked up.
    queue: VecDeque<DocumentId>,
    /// Items that were read and not sent yet.
    pub pending: VecDeque<(Outgoing, Lane)>,
    /// Unacknowledged items that are, or will be, sent in a lane.
    taken: BTreeSet<Position>,
}

impl Lanes {
    pub(super) fn promote(&mut self, doc: DocumentId) {
        self.promoted.entry(doc.clone()).or_insert(None);
        self.look_up(doc);
    }

    fn look_up(&mut self, doc: DocumentId) {
        if !self.queue.contains(&doc) {
            self.queue.push_back(doc);
        }
    }

    /// The journal has grown, or everything must be sent anew.
    pub(super) fn look_up_all(&mut self) {
        let docs: Vec<DocumentId> = self.promoted.keys().cloned().collect();
        docs.into_iter().for_each(|doc| self.look_up(doc));
    }

    /// Forgets what was sent: the conversation begins anew.
    pub(super) fn begin(&mut self) {
        self.pending.clear();
        self.taken.clear();
        self.promoted.values_mut().for_each(|last| *last = None);
        self.look_up_all();
    }

    pub(super) fn is_promoted(&self, doc: &DocumentId) -> bool {
        self.promoted.contains_key(doc)
    }

    pub(super) fn has(&self, position: &Position) -> bool {
        self.taken.contains(position)
    }

    /// Whether nothing of a lane is still to be acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.taken.is_empty()
    }

    /// The next document to look up, and after which position.
    pub(super) fn next_look_up(&mut self) -> Option<(DocumentId, Option<Position>)> {
        let doc = self.queue.pop_front()?;
        let after = self.promoted.get(&doc).copied().flatten();
        Some((doc, after))
    }

    /// Takes in a document's items in the order of the stream. `acknowledged` and `in_flight` say of a position
    /// that the peer has it, or that it is on its way already.
    pub(super) fn read(
        &mut self,
        doc: &DocumentId,
        items: Vec<Outgoing>,
        acknowledged: impl Fn(&Position) -> bool,
        in_flight: impl Fn(&Position) -> bool,
    ) {
        let Some(before) = self.promoted.get(doc).copied() else { return };
        let again = !items.is_empty();
        let mut before = before.filter(|position| !acknowledged(position));
        let mut last = None;
        for outgoing in items {
            let position = outgoing.mark.position();
            last = Some(position);
            if acknowledged(&position) {
                continue;
            }
            if !in_flight(&position) {
                let lane = match before {
                    None => Lane::Free,
                    Some(before) if before.incarnation == position.incarnation => Lane::After(before.n),
                    Some(_) => Lane::AfterParents,
                };
                self.taken.insert(position);
                self.pending.push_back((outgoing, lane));
            }
            before = Some(position);
        }
        if let (Some(slot), Some(last)) = (self.promoted.get_mut(doc), last) {
            *slot = Some(last);
        }
        if again {
            self.look_up(doc.clone());
        }
    }

    /// Drops what the peer has, and demotes documents of which nothing waits any more.
    pub(super) fn acknowledged(
        &mut self,
        acknowledged: impl Fn(&Position) -> bool,
        waits: impl Fn(&DocumentId) -> bool,
    ) {
        self.taken.retain(|position| !acknowledged(position));
        self.pending.retain(|(outgoing, _)| !acknowledged(&outgoing.mark.position()));
        let (queue, pending) = (&self.queue, &self.pending);
        self.promoted.retain(|doc, _| {
            queue.contains(doc)
                || waits(doc)
                || pending.iter().any(|(outgoing, _)| outgoing.item.doc() == Some(doc))
        });
    }
}
