//! What nobody needs any more is dropped, a little at a time, so that no scan waits behind it.

use outpost_model::authority::TrustedTime;
use outpost_model::time::UtcMillis;

use crate::store::outcome::{self, Pruned};
use crate::store::{authority, record};
use crate::write::{Stop, Unit, trusted_time};

/// Rows dropped in one go.
const ROWS_MAX: u32 = 2_000;

/// Drops personal data past its retention, outcomes past every retry, and journal rows that both sides have.
/// Says whether there is more to look at than it took.
pub fn housekeep(unit: &mut Unit<'_>) -> Result<bool, Stop> {
    let (mut contacts, mut labels) = (0, 0);
    let mut outcomes = Pruned { gone: 0, through: true };
    if let Some(now) = retention_clock(unit)? {
        contacts = record::purge_contacts(unit.tx(), now)?;
        // Labels are dated by the wall clock: they go when both clocks agree that it is time.
        labels = record::purge_labels(unit.tx(), now.min(unit.now()))?;
        // An outcome that went too early would let a retry do its command again: how time passes is the hub's to say.
        outcomes = outcome::prune(unit.tx(), now, ROWS_MAX)?;
    }
    let swept = outpost_journal::forget(unit.tx(), ROWS_MAX as usize)?;
    let rows = swept.dropped;
    if contacts + labels + outcomes.gone + rows > 0 {
        tracing::info!(
            contacts,
            labels,
            outcomes = outcomes.gone,
            rows,
            "dropped what is past its retention"
        );
    }
    Ok((outcomes.gone > 0 && !outcomes.through) || !swept.at_end)
}

/// The time by which retention is judged: the hub's as far as it is known, else its last reading. The wall clock has no
/// say, since one that jumps ahead must not take the addresses of parcels that are still to be sent.
fn retention_clock(unit: &Unit<'_>) -> Result<Option<UtcMillis>, Stop> {
    let reading = authority::hub_time(unit.tx())?;
    Ok(match trusted_time(reading, unit.site(), unit.moment()) {
        TrustedTime::AtMost(now) => Some(now),
        TrustedTime::Unknown => reading.map(|reading| reading.hub_wall),
    })
}
