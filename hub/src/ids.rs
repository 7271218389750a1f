//! Ids and random bytes, from a time and a source that are handed in.

use std::sync::{Arc, Mutex, PoisonError};

use outpost_model::time::UtcMillis;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// Where the hub's randomness begins: at the system, or at a seed, so that a simulator can have the same run again.
#[derive(Clone, Debug, Default)]
pub enum Entropy {
    /// Nobody can foresee it.
    #[default]
    System,
    /// The same again for the same seed. Clones draw from one source.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Entropy {
    /// The same randomness again for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A source of ids of its own.
    pub fn ids(&self, now: UtcMillis) -> Ids {
        match self {
            Self::System => Ids::new(now),
            Self::Seeded(source) => {
                let mut seed = [0; 32];
                source.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut seed);
                Ids::from_rng(now, StdRng::from_seed(seed))
            }
        }
    }
}

/// Where ids come from: time-ordered UUIDs, and random bytes for tokens and keys.
#[derive(Debug)]
pub struct Ids {
    rng: rand::rngs::StdRng,
    now: UtcMillis,
    last: u64,
    count: u16,
}

impl Ids {
    /// Ids that begin at `now`, with randomness from the system.
    pub fn new(now: UtcMillis) -> Self {
        Self::from_rng(now, rand::make_rng())
    }

    /// Ids with randomness from a known source, for reproducible runs.
    pub fn from_rng(now: UtcMillis, rng: rand::rngs::StdRng) -> Self {
        Self { rng, now, last: 0, count: 0 }
    }

    /// A source of its own that continues this one: ids of both never meet, and this one's ascend beyond it.
    pub fn fork(&mut self) -> Self {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        Self { rng: rand::SeedableRng::from_seed(seed), now: self.now, last: self.last, count: self.count }
    }

    /// Sets the time that ids are ordered by.
    pub fn set_now(&mut self, now: UtcMillis) {
        self.now = now;
    }

    /// A time-ordered UUID (version 7); ids of one source ascend even within a millisecond.
    pub fn uuid(&mut self) -> Uuid {
        let now = u64::try_from(self.now.0).unwrap_or(0);
        if now > self.last {
            (self.last, self.count) = (now, 0);
        } else if self.count == 0x0fff {
            (self.last, self.count) = (self.last + 1, 0);
        } else {
            self.count += 1;
        }
        let mut bytes = [0_u8; 16];
        self.rng.fill_bytes(&mut bytes);
        bytes[..6].copy_from_slice(&self.last.to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(0x7000 | self.count).to_be_bytes());
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Uuid::from_bytes(bytes)
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// The random source itself.
    pub fn rng(&mut self) -> &mut rand::rngs::StdRng {
        &mut self.rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_within_a_millisecond_and_over_a_clock_that_goes_back() {
        let mut ids = Ids::new(UtcMillis(1_000));
        let mut last = ids.uuid();
        for round in 0..10_000 {
            if round == 5_000 {
                ids.set_now(UtcMillis(10));
            }
            let next = ids.uuid();
            assert!(next > last);
            assert_eq!(next.get_version_num(), 7);
            last = next;
        }
    }
}
