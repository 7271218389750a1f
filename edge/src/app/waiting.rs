//! Cases that wait for the record they name. Nobody works on a parcel without an address, so they stand in no queue: a
//! person must know of them when it takes long.

use outpost_model::id::{CaseId, DocumentKey};
use outpost_model::time::UtcMillis;

use super::sentence;
use crate::store::{StoreResult, case, exception};
use crate::write::{Stop, Unit};

/// What is raised.
pub const RECORD_MISSING: &str = "record_missing";
/// A record comes before the case that names it. What came by repair may be ahead of it for as long as this.
pub const PATIENCE_MS: i64 = 5 * 60 * 1_000;
/// Cases told in one go; the next go tells of others.
const CASES_MAX: u32 = 100;

/// Tells of cases that have waited for too long, and takes back what was told of those that wait no more.
pub fn look(unit: &mut Unit<'_>) -> Result<(), Stop> {
    let before = UtcMillis(unit.now().0.saturating_sub(PATIENCE_MS));
    for case in case::waiting_untold(unit.tx(), before, RECORD_MISSING, CASES_MAX)? {
        let subject = DocumentKey::Case(case).to_string();
        unit.raise(RECORD_MISSING, &subject, "", sentence(RECORD_MISSING))?;
    }
    Ok(exception::resolve_not_waiting(unit.tx(), unit.now(), RECORD_MISSING)?)
}

/// The record has come after all.
pub fn came(unit: &Unit<'_>, case: CaseId) -> StoreResult<()> {
    exception::resolve(unit.tx(), unit.now(), RECORD_MISSING, &DocumentKey::Case(case).to_string())
}
