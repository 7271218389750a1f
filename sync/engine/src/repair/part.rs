//! Changes of several documents in one part, and a part in as many fragments as frames ask for.

use std::collections::BTreeMap;

use serde_bytes::{ByteArray, ByteBuf};

use super::{Authors, Document, Standing};
use crate::bytes::{DocumentId, Incarnation};
use crate::change::Change;
use crate::frame::repair::Part;
use crate::frame::{body, packing};
use crate::settings::Settings;

/// What of a frame is not a fragment: envelope, head, keys, signature.
const FRAME_BYTES_BESIDE: usize = 512;
/// However small frames get, a fragment has at least so many bytes.
const FRAGMENT_BYTES_MIN: usize = 256;
/// The most documents in one part.
const DOCUMENTS_MAX: usize = 1_024;

/// Name, standing, authors, those of them that were the reader's, changes.
type Row = (String, u8, Authors, Vec<Incarnation>, Vec<ByteBuf>);

/// Packs documents.
pub(super) fn pack(documents: &[Document], settings: &Settings) -> Vec<u8> {
    let rows: Vec<Row> = documents
        .iter()
        .map(|document| {
            let changes = document.changes.iter().map(|change| ByteBuf::from(change.bytes.clone()));
            let standing = document.standing as u8;
            let (authors, past) = (document.authors.clone(), document.past.clone());
            (document.doc.to_string(), standing, authors, past, changes.collect())
        })
        .collect();
    let mut bytes = Vec::new();
    body::write(&mut bytes, &rows);
    // Compressing in memory fails only without memory; an empty part is refused and asked for again.
    packing::compress(&bytes, settings.compression_level).unwrap_or_default()
}

/// Unpacks documents; nothing when they make no sense or are out of limits.
pub(super) fn unpack(packed: &[u8]) -> Option<Vec<Document>> {
    let max = Settings::INFLATED_BYTES_LIMIT;
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten()?;
    let size = usize::try_from(size).ok().filter(|size| *size <= max)?;
    let bytes = packing::decompress(packed, size).ok()?;
    let rows: Vec<Row> = body::read(&bytes)?;
    if rows.len() > DOCUMENTS_MAX {
        return None;
    }
    rows.into_iter().map(document).collect()
}

fn document((doc, standing, authors, past, changes): Row) -> Option<Document> {
    let doc = DocumentId::new(doc).ok()?;
    let changes = changes.into_iter().map(|bytes| Change::from_bytes(doc.clone(), bytes.into_vec()).ok());
    let changes = changes.collect::<Option<_>>()?;
    Some(Document { doc, standing: Standing::of(standing)?, authors, past, changes })
}

fn hash(packed: &[u8]) -> ByteArray<16> {
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(packed).as_bytes()[..16]);
    ByteArray::new(half)
}

/// Cuts a part into fragments that fit frames, from `from` on when that belongs to these bytes, else all of it.
pub(super) fn fragments(
    packed: &[u8],
    question: u64,
    frame_bytes_max: usize,
    from: Option<(u64, [u8; 16])>,
) -> Vec<Part> {
    let hash = hash(packed);
    let start = match from {
        Some((from, of)) if of == *hash => usize::try_from(from).unwrap_or(0).min(packed.len()),
        _ => 0,
    };
    let size = frame_bytes_max.saturating_sub(FRAME_BYTES_BESIDE).max(FRAGMENT_BYTES_MIN);
    let length = packed.len() as u64;
    packed[start..]
        .chunks(size)
        .zip((start as u64..).step_by(size))
        .map(|(bytes, from)| Part { question, length, hash, from, bytes: bytes.to_vec() })
        .collect()
}

/// The fragments of one part that have arrived.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    question: u64,
    length: usize,
    hash: [u8; 16],
    fragments: BTreeMap<usize, Vec<u8>>,
}

impl Assembly {
    /// Takes a fragment in; gives the part when it is whole.
    pub(super) fn take(&mut self, part: Part) -> Option<Vec<u8>> {
        let (length, from) = (usize::try_from(part.length).ok()?, usize::try_from(part.from).ok()?);
        let fits = from.checked_add(part.bytes.len()).is_some_and(|end| end <= length);
        if length > Settings::INFLATED_BYTES_LIMIT || part.bytes.is_empty() || !fits {
            return None;
        }
        if (self.question, self.length, self.hash) != (part.question, length, *part.hash) {
            *self = Self { question: part.question, length, hash: *part.hash, fragments: BTreeMap::new() };
        }
        // Fragments that were cut differently overlap: of two that begin alike the longer one is kept.
        let kept = self.fragments.entry(from).or_default();
        if kept.len() < part.bytes.len() {
            *kept = part.bytes;
        }
        let kept: usize = self.fragments.values().map(Vec::len).sum();
        if kept > 2 * length {
            self.fragments.clear();
        }
        if self.through() < length {
            return None;
        }
        let whole = self.join();
        *self = Self::default();
        (*hash(&whole) == *part.hash).then_some(whole)
    }

    /// Everything before this byte is here.
    fn through(&self) -> usize {
        let mut at = 0;
        for (from, bytes) in &self.fragments {
            if *from > at {
                break;
            }
            at = at.max(from + bytes.len());
        }
        at
    }

    fn join(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.length);
        for (from, bytes) in &self.fragments {
            let known = whole.len().saturating_sub(*from).min(bytes.len());
            whole.extend_from_slice(&bytes[known..]);
        }
        whole
    }

    /// What a repeated question says: from where on, and of which bytes.
    pub(super) fn wanted(&self) -> Option<(u64, [u8; 16])> {
        let through = self.through();
        (through > 0).then_some((through as u64, self.hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n * 31 % 251) as u8).collect()
    }

    fn parts(packed: &[u8], frame: usize) -> Vec<Part> {
        fragments(packed, 1, frame, None)
    }

    #[test]
    fn a_part_is_joined_from_fragments_in_any_order_and_of_any_cut() {
        let whole = packed(10_000);
        let mut assembly = Assembly::default();
        let (fine, coarse) = (parts(&whole, 1_024), parts(&whole, 3_000));
        assert_eq!((fine.len(), coarse.len()), (20, 5));
        for part in fine.iter().rev().step_by(2).cloned() {
            assert_eq!(assembly.take(part), None);
        }
        let joined = coarse.into_iter().find_map(|part| assembly.take(part));
        assert_eq!(joined, Some(whole));
    }

    #[test]
    fn a_repeated_question_gets_only_what_is_missing() {
        let whole = packed(5_000);
        let mut assembly = Assembly::default();
        for part in parts(&whole, 1_024).into_iter().take(3) {
            assembly.take(part);
        }
        assert_eq!(fragments(&whole, 1, 1_024, assembly.wanted()).len(), 7);
        // Other bytes have taken the place of those that were begun: all of them are needed.
        assert_eq!(fragments(&packed(5_001), 1, 1_024, assembly.wanted()).len(), 10);
    }

    #[test]
    fn lies_about_lengths_and_places_are_ignored() {
        let whole = packed(2_000);
        let mut assembly = Assembly::default();
        let good = parts(&whole, 1_024);
        let with = |change: fn(&mut Part)| {
            let mut part = good[0].clone();
            change(&mut part);
            part
        };
        assert_eq!(assembly.take(with(|part| part.length = u64::MAX)), None);
        let beyond = |part: &mut Part| part.length = Settings::INFLATED_BYTES_LIMIT as u64 + 1;
        assert_eq!(assembly.take(with(beyond)), None);
        assert_eq!(assembly.take(with(|part| part.from = u64::MAX - 3)), None);
        assert_eq!(assembly.take(with(|part| part.from = 1_900)), None);
        assert_eq!(assembly.take(with(|part| part.length = 1 << 40)), None);
        assert_eq!(assembly.wanted(), None, "nothing of them was kept");
        let joined = good.into_iter().find_map(|part| assembly.take(part));
        assert_eq!(joined, Some(whole));
    }

    #[test]
    fn a_part_unpacks_to_its_limit_and_not_a_byte_further() {
        let settings = Settings::default();
        let bomb = zstd::bulk::compress(&vec![0; Settings::INFLATED_BYTES_LIMIT + 1], 1).unwrap();
        assert_eq!(unpack(&bomb), None);
        assert_eq!(unpack(b"nonsense"), None);
        assert_eq!(unpack(&pack(&[], &settings)), Some(Vec::new()));
    }
}
