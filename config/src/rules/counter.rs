//! Rules of the counter: deadlines of work, orders that wait for their customer, and the handover.

use std::collections::BTreeMap;
use std::time::Duration;

use outpost_model::money::Currency;

use crate::kinds::{duration, keyed, number};
use crate::place::{Place, Rule, section};

section! {
    /// By when a site must have moved, counted in its open hours.
    pub struct Deadlines {
        /// From offered to accepted.
        accept: Duration = duration("1m", "3d"),
        /// From offered to the first pick.
        start: Duration = duration("1m", "7d"),
    }
}

section! {
    /// Orders that wait for their customer.
    pub struct PickupRules {
        /// Days an order is held after it became ready.
        hold_days: u32 = number(1..=60),
        /// Open hours an expired order stays aside before its goods go back to the shelf without contact.
        put_back_grace: Duration = duration("0s", "3d"),
        /// Wrong codes before the customer must be identified otherwise.
        code_tries_max: u32 = number(1..=10),
    }
}

section! {
    /// The moment goods leave the site.
    pub struct HandoverRules {
        /// The highest value handed over on a ticket alone without contact, in minor units; above it, and for
        /// currencies not listed, a second PIN is needed.
        offline_value_max: BTreeMap<Currency, i64> = amounts(),
    }
}

impl HandoverRules {
    /// Whether a value may be handed over without contact and without a second PIN.
    pub fn is_within_offline_limit(&self, currency: Currency, minor: i64) -> bool {
        self.offline_value_max.get(&currency).is_some_and(|most| minor <= *most)
    }
}

/// Amounts in minor units by currency.
pub(super) fn amounts() -> impl Fn(&Place<'_>) -> Option<BTreeMap<Currency, i64>> {
    const MINOR_MAX: i64 = 1_000_000_000_000;
    let fits = |code: &str| code.parse::<Currency>().is_ok();
    let entries = keyed("three capital letters such as EUR", fits, number(0..=MINOR_MAX));
    move |place| {
        let amounts = entries.read(place)?;
        Some(amounts.into_iter().filter_map(|(code, minor)| Some((code.parse().ok()?, minor))).collect())
    }
}
