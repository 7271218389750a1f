//! Repair: two sides compare what documents they have, and each gives the other what it lacks.
//!
//! Streams carry every change once, in order. Repair is for what streams cannot bring: changes that a disk lost, that
//! an appliance lost when it was restored or replaced, that a hub lost when it was restored, and whatever a defect
//! left out. It works on documents, not on positions, and it finds what is missing whatever the reason.
//!
//! 1. *Compare.* Each side keeps 256 hashes over its documents ([`Buckets`]), renewed in the transaction of every
//!    change. They are compared only when both sides stand at exactly the same positions of both streams; else the
//!    difference would only be what is on its way. A forced comparison does not wait for that: it finds such
//!    documents too, and giving them twice does no harm.
//! 2. *List.* For buckets that differ both sides list their documents with their heads, page by page.
//! 3. *Fetch and give.* For documents that differ each side names the last change of every author it has, and gets
//!    the changes after those, in an order in which each finds what it builds on.
//!
//! The site asks, the hub answers. The asker has one question out at a time and repeats it until it is answered; who
//! answers remembers nothing but the fragments of one part. So no lost frame wedges anything, and memory is bounded on
//! both sides. A hub that wants a comparison asks the site for one.
//!
//! A repaired change goes through the checks and reactions of any other. Whether it may be taken is a question of its
//! *author*, never of who passed it on.

mod buckets;
mod compare;
mod drive;
mod part;
mod serve;
mod work;

use crate::bytes::{ChangeHash, DocumentId, Incarnation, InstallId};
use crate::change::Change;
use crate::item::Position;
use crate::session::Now;
use outpost_model::id::SiteId;

pub use buckets::{BucketSet, Buckets, Fingerprint};
pub(crate) use drive::Drive;
pub(crate) use serve::Serve;

/// The last number of every author of a document, by author.
pub type Authors = Vec<(Incarnation, u64)>;

/// Whether a side takes part in repairing a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Standing {
    /// It is here and stands in the hashes.
    #[default]
    Live = 0,
    /// A change of it is in quarantine here: nothing of it is taken in until that ends.
    Held = 1,
    /// It is over and was archived or dropped here.
    Archived = 2,
    /// A successor has taken its place.
    Sealed = 3,
}

impl Standing {
    /// Reads the number that `as u8` writes.
    pub fn of(number: u8) -> Option<Self> {
        [Self::Live, Self::Held, Self::Archived, Self::Sealed]
            .into_iter()
            .find(|standing| *standing as u8 == number)
    }
}

/// A document as one side lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The document.
    pub doc: DocumentId,
    /// What it is to this side. Documents that are not [`Standing::Live`] are left out of this side's hashes.
    pub standing: Standing,
    /// What this side believes that it is to the other. Those are left out as well.
    pub there: Standing,
    /// Its heads, sorted.
    pub heads: Vec<ChangeHash>,
}

/// A question to the application about its documents; answered by an [`Seen`] of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The hashes, and the positions at which they were read: all in one snapshot.
    Digest,
    /// Documents in these buckets, in the order of (bucket, name), from the first one after `after`.
    List {
        /// Which buckets.
        buckets: BucketSet,
        /// Bucket and name of the last document that is not wanted any more.
        after: Option<(u8, DocumentId)>,
        /// How many at most. Fewer mean that there are no more.
        limit: usize,
    },
    /// These documents, each with the changes that the other side lacks.
    Documents {
        /// Which.
        of: Vec<Wanted>,
        /// Stop taking up changes after the first with which they weigh more than this.
        bytes_max: usize,
    },
}

/// A document and what the other side has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The document.
    pub doc: DocumentId,
    /// The other side's authors; `None` when no changes are wanted.
    pub has: Option<Authors>,
}

/// What the application found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Hashes and positions.
    Digest(Box<Digest>),
    /// Documents, in order.
    List(Vec<Known>),
    /// Documents, in the order of the question; those that do not exist here have no authors.
    Documents(Vec<Document>),
}

/// The state that two sides compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// The end of one's own stream.
    pub own: Position,
    /// How far the peer's incarnations are applied. One of which items came early, beyond a gap, is left out.
    pub applied: Vec<Position>,
    /// The hashes.
    pub buckets: Buckets,
}

/// A document with what the other side lacks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The document.
    pub doc: DocumentId,
    /// What it is to this side.
    pub standing: Standing,
    /// The last number of every author here.
    pub authors: Authors,
    /// Those of the authors that were incarnations of the other side: only the hub says so, since it remembers those
    /// that an appliance lost with its disk.
    pub past: Vec<Incarnation>,
    /// Changes that the other side lacks, each after what it builds on.
    pub changes: Vec<Change>,
}

/// What repair brought, for one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// The site of the conversation.
    pub site: SiteId,
    /// The install whose signature was verified.
    pub install: InstallId,
    /// Changes, each after what it builds on. They have no position and make no progress; some may be here already.
    pub changes: Vec<Change>,
    /// What documents are to the peer, where that is news.
    pub notes: Vec<(DocumentId, Standing)>,
    /// Authors that, by the word of the peer, were this side's own. Of use at a site only.
    pub past: Vec<Incarnation>,
}

/// What a round of repair came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Changes that were handed over to be mended.
    pub taken: usize,
    /// Changes that were given to the peer.
    pub given: usize,
    /// Whether both sides were found to have the same in the end.
    pub same: bool,
    /// The end of the peer's stream at which they were, where that was compared as well.
    pub level: Option<Position>,
}

/// What repair needs from the session around it.
pub(crate) struct Around {
    pub now: Now,
    pub frame_bytes_max: usize,
    pub site: SiteId,
    pub install: Option<InstallId>,
    /// One's own incarnation and the peer's, as the streams have them now.
    pub own: Incarnation,
    pub peer: Option<Incarnation>,
    /// Nothing of either stream is known to be on its way.
    pub quiet: bool,
}

/// What repair wants done.
#[derive(Debug, PartialEq)]
pub(crate) enum Act {
    Say(crate::frame::repair::Message),
    Look(Look),
    Mend(Mend),
    Tell(Outcome),
}
