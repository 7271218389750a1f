//! A machine's clocks: they agree with the world's time until a fault sets them wrong.

use std::time::Duration;

use outpost_daemon::Reading;
use outpost_edge::Moment;
use outpost_model::time::UtcMillis;
use outpost_sync::Now;
use uuid::Uuid;

/// Wall time when a run begins: a Monday morning.
pub const MORNING: i64 = 1_763_971_200_000;

/// The clocks of one machine. The world's time is milliseconds since the run began.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// What the wall clock is ahead of true time.
    pub ahead_ms: i64,
    booted_at: i64,
    boots: u128,
    machine: u128,
}

impl Clocks {
    /// The clocks of a machine that has run for an hour.
    pub fn new(machine: u128) -> Self {
        Self { ahead_ms: 0, booted_at: -3_600_000, boots: 1, machine }
    }

    /// The machine was switched off and on; a dead clock begins where clocks begin.
    pub fn reboot(&mut self, now: u64, dead: bool) {
        self.booted_at = now as i64 - 20_000;
        self.boots += 1;
        if dead {
            self.ahead_ms = -MORNING;
        }
    }

    /// What all clocks show.
    pub fn moment(&self, now: u64) -> Moment {
        Moment {
            wall: UtcMillis(MORNING + now as i64 + self.ahead_ms),
            boot_ms: (now as i64 - self.booted_at).unsigned_abs(),
            boot_id: Uuid::from_u128(self.machine << 64 | self.boots),
        }
    }

    /// The same for the engine.
    pub fn now(&self, now: u64) -> Now {
        self.moment(now).for_engine()
    }

    /// The same for a daemon's clock.
    pub fn reading(&self, now: u64) -> Reading {
        let moment = self.moment(now);
        Reading {
            wall: moment.wall.timestamp(),
            since_boot: Duration::from_millis(moment.boot_ms),
            boot_id: moment.boot_id,
        }
    }

    /// When the boot clock shows this.
    pub fn when(&self, boot_ms: u64) -> u64 {
        (boot_ms as i64 + self.booted_at).max(0).unsigned_abs()
    }
}
