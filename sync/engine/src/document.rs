//! A document: a header written once and a growing set of entries, kept by Automerge.
//!
//! Root map: `hdr` is the header's text, `ev` a map from an entry's id to its text. Nothing is ever overwritten or
//! deleted, so merging is a union and any Automerge client can read it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value};

use crate::bytes::{ChangeHash, DocumentId, Incarnation};
use crate::change::Change;
use crate::inspection::{ChangeError, Content, Entry, Inspection, ObjectRef};
use crate::limits::Limits;

/// An open document. It belongs to the writer that opened it: when the transaction that should keep a change
/// fails, the document is dropped with it.
pub struct Document {
    id: DocumentId,
    actor: Incarnation,
    inner: AutoCommit,
    ev: ObjectRef,
    ev_id: ObjId,
    /// Every change in the document, with the counter that follows its last operation.
    changes: BTreeMap<ChangeHash, u64>,
    /// The last sequence number of every author, and the change that has it.
    authors: BTreeMap<Incarnation, (u64, ChangeHash)>,
    entries: usize,
}

/// Why a document could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Stored bytes are not a document of ours.
    #[error("document {doc} cannot be opened: {reason}")]
    Damaged {
        /// The document.
        doc: DocumentId,
        /// What is wrong.
        reason: String,
    },
    /// An entry's id is already there with another text.
    #[error("document {doc} already has another entry {id:?}")]
    EntryExists {
        /// The document.
        doc: DocumentId,
        /// The entry's id.
        id: String,
    },
    /// The change would be out of limits.
    #[error("document {doc}: {source}")]
    Limit {
        /// The document.
        doc: DocumentId,
        /// Which limit.
        source: ChangeError,
    },
    /// The document has as many entries as it may have.
    #[error("document {doc} is full: it has {max} entries")]
    Full {
        /// The document.
        doc: DocumentId,
        /// The most entries.
        max: usize,
    },
    /// Automerge refused what it should accept.
    #[error("document {doc}: {source}")]
    Automerge {
        /// The document.
        doc: DocumentId,
        /// What it said.
        source: Box<AutomergeError>,
    },
}

/// Why changes were not merged; nothing of them is in the document then.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A change is malformed or out of limits.
    #[error("change {hash}: {source}")]
    Malformed {
        /// The change.
        hash: ChangeHash,
        /// What is wrong.
        source: ChangeError,
    },
    /// A change builds on changes that are not here.
    #[error("change {hash} builds on {missing}, which is not here")]
    MissingDependency {
        /// The change.
        hash: ChangeHash,
        /// The first change that is missing.
        missing: ChangeHash,
    },
    /// A change is not the next one of its author, or counts its operations wrongly.
    #[error("change {hash} is out of its author's sequence")]
    Sequence {
        /// The change.
        hash: ChangeHash,
    },
    /// A change writes into another map than the document's, or founds the document again.
    #[error("change {hash} does not belong to this document")]
    Foreign {
        /// The change.
        hash: ChangeHash,
    },
    /// A change gives another text to an entry's id that is taken.
    #[error("change {hash} gives another text to entry {id:?}")]
    EntryExists {
        /// The change.
        hash: ChangeHash,
        /// The entry's id.
        id: String,
    },
    /// The document would have too many entries.
    #[error("change {hash} would fill the document beyond {max} entries")]
    Full {
        /// The change.
        hash: ChangeHash,
        /// The most entries.
        max: usize,
    },
    /// Automerge refused or panicked. The document must be dropped and opened anew.
    #[error("merging failed inside Automerge: {reason}")]
    Poisoned {
        /// What is known about it.
        reason: String,
    },
}

/// What a merge added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Entries that were new, in the order of the changes.
    pub entries: Vec<Entry>,
    /// How many changes were there already.
    pub duplicates: usize,
}

impl Document {
    /// Founds a document. The change that does it is the first one of its journal.
    pub fn create(id: DocumentId, actor: Incarnation, header: &str) -> Result<(Self, Change), DocumentError> {
        let founding = Inspection {
            author: actor,
            seq: 1,
            start_op: 1,
            deps: Vec::new(),
            content: Content::Header(header.to_owned()),
        };
        let change = founding.write(id.clone());
        Inspection::of(&change, &Limits::PROTOCOL)
            .map_err(|source| DocumentError::Limit { doc: id.clone(), source })?;
        let document = Self::open(id, actor, None, std::slice::from_ref(&change))?;
        Ok((document, change))
    }

    /// Opens a document from what the journal kept: the saved form, if there is one, and the changes since then.
    /// What is written from now on is written as `actor`.
    pub fn open(
        id: DocumentId,
        actor: Incarnation,
        saved: Option<&[u8]>,
        later: &[Change],
    ) -> Result<Self, DocumentError> {
        let damaged = |reason: String| DocumentError::Damaged { doc: id.clone(), reason };
        let loaded = catch_unwind(AssertUnwindSafe(|| -> Result<AutoCommit, String> {
            let mut inner = match saved {
                Some(bytes) => AutoCommit::load(bytes).map_err(|error| error.to_string())?,
                None => blank(),
            };
            inner.set_actor(ActorId::from(actor.0.as_slice()));
            let mut changes = Vec::with_capacity(later.len());
            for change in later {
                let parsed = automerge::Change::try_from(change.bytes.as_slice());
                changes.push(parsed.map_err(|error| error.to_string())?);
            }
            inner.apply_changes(changes).map_err(|error| error.to_string())?;
            Ok(inner)
        }));
        let inner =
            loaded.map_err(|_| damaged("its bytes make the parser panic".to_owned()))?.map_err(&damaged)?;
        Self::index(id.clone(), actor, inner).map_err(damaged)
    }

    fn index(id: DocumentId, actor: Incarnation, mut inner: AutoCommit) -> Result<Self, String> {
        let ev_id = match inner.get(ROOT, ENTRIES) {
            Ok(Some((Value::Object(ObjType::Map), ev_id))) => ev_id,
            Ok(_) => return Err("it has no map of entries".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let ObjId::Id(counter, ev_actor, _) = &ev_id else {
            return Err("its map of entries has no id".to_owned());
        };
        let ev_actor = Incarnation::from_slice(ev_actor.to_bytes()).ok_or("an actor of another length")?;
        let ev = ObjectRef { counter: *counter, actor: ev_actor };
        let mut changes = BTreeMap::new();
        let mut authors = BTreeMap::new();
        for change in inner.get_changes_meta(&[]) {
            let author = Incarnation::from_slice(change.actor.to_bytes());
            let this = (change.seq, ChangeHash(change.hash.0));
            let last = authors.entry(author.ok_or("an actor of another length")?).or_insert(this);
            *last = this.max(*last);
            changes.insert(ChangeHash(change.hash.0), change.max_op + 1);
        }
        let entries = inner.length(&ev_id);
        Ok(Self { id, actor, inner, ev, ev_id, changes, authors, entries })
    }

    /// The document's name.
    pub fn id(&self) -> &DocumentId {
        &self.id
    }

    /// The header's text.
    pub fn header(&self) -> String {
        self.text(&ROOT, HEADER).unwrap_or_default()
    }

    /// All entries, sorted by id.
    pub fn entries(&self) -> Vec<Entry> {
        let keys = self.inner.keys(&self.ev_id);
        keys.filter_map(|id| self.text(&self.ev_id, &id).map(|text| Entry { id, text })).collect()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether it has a header only.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The changes nobody has built on yet, sorted: the same on every replica that has merged the same changes.
    pub fn heads(&mut self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.inner.get_heads().iter().map(|head| ChangeHash(head.0)).collect();
        heads.sort_unstable();
        heads
    }

    /// Whether a change is in the document.
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.changes.contains_key(hash)
    }

    /// The whole document in Automerge's storage format.
    pub fn save(&mut self) -> Vec<u8> {
        self.inner.save()
    }

    /// The document in one piece without compression of its own: for packing many of them together.
    pub fn save_plain(&mut self) -> Vec<u8> {
        self.inner.save_nocompress()
    }

    /// All its changes as they were written, each after what it builds on.
    pub fn changes(&mut self) -> Vec<Change> {
        let id = self.id.clone();
        let changes = self.inner.get_changes(&[]);
        let change = |change: automerge::Change| Change {
            doc: id.clone(),
            hash: ChangeHash(change.hash().0),
            bytes: change.raw_bytes().to_vec(),
        };
        changes.into_iter().map(change).collect()
    }

    /// Adds entries as one change. Entries that are there already with the same text are left out; when nothing
    /// is left, there is no change.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Option<Change>, DocumentError> {
        let fresh = self.fresh(entries)?;
        if fresh.is_empty() {
            return Ok(None);
        }
        let max = Limits::PROTOCOL.document_entries_max;
        if self.entries + fresh.len() > max {
            return Err(DocumentError::Full { doc: self.id.clone(), max });
        }
        let intended = self.next_change(&fresh);
        Inspection::of(&intended, &Limits::PROTOCOL)
            .map_err(|source| DocumentError::Limit { doc: self.id.clone(), source })?;
        for entry in &fresh {
            self.inner
                .put(&self.ev_id, entry.id.as_str(), ScalarValue::Str(entry.text.as_str().into()))
                .map_err(|source| DocumentError::Automerge {
                    doc: self.id.clone(),
                    source: Box::new(source),
                })?;
        }
        self.inner.commit_with(CommitOptions::default().with_time(0));
        let written = self.inner.get_last_local_change();
        // What Automerge wrote must be what every reader will accept; a mismatch must never leave this replica.
        if written.as_ref().map(|change| change.raw_bytes()) != Some(intended.bytes.as_slice()) {
            let reason = "Automerge wrote a change in a form that is not the canonical one".to_owned();
            return Err(DocumentError::Damaged { doc: self.id.clone(), reason });
        }
        let next_op = self.next_op() + fresh.len() as u64;
        self.note(self.actor, intended.hash, next_op);
        self.entries += fresh.len();
        Ok(Some(intended))
    }

    fn fresh(&self, entries: &[Entry]) -> Result<Vec<Entry>, DocumentError> {
        let mut fresh: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let twin = fresh.iter().find(|other| other.id == entry.id).map(|other| other.text.clone());
            match twin.or_else(|| self.text(&self.ev_id, &entry.id)) {
                None => fresh.push(entry.clone()),
                Some(text) if text == entry.text => {}
                Some(_) => {
                    return Err(DocumentError::EntryExists { doc: self.id.clone(), id: entry.id.clone() });
                }
            }
        }
        Ok(fresh)
    }

    fn next_change(&mut self, entries: &[Entry]) -> Change {
        let content = Content::Entries { ev: self.ev, entries: entries.to_vec() };
        let (start_op, mut deps) = (self.next_op(), self.heads());
        let seq = match self.authors.get(&self.actor) {
            None => 1,
            Some((seq, hash)) => {
                // Automerge names the author's own last change even where a head already builds on it.
                if !deps.contains(hash) {
                    deps.push(*hash);
                    deps.sort_unstable();
                }
                seq + 1
            }
        };
        Inspection { author: self.actor, seq, start_op, deps, content }.write(self.id.clone())
    }

    fn next_op(&self) -> u64 {
        self.changes.values().copied().max().unwrap_or(1)
    }

    /// Takes in changes of others, in an order in which each finds what it builds on. All or nothing: everything
    /// is checked before Automerge sees anything.
    pub fn merge(&mut self, changes: &[Change]) -> Result<Merged, MergeError> {
        let mut plan = Plan::default();
        for change in changes {
            self.plan(&mut plan, change)?;
        }
        if plan.accepted.is_empty() {
            return Ok(Merged { entries: Vec::new(), duplicates: plan.duplicates });
        }
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let mut parsed = Vec::with_capacity(plan.accepted.len());
            for (change, _) in &plan.accepted {
                let change = automerge::Change::try_from(change.bytes.as_slice());
                parsed.push(change.map_err(|error| error.to_string())?);
            }
            self.inner.apply_changes(parsed).map_err(|error| error.to_string())
        }));
        match applied {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Err(MergeError::Poisoned { reason }),
            Err(_) => return Err(MergeError::Poisoned { reason: "it panicked".to_owned() }),
        }
        for (change, inspection) in &plan.accepted {
            self.note(inspection.author, change.hash, inspection.next_op());
        }
        self.entries += plan.entries.len();
        Ok(Merged { entries: plan.entries, duplicates: plan.duplicates })
    }

    fn plan<'c>(&self, plan: &mut Plan<'c>, change: &'c Change) -> Result<(), MergeError> {
        let hash = change.hash;
        if self.changes.contains_key(&hash) || plan.changes.contains_key(&hash) {
            plan.duplicates += 1;
            return Ok(());
        }
        let inspection = Inspection::of(change, &Limits::PROTOCOL)
            .map_err(|source| MergeError::Malformed { hash, source })?;
        let Content::Entries { ev, entries } = &inspection.content else {
            return Err(MergeError::Foreign { hash });
        };
        if *ev != self.ev || change.doc != self.id {
            return Err(MergeError::Foreign { hash });
        }
        let mut start_op = 1;
        for dep in &inspection.deps {
            let next = self.changes.get(dep).or_else(|| plan.changes.get(dep));
            let next = next.ok_or(MergeError::MissingDependency { hash, missing: *dep })?;
            start_op = start_op.max(*next);
        }
        let author = inspection.author;
        let here = self.authors.get(&author).map(|(seq, _)| seq);
        let last = plan.authors.get(&author).or(here).copied().unwrap_or(0);
        if inspection.seq != last + 1 || inspection.start_op != start_op || inspection.deps.is_empty() {
            return Err(MergeError::Sequence { hash });
        }
        for entry in entries {
            let planned = plan.entries.iter().find(|other| other.id == entry.id);
            match planned.map(|other| other.text.clone()).or_else(|| self.text(&self.ev_id, &entry.id)) {
                None => plan.entries.push(entry.clone()),
                // Two authors may well write the same fact; it stands there once.
                Some(text) if text == entry.text => {}
                Some(_) => return Err(MergeError::EntryExists { hash, id: entry.id.clone() }),
            }
        }
        let max = Limits::PROTOCOL.document_entries_max;
        if self.entries + plan.entries.len() > max {
            return Err(MergeError::Full { hash, max });
        }
        plan.authors.insert(author, inspection.seq);
        plan.changes.insert(hash, inspection.next_op());
        plan.accepted.push((change, inspection));
        Ok(())
    }

    fn note(&mut self, author: Incarnation, hash: ChangeHash, next_op: u64) {
        let seq = self.authors.get(&author).map_or(0, |(seq, _)| *seq) + 1;
        self.authors.insert(author, (seq, hash));
        self.changes.insert(hash, next_op);
    }

    fn text(&self, object: &ObjId, key: &str) -> Option<String> {
        match self.inner.get(object, key) {
            Ok(Some((Value::Scalar(scalar), _))) => scalar.as_str().map(str::to_owned),
            _ => None,
        }
    }
}

const HEADER: &str = "hdr";
const ENTRIES: &str = "ev";

/// What a merge will do once all of it is checked.
#[derive(Default)]
struct Plan<'c> {
    accepted: Vec<(&'c Change, Inspection)>,
    changes: BTreeMap<ChangeHash, u64>,
    authors: BTreeMap<Incarnation, u64>,
    entries: Vec<Entry>,
    duplicates: usize,
}

/// An empty document whose random actor is replaced before it writes anything.
#[allow(clippy::disallowed_methods)]
fn blank() -> AutoCommit {
    AutoCommit::new()
}
