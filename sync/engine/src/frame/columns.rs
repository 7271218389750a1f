//! The compact form of items in a frame: one column per kind of value, so that like lies beside like.
//!
//! A change is written in the first of three forms that fits it. *Next*: it continues the newest change of its
//! document in this stream; only the distance to that one and its entries are written. *Entries*: all fields, but
//! not the author (who is the frame's incarnation) and none of Automerge's columns. *Raw*: its bytes without
//! header. From each the reader rebuilds the very same bytes.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::body;
use super::ids::{IdColumns, terminated};
use super::memory::{Memory, REACH, Tip};
use crate::bytes::{ChangeHash, DocumentId, Incarnation};
use crate::change::Change;
use crate::inspection::{Content, Entry, Inspection, ObjectRef};
use crate::item::{Item, Record};
use crate::limits::Limits;

mod form {
    pub const RECORD: u8 = 0;
    pub const RAW: u8 = 1;
    pub const ENTRIES: u8 = 2;
    pub const NEXT: u8 = 3;
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Columns {
    /// The form of every item.
    #[serde(rename = "k", with = "serde_bytes")]
    forms: Vec<u8>,
    /// The names of documents that raw changes and those with all fields belong to.
    #[serde(rename = "d")]
    docs: Vec<String>,
    /// Authors of maps of entries.
    #[serde(rename = "a")]
    actors: Vec<Incarnation>,
    /// Raw: document (index into `d`), content.
    #[serde(rename = "w")]
    raw: Vec<(usize, ByteBuf)>,
    /// Entries: document, seq, first operation, the map's counter and author (index into `a`), how many deps.
    #[serde(rename = "e")]
    full: Vec<(usize, u64, u64, u64, usize, usize)>,
    /// The dependencies of all those, 32 bytes each.
    #[serde(rename = "h", with = "serde_bytes")]
    deps: Vec<u8>,
    /// Next: how many positions back the change stands that it continues.
    #[serde(rename = "p")]
    back: Vec<u64>,
    /// Entries and next: how many entries. Absent when every change has one.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<usize>,
    #[serde(rename = "i")]
    ids: IdColumns,
    /// The texts of all entries, each closed by a zero byte.
    #[serde(rename = "x", with = "serde_bytes")]
    texts: Vec<u8>,
    /// Records: kind, key, content.
    #[serde(rename = "r")]
    records: Vec<(String, String, ByteBuf)>,
}

/// Why columns could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// They refer to a change of a frame that did not arrive; the frame will be sent again without references.
    Reference,
    /// They make no sense.
    Malformed(&'static str),
}

/// Writes items of one incarnation, numbers ascending. What `memory` holds may be referred to; the tips to remember
/// once the frame is really sent come back with the columns.
pub(crate) fn encode(
    items: &[(u64, &Item)],
    incarnation: Incarnation,
    memory: &Memory,
) -> (Vec<u8>, Vec<Tip>) {
    let mut columns = Columns::default();
    let mut local = Memory::default();
    let mut tips = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    for (n, item) in items {
        match item {
            Item::Record(record) => {
                columns.forms.push(form::RECORD);
                let bytes = ByteBuf::from(record.bytes.clone());
                columns.records.push((record.kind.clone(), record.key.clone(), bytes));
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
    columns.ids = IdColumns::of(entries.iter());
    for entry in &entries {
        columns.texts.extend_from_slice(entry.text.as_bytes());
        columns.texts.push(0);
    }
    let mut bytes = Vec::new();
    body::write(&mut bytes, &columns);
    (bytes, tips)
}

impl Columns {
    fn change(
        &mut self,
        n: u64,
        change: &Change,
        inspection: Option<&Inspection>,
        incarnation: Incarnation,
        known: Option<&Tip>,
        all: &mut Vec<Entry>,
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
        all.extend(entries.iter().cloned());
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

/// Reads the items at `numbers` back. `memory` is what frames before this one left; the tips to remember come back
/// with the items.
pub(crate) fn decode(
    bytes: &[u8],
    numbers: &[u64],
    incarnation: Incarnation,
    memory: &Memory,
) -> Result<(Vec<Item>, Vec<Tip>), Unreadable> {
    let columns: Columns = body::read(bytes).ok_or(Unreadable::Malformed("its columns are not readable"))?;
    if columns.forms.len() != numbers.len() {
        return Err(Unreadable::Malformed("its columns hold another number of items than it says"));
    }
    let changes = columns.full.len() + columns.back.len();
    let counts = if columns.counts.is_empty() { vec![1; changes] } else { columns.counts.clone() };
    let total = counts.iter().try_fold(0usize, |sum, count| sum.checked_add(*count));
    let texts = total.and_then(|total| terminated(&columns.texts, total));
    let texts = texts.ok_or(Unreadable::Malformed("its texts are not as many as its entries"))?;
    let ids = columns.ids.read(texts.len());
    let ids = ids.ok_or(Unreadable::Malformed("its ids are not as many as its entries"))?;
    let entries =
        ids.into_iter().zip(texts).map(|(id, text)| Entry { id, text: text.to_owned() }).collect::<Vec<_>>();
    let mut reading = Reading {
        incarnation,
        memory,
        local: Memory::default(),
        tips: Vec::new(),
        docs: columns.docs.iter().map(|doc| DocumentId::new(doc.as_str()).ok()).collect(),
        actors: columns.actors,
        raw: columns.raw.into_iter(),
        full: columns.full.into_iter(),
        deps: columns.deps.chunks(32),
        back: columns.back.into_iter(),
        counts: counts.into_iter(),
        entries: entries.into_iter(),
        records: columns.records.into_iter(),
    };
    let mut items = Vec::with_capacity(numbers.len());
    for (form, n) in columns.forms.iter().zip(numbers) {
        items.push(reading.item(*form, *n)?);
    }
    if !reading.is_used_up() {
        return Err(Unreadable::Malformed("its columns hold more than its items need"));
    }
    Ok((items, reading.tips))
}

struct Reading<'a> {
    incarnation: Incarnation,
    memory: &'a Memory,
    local: Memory,
    tips: Vec<Tip>,
    docs: Vec<Option<DocumentId>>,
    actors: Vec<Incarnation>,
    raw: std::vec::IntoIter<(usize, ByteBuf)>,
    full: std::vec::IntoIter<(usize, u64, u64, u64, usize, usize)>,
    deps: std::slice::Chunks<'a, u8>,
    back: std::vec::IntoIter<u64>,
    counts: std::vec::IntoIter<usize>,
    entries: std::vec::IntoIter<Entry>,
    records: std::vec::IntoIter<(String, String, ByteBuf)>,
}

impl Reading<'_> {
    fn item(&mut self, form: u8, n: u64) -> Result<Item, Unreadable> {
        let short = Unreadable::Malformed("a column is too short");
        match form {
            form::RECORD => {
                let (kind, key, bytes) = self.records.next().ok_or(short)?;
                let record = Record { kind, key, bytes: bytes.into_vec() };
                record
                    .check(&Limits::PROTOCOL)
                    .map_err(|_| Unreadable::Malformed("a record is out of limits"))?;
                Ok(Item::Record(record))
            }
            form::RAW => {
                let (doc, content) = self.raw.next().ok_or(short)?;
                let change = Change::from_content(self.doc(doc)?, &content);
                if let Ok(inspection) = Inspection::of(&change, &Limits::PROTOCOL) {
                    self.note(n, &change, &inspection);
                }
                Ok(Item::Change(change))
            }
            form::ENTRIES | form::NEXT => {
                let (doc, inspection) = match form {
                    form::NEXT => self.next(n)?,
                    _ => self.entries()?,
                };
                inspection
                    .check(&Limits::PROTOCOL)
                    .map_err(|_| Unreadable::Malformed("a change is out of limits"))?;
                let change = inspection.write(doc);
                self.note(n, &change, &inspection);
                Ok(Item::Change(change))
            }
            _ => Err(Unreadable::Malformed("an item has an unknown form")),
        }
    }

    fn next(&mut self, n: u64) -> Result<(DocumentId, Inspection), Unreadable> {
        let back = self.back.next().ok_or(Unreadable::Malformed("a column is too short"))?;
        let at = n.checked_sub(back).filter(|_| back > 0);
        let at = at.ok_or(Unreadable::Malformed("a change continues one that cannot be"))?;
        let tip = self.local.at(at).or_else(|| self.memory.at(at)).ok_or(Unreadable::Reference)?.clone();
        let content = Content::Entries { ev: tip.ev, entries: self.take_entries()? };
        let (seq, start_op, deps) = (tip.seq + 1, tip.next_op, vec![tip.hash]);
        Ok((tip.doc, Inspection { author: self.incarnation, seq, start_op, deps, content }))
    }

    fn entries(&mut self) -> Result<(DocumentId, Inspection), Unreadable> {
        let short = Unreadable::Malformed("a column is too short");
        let (doc, seq, start_op, counter, actor, count) = self.full.next().ok_or(short.clone())?;
        let doc = self.doc(doc)?;
        let actor = *self.actors.get(actor).ok_or(short.clone())?;
        if count > Limits::PROTOCOL.dependencies_max {
            return Err(Unreadable::Malformed("a change has too many dependencies"));
        }
        let mut deps = Vec::with_capacity(count);
        for _ in 0..count {
            let dep = self.deps.next().and_then(ChangeHash::from_slice);
            deps.push(dep.ok_or(short.clone())?);
        }
        let content = Content::Entries { ev: ObjectRef { counter, actor }, entries: self.take_entries()? };
        Ok((doc, Inspection { author: self.incarnation, seq, start_op, deps, content }))
    }

    fn take_entries(&mut self) -> Result<Vec<Entry>, Unreadable> {
        let count = self.counts.next().ok_or(Unreadable::Malformed("a column is too short"))?;
        Ok(self.entries.by_ref().take(count).collect())
    }

    fn doc(&self, index: usize) -> Result<DocumentId, Unreadable> {
        let doc = self.docs.get(index).cloned().flatten();
        doc.ok_or(Unreadable::Malformed("a document's name is missing or malformed"))
    }

    fn note(&mut self, n: u64, change: &Change, inspection: &Inspection) {
        let tip = Tip::of(&change.doc, n, change.hash, inspection);
        self.local.note(tip.clone());
        self.tips.push(tip);
    }

    fn is_used_up(&self) -> bool {
        let sizes = [self.raw.len(), self.full.len(), self.deps.len(), self.back.len(), self.counts.len()];
        sizes.iter().all(|left| *left == 0) && self.entries.len() == 0 && self.records.len() == 0
    }
}
