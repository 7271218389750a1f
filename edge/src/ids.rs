//! Where new ids come from: randomness that is handed in, so that a simulator can hand in the same again.

use outpost_model::id::CommandId;
use outpost_model::time::UtcMillis;
use outpost_sync::Incarnation;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A source of ids.
#[derive(Debug)]
pub struct Ids(StdRng);

impl Ids {
    /// The same ids again for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Ids nobody can foresee.
    pub fn random() -> Self {
        Self(rand::make_rng())
    }

    /// An id for something the daemon does by itself.
    pub fn command(&mut self, now: UtcMillis) -> CommandId {
        CommandId(outpost_daemon::mint_id(now.timestamp(), &mut self.0))
    }

    /// The randomness itself, for keys and nonces.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.0
    }

    /// A new incarnation; store it with its parent before it is used.
    pub fn incarnation(&mut self) -> Incarnation {
        Incarnation::mint(&mut self.0)
    }
}
