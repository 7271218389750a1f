//! Replication with the sites: frames in and out, what each site's changes may do, and what they trigger.
//!
//! `driver` spreads frames over one `peer` task a site; a peer owns the engine's session. `admit` joins the engine's
//! inspection of a change with the model's rules, `project` folds it, `react` does what follows, and `apply` is all
//! of it as one use case. `broker` is the embedded broker, `verify` folds documents from scratch.

pub mod admit;
pub mod apply;
pub mod driver;
pub mod notice;
pub mod peer;
pub mod project;
pub mod react;
pub mod storing;
pub mod verify;
