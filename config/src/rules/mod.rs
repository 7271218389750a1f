//! Business rules, shared by hub and sites: one typed document with a version, reloaded without a restart.

mod authority;
mod calendar;
mod counter;
mod grants;
mod handle;
mod reasons;
mod routing;

use std::collections::BTreeMap;
use std::time::Duration;

use outpost_model::id::{ReasonCode, SiteId};

use crate::kinds::{duration, named, per_service};
use crate::place::{Place, section};
use crate::values::PerService;

pub use authority::AuthorityTerms;
pub use calendar::{Calendar, Collection, DayException, MinuteOfDay, OpenSpan, OpeningHours, Staffing};
pub use counter::{Deadlines, HandoverRules, PickupRules};
pub use grants::GrantPolicy;
pub use handle::{RuleBook, RulesHandle, RulesVersion, SHIPPED};
pub use reasons::{Labels, Reason, ReasonUse, StockEffect};
pub use routing::{Filter, Routing, ServedZone, SiteRules, Sort, SortBands, Split};

section! {
    /// Every business rule.
    pub struct Rules {
        /// Which site gets an order.
        routing: Routing = Routing::read,
        /// What each site may and should do in routing; a site that is not listed has the defaults.
        sites: BTreeMap<SiteId, SiteRules> = routing::sites(),
        /// How much of a site's stock the hub may promise without asking, by class of product.
        grants: BTreeMap<String, GrantPolicy> = named(grants::floor_within_cap),
        /// What sites may do irrevocably without asking, and for how long.
        authority: AuthorityTerms = AuthorityTerms::read,
        /// After how long without contact a site gets no new work of a service.
        silent_after: PerService<Duration> = per_service(duration("1m", "1d")),
        /// By when a site must have accepted and begun what it was offered.
        deadlines: PerService<Deadlines> = per_service(Deadlines::read),
        /// Orders that wait for their customer.
        pickup: PickupRules = PickupRules::read,
        /// The moment goods leave the site.
        handover: HandoverRules = HandoverRules::read,
        /// Opening hours, preparation, staff and collections, by a name that sites refer to.
        calendars: BTreeMap<String, Calendar> = named(Calendar::read),
        /// Reason codes with their labels and effects.
        reasons: BTreeMap<ReasonCode, Reason> = reasons::read(),
    }
}

/// The entry every product class without an own policy uses.
pub const DEFAULT_CLASS: &str = "default";
/// The calendar every site without an own one uses.
pub const STANDARD_CALENDAR: &str = "standard";

impl Rules {
    /// The grant policy of a product class.
    pub fn grant_policy(&self, class: &str) -> Option<&GrantPolicy> {
        self.grants.get(class).or_else(|| self.grants.get(DEFAULT_CLASS))
    }

    /// What a site may and should do.
    pub fn site(&self, site: &SiteId) -> SiteRules {
        self.sites.get(site).cloned().unwrap_or_default()
    }

    /// The calendar of a site.
    pub fn calendar(&self, site: &SiteId) -> Option<&Calendar> {
        let own = self.sites.get(site).map_or(STANDARD_CALENDAR, |rules| rules.calendar.as_str());
        self.calendars.get(own)
    }

    /// The reasons staff may choose for a use, in the order of their codes.
    pub fn reasons_for(&self, used_for: ReasonUse) -> impl Iterator<Item = (&ReasonCode, &Reason)> {
        self.reasons.iter().filter(move |(_, reason)| reason.offered && reason.used_for.contains(&used_for))
    }

    /// What one section cannot see by itself: names that must exist elsewhere.
    pub(crate) fn check_together(&self, place: &Place<'_>) -> Option<()> {
        let entries = place.entries()?;
        let mut fine = Some(());
        for (section, name, there) in [
            ("grants", DEFAULT_CLASS, self.grants.contains_key(DEFAULT_CLASS)),
            ("calendars", STANDARD_CALENDAR, self.calendars.contains_key(STANDARD_CALENDAR)),
        ] {
            if !there {
                fine = entries.at(section).entries()?.at(name).wrong("this entry, which others start from");
            }
        }
        for (site, rules) in &self.sites {
            if !self.calendars.contains_key(&rules.calendar) {
                let names: Vec<_> = self.calendars.keys().map(String::as_str).collect();
                let calendar = entries.at("sites").entries()?.at(site.as_str()).entries()?.at("calendar");
                fine = calendar.wrong(&format!("the name of a calendar: {}", names.join(", ")));
            }
        }
        fine
    }
}
