//! The clocks of a daemon: the only code that reads them. Everything else is handed `now`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;

/// Wall time, time since boot, and which boot it is.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { boot_id: Uuid },
    Hands(Hands),
}

/// The hands of a clock that a simulator sets. Clones share them.
#[derive(Clone, Debug)]
pub struct Hands(Arc<Mutex<Reading>>);

/// What a clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Wall time.
    pub wall: Timestamp,
    /// Time since boot.
    pub since_boot: Duration,
    /// Which boot.
    pub boot_id: Uuid,
}

impl Hands {
    /// Hands that show this.
    pub fn new(reading: Reading) -> Self {
        Self(Arc::new(Mutex::new(reading)))
    }

    /// A clock with these hands.
    pub fn clock(&self) -> Clock {
        Clock(Source::Hands(self.clone()))
    }

    /// Sets them.
    pub fn set(&self, reading: Reading) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reading;
    }

    fn read(&self) -> Reading {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time since boot cannot be told from another boot's.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the kernel's boot id from {BOOT_ID}")]
pub struct ClockError(#[source] Box<dyn std::error::Error + Send + Sync>);

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

impl Clock {
    /// The system's clocks.
    pub fn system() -> Result<Self, ClockError> {
        let text = std::fs::read_to_string(BOOT_ID).map_err(|error| ClockError(error.into()))?;
        let boot_id = Uuid::parse_str(text.trim()).map_err(|error| ClockError(error.into()))?;
        Ok(Self(Source::System { boot_id }))
    }

    /// Wall time: for people, and wrong whenever somebody has set it wrong.
    #[allow(clippy::disallowed_methods, reason = "this module is the one reader of the clock")]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::System { .. } => Timestamp::now(),
            Source::Hands(hands) => hands.read().wall,
        }
    }

    /// Time since boot, suspended time included; it never jumps and nobody can set it.
    pub fn since_boot(&self) -> Duration {
        match &self.0 {
            Source::System { .. } => {
                let now = clock_gettime(ClockId::Boottime);
                Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
            }
            Source::Hands(hands) => hands.read().since_boot,
        }
    }

    /// The id of this boot: readings of [`Clock::since_boot`] compare only within one.
    pub fn boot_id(&self) -> Uuid {
        match &self.0 {
            Source::System { boot_id } => *boot_id,
            Source::Hands(hands) => hands.read().boot_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_since_boot_moves_forward_within_one_boot() {
        let clock = Clock::system().unwrap();
        let before = clock.since_boot();
        std::thread::sleep(Duration::from_millis(5));
        let passed = clock.since_boot() - before;
        assert!(passed >= Duration::from_millis(5), "{passed:?}");
        assert_eq!(clock.boot_id(), Clock::system().unwrap().boot_id());
    }

    #[test]
    fn a_clock_shows_what_its_hands_are_set_to() {
        let reading = |second| Reading {
            wall: Timestamp::UNIX_EPOCH,
            since_boot: Duration::from_secs(second),
            boot_id: Uuid::nil(),
        };
        let hands = Hands::new(reading(7));
        let clock = hands.clock();
        assert_eq!((clock.wall(), clock.since_boot()), (Timestamp::UNIX_EPOCH, Duration::from_secs(7)));
        hands.set(reading(9));
        assert_eq!(clock.since_boot(), Duration::from_secs(9));
    }

    #[test]
    fn time_since_boot_agrees_with_the_kernel() {
        let clock = Clock::system().unwrap();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!((clock.since_boot().as_secs_f64() - seconds).abs() < 5.0);
    }
}
