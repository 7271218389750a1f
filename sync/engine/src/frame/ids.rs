//! Entry ids that begin with 32 hex digits travel as 16 bytes, byte plane by byte plane: ids that were minted one
//! after the other share their first bytes, and lying together those cost almost nothing.

use serde::{Deserialize, Serialize};

use crate::inspection::Entry;

const HEX_DIGITS: usize = 32;

/// The ids of all entries of a frame.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct IdColumns {
    /// For every entry 1 if its id begins with 32 hex digits, else 0. Absent when all do.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    flags: Vec<u8>,
    /// The first bytes of all those ids, then all second bytes, to the sixteenth.
    #[serde(rename = "u", with = "serde_bytes")]
    planes: Vec<u8>,
    /// The rest of every id, each closed by a zero byte.
    #[serde(rename = "j", with = "serde_bytes")]
    tails: Vec<u8>,
}

impl IdColumns {
    pub(super) fn of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut columns = Self::default();
        let mut heads: Vec<[u8; 16]> = Vec::new();
        for entry in entries {
            let tail = match head(&entry.id) {
                Some(bytes) => {
                    heads.push(bytes);
                    &entry.id[HEX_DIGITS..]
                }
                None => entry.id.as_str(),
            };
            columns.flags.push(u8::from(head(&entry.id).is_some()));
            columns.tails.extend_from_slice(tail.as_bytes());
            columns.tails.push(0);
        }
        for plane in 0..16 {
            columns.planes.extend(heads.iter().map(|head| head[plane]));
        }
        if columns.flags.iter().all(|flag| *flag == 1) {
            columns.flags.clear();
        }
        columns
    }

    /// The ids of `count` entries; nothing when the columns do not hold exactly as many.
    pub(super) fn read(&self, count: usize) -> Option<Vec<String>> {
        let tails = terminated(&self.tails, count)?;
        let all = [1u8];
        let flags = if self.flags.is_empty() { all.repeat(count) } else { self.flags.clone() };
        let heads = flags.iter().filter(|flag| **flag == 1).count();
        if flags.len() != count || self.planes.len() != heads * 16 {
            return None;
        }
        let mut ids = Vec::with_capacity(count);
        let mut at = 0;
        for (flag, tail) in flags.into_iter().zip(tails) {
            match flag {
                0 => ids.push(tail.to_owned()),
                1 => {
                    let bytes: Vec<u8> = (0..16).map(|plane| self.planes[plane * heads + at]).collect();
                    at += 1;
                    ids.push(hex::encode(bytes) + tail);
                }
                _ => return None,
            }
        }
        Some(ids)
    }
}

/// The first 32 characters as bytes, when they are lower-case hex digits.
fn head(id: &str) -> Option<[u8; 16]> {
    let digits = id.as_bytes().get(..HEX_DIGITS)?;
    if digits.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let mut bytes = [0; 16];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

/// Splits texts that are each closed by a zero byte; nothing when there are not exactly `count`.
pub(super) fn terminated(bytes: &[u8], count: usize) -> Option<Vec<&str>> {
    if count == 0 {
        return bytes.is_empty().then(Vec::new);
    }
    let mut texts = Vec::new();
    for text in bytes.strip_suffix(&[0])?.split(|byte| *byte == 0) {
        texts.push(std::str::from_utf8(text).ok()?);
    }
    (texts.len() == count).then_some(texts)
}
