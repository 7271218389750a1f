//! Writes changes by hand, with checksums that are right, so that nothing but their content can give them away.
#![allow(dead_code)]

use outpost_sync::{Change, ChangeError, DocumentId, Incarnation};

/// A change in parts; the default is one that a document would write.
#[derive(Clone)]
pub struct Forged {
    pub deps: Vec<[u8; 32]>,
    pub author: Vec<u8>,
    pub seq: u64,
    pub start_op: u64,
    pub time: i64,
    pub message: Vec<u8>,
    pub actors: Vec<Vec<u8>>,
    pub columns: Vec<(u64, Vec<u8>)>,
    pub tail: Vec<u8>,
}

pub const AUTHOR: Incarnation = Incarnation([0xa1; 16]);
pub const OTHER: Incarnation = Incarnation([0xb2; 16]);

impl Forged {
    /// Entries put into the `ev` that operation 2 of [`AUTHOR`] made.
    pub fn entries(entries: &[(&str, &str)]) -> Self {
        let count = entries.len() as u64;
        let keys: Vec<u8> = entries.iter().flat_map(|(key, _)| prefixed(key.as_bytes())).collect();
        let metas: Vec<u8> = entries.iter().flat_map(|(_, text)| leb((text.len() as u64) << 4 | 6)).collect();
        let texts: Vec<u8> = entries.iter().flat_map(|(_, text)| text.bytes()).collect();
        let columns = vec![
            (0x01, same(count, 0)),
            (0x02, same(count, 2)),
            (0x15, literal(entries.len(), &keys)),
            (0x34, leb(count)),
            (0x42, same(count, 1)),
            (0x56, literal(entries.len(), &metas)),
            (0x57, texts),
            (0x70, same(count, 0)),
        ];
        Self {
            deps: Vec::new(),
            author: AUTHOR.0.to_vec(),
            seq: 2,
            start_op: 3,
            time: 0,
            message: Vec::new(),
            actors: Vec::new(),
            columns,
            tail: Vec::new(),
        }
    }

    pub fn one() -> Self {
        Self::entries(&[("e", "t")])
    }

    /// The founding change with this header.
    pub fn founding(header: &str) -> Self {
        let keys = [prefixed(b"hdr"), prefixed(b"ev")].concat();
        let metas = [leb((header.len() as u64) << 4 | 6), leb(0)].concat();
        let columns = vec![
            (0x15, literal(2, &keys)),
            (0x34, vec![2]),
            (0x42, literal(2, &[1, 0])),
            (0x56, literal(2, &metas)),
            (0x57, header.as_bytes().to_vec()),
            (0x70, same(2, 0)),
        ];
        Self { seq: 1, start_op: 1, columns, ..Self::one() }
    }

    /// Another column's data.
    pub fn with(mut self, column: u64, data: Vec<u8>) -> Self {
        self.columns.iter_mut().filter(|(id, _)| *id == column).for_each(|(_, old)| *old = data.clone());
        self
    }

    pub fn without(mut self, column: u64) -> Self {
        self.columns.retain(|(id, _)| *id != column);
        self
    }

    pub fn content(&self) -> Vec<u8> {
        let mut out = leb(self.deps.len() as u64);
        self.deps.iter().for_each(|dep| out.extend_from_slice(dep));
        out.extend(prefixed(&self.author));
        out.extend(leb(self.seq));
        out.extend(leb(self.start_op));
        out.extend(signed(self.time));
        out.extend(prefixed(&self.message));
        out.extend(leb(self.actors.len() as u64));
        self.actors.iter().for_each(|actor| out.extend(prefixed(actor)));
        out.extend(leb(self.columns.len() as u64));
        for (id, data) in &self.columns {
            out.extend(leb(*id));
            out.extend(leb(data.len() as u64));
        }
        self.columns.iter().for_each(|(_, data)| out.extend_from_slice(data));
        out.extend_from_slice(&self.tail);
        out
    }

    pub fn change(&self, doc: &str) -> Change {
        change(doc, 1, &self.content()).unwrap()
    }
}

/// A chunk of any type with the right checksum, taken as a change.
pub fn change(doc: &str, chunk: u8, content: &[u8]) -> Result<Change, ChangeError> {
    Change::from_bytes(DocumentId::new(doc).unwrap(), chunk_of(chunk, content))
}

pub fn chunk_of(chunk: u8, content: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    let mut hashed = vec![chunk];
    hashed.extend(prefixed(content));
    let hash = sha2::Sha256::digest(&hashed);
    let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83];
    bytes.extend_from_slice(&hash[..4]);
    bytes.extend(hashed);
    bytes
}

pub fn leb(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

pub fn signed(mut value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

pub fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [leb(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A run of equal numbers as Automerge writes it.
pub fn same(count: u64, value: u64) -> Vec<u8> {
    let run = if count == 1 { signed(-1) } else { signed(count as i64) };
    [run, leb(value)].concat()
}

/// A literal run of values that are spelled already.
pub fn literal(count: usize, values: &[u8]) -> Vec<u8> {
    [signed(-(count as i64)), values.to_vec()].concat()
}
