//! Business rules, shared by hub and sites: one typed document with a version, reloaded without a restart.

mod authority;
mod calendar;
mod counter;
mod family;
mod grants;
mod handle;
mod reasons;
mod routing;

use std::collections::BTreeMap;
use std::time::Duration;

use outpost_model::id::{ReasonCode, SiteId};
use outpost_model::rights::GrantPolicy;

use crate::kinds::{duration, per_service};
use crate::place::{Place, section};
use crate::rules::family::family;
use crate::values::PerService;

pub use authority::AuthorityTerms;
pub use calendar::{Calendar, DEFAULT_CARRIER};
pub use counter::{Deadlines, HandoverRules, PickupRules};
pub use family::Family;
pub use handle::{RuleBook, RulesHandle, RulesVersion, SHIPPED};
pub use reasons::{Labels, Reason, ReasonUse, StockEffect};
pub use routing::{Filter, Routing, SiteRules};

section! {
    /// Every business rule.
    pub struct Rules {
        /// Which site gets an order.
        routing: Routing = Routing::read,
        /// Calendar and destinations of sites; a site that is not listed has the defaults.
        sites: BTreeMap<SiteId, SiteRules> = routing::sites(),
        /// How much of a site's stock the hub may promise without asking, by class of product.
        grants: Family<GrantPolicy> = family(DEFAULT_CLASS, grants::policy),
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
        /// Opening hours, work and collections, by a name that sites refer to.
        calendars: Family<Calendar> = family(STANDARD_CALENDAR, calendar::calendar),
        /// Reason codes with their labels and effects.
        reasons: BTreeMap<ReasonCode, Reason> = reasons::read(),
    }
}

/// The class whose policy holds for every product class without an own one.
pub const DEFAULT_CLASS: &str = "default";
/// The calendar every site without an own one uses.
pub const STANDARD_CALENDAR: &str = "standard";

impl Rules {
    /// What rules say about a site.
    pub fn site(&self, site: &SiteId) -> SiteRules {
        self.sites.get(site).cloned().unwrap_or_default()
    }

    /// The calendar of a site.
    pub fn calendar(&self, site: &SiteId) -> &Calendar {
        self.calendars.get(self.sites.get(site).map_or(STANDARD_CALENDAR, |rules| rules.calendar.as_str()))
    }

    /// The reasons staff may choose for a use, in the order of their codes.
    pub fn reasons_for(&self, used_for: ReasonUse) -> impl Iterator<Item = (&ReasonCode, &Reason)> {
        self.reasons.iter().filter(move |(_, reason)| reason.offered && reason.used_for.contains(&used_for))
    }

    /// What one section cannot see by itself: names that must exist elsewhere.
    pub(crate) fn check_together(&self, place: &Place<'_>) -> Option<()> {
        let mut names: Vec<_> = self.calendars.others().collect();
        names.push(STANDARD_CALENDAR);
        let mut fine = Some(());
        for (site, rules) in &self.sites {
            if !names.contains(&rules.calendar.as_str()) {
                let sites = place.entries()?.at("sites").entries()?;
                let calendar = sites.at(site.as_str()).entries()?.at("calendar");
                fine = calendar.wrong(&format!("the name of a calendar: {}", names.join(", ")));
            }
        }
        fine
    }
}
