//! Grant policy: how much of a site's stock the hub may promise without asking.

use crate::kinds::number;
use crate::place::{Place, section};

section! {
    /// The policy of one class of products. Entries start as a copy of `grants.default`.
    pub struct GrantPolicy {
        /// Percent of the sellable units beyond the safety stock that are granted.
        share_percent: u32 = number(0..=100),
        /// Units that stay with the site for its own customers and for errors of its book.
        safety_stock: u32 = number(0..=100_000),
        /// Granted at least, as far as units beyond the safety stock are there.
        floor: u32 = number(0..=100_000),
        /// Granted at most.
        cap: u32 = number(0..=1_000_000),
    }
}

impl GrantPolicy {
    /// How many units of `sellable` should be granted in all, in the product's unit of measure. The floor
    /// lifts a small share, the cap limits a large one, and neither reaches into the safety stock.
    pub fn target(&self, sellable: u64) -> u64 {
        let free = sellable.saturating_sub(u64::from(self.safety_stock));
        // Whole part and remainder apart, so that no stock is too large for the product.
        let percent = u64::from(self.share_percent);
        let share = free / 100 * percent + free % 100 * percent / 100;
        share.max(u64::from(self.floor)).min(u64::from(self.cap)).min(free)
    }
}

pub(super) fn floor_within_cap(place: &Place<'_>) -> Option<GrantPolicy> {
    let policy = GrantPolicy::read(place)?;
    if policy.floor > policy.cap {
        return place.entries()?.at("floor").wrong("a floor no higher than the cap");
    }
    Some(policy)
}
