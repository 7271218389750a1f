//! When an order will be ready or leave the site: from opening hours, work ahead and the carrier's cut-offs.

use jiff::tz::TimeZone;

use crate::calendar::{Cutoffs, Hours};
use crate::header::{Promise, Service};
use crate::time::UtcMillis;

const MINUTE: i64 = 60_000;

/// How long work takes at a site, and how sure the promise should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromiseRules {
    /// From the order's arrival to its first pick, minutes of open time.
    pub preparation_minutes: u32,
    /// From the last pick to packed and staged, minutes of open time.
    pub packing_minutes: u32,
    /// Units one person picks in an hour.
    pub units_per_hour: u32,
    /// Promised times are rounded up to a multiple of this many minutes; 0 and 1 leave them as they are.
    pub round_to_minutes: u32,
}

/// What is to be promised and how busy the site is.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Now.
    pub now: UtcMillis,
    /// How the customer gets it.
    pub service: Service,
    /// Units to pick.
    pub units: u32,
    /// Units that wait to be picked before them.
    pub queued_units: u32,
    /// People at work.
    pub staffed: u32,
    /// The site's hours for the service.
    pub hours: &'a Hours,
    /// The carrier's cut-offs; used for everything a carrier takes.
    pub cutoffs: &'a Cutoffs,
    /// The site's time zone.
    pub zone: &'a TimeZone,
}

/// Why nothing can be promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPromise {
    /// The site has no hours for the service in which the work would fit.
    #[error("no opening hours")]
    NoHours,
    /// The carrier does not come.
    #[error("no carrier cut-off")]
    NoCutoff,
}

/// The times a site works by for this demand. Work runs in open hours only.
pub fn promise(rules: &PromiseRules, ask: &Ask<'_>) -> Result<Promise, NoPromise> {
    let picking = picking_millis(rules, ask);
    let packing = i64::from(rules.packing_minutes) * MINUTE;
    let work = i64::from(rules.preparation_minutes) * MINUTE + picking + packing;
    let done = ask.hours.add_open(ask.zone, ask.now, work).ok_or(NoPromise::NoHours)?;
    let back = |until, millis| ask.hours.sub_open(ask.zone, until, millis).ok_or(NoPromise::NoHours);
    if ask.service == Service::Pickup {
        // Nobody is told to come at closing time: what is ready then can be fetched at the next opening.
        let rounded = round_up(done, rules.round_to_minutes);
        let promised_at = ask.hours.next_open(ask.zone, rounded).ok_or(NoPromise::NoHours)?;
        return Ok(Promise { promised_at, pick_by: back(done, packing)?, pack_by: done, cutoff_at: None });
    }
    let cutoff = ask.cutoffs.next(ask.zone, done).ok_or(NoPromise::NoCutoff)?;
    let pack_by = back(cutoff, 0)?;
    Ok(Promise { promised_at: cutoff, pick_by: back(pack_by, packing)?, pack_by, cutoff_at: Some(cutoff) })
}

/// Time to pick what waits and what is asked for; a site that does not say who works is taken to have one person.
fn picking_millis(rules: &PromiseRules, ask: &Ask<'_>) -> i64 {
    let units = i64::from(ask.units) + i64::from(ask.queued_units);
    let rate = i64::from(rules.units_per_hour.max(1)) * i64::from(ask.staffed.max(1));
    (units * 60 * MINUTE).div_euclid(rate)
}

fn round_up(at: UtcMillis, minutes: u32) -> UtcMillis {
    let step = i64::from(minutes.max(1)) * MINUTE;
    match at.0.rem_euclid(step) {
        0 => at,
        _ if minutes <= 1 => at,
        over => at + (step - over),
    }
}
