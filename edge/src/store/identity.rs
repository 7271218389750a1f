//! What the hub told this appliance when it was enrolled. Its own key is not here but in a file of its own.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{StoreResult, setting};

const ENROLLMENT: &str = "enrollment";

/// The answer of an enrollment, as it was given.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrollment {
    /// The hub's install id and public key, hex.
    pub hub_public_key: String,
    /// The secret both sides compute short codes with, base64.
    pub site_secret: String,
    /// The hub's epoch.
    pub epoch: u64,
    /// The shard of the site's topics.
    pub shard: String,
}

/// The secret does not get into logs by accident.
impl std::fmt::Debug for Enrollment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Enrollment(shard {}, epoch {})", self.shard, self.epoch)
    }
}

impl Enrollment {
    /// The secret's bytes; nothing when they are not base64.
    pub fn secret(&self) -> Option<Vec<u8>> {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(&self.site_secret).ok()
    }
}

/// The enrollment, if there was one.
pub fn enrollment(conn: &Connection) -> StoreResult<Option<Enrollment>> {
    setting::load(conn, ENROLLMENT)
}

/// Keeps the answer of an enrollment.
pub fn save_enrollment(conn: &Connection, enrollment: &Enrollment) -> StoreResult<()> {
    setting::save(conn, ENROLLMENT, enrollment)
}
