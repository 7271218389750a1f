//! What nobody needs any more is dropped, a little at a time, so that no scan waits behind it.

use crate::store::{outcome, record};
use crate::write::{Stop, Unit};

/// Rows dropped in one go.
const ROWS_MAX: u32 = 2_000;

/// Drops personal data past its retention, outcomes past every retry, and journal rows that both sides have.
pub fn housekeep(unit: &mut Unit<'_>) -> Result<(), Stop> {
    let contacts = record::purge_contacts(unit.tx(), unit.now())?;
    let outcomes = outcome::prune(unit.tx(), unit.now(), ROWS_MAX)?;
    let rows = outpost_journal::forget(unit.tx(), ROWS_MAX as usize)?;
    if contacts + outcomes + rows > 0 {
        tracing::info!(contacts, outcomes, rows, "dropped what is past its retention");
    }
    Ok(())
}
