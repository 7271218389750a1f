//! Columns read back into items.

use std::collections::HashMap;

use serde_bytes::ByteBuf;

use super::body;
use super::columns::{Columns, Unreadable, form};
use super::memory::{Learned, Memory, Tip};
use super::texts::Numbered;
use crate::bytes::{ChangeHash, DocumentId, Incarnation};
use crate::change::Change;
use crate::inspection::{Content, Entry, Inspection, ObjectRef};
use crate::item::{Item, Record};
use crate::limits::Limits;

/// Reads the items at `numbers` back. `memory` is what frames before this one left; what is to be remembered comes back
/// with the items. The texts have at most `texts_max` bytes together. What makes no sense with the examples remembered
/// here is judged when it comes again without references.
pub(crate) fn decode(
    bytes: &[u8],
    numbers: &[u64],
    incarnation: Incarnation,
    memory: &Memory,
    texts_max: usize,
) -> Result<(Vec<Item>, Learned), Unreadable> {
    let columns: Columns = body::read(bytes).ok_or(Unreadable::Malformed("its columns are not readable"))?;
    let leans = columns.texts.leans();
    let read = items(columns, numbers, incarnation, memory, texts_max);
    let (items, tips, examples) = read.map_err(|unreadable| match leans {
        true => Unreadable::Reference,
        false => unreadable,
    })?;
    Ok((items, Learned { tips, examples, leans }))
}

fn items(
    columns: Columns,
    numbers: &[u64],
    incarnation: Incarnation,
    memory: &Memory,
    texts_max: usize,
) -> Result<(Vec<Item>, Vec<Tip>, Numbered), Unreadable> {
    if columns.forms.len() != numbers.len() {
        return Err(Unreadable::Malformed("its columns hold another number of items than it says"));
    }
    let changes = columns.full.len() + columns.back.len();
    let counts = if columns.counts.is_empty() { vec![1; changes] } else { columns.counts.clone() };
    if counts.len() != changes || counts.iter().any(|count| *count > Limits::PROTOCOL.operations_max) {
        return Err(Unreadable::Malformed("its counts of entries do not fit"));
    }
    let names: Vec<_> = columns.docs.iter().map(|doc| DocumentId::new(doc.as_str()).ok()).collect();
    let docs = documents(&columns, numbers, &names, memory)?;
    let docs: Vec<&DocumentId> =
        docs.into_iter().zip(&counts).flat_map(|(doc, count)| std::iter::repeat_n(doc, *count)).collect();
    let (texts, examples) = columns.texts.read(&docs, &columns.words, &memory.examples, texts_max)?;
    let ids = columns.ids.read(texts.len());
    let ids = ids.ok_or(Unreadable::Malformed("its ids are not as many as its entries"))?;
    let entries = ids.into_iter().zip(texts).map(|(id, text)| Entry { id, text }).collect::<Vec<_>>();
    let attaches = !columns.attached.is_empty();
    let mut reading = Reading {
        incarnation,
        memory,
        local: Memory::default(),
        tips: Vec::new(),
        actors: columns.actors,
        raw: columns.raw.into_iter(),
        full: columns.full.into_iter(),
        deps: columns.deps.chunks(32),
        back: columns.back.into_iter(),
        counts: counts.into_iter(),
        entries: entries.into_iter(),
        records: columns.records.into_iter(),
        attached: columns.attached.into_iter(),
        attaches,
        docs: names,
    };
    let mut items = Vec::with_capacity(numbers.len());
    for (form, n) in columns.forms.iter().zip(numbers) {
        items.push(reading.item(*form, *n)?);
    }
    if !reading.is_used_up() {
        return Err(Unreadable::Malformed("its columns hold more than its items need"));
    }
    Ok((items, reading.tips, examples))
}

/// The document of every change that has entries, in their order: texts may refer to its name.
fn documents<'a>(
    columns: &Columns,
    numbers: &[u64],
    names: &'a [Option<DocumentId>],
    memory: &'a Memory,
) -> Result<Vec<&'a DocumentId>, Unreadable> {
    let malformed = Unreadable::Malformed("a document's name is missing or malformed");
    let (mut raw, mut full, mut back) = (columns.raw.iter(), columns.full.iter(), columns.back.iter());
    let mut here: HashMap<u64, &DocumentId> = HashMap::new();
    let mut all = Vec::new();
    for (form, n) in columns.forms.iter().zip(numbers) {
        let named = match *form {
            form::RAW => raw.next().map(|(doc, _)| *doc),
            form::ENTRIES => full.next().map(|(doc, ..)| *doc),
            form::NEXT => {
                let at = back.next().and_then(|back| n.checked_sub(*back)).ok_or(malformed.clone())?;
                let there = || memory.at(at).map(|tip| &tip.doc);
                let doc = here.get(&at).copied().or_else(there).ok_or(Unreadable::Reference)?;
                here.insert(*n, doc);
                all.push(doc);
                continue;
            }
            _ => continue,
        };
        let doc = named.and_then(|named| names.get(named)?.as_ref()).ok_or(malformed.clone())?;
        here.insert(*n, doc);
        if *form == form::ENTRIES {
            all.push(doc);
        }
    }
    Ok(all)
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
    attached: std::vec::IntoIter<ByteBuf>,
    /// Whether every record has something attached, if only nothing.
    attaches: bool,
}

impl Reading<'_> {
    fn item(&mut self, form: u8, n: u64) -> Result<Item, Unreadable> {
        let short = Unreadable::Malformed("a column is too short");
        match form {
            form::RECORD => {
                let (kind, key, bytes) = self.records.next().ok_or(short.clone())?;
                let attached = match self.attaches {
                    true => self.attached.next().ok_or(short)?.into_vec(),
                    false => Vec::new(),
                };
                let record = Record { kind, key, bytes: bytes.into_vec(), attached };
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
        let records = [self.records.len(), self.attached.len()];
        sizes.iter().chain(&records).all(|left| *left == 0) && self.entries.len() == 0
    }
}
