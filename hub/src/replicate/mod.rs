//! Replication with the sites: frames in and out, what each site's changes may do, and what they trigger.
//!
//! `driver` spreads frames over one `peer` task a site; a peer owns the engine's session. What a session wants stored is
//! read beside the transactions (`reading`, with the model's rules in `admit`) and handed to `intake`, which gathers what
//! waits, of all sites, into one transaction. `apply` is that transaction as one function: `merge` checks each change
//! against what the database holds, `project` folds, `react` does what follows. `storing` isolates what breaks a
//! transaction. `verify` folds documents from scratch.

pub mod admit;
pub mod apply;
pub mod attach;
pub mod crowd;
pub mod driver;
pub mod intake;
mod kept;
pub mod mend;
mod mending;
mod merge;
pub mod notice;
mod own;
mod parking;
pub mod peer;
pub mod project;
pub mod react;
pub mod reading;
pub mod storing;
pub mod verify;
