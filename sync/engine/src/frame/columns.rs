//! The compact form of items in a frame: one column per kind of value, so that like lies beside like.
//!
//! A change is written in the first of three forms that fits it. *Next*: it continues the newest change of its
//! document in this stream; only the distance to that one and its entries are written. *Entries*: all fields, but
//! not the author (who is the frame's incarnation) and none of Automerge's columns. *Raw*: its bytes without
//! header. From each the reader rebuilds the very same bytes.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::body;
use super::ids::IdColumns;
use super::memory::{Learned, Memory, REACH, Tip};
use super::texts::TextColumns;
use crate::bytes::{DocumentId, Incarnation};
use crate::change::Change;
use crate::inspection::{Content, Entry, Inspection, ObjectRef};
use crate::item::Item;
use crate::limits::Limits;

pub(super) mod form {
    pub const RECORD: u8 = 0;
    pub const RAW: u8 = 1;
    pub const ENTRIES: u8 = 2;
    pub const NEXT: u8 = 3;
}

/// All but `k` are absent when they are empty. What no packing makes smaller stands last, in one piece.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Columns {
    /// The form of every item.
    #[serde(rename = "k", with = "serde_bytes")]
    pub forms: Vec<u8>,
    /// The names of documents that raw changes and those with all fields belong to.
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub docs: Vec<String>,
    /// Authors of maps of entries.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<Incarnation>,
    /// Raw: document (index into `d`), content.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<(usize, ByteBuf)>,
    /// Entries: document, seq, first operation, the map's counter and author (index into `a`), how many deps.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub full: Vec<(usize, u64, u64, u64, usize, usize)>,
    /// The dependencies of all those, 32 bytes each.
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    pub deps: Vec<u8>,
    /// Next: how many positions back the change stands that it continues.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<u64>,
    /// Entries and next: how many entries. Absent when every change has one.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<usize>,
    /// Records: kind, key, content.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<(String, String, ByteBuf)>,
    /// What is attached to the records, in their order; absent when nothing is attached to any of them.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<ByteBuf>,
    /// The texts of all entries.
    #[serde(rename = "x", default, skip_serializing_if = "TextColumns::is_empty")]
    pub texts: TextColumns,
    /// Words of texts that had to be said, one after the other.
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    pub words: Vec<u8>,
    /// The ids of all entries.
    #[serde(rename = "i", default, skip_serializing_if = "IdColumns::is_empty")]
    pub ids: IdColumns,
}

/// Why columns could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// They refer to something of a frame that did not arrive; the frame will be sent again without references.
    Reference,
    /// They make no sense.
    Malformed(&'static str),
}

/// Writes items of one incarnation, numbers ascending. What `memory` holds may be referred to; what is to be remembered
/// once the frame is really sent comes back with the columns.
pub(crate) fn encode(
    items: &[(u64, &Item)],
    incarnation: Incarnation,
    memory: &Memory,
) -> (Vec<u8>, Learned) {
    let mut columns = Columns::default();
    let mut local = Memory::default();
    let mut tips = Vec::new();
    let mut entries: Vec<(&DocumentId, Entry)> = Vec::new();
    for (n, item) in items {
        match item {
            Item::Record(record) => {
                columns.forms.push(form::RECORD);
                let bytes = ByteBuf::from(record.bytes.clone());
                columns.records.push((record.kind.clone(), record.key.clone(), bytes));
                columns.attached.push(ByteBuf::from(record.attached.clone()));
            }
            Item::Change(change) => {
                let inspection = Inspection::of(change, &Limits::PROTOCOL).ok();
                let known = local.of(&change.doc).or_else(|| memory.of(&change.doc));
                columns.change(*n, change, inspection.as_ref(), incarnation, known, &mut entries);
                if let Some(inspection) = inspection {
                    let tip = Tip::of(&change.doc, *n, change.hash, &inspection);
                    local.note(tip.clone());
                    tips.push(tip);
                }
            }
        }
    }
    if columns.counts.iter().all(|count| *count == 1) {
        columns.counts.clear();
    }
    if columns.attached.iter().all(|attached| attached.is_empty()) {
        columns.attached.clear();
    }
    columns.ids = IdColumns::of(entries.iter().map(|(_, entry)| entry.id.as_str()));
    let texts: Vec<_> = entries.iter().map(|(doc, entry)| (*doc, entry.text.as_str())).collect();
    let (texts, examples) = TextColumns::of(&texts, &memory.examples, &mut columns.words);
    let leans = texts.leans();
    columns.texts = texts;
    let mut bytes = Vec::new();
    body::write(&mut bytes, &columns);
    (bytes, Learned { tips, examples, leans })
}

impl Columns {
    fn change<'a>(
        &mut self,
        n: u64,
        change: &'a Change,
        inspection: Option<&Inspection>,
        incarnation: Incarnation,
        known: Option<&Tip>,
        all: &mut Vec<(&'a DocumentId, Entry)>,
    ) {
        let plain = inspection.filter(|it| it.author == incarnation).and_then(|it| match &it.content {
            Content::Entries { ev, entries } if entries.iter().all(has_no_zero) => Some((it, ev, entries)),
            _ => None,
        });
        let Some((inspection, ev, entries)) = plain else {
            let content = change.content().unwrap_or_default().to_vec();
            self.forms.push(form::RAW);
            let doc = self.doc(&change.doc);
            self.raw.push((doc, ByteBuf::from(content)));
            return;
        };
        self.counts.push(entries.len());
        all.extend(entries.iter().map(|entry| (&change.doc, entry.clone())));
        if let Some(tip) = known.filter(|tip| in_reach(n, tip) && continues(inspection, ev, tip)) {
            self.forms.push(form::NEXT);
            self.back.push(n - tip.n);
            return;
        }
        self.forms.push(form::ENTRIES);
        let (doc, actor) = (self.doc(&change.doc), self.actor(ev.actor));
        let Inspection { seq, start_op, deps, .. } = inspection;
        self.full.push((doc, *seq, *start_op, ev.counter, actor, deps.len()));
        self.deps.extend(deps.iter().flat_map(|dep| dep.0));
    }

    fn doc(&mut self, doc: &DocumentId) -> usize {
        self.docs.iter().position(|known| known == doc.as_str()).unwrap_or_else(|| {
            self.docs.push(doc.as_str().to_owned());
            self.docs.len() - 1
        })
    }

    fn actor(&mut self, actor: Incarnation) -> usize {
        self.actors.iter().position(|known| *known == actor).unwrap_or_else(|| {
            self.actors.push(actor);
            self.actors.len() - 1
        })
    }
}

fn has_no_zero(entry: &Entry) -> bool {
    !entry.id.contains('\0') && !entry.text.contains('\0')
}

fn in_reach(n: u64, tip: &Tip) -> bool {
    tip.n < n && n - tip.n <= REACH
}

/// Whether a change follows from a tip by adding entries and nothing else.
fn continues(change: &Inspection, ev: &ObjectRef, tip: &Tip) -> bool {
    change.deps == [tip.hash] && change.seq == tip.seq + 1 && change.start_op == tip.next_op && *ev == tip.ev
}
