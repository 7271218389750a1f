//! Calendars: when a site is open for each service, how fast it works, and when carriers collect. Written for
//! people (one entry for a day that differs), resolved into what `model::promise` asks for.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use outpost_model::calendar::{Cutoffs, Hours, Rhythm, Span, TimeOfDay, Week};
use outpost_model::header::Service;
use outpost_model::promise::PromiseRules;

use crate::kinds::{keyed, list, number, one_of, optional, per_service, understood};
use crate::place::{Place, Rule, section};
use crate::rules::family::{Family, family};
use crate::rules::routing::without_repeats;
use crate::values::PerService;

/// The calendar of one or more sites, in each site's own time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// When the site works for each service.
    pub hours: PerService<Hours>,
    /// How long work takes for each service.
    pub promise: PerService<PromiseRules>,
    /// People at work where the site has not said otherwise today.
    pub staffed: u32,
    /// Carriers' cut-offs by the carrier's name.
    pub collections: Family<Cutoffs>,
}

section! {
    /// A calendar as written. Entries start as a copy of `calendars.standard`.
    pub struct WrittenCalendar {
        /// Hours by weekday.
        open: PerService<WeeklyHours> = per_service(WeeklyHours::read),
        /// Days that differ.
        exceptions: BTreeMap<Date, DayException> = exceptions(),
        /// How long work takes.
        work: PerService<Work> = per_service(Work::read),
        /// People at work.
        staffed: u32 = number(1..=500),
        /// Carriers' collections by the carrier's name.
        collections: Family<Cutoffs> = family(DEFAULT_CARRIER, collection),
    }
}

/// The collection of carriers that have no own entry.
pub const DEFAULT_CARRIER: &str = "default";

section! {
    /// Hours by weekday; an empty list is a closed day.
    pub struct WeeklyHours {
        /// Monday.
        monday: Vec<Span> = spans(),
        /// Tuesday.
        tuesday: Vec<Span> = spans(),
        /// Wednesday.
        wednesday: Vec<Span> = spans(),
        /// Thursday.
        thursday: Vec<Span> = spans(),
        /// Friday.
        friday: Vec<Span> = spans(),
        /// Saturday.
        saturday: Vec<Span> = spans(),
        /// Sunday.
        sunday: Vec<Span> = spans(),
    }
}

section! {
    /// A day that differs; a service that is not named keeps its weekday's hours.
    pub struct DayException {
        /// Hours for pickup.
        pickup: Option<Vec<Span>> = optional(spans()),
        /// Hours for ship.
        ship: Option<Vec<Span>> = optional(spans()),
        /// Hours for ship to store.
        ship_to_store: Option<Vec<Span>> = optional(spans()),
    }
}

section! {
    /// How long work takes.
    pub struct Work {
        /// From the order's arrival to its first pick, in open time.
        preparation_minutes: u32 = number(0..=4320),
        /// From the last pick to packed and staged, in open time.
        packing_minutes: u32 = number(0..=1440),
        /// Units one person picks in an hour.
        units_per_hour: u32 = number(1..=5000),
        /// Promised times are rounded up to a multiple of this.
        round_to_minutes: u32 = number(0..=240),
    }
}

section! {
    /// The collections of one carrier.
    pub struct Collection {
        /// What is ready by one of these times of day goes with that collection.
        cutoffs: Vec<TimeOfDay> = without_repeats(list(time_of_day(), "a list of times such as [\"16:00\"]")),
        /// Weekdays on which the carrier comes.
        days: Vec<Weekday> = without_repeats(list(one_of(WEEKDAYS), "a list of weekdays")),
        /// Dates on which it does not.
        not_on: Vec<Date> = without_repeats(list(date(), "a list of dates such as 2026-12-25")),
    }
}

const WEEKDAYS: &[(&str, Weekday)] = &[
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(super) fn calendar(place: &Place<'_>) -> Option<Calendar> {
    let WrittenCalendar { open, exceptions, work, staffed, collections } = WrittenCalendar::read(place)?;
    let hours = |service| hours(open.get(service), &exceptions, service);
    let promise = |service| promise_rules(work.get(service));
    Some(Calendar {
        hours: PerService::each(hours),
        promise: PerService::each(promise),
        staffed,
        collections,
    })
}

fn hours(open: &WeeklyHours, exceptions: &BTreeMap<Date, DayException>, service: Service) -> Hours {
    let open = open.clone();
    let differing = exceptions.iter().filter_map(|(date, day)| {
        let spans = match service {
            Service::Pickup => &day.pickup,
            Service::Ship => &day.ship,
            Service::ShipToStore => &day.ship_to_store,
        };
        Some((*date, spans.clone()?))
    });
    Rhythm {
        weekly: Week {
            mon: open.monday,
            tue: open.tuesday,
            wed: open.wednesday,
            thu: open.thursday,
            fri: open.friday,
            sat: open.saturday,
            sun: open.sunday,
        },
        exceptions: differing.collect(),
    }
}

fn promise_rules(work: &Work) -> PromiseRules {
    PromiseRules {
        preparation_minutes: work.preparation_minutes,
        packing_minutes: work.packing_minutes,
        units_per_hour: work.units_per_hour,
        round_to_minutes: work.round_to_minutes,
    }
}

fn collection(place: &Place<'_>) -> Option<Cutoffs> {
    let Collection { cutoffs, days, not_on } = Collection::read(place)?;
    let on = |day| if days.contains(&day) { cutoffs.clone() } else { Vec::new() };
    Some(Rhythm {
        weekly: Week {
            mon: on(Weekday::Monday),
            tue: on(Weekday::Tuesday),
            wed: on(Weekday::Wednesday),
            thu: on(Weekday::Thursday),
            fri: on(Weekday::Friday),
            sat: on(Weekday::Saturday),
            sun: on(Weekday::Sunday),
        },
        exceptions: not_on.into_iter().map(|date| (date, Vec::new())).collect(),
    })
}

fn time_of_day() -> impl Fn(&Place<'_>) -> Option<TimeOfDay> {
    understood("a time of day such as \"16:30\"", |text| text.parse().ok())
}

fn date() -> impl Fn(&Place<'_>) -> Option<Date> {
    understood("a date such as 2026-12-25", |text| text.parse().ok().filter(|_| text.len() == 10))
}

fn spans() -> impl Fn(&Place<'_>) -> Option<Vec<Span>> {
    let span =
        understood("a span such as \"09:00-20:00\", past midnight \"18:00-02:00\"", |text| text.parse().ok());
    without_repeats(list(span, "a list of spans such as [\"09:00-13:00\", \"14:00-20:00\"]"))
}

fn exceptions() -> impl Fn(&Place<'_>) -> Option<BTreeMap<Date, DayException>> {
    let fits = |text: &str| text.len() == 10 && text.parse::<Date>().is_ok();
    let entries = keyed("a date such as 2026-12-25", fits, DayException::read);
    move |place| {
        let days = entries.read(place)?;
        Some(days.into_iter().filter_map(|(date, day)| Some((date.parse().ok()?, day))).collect())
    }
}
