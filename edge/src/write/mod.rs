//! The writer: the one place that writes, the one place that folds. It knows no picks.
//!
//! [`Core`] is the mechanism without a thread: a group of jobs in, one commit, answers out. [`Writer`] runs it on a
//! thread of its own behind a queue. Jobs are carried out by `app`, each as a function over a [`Unit`] of work.

mod apart;
mod bell;
mod core;
mod documents;
mod job;
mod memory;
mod pages;
mod permission;
mod restoring;
mod thread;
mod unit;

pub use core::{Committed, Core, FateUnknown, Limits};
pub use documents::{DocumentsError, OpenDocuments};
pub use job::{Answer, Failed, Heard, HubTime, Job, News};
pub use pages::{MOVEMENTS_IN_ENTRY_MAX, SKUS_IN_ENTRY_MAX};
pub use permission::{Permit, held, trusted_time};
pub use restoring::HELD_MS_MAX;
pub use thread::{Busy, Unanswered, Work, Writer, WriterGone, WriterOptions};
pub use unit::{Stop, Unit};
