//! What a fact of a case moves in the stock book: from the fact alone, so that the hub books the same.

use crate::event::Event;
use crate::fact::SiteFact;
use crate::header::Header;
use crate::stock::Movement;
use crate::time::UtcMillis;

/// The movements that a site event of a case means; none for most.
pub fn movements(header: &Header, event: &Event<SiteFact>, booked_at: UtcMillis) -> Vec<Movement> {
    let _ = (header, event, booked_at);
    Vec::new()
}
