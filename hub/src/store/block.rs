//! A block: about a hundred documents in one zstd frame, each saved whole without compression of its own, so that what
//! they have in common is said once. A change is rebuilt from its document byte by byte; its place in the streams stands
//! beside.

use outpost_sync::{Change, Document, DocumentId, Incarnation};

use super::archive::Place;
use crate::error::HubError;

/// The level of compression: packing happens once and beside the work.
const LEVEL: i32 = 19;
/// The most a block may unpack to.
const BLOCK_BYTES_MAX: usize = 64 << 20;
/// Documents are opened to be read only: nothing is ever written as this author.
pub const READER: Incarnation = Incarnation([0; Incarnation::BYTES]);

/// A block that is being written.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// One document more: name, places of its changes, saved form, each with its length before it.
    pub fn add(&mut self, doc: &DocumentId, places: &[Place], saved: &[u8]) {
        let out = &mut self.0;
        part(out, doc.as_str().as_bytes());
        number(out, places.len() as u64);
        for place in places {
            out.push(place.origin);
            out.extend_from_slice(&place.incarnation.0);
            number(out, place.n);
        }
        part(out, saved);
    }

    /// The block's bytes.
    pub fn finish(self) -> Result<Vec<u8>, HubError> {
        zstd::bulk::compress(&self.0, LEVEL).map_err(|error| HubError::Invariant(error.to_string()))
    }
}

fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Seven bits a byte, the lowest first.
fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads what a [`Writer`] wrote.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn place(&mut self) -> Option<Place> {
        let origin = *self.take(1)?.first()?;
        let incarnation = Incarnation::from_slice(self.take(Incarnation::BYTES)?)?;
        Some(Place { origin, incarnation, n: self.number()? })
    }

    /// The places and the saved form of a document.
    fn document(&mut self, doc: &DocumentId) -> Option<(Vec<Place>, &'a [u8])> {
        while !self.0.is_empty() {
            let name = self.part()?;
            let count = self.number()?;
            let mut places = Vec::new();
            for _ in 0..count {
                places.push(self.place()?);
            }
            let saved = self.part()?;
            if name == doc.as_str().as_bytes() {
                return Some((places, saved));
            }
        }
        None
    }
}

/// The changes of a document in a block, each with its place.
pub fn find(block: &[u8], doc: &DocumentId) -> Result<Vec<(Place, Change)>, HubError> {
    let corrupt = |reason: String| HubError::corrupt("archive_block", doc, reason);
    let plain = unpack(block).ok_or_else(|| corrupt("its block cannot be unpacked".to_owned()))?;
    let found = Reader(&plain).document(doc);
    let (places, saved) = found.ok_or_else(|| corrupt("it is not in its block".to_owned()))?;
    let mut document =
        Document::open(doc.clone(), READER, Some(saved), &[]).map_err(|error| corrupt(error.to_string()))?;
    let changes = document.changes().map_err(|error| corrupt(error.to_string()))?;
    if changes.len() != places.len() {
        return Err(corrupt("places and changes do not match".to_owned()));
    }
    Ok(places.into_iter().zip(changes).collect())
}

/// Unpacks a block. The size it claims is compared with the limit before anything is allocated for it.
fn unpack(block: &[u8]) -> Option<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(block).ok().flatten()?;
    let size = usize::try_from(size).ok().filter(|size| *size <= BLOCK_BYTES_MAX)?;
    zstd::bulk::decompress(block, size).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use outpost_sync::Entry;

    fn packed(documents: usize, events: usize) -> (Vec<DocumentId>, Vec<Vec<Change>>, Vec<u8>) {
        let (mut names, mut all, mut block) = (Vec::new(), Vec::new(), Writer::default());
        for number in 0..documents {
            let doc = DocumentId::new(format!("case/{:032x}", number + 1)).unwrap();
            let author = Incarnation([7; 16]);
            let (mut document, founding) =
                Document::create(doc.clone(), author, "{\"site\":\"berlin-1\"}").unwrap();
            let mut changes = vec![founding];
            for event in 0..events {
                let id = format!("{:032x}.0", rand::random::<u128>());
                let text = format!("{{\"n\":{},\"seen\":0,\"kind\":\"picked\",\"qty\":1}}", event + 1);
                changes.extend(document.append(&[Entry { id, text }]).unwrap());
            }
            let places: Vec<Place> = (0..changes.len() as u64)
                .map(|n| Place { origin: u8::from(n > 0), incarnation: author, n: n + 300 })
                .collect();
            block.add(&doc, &places, &document.save_plain().unwrap());
            names.push(doc);
            all.push(changes);
        }
        (names, all, block.finish().unwrap())
    }

    #[test]
    fn every_change_comes_back_byte_by_byte_and_in_its_place() {
        let (names, all, block) = packed(5, 8);
        for (doc, changes) in names.iter().zip(&all) {
            let back = find(&block, doc).unwrap();
            assert_eq!(
                back.iter().map(|(_, change)| change).collect::<Vec<_>>(),
                changes.iter().collect::<Vec<_>>()
            );
            assert_eq!(back[3].0, Place { origin: 1, incarnation: Incarnation([7; 16]), n: 303 });
        }
        let stranger = DocumentId::new("case/other").unwrap();
        assert!(find(&block, &stranger).is_err());
    }

    #[test]
    fn a_damaged_block_is_an_error_and_never_a_panic() {
        let (names, _, block) = packed(3, 4);
        let plain = unpack(&block).unwrap();
        for length in 0..plain.len() {
            let cut = zstd::bulk::compress(&plain[..length], 1).unwrap();
            assert!(find(&cut, &names[2]).is_err(), "cut at {length}");
        }
        for at in 0..block.len() {
            let mut torn = block.clone();
            torn[at] ^= 0x55;
            // Some bits of a frame carry nothing; whatever is read then is what was written.
            if let Ok(back) = find(&torn, &names[1]) {
                assert_eq!(back.len(), 5);
            }
        }
    }
}
