//! One reading of all clocks, taken at the top and handed down.

use outpost_daemon::Clock;
use outpost_model::time::UtcMillis;
use uuid::Uuid;

/// When something happens, on every clock there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Wall time: for people, and wrong whenever somebody has set it wrong.
    pub wall: UtcMillis,
    /// Milliseconds since boot; never jumps.
    pub boot_ms: u64,
    /// Which boot that is.
    pub boot_id: Uuid,
}

impl Moment {
    /// Reads the clocks.
    pub fn read(clock: &Clock) -> Self {
        Self {
            wall: clock.wall().into(),
            boot_ms: u64::try_from(clock.since_boot().as_millis()).unwrap_or(u64::MAX),
            boot_id: clock.boot_id(),
        }
    }

    /// As the replication engine wants it.
    pub fn for_engine(self) -> outpost_sync::Now {
        outpost_sync::Now { boot_ms: self.boot_ms, wall_ms: self.wall.0 }
    }
}
