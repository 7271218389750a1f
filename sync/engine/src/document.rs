//! A document: a header written once and a growing set of entries, kept by Automerge.
//!
//! Root map: `hdr` is the header's text, `ev` a map from an entry's id to its text. Nothing is ever overwritten or
//! deleted, so merging is a union and any Automerge client can read it.

mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{ActorId, AutoCommit, ObjId, ObjType, ROOT, ReadDoc, Value};

pub use error::{DocumentError, MergeError};

use crate::bytes::{ChangeHash, DocumentId, Incarnation};
use crate::change::Change;
use crate::inspection::{ChangeError, Content, Entry, Inspection, ObjectRef};
use crate::limits::Limits;
use crate::repair::Authors;

/// An open document. It belongs to the writer that opened it: when the transaction that should keep a change
/// fails, the document is dropped with it.
pub struct Document {
    id: DocumentId,
    actor: Incarnation,
    /// Everything but `late`: look at it through [`Self::settled`], unless what is late does not matter.
    automerge: AutoCommit,
    /// One's own changes since Automerge was last needed. Writing one takes what is kept here and a tenth of the time.
    late: Vec<Change>,
    late_entries: BTreeMap<String, String>,
    heads: BTreeSet<ChangeHash>,
    ev: ObjectRef,
    ev_id: ObjId,
    /// Every change in the document, with the counter that follows its last operation.
    changes: BTreeMap<ChangeHash, u64>,
    /// The last sequence number of every author, and the change that has it.
    authors: BTreeMap<Incarnation, (u64, ChangeHash)>,
    entries: usize,
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

    fn index(id: DocumentId, actor: Incarnation, mut automerge: AutoCommit) -> Result<Self, String> {
        let ev_id = match automerge.get(ROOT, ENTRIES) {
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
        for change in automerge.get_changes_meta(&[]) {
            let author = Incarnation::from_slice(change.actor.to_bytes());
            let this = (change.seq, ChangeHash(change.hash.0));
            let last = authors.entry(author.ok_or("an actor of another length")?).or_insert(this);
            *last = this.max(*last);
            changes.insert(ChangeHash(change.hash.0), change.max_op + 1);
        }
        let entries = automerge.length(&ev_id);
        let heads = automerge.get_heads().iter().map(|head| ChangeHash(head.0)).collect();
        let (late, late_entries) = (Vec::new(), BTreeMap::new());
        Ok(Self { id, actor, automerge, late, late_entries, heads, ev, ev_id, changes, authors, entries })
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
        let keys = self.automerge.keys(&self.ev_id);
        let settled = keys.filter_map(|id| self.text(&self.ev_id, &id).map(|text| (id, text)));
        let all: BTreeMap<_, _> = settled.chain(self.late_entries.clone()).collect();
        all.into_iter().map(|(id, text)| Entry { id, text }).collect()
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
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.heads.iter().copied().collect()
    }

    /// Whether a change is in the document.
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.changes.contains_key(hash)
    }

    /// The last number of every author, by author.
    pub fn authors(&self) -> Authors {
        self.authors.iter().map(|(author, (seq, _))| (*author, *seq)).collect()
    }

    /// The changes that somebody lacks who has these numbers of its authors, each after what it builds on.
    pub fn lacking(&mut self, has: &Authors) -> Result<Vec<Change>, DocumentError> {
        let known = |author: Incarnation, seq: u64| {
            has.iter().any(|(other, through)| *other == author && seq <= *through)
        };
        let id = self.id.clone();
        let all = self.settled()?.get_changes(&[]).into_iter().filter_map(|change| {
            let author = Incarnation::from_slice(change.actor_id().to_bytes())?;
            let hash = ChangeHash(change.hash().0);
            let bytes = change.raw_bytes().to_vec();
            (!known(author, change.seq())).then(|| Change { doc: id.clone(), hash, bytes })
        });
        Ok(all.collect())
    }

    /// The whole document in Automerge's storage format.
    pub fn save(&mut self) -> Result<Vec<u8>, DocumentError> {
        Ok(self.settled()?.save())
    }

    /// Automerge's own document, with everything in it.
    fn settled(&mut self) -> Result<&mut AutoCommit, DocumentError> {
        if !self.late.is_empty() {
            self.apply(&[]).map_err(|reason| DocumentError::Damaged { doc: self.id.clone(), reason })?;
        }
        Ok(&mut self.automerge)
    }

    /// Gives Automerge what is late, and these. After an error the document must be dropped.
    fn apply(&mut self, changes: &[&Change]) -> Result<(), String> {
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let mut parsed = Vec::with_capacity(self.late.len() + changes.len());
            for change in self.late.iter().chain(changes.iter().copied()) {
                let change = automerge::Change::try_from(change.bytes.as_slice());
                parsed.push(change.map_err(|error| error.to_string())?);
            }
            self.automerge.apply_changes(parsed).map_err(|error| error.to_string())
        }));
        applied.map_err(|_| "it panicked".to_owned())??;
        self.late.clear();
        self.late_entries.clear();
        Ok(())
    }

    /// The document in one piece without compression of its own: for packing many of them together.
    pub fn save_plain(&mut self) -> Result<Vec<u8>, DocumentError> {
        Ok(self.settled()?.save_nocompress())
    }

    /// All its changes as they were written, each after what it builds on.
    pub fn changes(&mut self) -> Result<Vec<Change>, DocumentError> {
        let id = self.id.clone();
        let changes = self.settled()?.get_changes(&[]);
        let change = |change: automerge::Change| Change {
            doc: id.clone(),
            hash: ChangeHash(change.hash().0),
            bytes: change.raw_bytes().to_vec(),
        };
        Ok(changes.into_iter().map(change).collect())
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
        let (intended, change) = self.next_change(&fresh)?;
        self.note(&intended, change.hash);
        self.entries += fresh.len();
        self.late_entries.extend(fresh.into_iter().map(|entry| (entry.id, entry.text)));
        self.late.push(change.clone());
        Ok(Some(change))
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

    /// The change that adds these entries, spelled as Automerge would spell it.
    fn next_change(&self, entries: &[Entry]) -> Result<(Inspection, Change), DocumentError> {
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
        let intended = Inspection { author: self.actor, seq, start_op, deps, content };
        let limits = Limits::PROTOCOL;
        let limit = |source| DocumentError::Limit { doc: self.id.clone(), source };
        intended.check(&limits).map_err(limit)?;
        let change = intended.write(self.id.clone());
        let (found, max) = (change.bytes.len(), limits.change_bytes_max);
        if found > max {
            return Err(limit(ChangeError::TooLong { found, max }));
        }
        Ok((intended, change))
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
        let accepted: Vec<&Change> = plan.accepted.iter().map(|(change, _)| *change).collect();
        self.apply(&accepted).map_err(|reason| MergeError::Poisoned { reason })?;
        for (change, inspection) in &plan.accepted {
            self.note(inspection, change.hash);
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

    fn note(&mut self, change: &Inspection, hash: ChangeHash) {
        self.authors.insert(change.author, (change.seq, hash));
        self.changes.insert(hash, change.next_op());
        for dep in &change.deps {
            self.heads.remove(dep);
        }
        self.heads.insert(hash);
    }

    fn text(&self, object: &ObjId, key: &str) -> Option<String> {
        if let (true, Some(late)) = (*object == self.ev_id, self.late_entries.get(key)) {
            return Some(late.clone());
        }
        match self.automerge.get(object, key) {
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
