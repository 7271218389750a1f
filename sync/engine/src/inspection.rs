//! Reading a change without opening its document.
//!
//! Only two kinds of change exist: one that founds a document (the header's text and the empty map of entries) and
//! one that adds entries. Both have exactly one spelling in Automerge's storage format. [`Inspection::of`] reads
//! the few columns that carry meaning and writes the change again from what it understood: only if that gives the
//! same bytes, it is accepted. So nothing can hide in a change (no deletion, overwriting, second map, message or
//! time), and no bytes of a stranger ever reach Automerge's own parser, which panics or explodes on some.

use crate::bytes::{ChangeHash, DocumentId, Incarnation};
use crate::change::Change;
use crate::leb::{self, Reader};
use crate::limits::Limits;

/// One entry of a document: opaque text under an id that is unique in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
}

/// The map of entries, named by the operation that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectRef {
    /// The operation's counter.
    pub counter: u64,
    /// The operation's author.
    pub actor: Incarnation,
}

/// What a change does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// It founds the document with this header.
    Header(String),
    /// It adds entries.
    Entries {
        /// The map they are put into, which must be the one its document was founded with.
        ev: ObjectRef,
        /// The entries, in the order of writing; ids are distinct.
        entries: Vec<Entry>,
    },
}

/// A change, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The replica's incarnation that wrote it.
    pub author: Incarnation,
    /// Its number among the author's changes of this document, from 1.
    pub seq: u64,
    /// The counter of its first operation.
    pub start_op: u64,
    /// The changes it builds on, sorted.
    pub deps: Vec<ChangeHash>,
    /// What it does.
    pub content: Content,
}

/// Why bytes are not an acceptable change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Longer than allowed; nothing was parsed.
    #[error("a change of {found} bytes is too long: allowed are {max}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The bytes end too early, or a length in them lies.
    #[error("the change is truncated")]
    Truncated,
    /// Not one uncompressed change chunk.
    #[error("not an uncompressed change chunk")]
    NotAChange,
    /// The checksum does not fit the content.
    #[error("the change's checksum does not fit its content")]
    Checksum,
    /// A count or length within it is out of its limits.
    #[error("the change's {what} is out of limits: {found}, allowed are {min} to {max}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// What was found.
        found: usize,
        /// The least allowed.
        min: usize,
        /// The most allowed.
        max: usize,
    },
    /// It does something else than founding a document or adding entries, or is spelled differently.
    #[error("the change does more than founding a document or adding entries, or is not in canonical form")]
    NotCanonical,
}

/// Columns of operations, numbered as Automerge's storage format numbers them.
mod column {
    pub const OBJECT_ACTOR: u64 = 0x01;
    pub const OBJECT_COUNTER: u64 = 0x02;
    pub const KEY: u64 = 0x15;
    pub const INSERT: u64 = 0x34;
    pub const ACTION: u64 = 0x42;
    pub const VALUE_META: u64 = 0x56;
    pub const VALUE: u64 = 0x57;
    pub const PREDECESSORS: u64 = 0x70;
}

const ACTION_MAKE_MAP: u64 = 0;
const ACTION_PUT: u64 = 1;
/// The low four bits of a value's metadata: text.
const VALUE_TEXT: u64 = 6;
const HEADER_KEY: &str = "hdr";
const ENTRIES_KEY: &str = "ev";
const COLUMNS_MAX: usize = 8;

impl Inspection {
    /// Reads a change within limits. No input makes it panic, and its cost is linear in the bytes.
    pub fn of(change: &Change, limits: &Limits) -> Result<Self, ChangeError> {
        if change.bytes.len() > limits.change_bytes_max {
            return Err(ChangeError::TooLong { found: change.bytes.len(), max: limits.change_bytes_max });
        }
        let inspection = read(change.content()?, limits)?;
        inspection.check(limits)?;
        let again = inspection.write(change.doc.clone());
        if again.bytes != change.bytes || again.hash != change.hash {
            return Err(ChangeError::NotCanonical);
        }
        Ok(inspection)
    }

    /// Writes the change: the same bytes as Automerge writes for it.
    pub(crate) fn write(&self, doc: DocumentId) -> Change {
        Change::from_content(doc, &write(self))
    }

    /// The counter that follows its last operation.
    pub fn next_op(&self) -> u64 {
        self.start_op + self.content.operations() as u64
    }

    pub(crate) fn check(&self, limits: &Limits) -> Result<(), ChangeError> {
        let within = |what, found, min, max| {
            if found < min || found > max {
                return Err(ChangeError::Limit { what, found, min, max });
            }
            Ok(())
        };
        within("number of dependencies", self.deps.len(), 0, limits.dependencies_max)?;
        match &self.content {
            Content::Header(header) => within("header", header.len(), 1, limits.header_bytes_max)?,
            Content::Entries { entries, .. } => {
                within("number of entries", entries.len(), 1, limits.operations_max)?;
                for entry in entries {
                    within("entry id", entry.id.len(), 1, limits.entry_id_bytes_max)?;
                    within("entry text", entry.text.len(), 1, limits.entry_text_bytes_max)?;
                }
                let mut ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
                ids.sort_unstable();
                if ids.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err(ChangeError::NotCanonical);
                }
            }
        }
        // Automerge counts operations in 32 bits and panics near their end.
        let room = self.start_op >= 1 && self.start_op < u64::from(u32::MAX) - (1 << 20);
        let sorted = self.deps.windows(2).all(|pair| pair[0] < pair[1]);
        let founds = matches!(self.content, Content::Header(_));
        let first = self.seq == 1 && self.start_op == 1 && self.deps.is_empty();
        let seq_in_range = self.seq >= 1 && self.seq < u64::from(u32::MAX);
        if !room || !sorted || !seq_in_range || founds != first {
            return Err(ChangeError::NotCanonical);
        }
        Ok(())
    }
}

impl Content {
    /// How many operations it takes.
    pub fn operations(&self) -> usize {
        match self {
            Self::Header(_) => 2,
            Self::Entries { entries, .. } => entries.len(),
        }
    }
}

fn read(content: &[u8], limits: &Limits) -> Result<Inspection, ChangeError> {
    let mut reader = Reader::new(content);
    let short = || ChangeError::Truncated;
    let count = reader.length().ok_or_else(short)?;
    if count > limits.dependencies_max {
        let max = limits.dependencies_max;
        return Err(ChangeError::Limit { what: "number of dependencies", found: count, min: 0, max });
    }
    let mut deps = Vec::with_capacity(count);
    for _ in 0..count {
        deps.push(ChangeHash(reader.array().ok_or_else(short)?));
    }
    let author = actor(&mut reader)?;
    let seq = reader.unsigned().ok_or_else(short)?;
    let start_op = reader.unsigned().ok_or_else(short)?;
    // Time and message are always empty, so that a change depends on nothing but its content.
    if reader.signed() != Some(0) || reader.unsigned() != Some(0) {
        return Err(ChangeError::NotCanonical);
    }
    let mut actors = vec![author];
    match reader.unsigned().ok_or_else(short)? {
        0 => {}
        1 => actors.push(actor(&mut reader)?),
        _ => return Err(ChangeError::NotCanonical),
    }
    let columns = columns(&mut reader)?;
    let content = operations(&columns, &actors, limits)?;
    Ok(Inspection { author, seq, start_op, deps, content })
}

fn actor(reader: &mut Reader<'_>) -> Result<Incarnation, ChangeError> {
    match reader.unsigned() {
        Some(16) => reader.array().map(Incarnation).ok_or(ChangeError::Truncated),
        Some(_) => Err(ChangeError::NotCanonical),
        None => Err(ChangeError::Truncated),
    }
}

fn columns<'a>(reader: &mut Reader<'a>) -> Result<Vec<(u64, &'a [u8])>, ChangeError> {
    let count = reader.length().ok_or(ChangeError::Truncated)?;
    if count > COLUMNS_MAX {
        return Err(ChangeError::NotCanonical);
    }
    let mut lengths = Vec::with_capacity(count);
    for _ in 0..count {
        let column = reader.unsigned().ok_or(ChangeError::Truncated)?;
        lengths.push((column, reader.length().ok_or(ChangeError::Truncated)?));
    }
    let mut columns = Vec::with_capacity(count);
    for (column, len) in lengths {
        columns.push((column, reader.take(len).ok_or(ChangeError::Truncated)?));
    }
    if reader.is_empty() { Ok(columns) } else { Err(ChangeError::NotCanonical) }
}

fn operations(
    columns: &[(u64, &[u8])],
    actors: &[Incarnation],
    limits: &Limits,
) -> Result<Content, ChangeError> {
    let find = |wanted| columns.iter().find(|(column, _)| *column == wanted).map(|(_, data)| *data);
    let need = |wanted| find(wanted).ok_or(ChangeError::NotCanonical);
    let max = limits.operations_max.max(2);
    let keys = runs(need(column::KEY)?, max, |reader| {
        let bytes = reader.prefixed(limits.entry_id_bytes_max)?;
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    })?;
    let metas = runs(need(column::VALUE_META)?, max, Reader::unsigned)?;
    if keys.len() != metas.len() {
        return Err(ChangeError::NotCanonical);
    }
    let mut values = Reader::new(need(column::VALUE)?);
    let mut text = |meta: u64| {
        let len = usize::try_from(meta >> 4).ok()?;
        std::str::from_utf8(values.take(len)?).ok().map(str::to_owned)
    };
    let Some(object) = find(column::OBJECT_COUNTER) else {
        let header = text(metas[0]).ok_or(ChangeError::NotCanonical)?;
        return Ok(Content::Header(header));
    };
    let first = |data| runs(data, max, Reader::unsigned).map(|values| values[0]);
    let counter = first(object)?;
    let index =
        usize::try_from(first(need(column::OBJECT_ACTOR)?)?).map_err(|_| ChangeError::NotCanonical)?;
    let actor = *actors.get(index).ok_or(ChangeError::NotCanonical)?;
    let mut entries = Vec::with_capacity(keys.len());
    for (id, meta) in keys.into_iter().zip(metas) {
        entries.push(Entry { id, text: text(meta).ok_or(ChangeError::NotCanonical)? });
    }
    Ok(Content::Entries { ev: ObjectRef { counter, actor }, entries })
}

/// Reads a run-length encoded column of at least one and at most `max` values, none of them null.
fn runs<'a, T: Clone>(
    data: &'a [u8],
    max: usize,
    mut value: impl FnMut(&mut Reader<'a>) -> Option<T>,
) -> Result<Vec<T>, ChangeError> {
    let mut reader = Reader::new(data);
    let mut values = Vec::new();
    while !reader.is_empty() {
        let run = reader.signed().ok_or(ChangeError::Truncated)?;
        let len = usize::try_from(run.unsigned_abs()).map_err(|_| ChangeError::NotCanonical)?;
        let found = values.len().saturating_add(len);
        if found > max {
            return Err(ChangeError::Limit { what: "number of operations", found, min: 1, max });
        }
        if run > 0 {
            let one = value(&mut reader).ok_or(ChangeError::NotCanonical)?;
            values.resize(found, one);
        } else if run < 0 {
            for _ in 0..len {
                values.push(value(&mut reader).ok_or(ChangeError::NotCanonical)?);
            }
        } else {
            return Err(ChangeError::NotCanonical);
        }
    }
    if values.is_empty() { Err(ChangeError::NotCanonical) } else { Ok(values) }
}

fn write(inspection: &Inspection) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    leb::write_unsigned(&mut out, inspection.deps.len() as u64);
    for dep in &inspection.deps {
        out.extend_from_slice(&dep.0);
    }
    leb::write_prefixed(&mut out, &inspection.author.0);
    leb::write_unsigned(&mut out, inspection.seq);
    leb::write_unsigned(&mut out, inspection.start_op);
    leb::write_signed(&mut out, 0);
    leb::write_unsigned(&mut out, 0);
    let columns = match &inspection.content {
        Content::Header(header) => {
            leb::write_unsigned(&mut out, 0);
            founding_columns(header)
        }
        Content::Entries { ev, entries } => {
            if ev.actor == inspection.author {
                leb::write_unsigned(&mut out, 0);
                entry_columns(0, ev.counter, entries)
            } else {
                leb::write_unsigned(&mut out, 1);
                leb::write_prefixed(&mut out, &ev.actor.0);
                entry_columns(1, ev.counter, entries)
            }
        }
    };
    leb::write_unsigned(&mut out, columns.len() as u64);
    for (column, data) in &columns {
        leb::write_unsigned(&mut out, *column);
        leb::write_unsigned(&mut out, data.len() as u64);
    }
    for (_, data) in &columns {
        out.extend_from_slice(data);
    }
    out
}

fn founding_columns(header: &str) -> Vec<(u64, Vec<u8>)> {
    let meta = (header.len() as u64) << 4 | VALUE_TEXT;
    vec![
        (column::KEY, key_column([HEADER_KEY, ENTRIES_KEY].into_iter())),
        (column::INSERT, vec![2]),
        (column::ACTION, number_column(&[ACTION_PUT, ACTION_MAKE_MAP])),
        (column::VALUE_META, number_column(&[meta, 0])),
        (column::VALUE, header.as_bytes().to_vec()),
        (column::PREDECESSORS, number_column(&[0, 0])),
    ]
}

fn entry_columns(actor_index: u64, counter: u64, entries: &[Entry]) -> Vec<(u64, Vec<u8>)> {
    let same = |value| number_column(&vec![value; entries.len()]);
    let metas: Vec<u64> = entries.iter().map(|entry| (entry.text.len() as u64) << 4 | VALUE_TEXT).collect();
    let mut insert = Vec::new();
    leb::write_unsigned(&mut insert, entries.len() as u64);
    vec![
        (column::OBJECT_ACTOR, same(actor_index)),
        (column::OBJECT_COUNTER, same(counter)),
        (column::KEY, key_column(entries.iter().map(|entry| entry.id.as_str()))),
        (column::INSERT, insert),
        (column::ACTION, same(ACTION_PUT)),
        (column::VALUE_META, number_column(&metas)),
        (column::VALUE, entries.iter().flat_map(|entry| entry.text.bytes()).collect()),
        (column::PREDECESSORS, same(0)),
    ]
}

/// Keys are distinct, so they are always one literal run.
fn key_column<'a>(keys: impl ExactSizeIterator<Item = &'a str>) -> Vec<u8> {
    let mut out = Vec::new();
    leb::write_signed(&mut out, -(keys.len() as i64));
    for key in keys {
        leb::write_prefixed(&mut out, key.as_bytes());
    }
    out
}

/// Runs of equal values are counted, values that stand alone are written as literal runs.
fn number_column(values: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut literal: Vec<u64> = Vec::new();
    let flush = |literal: &mut Vec<u64>, out: &mut Vec<u8>| {
        if !literal.is_empty() {
            leb::write_signed(out, -(literal.len() as i64));
            literal.drain(..).for_each(|value| leb::write_unsigned(out, value));
        }
    };
    for run in values.chunk_by(|a, b| a == b) {
        if run.len() == 1 {
            literal.push(run[0]);
        } else {
            flush(&mut literal, &mut out);
            leb::write_signed(&mut out, run.len() as i64);
            leb::write_unsigned(&mut out, run[0]);
        }
    }
    flush(&mut literal, &mut out);
    out
}
