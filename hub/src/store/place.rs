//! A document's place in repair: its heads, what it is here, and what it is at the site.

use std::fmt;
use std::str::FromStr;

use outpost_sync::ChangeHash;
use outpost_sync::repair::{Fingerprint, Standing};

/// A document's place. As text: two digits for the standings, `w` when changes wait, then the heads as hex digits, each after a comma. It is
/// read and written with every change, so it is kept short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The changes nobody has built on, sorted.
    pub heads: Vec<ChangeHash>,
    /// What the document is here, unless a change of it is in quarantine.
    pub standing: Standing,
    /// What it is at the site, as far as the site has said.
    pub there: Standing,
    /// Whether changes of it wait for others they build on.
    pub waiting: bool,
    /// What the hashes of the site's documents hold of it in the database.
    pub(super) share: Option<Fingerprint>,
}

impl Place {
    /// The place of a document right after it was founded.
    pub fn founded(hash: ChangeHash) -> Self {
        Self { heads: vec![hash], ..Self::default() }
    }

    /// Takes a change in.
    pub(super) fn advance(&mut self, deps: &[ChangeHash], hash: ChangeHash) {
        self.heads.retain(|head| !deps.contains(head));
        self.heads.push(hash);
        self.heads.sort_unstable();
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = if self.waiting { "w" } else { "" };
        write!(f, "{}{}{waiting}", self.standing as u8, self.there as u8)?;
        self.heads.iter().try_for_each(|head| write!(f, ",{head}"))
    }
}

/// A text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a document's place")]
pub struct PlaceError;

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut parts = text.split(',');
        let standings = parts.next().unwrap_or_default().as_bytes();
        let standing = |digit: u8| Standing::of(digit.wrapping_sub(b'0')).ok_or(PlaceError);
        let (here, there, waiting) = match *standings {
            [here, there] => (here, there, false),
            [here, there, b'w'] => (here, there, true),
            _ => return Err(PlaceError),
        };
        let heads = parts.map(|head| ChangeHash::from_hex(head).ok_or(PlaceError));
        Ok(Self {
            heads: heads.collect::<Result<_, _>>()?,
            standing: standing(here)?,
            there: standing(there)?,
            waiting,
            share: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let mut place = Place::founded(ChangeHash([7; 32]));
        place.there = Standing::Held;
        place.waiting = true;
        place.advance(&[], ChangeHash([3; 32]));
        assert_eq!(place.heads, [ChangeHash([3; 32]), ChangeHash([7; 32])]);
        assert_eq!(place.to_string().parse(), Ok(place.clone()));
        place.advance(&[ChangeHash([3; 32]), ChangeHash([7; 32])], ChangeHash([5; 32]));
        assert_eq!(place.heads, [ChangeHash([5; 32])]);
        assert_eq!("".parse(), Ok(Place::default()));
        for wrong in ["9", "00,xyz", "07", "0"] {
            assert_eq!(wrong.parse::<Place>(), Err(PlaceError), "{wrong}");
        }
    }
}
