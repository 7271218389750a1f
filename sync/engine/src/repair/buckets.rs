//! Hashes over the documents of a site, cheap to renew.

use std::fmt;

use crate::bytes::{ChangeHash, DocumentId};

/// How many buckets there are.
const COUNT: usize = 256;

/// A document's part of its bucket: 16 bytes over its name and heads, and which bucket that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// The bucket; it depends on the name alone.
    pub bucket: u8,
    /// The bytes.
    pub bytes: [u8; 16],
}

impl Fingerprint {
    /// The fingerprint of a document with these heads, which are sorted.
    pub fn of(doc: &DocumentId, heads: &[ChangeHash]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"outpost repair 1");
        hasher.update(&(doc.as_str().len() as u64).to_le_bytes());
        hasher.update(doc.as_str().as_bytes());
        heads.iter().for_each(|head| {
            hasher.update(&head.0);
        });
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self { bucket: bucket(doc), bytes }
    }

    /// The bytes as two numbers, for databases that can join numbers but not bytes.
    pub fn halves(&self) -> (i64, i64) {
        let mut halves = [[0; 8]; 2];
        halves[0].copy_from_slice(&self.bytes[..8]);
        halves[1].copy_from_slice(&self.bytes[8..]);
        (i64::from_le_bytes(halves[0]), i64::from_le_bytes(halves[1]))
    }
}

/// The bucket of a document: spread evenly whatever the names look like.
fn bucket(doc: &DocumentId) -> u8 {
    blake3::hash(doc.as_str().as_bytes()).as_bytes()[0]
}

/// The 256 hashes: each is the exclusive or of its documents' fingerprints, so that a changed document costs two
/// toggles and none of the others has to be looked at. A document stands in it once, so no two fingerprints cancel
/// each other; whoever can choose documents so that wrong ones do can only hide what he broke himself.
#[derive(Clone, PartialEq, Eq)]
pub struct Buckets(Box<[[u8; 16]; COUNT]>);

impl Default for Buckets {
    fn default() -> Self {
        Self(Box::new([[0; 16]; COUNT]))
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buckets({})", hex::encode(self.root()))
    }
}

impl Buckets {
    /// Puts a document in, or takes it out again.
    pub fn toggle(&mut self, fingerprint: &Fingerprint) {
        let bucket = &mut self.0[usize::from(fingerprint.bucket)];
        bucket.iter_mut().zip(fingerprint.bytes).for_each(|(into, byte)| *into ^= byte);
    }

    /// Sets a bucket to what a database kept of it as two numbers.
    pub fn restore(&mut self, bucket: u8, halves: (i64, i64)) {
        let into = &mut self.0[usize::from(bucket)];
        into[..8].copy_from_slice(&halves.0.to_le_bytes());
        into[8..].copy_from_slice(&halves.1.to_le_bytes());
    }

    /// One hash over all of them.
    pub fn root(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        self.0.iter().for_each(|bucket| {
            hasher.update(bucket);
        });
        let mut root = [0; 16];
        root.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        root
    }

    /// All of them, one after the other.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.concat()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (buckets, rest) = bytes.as_chunks::<16>();
        if !rest.is_empty() {
            return None;
        }
        let buckets: [[u8; 16]; COUNT] = buckets.try_into().ok()?;
        Some(Self(Box::new(buckets)))
    }

    /// The buckets in which two sides differ.
    pub fn differing(&self, other: &Self) -> BucketSet {
        let mut set = BucketSet::default();
        let pairs = self.0.iter().zip(other.0.iter()).zip(0..=u8::MAX);
        pairs.filter(|((one, other), _)| one != other).for_each(|(_, bucket)| set.insert(bucket));
        set
    }
}

/// Some of the buckets, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BucketSet(pub [u8; COUNT / 8]);

impl BucketSet {
    /// Adds a bucket.
    pub fn insert(&mut self, bucket: u8) {
        self.0[usize::from(bucket / 8)] |= 1 << (bucket % 8);
    }

    /// Whether a bucket is among them.
    pub fn contains(&self, bucket: u8) -> bool {
        self.0[usize::from(bucket / 8)] & (1 << (bucket % 8)) != 0
    }

    /// The buckets, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|bucket| self.contains(*bucket))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(n: usize) -> DocumentId {
        DocumentId::new(format!("case/{n}")).unwrap()
    }

    #[test]
    fn the_hashes_depend_on_what_is_there_and_not_on_how_it_came() {
        let heads = |n: u8| vec![ChangeHash([n; 32])];
        let (mut one, mut other) = (Buckets::default(), Buckets::default());
        (0..500).for_each(|n| one.toggle(&Fingerprint::of(&doc(n), &heads(1))));
        (0..500).rev().for_each(|n| other.toggle(&Fingerprint::of(&doc(n), &heads(1))));
        assert_eq!(one.root(), other.root());
        one.toggle(&Fingerprint::of(&doc(7), &heads(1)));
        one.toggle(&Fingerprint::of(&doc(7), &heads(2)));
        let differing: Vec<u8> = one.differing(&other).iter().collect();
        assert_eq!(differing, [Fingerprint::of(&doc(7), &heads(2)).bucket]);
        assert_eq!(Buckets::from_bytes(&one.to_bytes()), Some(one));
    }

    #[test]
    fn a_bucket_survives_being_kept_as_two_numbers() {
        let fingerprint = Fingerprint::of(&doc(1), &[ChangeHash([0xfe; 32])]);
        let (mut one, mut other) = (Buckets::default(), Buckets::default());
        one.toggle(&fingerprint);
        other.restore(fingerprint.bucket, fingerprint.halves());
        assert_eq!(one, other);
    }

    #[test]
    fn names_spread_over_all_buckets() {
        let mut set = BucketSet::default();
        (0..4_000).for_each(|n| set.insert(bucket(&doc(n))));
        assert_eq!(set.iter().count(), COUNT);
    }
}
