//! Grant policy: how much of a site's stock the hub may promise without asking.

use outpost_model::rights::GrantPolicy;

use crate::kinds::{number, optional};
use crate::place::{Place, section};

/// More units of one SKU than any site holds.
const UNITS_MAX: u64 = 1_000_000_000;

section! {
    /// The policy of one class of products, as written.
    pub struct WrittenPolicy {
        /// Percent of what is free that is granted.
        share_percent: u8 = number(0..=100),
        /// Units that always stay for walk-ins.
        safety_units: u64 = number(0..=UNITS_MAX),
        /// Below this many free units nothing is granted.
        floor_units: u64 = number(0..=UNITS_MAX),
        /// Units granted and not promised yet, at most.
        cap_units: Option<u64> = optional(number(0..=UNITS_MAX)),
    }
}

pub(super) fn policy(place: &Place<'_>) -> Option<GrantPolicy> {
    let WrittenPolicy { share_percent, safety_units, floor_units, cap_units } = WrittenPolicy::read(place)?;
    Some(GrantPolicy { share_percent, safety_units, floor_units, cap_units })
}
