//! Simulated sites for figures of replication: the engine's own sessions and documents, a journal in memory, and the
//! facts of a day's work. Their frames are what a real site would send.

mod facts;
mod peer;
mod site;

pub use facts::EVENTS_A_CASE;
pub use peer::HubPeer;
pub use site::SimSite;

use outpost_sync::Now;

/// A clock that stands still until it is moved: frames made beforehand do not wait for anything.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Milliseconds since boot.
    pub boot_ms: u64,
    /// Milliseconds since 1970.
    pub wall_ms: i64,
}

impl Clock {
    /// The time as sessions take it.
    pub fn now(self) -> Now {
        Now { boot_ms: self.boot_ms, wall_ms: self.wall_ms }
    }

    /// Moves on to an instant of the boot clock.
    pub fn advance_to(&mut self, boot_ms: u64) {
        let by = boot_ms.saturating_sub(self.boot_ms);
        self.boot_ms += by;
        self.wall_ms += by as i64;
    }
}
