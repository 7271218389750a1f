//! What every handler and worker of the hub shares.

use std::sync::Arc;

use outpost_config::{HubSettings, RulesHandle};

use crate::store::Store;
use crate::wake::Wakers;
use crate::write::Writer;

/// The hub: its database, its writer, its rules and its signals. Clones share everything.
#[derive(Clone)]
pub struct Hub {
    /// The database, for reading.
    pub store: Store,
    /// Where use cases are handed in.
    pub writer: Writer,
    /// The rules in force.
    pub rules: RulesHandle,
    /// The settings, as resolved at the start.
    pub settings: Arc<HubSettings>,
    /// Signals between the parts; screens subscribe to `wakers.news`.
    pub wakers: Wakers,
}
