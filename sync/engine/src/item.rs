//! What a position of a stream carries, and positions themselves.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::bytes::{Digest, DocumentId, Incarnation, Running};
use crate::change::Change;
use crate::limits::Limits;

/// One piece of data on its way beside the documents: a person's name and address, the bytes of a label, a part
/// of the product list. The engine knows nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is, in the words of the two applications.
    pub kind: String,
    /// Which one it is among its kind.
    pub key: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// What travels with it and is no part of the stream: no digest covers it, only the signature of the frame, so
    /// that it can be left out when its time has come. Empty when there is nothing, or nothing any more.
    pub attached: Vec<u8>,
}

/// Why a record cannot travel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Its content is too long.
    #[error("a record of {found} bytes is too long: allowed are {max}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
        /// The longest allowed.
        max: usize,
    },
    /// What is attached to it is too long.
    #[error("{found} bytes are attached to a record: allowed are {max}")]
    Attached {
        /// How many bytes are attached.
        found: usize,
        /// The most allowed.
        max: usize,
    },
    /// Its kind or key is empty or too long.
    #[error("a record's kind and key have 1 to {max} and 0 to {max} bytes")]
    Name {
        /// The longest allowed.
        max: usize,
    },
}

impl Record {
    /// A record with nothing attached.
    pub fn new(kind: impl Into<String>, key: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { kind: kind.into(), key: key.into(), bytes, attached: Vec::new() }
    }

    /// Checks the record against the limits of the protocol; both sides do.
    pub fn check(&self, limits: &Limits) -> Result<(), RecordError> {
        let max = limits.record_name_bytes_max;
        if self.kind.is_empty() || self.kind.len() > max || self.key.len() > max {
            return Err(RecordError::Name { max });
        }
        if self.bytes.len() > limits.record_bytes_max {
            return Err(RecordError::TooLong { found: self.bytes.len(), max: limits.record_bytes_max });
        }
        let (found, max) = (self.attached.len(), limits.record_attached_bytes_max);
        if found > max {
            return Err(RecordError::Attached { found, max });
        }
        Ok(())
    }
}

/// What one position of a stream carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A change of a document.
    Change(Change),
    /// A record beside the documents.
    Record(Record),
}

impl Item {
    /// The item in 32 bytes: BLAKE3 over a tag and its parts, each with its length before it. What is attached to a
    /// record is not in it.
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        match self {
            Self::Change(change) => {
                part(b"change");
                part(change.doc.as_str().as_bytes());
                part(&change.hash.0);
            }
            Self::Record(record) => {
                part(b"record");
                part(record.kind.as_bytes());
                part(record.key.as_bytes());
                part(&record.bytes);
            }
        }
        Digest(*hasher.finalize().as_bytes())
    }

    /// The document it changes, if it is a change.
    pub fn doc(&self) -> Option<&DocumentId> {
        match self {
            Self::Change(change) => Some(&change.doc),
            Self::Record(_) => None,
        }
    }

    /// About how many bytes it takes in memory and uncompressed in a frame.
    pub fn weight(&self) -> usize {
        match self {
            Self::Change(change) => change.bytes.len() + change.doc.as_str().len(),
            Self::Record(record) => {
                record.bytes.len() + record.kind.len() + record.key.len() + record.attached.len()
            }
        }
    }
}

/// Reads a number of an item: below 2^63, since databases count no further.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let n = u64::deserialize(deserializer)?;
    if n >= 1 << 63 {
        return Err(D::Error::custom("a number of an item is below 2^63"));
    }
    Ok(n)
}

/// A place in a stream: the `n`-th item, counted from 1 without gaps, that was written in one incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The incarnation of the writer.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// The number; 0 stands before the first item.
    #[serde(deserialize_with = "number")]
    pub n: u64,
}

/// A position together with the running hash of the stream there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The incarnation of the writer.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// The number; 0 stands before the first item.
    pub n: u64,
    /// The running hash over items 1 to `n`.
    #[serde(rename = "h")]
    pub running: Running,
}

impl Mark {
    /// The mark before the first item of an incarnation.
    pub fn start(incarnation: Incarnation) -> Self {
        Self { incarnation, n: 0, running: Running::start(incarnation) }
    }

    /// The mark after one more item.
    #[must_use]
    pub fn next(self, digest: &Digest) -> Self {
        Self { incarnation: self.incarnation, n: self.n + 1, running: self.running.next(digest) }
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        Position { incarnation: self.incarnation, n: self.n }
    }
}

/// One incarnation of a writer whose items may still be on their way. A writer names its links oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The incarnation.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// The incarnation before it and that one's last number; none for the first life of an install.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Position>,
    /// Its highest number. Final for every link but the last, which still grows.
    #[serde(rename = "l", deserialize_with = "number")]
    pub last: u64,
}

/// An item of one's own stream, as the journal returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it stands and the running hash there.
    pub mark: Mark,
    /// What it is.
    pub item: Item,
}

/// Items right before one that the peer does not keep any more: it had forgotten them when it had every reason to,
/// and they are not to be had by position. Repair brings what they had added to documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first that is gone; the last is the one before the item that names the gap.
    #[serde(rename = "f")]
    pub from: u64,
    /// The running hash at the item that names the gap, on the peer's word: it cannot be computed.
    #[serde(rename = "h")]
    pub running: Running,
}

/// An item of the peer's stream, complete and verified to be the peer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Where it stands in the peer's stream.
    pub position: Position,
    /// Its digest, so that nobody computes it twice.
    pub digest: Digest,
    /// What it is.
    pub item: Item,
    /// What is gone right before it, if anything is: counted as received together with it.
    pub gap: Option<Gap>,
}
