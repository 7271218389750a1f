//! A change: what one replica added to one document, as Automerge's bytes.

use sha2::{Digest as _, Sha256};

use crate::bytes::{ChangeHash, DocumentId};
use crate::inspection::ChangeError;
use crate::leb::{self, Reader};
use crate::limits::Limits;

/// The first four bytes of every chunk of Automerge's storage format.
pub(crate) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// The chunk type of an uncompressed change; our changes are never written in any other form.
const CHUNK_CHANGE: u8 = 1;

/// One change of one document: an uncompressed change chunk of Automerge's storage format, and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The document it belongs to.
    pub doc: DocumentId,
    /// Its hash.
    pub hash: ChangeHash,
    /// Its bytes, header included.
    pub bytes: Vec<u8>,
}

impl Change {
    /// Takes bytes as a change of a document: the frame around the content is checked, the content is not
    /// ([`Inspection::of`](crate::Inspection::of) does that).
    pub fn from_bytes(doc: DocumentId, bytes: Vec<u8>) -> Result<Self, ChangeError> {
        let content = content(&bytes, &Limits::PROTOCOL)?;
        let hash = hash(content);
        if bytes[4..8] != hash.0[..4] {
            return Err(ChangeError::Checksum);
        }
        Ok(Self { doc, hash, bytes })
    }

    /// The changes it builds on, read from its first bytes; the rest is not looked at.
    pub fn deps(&self) -> Result<Vec<ChangeHash>, ChangeError> {
        let mut reader = Reader::new(self.content()?);
        let count = reader.length().ok_or(ChangeError::Truncated)?;
        if count > Limits::PROTOCOL.dependencies_max {
            let max = Limits::PROTOCOL.dependencies_max;
            return Err(ChangeError::Limit { what: "number of dependencies", found: count, min: 0, max });
        }
        let hashes = (0..count).map(|_| reader.array().map(ChangeHash).ok_or(ChangeError::Truncated));
        hashes.collect()
    }

    /// Puts Automerge's header before a change's content.
    pub(crate) fn from_content(doc: DocumentId, content: &[u8]) -> Self {
        let hash = hash(content);
        let mut bytes = Vec::with_capacity(content.len() + 12);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&hash.0[..4]);
        bytes.push(CHUNK_CHANGE);
        leb::write_prefixed(&mut bytes, content);
        Self { doc, hash, bytes }
    }

    /// What stands after the header.
    pub(crate) fn content(&self) -> Result<&[u8], ChangeError> {
        content(&self.bytes, &Limits::PROTOCOL)
    }
}

fn content<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a [u8], ChangeError> {
    if bytes.len() > limits.change_bytes_max {
        return Err(ChangeError::TooLong { found: bytes.len(), max: limits.change_bytes_max });
    }
    let mut reader = Reader::new(bytes);
    let magic: [u8; 4] = reader.array().ok_or(ChangeError::Truncated)?;
    reader.take(4).ok_or(ChangeError::Truncated)?;
    let chunk = reader.byte().ok_or(ChangeError::Truncated)?;
    if magic != MAGIC || chunk != CHUNK_CHANGE {
        return Err(ChangeError::NotAChange);
    }
    let content = reader.prefixed(bytes.len()).ok_or(ChangeError::Truncated)?;
    if reader.is_empty() { Ok(content) } else { Err(ChangeError::NotAChange) }
}

fn hash(content: &[u8]) -> ChangeHash {
    let mut header = vec![CHUNK_CHANGE];
    leb::write_unsigned(&mut header, content.len() as u64);
    ChangeHash(Sha256::new().chain_update(&header).chain_update(content).finalize().into())
}
