//! Reference data: what one side knows and the other works by, as signed snapshots and deltas of named sets.
//!
//! A *set* is a map from keys to texts. Its *version* is an epoch and a number and only grows. An *edition* leads to
//! one version: a snapshot is all of it, a delta what has changed since one exact version. An edition is a manifest
//! that is signed, and parts, each named in the manifest by its hash; it travels as records of the kind
//! [`KIND`], part by part.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::bytes::Digest;
use crate::frame::body::{read, write};
use crate::identity::{Identity, PublicIdentity};
use crate::item::{Position, Record};

/// The kind of the records that carry editions.
pub const KIND: &str = "reference";
/// The longest name of a set, in bytes.
pub const SET_BYTES_MAX: usize = 32;
/// The longest key of an item, in bytes; the shortest is 1.
pub const KEY_BYTES_MAX: usize = 128;
/// The longest text of an item, in bytes.
pub const TEXT_BYTES_MAX: usize = 256 << 10;
/// The most items that are put or dropped in one part.
pub const PART_ITEMS_MAX: usize = 500;
/// The longest part before it is compressed, in bytes.
pub const PART_PLAIN_BYTES_MAX: usize = 512 << 10;
/// The longest part on its way, in bytes.
pub const PART_BYTES_MAX: usize = 64 << 10;
/// The most parts of one edition.
pub const PARTS_MAX: usize = 1_000;

const LABEL: &[u8] = b"outpost reference 1\0";
const ITEM_LABEL: &[u8] = b"outpost reference item 1";
/// Reference data is written once and sent to many: more time for fewer bytes.
const LEVEL: i32 = 9;
/// Parts are cut down to this on their way, where they can be: a broker may take no longer packets.
const PART_BYTES_AIM: usize = 12 << 10;
/// Items of a part take about this much before compression; small enough for a transaction of its own.
const PART_PLAIN_BYTES_AIM: usize = 192 << 10;

/// Why an edition cannot be written or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The bytes are not of this form, or not within its limits.
    #[error("this is not a part of an edition")]
    Malformed,
    /// Signed by somebody else, or changed since.
    #[error("the signature is not the hub's")]
    Signature,
    /// Made for another site.
    #[error("the edition is for another site")]
    Site,
    /// The part is not the one the manifest names.
    #[error("the part is not the one that was announced")]
    Part,
    /// Something is too long or too many to be sent.
    #[error("the edition is out of limits: {0}")]
    Limit(&'static str),
}

/// A version of a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The epoch it was made in: a restored hub counts on in a higher one.
    #[serde(rename = "e")]
    pub epoch: u64,
    /// The number; 0 is a set that was never filled.
    #[serde(rename = "v")]
    pub n: u64,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.epoch, self.n)
    }
}

/// The sum over a set's items, whatever their order: tells sets apart that have drifted. It is no proof against an
/// adversary; the signature is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl Sum {
    /// Takes bytes, as a database returns them.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What one item adds to the sum.
    pub fn digest(key: &str, text: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(ITEM_LABEL);
        for part in [key.as_bytes(), text.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// Adds an item, or takes it away when it was in the sum.
    pub fn toggle(&mut self, key: &str, text: &str) {
        self.toggle_digest(&Self::digest(key, text));
    }

    /// The same with what [`digest`](Self::digest) said.
    pub fn toggle_digest(&mut self, digest: &[u8; 32]) {
        self.0.iter_mut().zip(digest).for_each(|(sum, byte)| *sum ^= byte);
    }
}

/// What the reader of a set tells its writer of it: a record of the kind [`KIND`] under the set's name, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The version it works on.
    pub version: Version,
    /// Whether it needs a snapshot.
    pub need: bool,
    /// The edition that it could not apply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<Version>,
    /// Whether it says so because a life of it begins: what it holds may come from a copy.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub start: bool,
    /// How far it had stored the writer's stream when it said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub through: Option<Position>,
    /// Why the newest edition was refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<String>,
}

/// What an edition is, and what its parts are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The site it is for.
    #[serde(rename = "t")]
    pub site: String,
    /// The set.
    #[serde(rename = "s")]
    pub set: String,
    /// The version it leads to.
    #[serde(rename = "n")]
    pub version: Version,
    /// The version it starts from; none in a snapshot.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Version>,
    /// The sum over the set at the end.
    #[serde(rename = "x")]
    pub sum: Sum,
    /// How many items the set has at the end.
    #[serde(rename = "c")]
    pub count: u64,
    /// BLAKE3 of each part as it travels.
    #[serde(rename = "p")]
    pub parts: Vec<Digest>,
}

/// What a part says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Items that are new or have another text.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub put: Vec<(String, String)>,
    /// Keys of items that are gone.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
}

/// A record of an edition, by its key: `<set>/<epoch>/<number>/<part>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The set.
    pub set: String,
    /// The version the edition leads to.
    pub version: Version,
    /// The part, from 0; part 0 carries the manifest.
    pub part: u32,
}

/// The content of part 0: manifest, signature, part.
#[derive(Serialize, Deserialize)]
struct Opening(ByteBuf, ByteBuf, ByteBuf);

/// What an edition is made of, before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Edition<'a> {
    /// The site it is for.
    pub site: &'a str,
    /// The set.
    pub set: &'a str,
    /// The version it leads to.
    pub version: Version,
    /// The version it starts from; none in a snapshot.
    pub base: Option<Version>,
    /// The sum over the set at the end.
    pub sum: Sum,
    /// How many items the set has at the end.
    pub count: u64,
    /// Items that are new or have another text; in a snapshot all.
    pub put: &'a [(String, String)],
    /// Keys of items that are gone; none in a snapshot.
    pub gone: &'a [String],
}

impl Edition<'_> {
    /// Signs the edition: the records to send, in this order.
    pub fn sign(&self, identity: &Identity) -> Result<Vec<Record>, ReferenceError> {
        if !is_name(self.set) {
            return Err(ReferenceError::Limit("the set's name"));
        }
        let parts = split(self.put, self.gone)?;
        if parts.len() > PARTS_MAX {
            return Err(ReferenceError::Limit("its number of parts"));
        }
        let manifest = Manifest {
            site: self.site.to_owned(),
            set: self.set.to_owned(),
            version: self.version,
            base: self.base,
            sum: self.sum,
            count: self.count,
            parts: parts.iter().map(|part| digest(part)).collect(),
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &manifest);
        let signature = identity.sign(&[LABEL, &bytes].concat());
        let mut signed = Some((bytes, signature));
        let records = parts.into_iter().zip(0_u32..).map(|(part, index)| {
            let place = Place { set: self.set.to_owned(), version: self.version, part: index };
            let bytes = match signed.take() {
                Some((manifest, signature)) => {
                    let mut first = Vec::new();
                    let opening = Opening(manifest.into(), signature.to_vec().into(), part.into());
                    write(&mut first, &opening);
                    first
                }
                None => part,
            };
            Record::new(KIND, place.to_string(), bytes)
        });
        Ok(records.collect())
    }
}

impl Manifest {
    /// Reads part 0: the manifest, when the hub has signed it for this site, and the bytes of the part.
    pub fn open(
        bytes: &[u8],
        place: &Place,
        site: &str,
        hub: &PublicIdentity,
    ) -> Result<(Self, Vec<u8>), ReferenceError> {
        let Opening(manifest, signature, part) = read(bytes).ok_or(ReferenceError::Malformed)?;
        let signature: &[u8; 64] = signature.as_slice().try_into().map_err(|_| ReferenceError::Signature)?;
        if !hub.verifies(&[LABEL, &manifest].concat(), signature) {
            return Err(ReferenceError::Signature);
        }
        let manifest: Self = read(&manifest).ok_or(ReferenceError::Malformed)?;
        if manifest.site != site {
            return Err(ReferenceError::Site);
        }
        let sound = manifest.set == place.set
            && manifest.version == place.version
            && place.part == 0
            && is_name(&manifest.set)
            && (1..=PARTS_MAX).contains(&manifest.parts.len())
            && manifest.base.is_none_or(|base| base < manifest.version);
        if sound { Ok((manifest, part.into_vec())) } else { Err(ReferenceError::Malformed) }
    }

    /// Reads a part that this manifest has announced.
    pub fn part(&self, index: u32, bytes: &[u8]) -> Result<Part, ReferenceError> {
        let announced = usize::try_from(index).ok().and_then(|index| self.parts.get(index));
        if announced != Some(&digest(bytes)) {
            return Err(ReferenceError::Part);
        }
        let part: Part = unpack(bytes).and_then(|plain| read(&plain)).ok_or(ReferenceError::Malformed)?;
        let keys = part.put.iter().map(|(key, _)| key).chain(&part.gone);
        let sound = part.put.len() + part.gone.len() <= PART_ITEMS_MAX
            && keys.into_iter().all(|key| (1..=KEY_BYTES_MAX).contains(&key.len()))
            && part.put.iter().all(|(_, text)| text.len() <= TEXT_BYTES_MAX)
            && (self.base.is_some() || part.gone.is_empty());
        if sound { Ok(part) } else { Err(ReferenceError::Malformed) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}/{}", self.set, self.version.epoch, self.version.n, self.part)
    }
}

impl std::str::FromStr for Place {
    type Err = ReferenceError;
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let parts: Vec<&str> = text.split('/').collect();
        let [set, epoch, n, part] = parts[..] else { return Err(ReferenceError::Malformed) };
        let number = |text: &str| text.parse::<u64>().map_err(|_| ReferenceError::Malformed);
        let place = Self {
            set: set.to_owned(),
            version: Version { epoch: number(epoch)?, n: number(n)? },
            part: part.parse().map_err(|_| ReferenceError::Malformed)?,
        };
        // One spelling only: `01` is no number here.
        if is_name(set) && place.to_string() == text { Ok(place) } else { Err(ReferenceError::Malformed) }
    }
}

fn is_name(set: &str) -> bool {
    let letters = set.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    letters && (1..=SET_BYTES_MAX).contains(&set.len())
}

fn digest(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}

/// Parts within their limits, short ones if there may be so many; at least one, so that there is always a manifest to send.
fn split(put: &[(String, String)], gone: &[String]) -> Result<Vec<Vec<u8>>, ReferenceError> {
    if put.len() + gone.len() > PARTS_MAX * PART_ITEMS_MAX {
        return Err(ReferenceError::Limit("its number of items"));
    }
    let short = split_to(put, gone, PART_BYTES_AIM)?;
    if short.len() <= PARTS_MAX { Ok(short) } else { split_to(put, gone, PART_BYTES_MAX) }
}

fn split_to(put: &[(String, String)], gone: &[String], aim: usize) -> Result<Vec<Vec<u8>>, ReferenceError> {
    let mut parts = Vec::new();
    let (mut part, mut weight) = (Part::default(), 0);
    for (key, text) in put {
        check(key, text)?;
        let more = key.len() + text.len() + 16;
        if part.put.len() == PART_ITEMS_MAX || (weight > 0 && weight + more > PART_PLAIN_BYTES_AIM) {
            pack(std::mem::take(&mut part), aim, &mut parts)?;
            weight = 0;
        }
        weight += more;
        part.put.push((key.clone(), text.clone()));
    }
    for key in gone {
        check(key, "")?;
        if part.put.len() + part.gone.len() == PART_ITEMS_MAX {
            pack(std::mem::take(&mut part), aim, &mut parts)?;
        }
        part.gone.push(key.clone());
    }
    if parts.is_empty() || part != Part::default() {
        pack(part, aim, &mut parts)?;
    }
    Ok(parts)
}

fn check(key: &str, text: &str) -> Result<(), ReferenceError> {
    if !(1..=KEY_BYTES_MAX).contains(&key.len()) {
        return Err(ReferenceError::Limit("an item's key"));
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(ReferenceError::Limit("an item's text"));
    }
    Ok(())
}

/// Compresses a part; one that is too long even so is cut in two. A single item may be longer than is aimed at.
fn pack(part: Part, aim: usize, parts: &mut Vec<Vec<u8>>) -> Result<(), ReferenceError> {
    let mut plain = Vec::new();
    write(&mut plain, &part);
    let packed = zstd::bulk::compress(&plain, LEVEL).map_err(|_| ReferenceError::Malformed)?;
    let alone = part.put.len() + part.gone.len() <= 1;
    let packed_max = if alone { PART_BYTES_MAX } else { aim };
    if packed.len() <= packed_max && plain.len() <= PART_PLAIN_BYTES_MAX {
        parts.push(packed);
        return Ok(());
    }
    let Part { mut put, mut gone } = part;
    let rest = match (put.len(), gone.len()) {
        (0, 0 | 1) | (1, 0) => return Err(ReferenceError::Limit("an item that is too long for a part")),
        (0, some) => Part { put: Vec::new(), gone: gone.split_off(some / 2) },
        (some, _) => Part { put: put.split_off(some.div_ceil(2)), gone: std::mem::take(&mut gone) },
    };
    pack(Part { put, gone }, aim, parts)?;
    pack(rest, aim, parts)
}

/// Nothing is allocated beyond the limit, whatever the bytes claim.
fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() > PART_BYTES_MAX {
        return None;
    }
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok()??;
    let size = usize::try_from(size).ok().filter(|size| *size <= PART_PLAIN_BYTES_MAX)?;
    zstd::bulk::decompress(bytes, size).ok()
}

#[cfg(test)]
mod tests;
