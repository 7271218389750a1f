//! Replication as a state machine without I/O: it knows no clock, no randomness, no sockets, no database, no topic
//! names, and not what an order is.
//!
//! # What there is
//!
//! - A [`Document`] is a header and a growing set of entries, both opaque text. Writing to it gives a [`Change`];
//!   merging takes changes in. [`Inspection::of`] reads a change without opening its document, and accepts exactly
//!   what a document would write.
//! - A *stream* is all that one side writes for the other. Each of its positions ([`Position`]: incarnation and
//!   dense number) carries an [`Item`]: a change, or a [`Record`] that travels beside the documents. A [`Mark`] is
//!   a position with the running hash over the stream so far. A receiver's [`Progress`] says what it has stored.
//! - A [`Session`] is the conversation of one site and the hub about both streams: frames, acknowledgements,
//!   resending, lanes. It is the same state machine on both sides.
//! - An [`Identity`] signs frames; [`PeerKeys`] verify them.
//! - [`seal`] closes a record with a key of its own; [`reference`] signs versions of what one side tells the other.
//!
//! # Order of calls
//!
//! Writing, inside one transaction of the application: `document.append(entries)` → journal the change (which gives
//! it the stream's next [`Mark`]) → commit → [`Input::Woken`]. If the commit fails, drop every document that was
//! appended to, mint a new [`Incarnation`], store it with its parent, and tell the session ([`Input::Links`]).
//!
//! Sending and receiving: see [`Session`].
#![warn(missing_docs)]

mod bytes;
mod change;
pub mod contract;
mod document;
mod frame;
mod identity;
mod inspection;
mod item;
mod leb;
mod limits;
pub mod lineage;
mod progress;
pub mod reference;
pub mod repair;
pub mod seal;
mod session;
mod settings;

pub use bytes::{
    ChangeHash, Conversation, Digest, DocumentId, DocumentIdError, Incarnation, InstallId, InstallTag,
    Running,
};
pub use change::Change;
pub use document::{Document, DocumentError, MergeError, Merged};
pub use frame::Envelope;
pub use identity::{Identity, IdentityError, PeerKeys, PublicIdentity};
pub use inspection::{ChangeError, Content, Entry, Inspection, ObjectRef};
pub use item::{Gap, Incoming, Item, Link, Mark, Outgoing, Position, Record, RecordError};
pub use limits::Limits;
pub use progress::{Progress, Span, spans};
pub use session::{
    Batch, Channel, Effect, Input, Local, Notice, Now, QuarantineReason, Query, Refusal, Remote, Schema,
    Session, Side,
};
pub use settings::{Settings, SettingsError};
