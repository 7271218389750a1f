//! The open documents: as many as fit, the longest unused closed first.

use std::collections::BTreeMap;

use outpost_journal::Tip;
use outpost_model::id::DocumentKey;
use outpost_sync::{
    Change, Document, DocumentError, DocumentId, Entry, Incarnation, Item, Limits, MergeError, Merged,
};
use rusqlite::Connection;

use crate::store::StoreError;

/// Changes after which a document that stays open is saved, so that opening it anew stays cheap.
const UNSAVED_MAX: u32 = 128;

struct Open {
    document: Document,
    used: u64,
    unsaved: u32,
}

/// The open documents of the writer.
pub struct OpenDocuments {
    actor: Incarnation,
    open: BTreeMap<DocumentId, Open>,
    max: usize,
    /// Entries in one change at most.
    operations_max: usize,
    clock: u64,
    ahead: bool,
    /// Documents this group wrote to.
    written: Vec<DocumentId>,
}

/// Why a document could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// The store or journal failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine refused.
    #[error(transparent)]
    Document(Box<DocumentError>),
    /// There is no such document.
    #[error("there is no document {0}")]
    Missing(DocumentId),
}

impl From<DocumentError> for DocumentsError {
    fn from(error: DocumentError) -> Self {
        Self::Document(Box::new(error))
    }
}

impl OpenDocuments {
    /// None open; at most `max` stay open from one group to the next. A change has at most `operations_max` entries.
    pub fn new(actor: Incarnation, max: usize, operations_max: usize) -> Self {
        let (open, written) = Default::default();
        Self { actor, open, max: max.max(1), operations_max, clock: 0, ahead: false, written }
    }

    /// Who writes.
    pub fn actor(&self) -> Incarnation {
        self.actor
    }

    /// Closes everything and goes on as another actor: after a rollback the documents are ahead of the journal.
    pub fn restart(&mut self, actor: Incarnation) {
        self.open.clear();
        self.written.clear();
        self.actor = actor;
        self.ahead = false;
    }

    /// Whether documents were changed since the last commit, and so are ahead of the journal if it does not come.
    pub fn are_ahead(&self) -> bool {
        self.ahead
    }

    /// Founds a document of this site and journals its first change.
    pub fn create(
        &mut self,
        tx: &Connection,
        stream: &mut Option<Tip>,
        at_ms: i64,
        key: &DocumentKey,
        header: &str,
    ) -> Result<(), DocumentsError> {
        let id = document_id(key)?;
        let (document, change) = Document::create(id.clone(), self.actor, header)?;
        outpost_journal::append_after(tx, stream, at_ms, &Item::Change(change)).map_err(StoreError::from)?;
        self.put(id, document);
        Ok(())
    }

    /// Adds entries to a document and journals the change, or as many as the entries need; nothing is written when all of
    /// them are there already.
    pub fn append(
        &mut self,
        tx: &Connection,
        stream: &mut Option<Tip>,
        at_ms: i64,
        key: &DocumentKey,
        entries: &[Entry],
    ) -> Result<(), DocumentsError> {
        let id = document_id(key)?;
        // Said before it is true: a failure half way must not leave the document in use.
        self.ahead = true;
        for entries in Limits::PROTOCOL.cut(entries, self.operations_max) {
            let open = self.open(tx, &id)?.ok_or_else(|| DocumentsError::Missing(id.clone()))?;
            let Some(change) = open.document.append(entries)? else { continue };
            open.unsaved += 1;
            self.written.push(change.doc.clone());
            outpost_journal::append_after(tx, stream, at_ms, &Item::Change(change))
                .map_err(StoreError::from)?;
        }
        Ok(())
    }

    /// Takes in the founding change of a document of the hub.
    pub fn found(&mut self, change: &Change) -> Result<(), DocumentsError> {
        let document = Document::open(change.doc.clone(), self.actor, None, std::slice::from_ref(change))?;
        self.put(change.doc.clone(), document);
        Ok(())
    }

    /// Whether there is such a document.
    pub fn exists(&mut self, tx: &Connection, id: &DocumentId) -> Result<bool, DocumentsError> {
        Ok(self.open(tx, id)?.is_some())
    }

    /// Whether a change is in its document already.
    pub fn contains(&mut self, tx: &Connection, change: &Change) -> Result<bool, DocumentsError> {
        Ok(self.open(tx, &change.doc)?.is_some_and(|open| open.document.contains(&change.hash)))
    }

    /// Whether everything that a change builds on is in its document.
    pub fn has_dependencies(&mut self, tx: &Connection, change: &Change) -> Result<bool, DocumentsError> {
        let Some(open) = self.open(tx, &change.doc)? else { return Ok(false) };
        Ok(change.deps().is_ok_and(|deps| deps.iter().all(|dep| open.document.contains(dep))))
    }

    /// Merges a change of the hub. The inner error says that the change is not acceptable and nothing was merged.
    pub fn merge(
        &mut self,
        tx: &Connection,
        change: &Change,
    ) -> Result<Result<Merged, MergeError>, DocumentsError> {
        let id = change.doc.clone();
        self.ahead = true;
        let open = self.open(tx, &id)?.ok_or_else(|| DocumentsError::Missing(id.clone()))?;
        let merged = open.document.merge(std::slice::from_ref(change));
        match &merged {
            Ok(_) => {
                open.unsaved += 1;
                self.written.push(id);
            }
            Err(MergeError::Poisoned { .. }) => {
                self.open.remove(&id);
            }
            Err(_) => {}
        }
        Ok(merged)
    }

    /// Entries of a document; nothing when it is unknown.
    pub fn len(&mut self, tx: &Connection, key: &DocumentKey) -> Result<Option<usize>, DocumentsError> {
        let id = document_id(key)?;
        Ok(self.open(tx, &id)?.map(|open| open.document.len()))
    }

    fn open(&mut self, tx: &Connection, id: &DocumentId) -> Result<Option<&mut Open>, DocumentsError> {
        self.clock += 1;
        let clock = self.clock;
        if !self.open.contains_key(id) {
            let Some(kept) = outpost_journal::load(tx, id).map_err(StoreError::from)? else {
                return Ok(None);
            };
            let document = Document::open(id.clone(), self.actor, kept.saved.as_deref(), &kept.later)?;
            let unsaved = u32::try_from(kept.later.len()).unwrap_or(u32::MAX);
            self.open.insert(id.clone(), Open { document, used: clock, unsaved });
        }
        let open = self.open.get_mut(id);
        let Some(open) = open else { return Ok(None) };
        open.used = clock;
        Ok(Some(open))
    }

    fn put(&mut self, id: DocumentId, document: Document) {
        self.clock += 1;
        self.ahead = true;
        self.open.insert(id, Open { document, used: self.clock, unsaved: 1 });
    }

    /// Closes the longest unused documents until as many are open as may be, and saves what grew long. Belongs in the
    /// group's transaction: a saved form must never be ahead of the journal.
    pub fn close_some(&mut self, tx: &Connection) -> Result<(), DocumentsError> {
        // Only what this group wrote can have grown long: walking all that are open would cost every scan their memory.
        for id in std::mem::take(&mut self.written) {
            if let Some(open) = self.open.get_mut(&id)
                && open.unsaved >= UNSAVED_MAX
            {
                outpost_journal::save(tx, &id, &open.document.save()?).map_err(StoreError::from)?;
                open.unsaved = 0;
            }
        }
        while self.open.len() > self.max {
            let oldest = self.open.iter().min_by_key(|(_, open)| open.used).map(|(id, _)| id.clone());
            let Some(id) = oldest else { break };
            if let Some(mut open) = self.open.remove(&id)
                && open.unsaved > 0
            {
                outpost_journal::save(tx, &id, &open.document.save()?).map_err(StoreError::from)?;
            }
        }
        Ok(())
    }

    /// The group is committed: what the documents hold is what the journal holds.
    pub fn committed(&mut self) {
        self.ahead = false;
    }

    /// How many are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }
}

fn document_id(key: &DocumentKey) -> Result<DocumentId, DocumentsError> {
    let text = key.to_string();
    Ok(DocumentId::new(text.clone()).map_err(|error| StoreError::corrupt("document", text, error))?)
}
