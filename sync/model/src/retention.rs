//! The clock by which data is deleted for good.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::UtcMillis;

/// A clock since boot is believed to run wrong by a thousandth at most.
const DRIFT_PARTS: u64 = 1_000;
/// How long a machine is believed to have been off between two boots, milliseconds: seven days.
const OFF_MS_MAX: i64 = 7 * DAY_MS;
/// So much time must have passed by the boot clock until another stay off is believed: a machine that starts over and
/// over with a wrong clock does not run through the years.
const BETWEEN_OFF_MS: i64 = DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Deleting cannot be taken back, so it never trusts a wall clock alone: time passes here no faster than on the clock
/// since boot, with one stay off of a week between two boots. A wall clock that jumps ahead a year takes nothing; one
/// that is behind only keeps things longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionClock {
    /// The latest instant that can be now.
    bound: UtcMillis,
    /// The boot clock when the bound was moved last, milliseconds.
    boot_ms: u64,
    /// The boot it belongs to.
    boot_id: Uuid,
    /// The bound when a stay off was believed last.
    off_at: UtcMillis,
}

impl RetentionClock {
    /// Begins with a reading that there is nothing to hold against.
    pub fn start(wall: UtcMillis, boot_ms: u64, boot_id: Uuid) -> Self {
        Self { bound: wall, boot_ms, boot_id, off_at: wall }
    }

    /// Takes a reading and says what time it is for deleting.
    pub fn read(&mut self, wall: UtcMillis, boot_ms: u64, boot_id: Uuid) -> UtcMillis {
        let passed = if boot_id == self.boot_id { boot_ms.saturating_sub(self.boot_ms) } else { boot_ms };
        let passed = i64::try_from(passed.saturating_add(passed / DRIFT_PARTS)).unwrap_or(0);
        self.bound = UtcMillis(self.bound.0.saturating_add(passed));
        if boot_id != self.boot_id && self.bound.0.saturating_sub(self.off_at.0) >= BETWEEN_OFF_MS {
            // Only as far as the wall clock says: what it does not claim has not passed.
            let claimed = wall.0.saturating_sub(self.bound.0).clamp(0, OFF_MS_MAX);
            self.bound = UtcMillis(self.bound.0.saturating_add(claimed));
            self.off_at = self.bound;
        }
        (self.boot_ms, self.boot_id) = (boot_ms, boot_id);
        wall.min(self.bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: i64 = 365 * DAY_MS;
    const START: UtcMillis = UtcMillis(1_000 * DAY_MS);

    fn boot(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn a_wall_clock_that_jumps_a_year_takes_only_what_has_really_passed() {
        let mut clock = RetentionClock::start(START, 0, boot(1));
        assert_eq!(clock.read(START + 5_000, 5_000, boot(1)), START + 5_000);
        assert_eq!(clock.read(START + YEAR, 10_000, boot(1)), START + 10_010);
        assert_eq!(clock.read(START + 20_000, 20_000, boot(1)), START + 20_000);
        assert_eq!(clock.read(START + -YEAR, 30_000, boot(1)), START + -YEAR, "behind is the safe side");
        assert_eq!(clock.read(START + 40_000, 40_000, boot(1)), START + 40_000);
    }

    #[test]
    fn a_machine_that_was_off_is_believed_a_week_and_once_a_day() {
        let mut clock = RetentionClock::start(START, 0, boot(1));
        let day = u64::try_from(DAY_MS).unwrap();
        assert_eq!(clock.read(START + DAY_MS, day, boot(1)), START + DAY_MS);
        assert_eq!(clock.read(START + 4 * DAY_MS, 1_000, boot(2)), START + 4 * DAY_MS);
        let mut now = clock;
        for n in 3..500 {
            let read = now.read(START + YEAR, 60_000, boot(n));
            assert!(read < START + 6 * DAY_MS, "starting over and over: {read:?}");
        }
        let mut later = clock;
        later.read(START + 5 * DAY_MS, day + 1_000, boot(2));
        let read = later.read(START + YEAR, 0, boot(3));
        assert!(read <= START + 13 * DAY_MS, "{read:?}");
    }
}
