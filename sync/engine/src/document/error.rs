//! Why a document cannot be opened, written or merged.

use automerge::AutomergeError;

use crate::bytes::{ChangeHash, DocumentId};
use crate::inspection::ChangeError;

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
