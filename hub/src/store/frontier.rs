//! The edge of a document: what lets a change be checked without opening the document.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::OnceLock;

use outpost_sync::{
    ChangeHash, Content, Document, DocumentId, Entry, Incarnation, Inspection, Limits, ObjectRef,
};
use serde::Deserialize;

/// Tips that a frontier remembers. A change that builds on an older one is checked by opening the document.
const TIPS_MAX: usize = 8;

/// The edge of a document: the map of entries, each author's last number, and the latest changes.
///
/// As text: the founder, the authors with their numbers, the tips with the operation that follows each, as
/// `founder;author:n,…;hash:n,…`. It is read and written for every change, so that it is kept short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontier {
    founder: Incarnation,
    authors: BTreeMap<Incarnation, u64>,
    tips: Vec<(ChangeHash, u64)>,
}

/// Why a change does not follow on a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// It is not its author's next one, or counts its operations wrongly, or writes elsewhere.
    Malformed,
    /// It builds on a change the frontier does not remember: only the whole document can tell.
    Unknown,
}

impl Frontier {
    /// The frontier of a document right after it was founded.
    pub fn founded(founding: &Inspection, hash: ChangeHash) -> Self {
        Self {
            founder: founding.author,
            authors: BTreeMap::from([(founding.author, founding.seq)]),
            tips: vec![(hash, founding.next_op())],
        }
    }

    /// The frontier of a document that is not here: nothing follows on it.
    pub fn none() -> Self {
        Self { founder: Incarnation([0; Incarnation::BYTES]), authors: BTreeMap::new(), tips: Vec::new() }
    }

    /// The number of an author's last change; 0 before its first.
    pub fn last(&self, author: Incarnation) -> u64 {
        self.authors.get(&author).copied().unwrap_or(0)
    }

    /// Whether a change of entries follows.
    pub fn check(&self, change: &Inspection) -> Result<(), Break> {
        let Content::Entries { ev, .. } = &change.content else { return Err(Break::Malformed) };
        let expected = entries_counter().ok_or(Break::Unknown)?;
        if ev.actor != self.founder
            || ev.counter != expected
            || change.seq != self.last(change.author) + 1
            || change.deps.is_empty()
        {
            return Err(Break::Malformed);
        }
        let mut start_op = 0;
        for dep in &change.deps {
            let (_, after) = self.tips.iter().find(|(hash, _)| hash == dep).ok_or(Break::Unknown)?;
            start_op = start_op.max(*after);
        }
        if start_op == change.start_op { Ok(()) } else { Err(Break::Malformed) }
    }

    /// Takes a checked change in.
    pub fn advance(&mut self, change: &Inspection, hash: ChangeHash) {
        self.authors.insert(change.author, change.seq);
        if self.tips.len() == TIPS_MAX {
            self.tips.remove(0);
        }
        self.tips.push((hash, change.next_op()));
    }
}

/// The counter of the operation that makes the map of entries: the same in every document, found out by making one.
fn entries_counter() -> Option<u64> {
    static COUNTER: OnceLock<Option<u64>> = OnceLock::new();
    *COUNTER.get_or_init(|| {
        let id = DocumentId::new("probe").ok()?;
        let (mut document, _) = Document::create(id, Incarnation([1; 16]), "{}").ok()?;
        let change = document.append(&[Entry { id: "e".to_owned(), text: "t".to_owned() }]).ok()??;
        let inspection = Inspection::of(&change, &Limits::PROTOCOL).ok()?;
        match inspection.content {
            Content::Entries { ev: ObjectRef { counter, .. }, .. } => Some(counter),
            Content::Header(_) => None,
        }
    })
}

impl fmt::Display for Frontier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.founder.0))?;
        if self.tips.is_empty() {
            return f.write_str(";;");
        }
        let mut before = ';';
        for (author, n) in &self.authors {
            write!(f, "{before}{}:{n}", hex::encode(author.0))?;
            before = ',';
        }
        before = ';';
        for (tip, n) in &self.tips {
            f.write_char(before)?;
            write!(f, "{}:{n}", hex::encode(tip.0))?;
            before = ',';
        }
        Ok(())
    }
}

/// A text that is no frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a frontier")]
pub struct FrontierError;

impl FromStr for Frontier {
    type Err = FrontierError;

    fn from_str(text: &str) -> Result<Self, FrontierError> {
        if text.starts_with('{') {
            return early(text).ok_or(FrontierError);
        }
        let mut parts = text.split(';');
        let mut part = || parts.next().ok_or(FrontierError);
        let founder = Incarnation::from_hex(part()?).ok_or(FrontierError)?;
        let authors = pairs(part()?, Incarnation::from_hex).collect::<Option<_>>().ok_or(FrontierError)?;
        let tips = pairs(part()?, ChangeHash::from_hex).collect::<Option<_>>().ok_or(FrontierError)?;
        Ok(Self { founder, authors, tips })
    }
}

fn pairs<T>(text: &str, read: fn(&str) -> Option<T>) -> impl Iterator<Item = Option<(T, u64)>> {
    text.split(',').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, n) = pair.split_once(':')?;
        Some((read(name)?, n.parse().ok()?))
    })
}

/// The form of the first versions: JSON.
fn early(text: &str) -> Option<Frontier> {
    #[derive(Deserialize)]
    struct Early {
        founder: String,
        authors: BTreeMap<String, u64>,
        tips: Vec<(String, u64)>,
    }
    let early: Early = serde_json::from_str(text).ok()?;
    let authors = early.authors.iter().map(|(author, n)| Some((Incarnation::from_hex(author)?, *n)));
    let tips = early.tips.iter().map(|(tip, n)| Some((ChangeHash::from_hex(tip)?, *n)));
    Some(Frontier {
        founder: Incarnation::from_hex(&early.founder)?,
        authors: authors.collect::<Option<_>>()?,
        tips: tips.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frontier_is_read_as_it_was_written_in_either_form() {
        let (one, two) = (Incarnation([1; 16]), Incarnation([0xfe; 16]));
        let frontier = Frontier {
            founder: one,
            authors: BTreeMap::from([(one, 1), (two, 77)]),
            tips: vec![(ChangeHash([7; 32]), 3), (ChangeHash([9; 32]), 80)],
        };
        assert_eq!(frontier.to_string().parse(), Ok(frontier.clone()));
        let early = format!(
            r#"{{"founder":"{one}","authors":{{"{one}":1,"{two}":77}},"tips":[["{}",3],["{}",80]]}}"#,
            ChangeHash([7; 32]),
            ChangeHash([9; 32])
        );
        assert_eq!(early.parse(), Ok(frontier));
        for wrong in ["", "x;y;z", "{}", "01;;"] {
            assert_eq!(wrong.parse::<Frontier>(), Err(FrontierError), "{wrong}");
        }
    }
}
