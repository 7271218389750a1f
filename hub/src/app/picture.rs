//! What routing knows of all sites: gathered once for a group of orders, since it changes slowly. Rights are not part
//! of it; they are read and promised in each order's own transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use outpost_config::RuleBook;
use outpost_config::rules::Filter;
use outpost_model::header::{Promise, Service};
use outpost_model::id::{SiteId, Sku};
use outpost_model::routing::{Candidate, Coordinates, RoutingRules};
use outpost_model::site_day::SiteDayState;
use outpost_model::time::UtcMillis;
use sqlx::AnyConnection;

use super::recover::Recovery;
use super::schedule::{self, Pace};
use crate::error::HubError;
use crate::store::case::Load;
use crate::store::line::Line;
use crate::store::site::Site;
use crate::store::{case, line, site, stock};

/// A site as routing sees it.
#[derive(Debug)]
struct Seen {
    site: Site,
    line: Option<Line>,
    day: Option<SiteDayState>,
    load: Load,
    zone: TimeZone,
}

/// All sites as routing sees them, with the rules it follows.
#[derive(Debug)]
pub struct Picture {
    book: Arc<RuleBook>,
    sites: BTreeMap<SiteId, Seen>,
    recovery: Recovery,
    /// Cases given out since the picture was taken.
    given: Mutex<BTreeMap<SiteId, u32>>,
}

impl Picture {
    /// Takes the picture.
    pub async fn take(db: &mut AnyConnection, book: Arc<RuleBook>, now: UtcMillis) -> Result<Self, HubError> {
        let mut lines = line::all(db).await?;
        let mut days = stock::days(db).await?;
        let all = site::all(db).await?;
        // One query for all sites; a site's own midnight differs by hours at most, which a limit per day can bear.
        let since = now + -86_400_000;
        let mut loads = case::loads(db, since).await?;
        let mut sites = BTreeMap::new();
        for site in all {
            let id = site.site.clone();
            // A zone is checked at import; a database of another machine's zones must not stop routing.
            let zone = TimeZone::get(&site.zone).unwrap_or(TimeZone::UTC);
            let today = zone.to_datetime(now.timestamp()).date();
            let day = days.remove(&id).map(|(date, day)| if date == today { day } else { day.next_day() });
            let seen = Seen {
                line: lines.remove(&id),
                day,
                load: loads.remove(&id).unwrap_or_default(),
                zone,
                site,
            };
            sites.insert(id, seen);
        }
        let recovery = Recovery::read(db).await?;
        Ok(Self { book, sites, recovery, given: Mutex::default() })
    }

    /// The rules in force when it was taken.
    pub fn book(&self) -> &RuleBook {
        &self.book
    }

    /// What must wait since the hub was restored.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Where a site is.
    pub fn place(&self, site: &SiteId) -> Option<Coordinates> {
        self.sites.get(site).map(|seen| coordinates(&seen.site))
    }

    /// Where a destination lies, as far as the places of sites tell: the site with the longest common beginning of
    /// its postal code in the country.
    pub fn near(&self, country: &str, postal_code: &str) -> Option<Coordinates> {
        let common = |other: &str| {
            let same = other.chars().zip(postal_code.chars()).take_while(|(a, b)| a.eq_ignore_ascii_case(b));
            same.count()
        };
        let inside = self.sites.values().filter(|seen| seen.site.country.eq_ignore_ascii_case(country));
        inside.max_by_key(|seen| common(&seen.site.postal_code)).map(|seen| coordinates(&seen.site))
    }

    /// The candidates for a service, with the rights that are unused now.
    pub fn candidates(
        &self,
        service: Service,
        units: u32,
        unused: &mut BTreeMap<SiteId, BTreeMap<Sku, u64>>,
        now: UtcMillis,
    ) -> Vec<Candidate> {
        let rules = &self.book.rules;
        let on = |filter| rules.routing.applies(filter);
        let silent_after = rules.silent_after.get(service).as_millis() as i64;
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        self.sites
            .values()
            .map(|seen| {
                let site = &seen.site;
                let own = rules.site(&site.site);
                let more = given.get(&site.site).copied().unwrap_or(0);
                let silent = seen.line.is_none_or(|line| now.since(line.last_seen) > silent_after);
                let paused = seen.day.as_ref().is_some_and(|day| day.pause(service, now).is_some());
                let closed = seen.day.as_ref().is_some_and(|day| day.closed_early);
                let possible = self.promise(&site.site, service, units, now).is_some();
                Candidate {
                    site: site.site.clone(),
                    services: site.services.iter().copied().collect(),
                    countries: if on(Filter::Zone) { own.countries } else { BTreeSet::new() },
                    postal_prefixes: if on(Filter::Zone) { own.postal_prefixes } else { BTreeSet::new() },
                    at: Some(coordinates(site)),
                    // Without hours nothing can be promised, whatever the filters.
                    open: possible && !(closed && on(Filter::Open)),
                    paused: paused && on(Filter::Paused),
                    // A site that has not shown what it has since the hub was restored is given nothing.
                    silent: silent && on(Filter::Silent) || self.recovery.waits_for(&site.site),
                    capacity_left: if on(Filter::Capacity) { capacity(seen, more) } else { None },
                    load: seen.load.cases.saturating_add(more),
                    priority: site.priority,
                    unused: unused.remove(&site.site).unwrap_or_default(),
                }
            })
            .collect()
    }

    /// The times a site would work by, given what waits there.
    pub fn promise(&self, site: &SiteId, service: Service, units: u32, now: UtcMillis) -> Option<Promise> {
        let seen = self.sites.get(site)?;
        let people = seen.day.as_ref().and_then(|day| day.staffed);
        let pace = Pace { units, queued: seen.load.units, people };
        schedule::promised(&self.book.rules, site, &seen.zone, service, now, pace).ok()
    }

    /// Counts a case that was given to a site.
    pub fn give(&self, site: &SiteId) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        *given.entry(site.clone()).or_insert(0) += 1;
    }

    /// The routing rules in force.
    pub fn routing(&self) -> RoutingRules {
        self.book.rules.routing.rules()
    }
}

fn coordinates(site: &Site) -> Coordinates {
    Coordinates { latitude: site.latitude, longitude: site.longitude }
}

fn capacity(seen: &Seen, given: u32) -> Option<u32> {
    let capacity = seen.site.capacity_per_day;
    (capacity > 0).then(|| capacity.saturating_sub(seen.load.offered.saturating_add(given)))
}
