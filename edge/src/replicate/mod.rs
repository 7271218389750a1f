//! Replication with the hub: the driver owns the engine's session and moves frames; what arrives is admitted and
//! applied inside the writer's transaction.

pub mod acknowledged;
mod admit;
pub mod apply;
pub mod conversation;
mod driver;
mod enroll;
mod key;
mod own;
mod receive;
pub mod reference;
pub mod restore;
mod status;
mod take;
mod witness;

pub use driver::{DriverError, run};
pub use key::{KeyError, load_or_make};
pub use receive::RULES;

pub use status::{LineState, LineStatus};
pub use witness::{Witness, keep as keep_witness};
