//! When a site can have work done: its calendar from the rules, asked in the site's own time zone.

use jiff::tz::TimeZone;
use outpost_config::Rules;
use outpost_config::rules::DEFAULT_CARRIER;
use outpost_model::header::{Promise, Service};
use outpost_model::id::SiteId;
use outpost_model::promise::{Ask, NoPromise, promise};
use outpost_model::time::UtcMillis;

/// Work that waits at a site, and who is there to do it.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Units of the order.
    pub units: u32,
    /// Units that wait before it.
    pub queued: u32,
    /// People at work, where the site has said so today.
    pub people: Option<u32>,
}

/// The times for one more order.
pub fn promised(
    rules: &Rules,
    site: &SiteId,
    zone: &TimeZone,
    service: Service,
    now: UtcMillis,
    pace: Pace,
) -> Result<Promise, NoPromise> {
    let calendar = rules.calendar(site);
    let ask = Ask {
        now,
        service,
        units: pace.units,
        queued_units: pace.queued,
        staffed: pace.people.unwrap_or(calendar.staffed),
        hours: calendar.hours.get(service),
        cutoffs: calendar.collections.get(DEFAULT_CARRIER),
        zone,
    };
    promise(calendar.promise.get(service), &ask)
}
