//! Entry ids that begin with 32 hex digits travel as 16 bytes, byte plane by byte plane: ids that were minted one
//! after the other share their first bytes, and lying together those cost almost nothing.

use serde::{Deserialize, Serialize};

const HEX_DIGITS: usize = 32;
/// The end of most ids: the first event of its command.
const USUAL_TAIL: &str = ".0";

/// How an id begins.
mod begin {
    pub const OTHERWISE: u8 = 0;
    pub const WITH_DIGITS: u8 = 1;
    pub const AS_BEFORE: u8 = 2;
}

/// The ids of all entries of a frame.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct IdColumns {
    /// For every entry 1 if its id begins with 32 hex digits, 2 if with those of the id before, else 0. Absent when all
    /// are 1.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    flags: Vec<u8>,
    /// The rest of every id, each closed by a zero byte. Absent when every rest is `.0`.
    #[serde(rename = "j", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    tails: Vec<u8>,
    /// The first bytes of all those digits, then all second bytes, to the sixteenth.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    planes: Vec<u8>,
}

impl IdColumns {
    pub(super) fn of<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        let mut columns = Self::default();
        let mut heads: Vec<[u8; 16]> = Vec::new();
        let mut usual = true;
        for id in ids {
            let head = head(id);
            let flag = match head {
                None => begin::OTHERWISE,
                Some(head) if heads.last() == Some(&head) => begin::AS_BEFORE,
                Some(head) => {
                    heads.push(head);
                    begin::WITH_DIGITS
                }
            };
            let tail = if head.is_some() { &id[HEX_DIGITS..] } else { id };
            usual &= tail == USUAL_TAIL;
            columns.flags.push(flag);
            columns.tails.extend_from_slice(tail.as_bytes());
            columns.tails.push(0);
        }
        for plane in 0..16 {
            columns.planes.extend(heads.iter().map(|head| head[plane]));
        }
        if columns.flags.iter().all(|flag| *flag == begin::WITH_DIGITS) {
            columns.flags.clear();
        }
        if usual {
            columns.tails.clear();
        }
        columns
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flags.is_empty() && self.tails.is_empty() && self.planes.is_empty()
    }

    /// The ids of `count` entries; nothing when the columns do not hold exactly as many.
    pub(super) fn read(&self, count: usize) -> Option<Vec<String>> {
        let tails = match self.tails.is_empty() {
            true => vec![USUAL_TAIL; count],
            false => terminated(&self.tails, count)?,
        };
        let all = [begin::WITH_DIGITS];
        let flags = if self.flags.is_empty() { all.repeat(count) } else { self.flags.clone() };
        let heads = flags.iter().filter(|flag| **flag == begin::WITH_DIGITS).count();
        if flags.len() != count || self.planes.len() != heads * 16 {
            return None;
        }
        let mut ids = Vec::with_capacity(count);
        let mut at = 0;
        for (flag, tail) in flags.into_iter().zip(tails) {
            at += usize::from(flag == begin::WITH_DIGITS);
            match flag {
                begin::OTHERWISE => ids.push(tail.to_owned()),
                begin::WITH_DIGITS | begin::AS_BEFORE => {
                    let last = at.checked_sub(1)?;
                    let bytes: Vec<u8> = (0..16).map(|plane| self.planes[plane * heads + last]).collect();
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
