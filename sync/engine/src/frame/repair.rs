//! The bodies of repair's frames. Rows are CBOR arrays: there are many of them in a frame.

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use crate::bytes::{ChangeHash, DocumentId, Incarnation};
use crate::item::Position;
use crate::repair::{BucketSet, Buckets, Known, Standing};

/// The site asks for a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compare {
    /// The question's number.
    #[serde(rename = "q")]
    pub question: u64,
    /// The end of the site's stream.
    #[serde(rename = "o")]
    pub own: Position,
    /// How far the site has applied the hub's present incarnation.
    #[serde(rename = "p")]
    pub applied: Position,
    /// The hash over all buckets.
    #[serde(rename = "r")]
    pub root: ByteArray<16>,
    /// Compare whatever the positions are.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
}

/// The hub's answer; with question 0 its wish to be asked, whatever the positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compared {
    #[serde(rename = "q")]
    pub question: u64,
    /// 0 not comparable now, 1 the same, 2 different.
    #[serde(rename = "v")]
    pub verdict: u8,
    /// The hub's 256 buckets when they differ, 16 bytes each.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<ByteBuf>,
}

pub(crate) mod verdict {
    pub(crate) const NOT_NOW: u8 = 0;
    pub(crate) const SAME: u8 = 1;
    pub(crate) const DIFFERENT: u8 = 2;
}

/// The site asks for a page of the hub's documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct List {
    #[serde(rename = "q")]
    pub question: u64,
    /// Which buckets: bit `n % 8` of byte `n / 8`.
    #[serde(rename = "b")]
    pub buckets: ByteArray<32>,
    /// Bucket and name of the last document that is not wanted any more.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub after: Option<(u8, String)>,
}

/// A document in a list: name, standing, what the hub believes that it is to the site, heads one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownRow(String, u8, u8, ByteBuf);

/// The hub's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    #[serde(rename = "q")]
    pub question: u64,
    #[serde(rename = "d")]
    pub documents: Vec<KnownRow>,
    /// Whether there are more after these.
    #[serde(rename = "m")]
    pub more: bool,
}

/// A document the site wants: name, and the last number of each of its authors that the site has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WantedRow(pub String, pub Vec<(Incarnation, u64)>);

/// The site asks for what it lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fetch {
    #[serde(rename = "q")]
    pub question: u64,
    #[serde(rename = "d")]
    pub documents: Vec<WantedRow>,
    /// The bytes before this one of the answer have arrived, if it still is the one with hash `h`.
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    pub from: u64,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<ByteArray<16>>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A fragment of changes: the hub's answer to a fetch, or what the site gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    #[serde(rename = "q")]
    pub question: u64,
    /// The length of the whole.
    #[serde(rename = "n")]
    pub length: u64,
    /// The first half of BLAKE3 over the whole.
    #[serde(rename = "h")]
    pub hash: ByteArray<16>,
    /// Where this fragment stands in it.
    #[serde(rename = "o")]
    pub from: u64,
    #[serde(rename = "b", with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// What the site gave is committed at the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    #[serde(rename = "q")]
    pub question: u64,
}

/// Any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Compare(Compare),
    Compared(Compared),
    List(List),
    Listed(Listed),
    Fetch(Fetch),
    Part(Part),
    Taken(Taken),
}

impl KnownRow {
    pub(crate) fn of(known: &Known) -> Self {
        let heads: Vec<u8> = known.heads.iter().flat_map(|head| head.0).collect();
        let standing = |standing: Standing| standing as u8;
        Self(known.doc.to_string(), standing(known.standing), standing(known.there), ByteBuf::from(heads))
    }

    /// About how many bytes it takes in a frame.
    pub(crate) fn weight(&self) -> usize {
        self.0.len() + self.3.len() + 8
    }

    pub(crate) fn read(self) -> Option<Known> {
        const HEADS_MAX: usize = 256;
        let (heads, rest) = self.3.as_chunks::<{ ChangeHash::BYTES }>();
        if !rest.is_empty() || heads.len() > HEADS_MAX {
            return None;
        }
        Some(Known {
            doc: DocumentId::new(self.0).ok()?,
            standing: Standing::of(self.1)?,
            there: Standing::of(self.2)?,
            heads: heads.iter().map(|head| ChangeHash(*head)).collect(),
        })
    }
}

impl List {
    pub(crate) fn read(&self) -> Option<(BucketSet, Option<(u8, DocumentId)>)> {
        let after = match &self.after {
            Some((bucket, doc)) => Some((*bucket, DocumentId::new(doc.clone()).ok()?)),
            None => None,
        };
        Some((BucketSet(*self.buckets), after))
    }
}

impl Compared {
    pub(crate) fn buckets(&self) -> Option<Buckets> {
        self.buckets.as_ref().and_then(|bytes| Buckets::from_bytes(bytes))
    }
}
