//! What nobody needs any more is dropped, a little at a time, so that no scan waits behind it.

use outpost_model::authority::TrustedTime;
use outpost_model::time::UtcMillis;

use crate::replicate::apply::HUB;
use crate::store::outcome::{self, Pruned};
use crate::store::print_job::{self, PrintJobId};
use crate::store::{StoreError, authority, record};
use crate::write::{Stop, Unit, trusted_time};

/// Rows dropped in one go.
const ROWS_MAX: u32 = 2_000;
/// Records that are closed for good in one go: each is a row here and one in the key store.
const RECORDS_MAX: u32 = 250;
/// Frames set aside that are dropped in one go: each may have 240 KiB.
const FRAMES_MAX: u32 = 50;

/// Drops personal data past its retention, outcomes past every retry, and journal rows that both sides have; tells of
/// cases that wait for a record for too long.
/// Says whether there is more to look at than it took.
pub fn housekeep(unit: &mut Unit<'_>) -> Result<bool, Stop> {
    super::waiting::look(unit)?;
    let mut more = false;
    let mut dropped = 0;
    let mut went = |rows: usize, max: u32| {
        dropped += rows;
        more |= rows >= max as usize;
    };
    if let Some(now) = retention_clock(unit)? {
        let moment = *unit.moment();
        let now = unit.site().vault.time(now, moment.boot_ms, moment.boot_id)?;
        went(close_records(unit, now)?, RECORDS_MAX);
        went(record::purge(unit.tx(), now, RECORDS_MAX)?, RECORDS_MAX);
        let kept = unit.site().retention;
        // An outcome that went too early would let a retry do its command again: how time passes is the hub's to say.
        let Pruned { gone, through } = outcome::prune(unit.tx(), now, kept.outcomes_ms, ROWS_MAX)?;
        // As long as it finds some, it looks on at once.
        went(gone, if gone > 0 && !through { 1 } else { ROWS_MAX + 1 });
        // These are dated by the wall clock: they go when both clocks agree that it is time.
        let before = now.min(unit.now()).0.saturating_sub(kept.set_aside_ms);
        let frames = outpost_journal::forget_set_aside(unit.tx(), HUB, before, FRAMES_MAX as usize)?;
        went(frames, FRAMES_MAX);
    }
    let swept = outpost_journal::forget(unit.tx(), ROWS_MAX as usize)?;
    dropped += swept.dropped;
    if dropped > 0 {
        tracing::info!(rows = dropped, "dropped what is past its retention");
    }
    Ok(more || !swept.at_end)
}

/// Deletes the keys whose time is over. What they closed is unreadable from then on, here and in every copy; its bytes
/// follow.
fn close_records(unit: &Unit<'_>, now: UtcMillis) -> Result<usize, Stop> {
    let expired = unit.site().vault.expire(now, RECORDS_MAX)?;
    for one in expired.iter().filter(|one| one.kind == print_job::SEALED_AS) {
        let id = one.key.parse().map_err(|error| StoreError::corrupt("record_key", &one.key, error))?;
        print_job::forget(unit.tx(), PrintJobId(id))?;
    }
    Ok(expired.len())
}

/// The time by which retention is judged: the hub's as far as it is known, else its last reading. The wall clock has no
/// say, since one that jumps ahead must not take the addresses of parcels that are still to be sent; the key store holds
/// what the hub says against the clock since boot as well.
fn retention_clock(unit: &Unit<'_>) -> Result<Option<UtcMillis>, Stop> {
    let reading = authority::hub_time(unit.tx())?;
    Ok(match trusted_time(reading, unit.site(), unit.moment()) {
        TrustedTime::AtMost(now) => Some(now),
        TrustedTime::Unknown => reading.map(|reading| reading.hub_wall),
    })
}
