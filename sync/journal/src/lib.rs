//! The replication engine's durable half on SQLite.
//!
//! Every function works on the connection or transaction it is handed and decides nothing: when a row is written,
//! acknowledged or forgotten is the application's and the engine's affair.
//!
//! # Order of calls
//!
//! - At start: [`migrate`], then [`mint`] with a fresh incarnation, committed before anything is written with it;
//!   [`links`] and [`progress`] for the session.
//! - Writing, in the transaction of the projections: [`append`] for every own change or record, or [`append_after`].
//! - Receiving, in one transaction per batch: [`store`] for every item (or [`set_aside`] for one that is refused).
//! - After an acknowledgement: [`acknowledge`]. Now and then: [`forget`].
//! - Opening a document: [`load`]. When it is evicted, or now and then: [`save`].
//!
//! - Repair: [`look`] answers the session's questions; [`keep`] files what it brought, [`note`] what documents are to
//!   the peer, [`forget_notes`] when it was restored. Changes before their time: [`park`] and [`unpark`].
//!
//! The tables share a database with the application's own: `sync_incarnation`, `sync_beyond`, `sync_change`,
//! `sync_document`, `sync_heads`, `sync_bucket`, `sync_parked`, `sync_quarantine`, `sync_past`, and `sync_schema` with
//! the version of these.

mod document;
mod inbox;
mod outbox;
mod parked;
mod quarantine;
mod repair;
mod schema;

pub use document::{Kept, Swept, discard, forget, load, save};
pub use inbox::{Stored, count, forget_set_aside, keep_proof, note_frame, progress, proof, store};
pub use outbox::{
    Acknowledged, Depth, Tip, acknowledge, acknowledge_rest, append, append_after, chain, current, depth,
    holds, links, mint, read,
};
pub use parked::{ParkLimits, Parked, park, parked, parked_of, unpark};
pub use quarantine::{SetAside, held_changes, release, set_aside, vouch, vouched};
pub use repair::{Entry, document_at, entry, forget_notes, held, is_held, keep, look, note, stand};
pub use schema::migrate;

/// Why the journal could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// SQLite failed.
    #[error("the journal's database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row does not have the form that was written.
    #[error("the journal is damaged: {0}")]
    Damaged(&'static str),
    /// Nothing can be appended before an incarnation is minted.
    #[error("no incarnation was minted")]
    NoIncarnation,
    /// The incarnation was used before.
    #[error("incarnation {0} was used before")]
    Used(outpost_sync::Incarnation),
    /// The database was written by a later version.
    #[error("the journal has schema version {found}, this version knows {known}")]
    TooNew {
        /// What was found.
        found: i64,
        /// The newest known.
        known: i64,
    },
    /// A record is out of limits.
    #[error("a record cannot travel: {0}")]
    Record(#[from] outpost_sync::RecordError),
}

fn damaged<T>(value: Option<T>, what: &'static str) -> Result<T, JournalError> {
    value.ok_or(JournalError::Damaged(what))
}
