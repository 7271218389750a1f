//! Replication with the hub: the driver owns the engine's session and moves frames; what arrives is admitted and
//! applied inside the writer's transaction.

mod admit;
pub mod apply;
mod receive;
mod status;

pub use status::{LineState, LineStatus};
