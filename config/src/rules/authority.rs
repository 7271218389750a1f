//! Terms of authority: how long a site may act irrevocably without asking.

use std::collections::BTreeMap;
use std::time::Duration;

use outpost_model::money::Currency;

use crate::kinds::{duration, number};
use crate::place::section;
use crate::rules::counter::amounts;

section! {
    /// What sites may do irrevocably without asking, and for how long.
    pub struct AuthorityTerms {
        /// A pickup is safe at its site until its hold date plus this.
        pickup_grace: Duration = duration("0s", "7d"),
        /// A shipment is safe until this many carrier collections have passed.
        ship_collections: u32 = number(1..=6),
        /// And never longer than this.
        ship: Duration = duration("1h", "72h"),
        /// The same for the leg that goes to another site.
        ship_to_store: Duration = duration("1h", "72h"),
        /// Gift cards.
        gift_card: Duration = duration("5m", "24h"),
        /// Orders of high value.
        high_value: Duration = duration("5m", "24h"),
        /// From which total an order is of high value, in minor units; currencies not listed have no limit.
        high_value_from: BTreeMap<Currency, i64> = amounts(),
        /// Orders under fraud review.
        fraud_review: Duration = duration("5m", "24h"),
        /// How far clocks may be apart; added wherever authority's end is judged from the other side.
        clock_bound: Duration = duration("1s", "10m"),
        /// How long before authority ends the goods that wait get a pull-back task.
        pull_back_before: Duration = duration("10m", "12h"),
    }
}
