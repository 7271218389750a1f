//! Calendars: when a site is open for each service, how fast it prepares, and when carriers collect.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, Weekday};
use outpost_model::header::Service;

use crate::kinds::{duration, keyed, list, named, number, one_of, optional, per_service, understood};
use crate::place::{Place, Rule, section};
use crate::rules::routing::without_repeats;
use crate::values::PerService;

section! {
    /// The calendar of one or more sites, in each site's own time zone. Entries start as a copy of
    /// `calendars.standard`.
    pub struct Calendar {
        /// When the site works for each service.
        open: PerService<OpeningHours> = per_service(OpeningHours::read),
        /// Days that differ: the hours of each service named, in place of the weekday's.
        exceptions: BTreeMap<Date, DayException> = exceptions(),
        /// From the beginning of work to ready, without waiting.
        preparation: PerService<Duration> = per_service(duration("0s", "3d")),
        /// Who works off the queue.
        staffing: Staffing = Staffing::read,
        /// Carriers' collections by the carrier's name.
        collections: BTreeMap<String, Collection> = named(Collection::read),
    }
}

section! {
    /// Hours by weekday; an empty list is a closed day.
    pub struct OpeningHours {
        /// Monday.
        monday: Vec<OpenSpan> = spans(),
        /// Tuesday.
        tuesday: Vec<OpenSpan> = spans(),
        /// Wednesday.
        wednesday: Vec<OpenSpan> = spans(),
        /// Thursday.
        thursday: Vec<OpenSpan> = spans(),
        /// Friday.
        friday: Vec<OpenSpan> = spans(),
        /// Saturday.
        saturday: Vec<OpenSpan> = spans(),
        /// Sunday.
        sunday: Vec<OpenSpan> = spans(),
    }
}

section! {
    /// A day that differs; a service that is not named keeps its weekday's hours.
    pub struct DayException {
        /// Hours for pickup.
        pickup: Option<Vec<OpenSpan>> = optional(spans()),
        /// Hours for ship.
        ship: Option<Vec<OpenSpan>> = optional(spans()),
        /// Hours for ship to store.
        ship_to_store: Option<Vec<OpenSpan>> = optional(spans()),
    }
}

section! {
    /// Who works off the queue.
    pub struct Staffing {
        /// People on orders where the site has not said otherwise today.
        people: u32 = number(1..=500),
        /// Orders one person prepares in an hour.
        orders_per_person_hour: u32 = number(1..=500),
    }
}

section! {
    /// The collections of one carrier.
    pub struct Collection {
        /// Orders ready by this time of day go with the day's collection.
        cutoff: MinuteOfDay = time_of_day(),
        /// Weekdays on which the carrier comes.
        days: Vec<Weekday> = without_repeats(list(one_of(WEEKDAYS), "a list of weekdays")),
        /// Dates on which it does not.
        not_on: Vec<Date> = without_repeats(list(date(), "a list of dates such as 2026-12-25")),
    }
}

/// Minutes since midnight on the site's clock, 0 to 1440; 1440 is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinuteOfDay(pub u16);

/// An open span of one day; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSpan {
    /// The first open minute.
    pub from: MinuteOfDay,
    /// The minute of closing.
    pub until: MinuteOfDay,
}

impl Calendar {
    /// The open spans of a service on a date, in order and without overlaps.
    pub fn spans_on(&self, service: Service, date: Date) -> &[OpenSpan] {
        let exception = self.exceptions.get(&date).and_then(|day| match service {
            Service::Pickup => day.pickup.as_deref(),
            Service::Ship => day.ship.as_deref(),
            Service::ShipToStore => day.ship_to_store.as_deref(),
        });
        exception.unwrap_or_else(|| self.open.get(service).on(date.weekday()))
    }
}

impl OpeningHours {
    /// The spans of a weekday.
    pub fn on(&self, weekday: Weekday) -> &[OpenSpan] {
        match weekday {
            Weekday::Monday => &self.monday,
            Weekday::Tuesday => &self.tuesday,
            Weekday::Wednesday => &self.wednesday,
            Weekday::Thursday => &self.thursday,
            Weekday::Friday => &self.friday,
            Weekday::Saturday => &self.saturday,
            Weekday::Sunday => &self.sunday,
        }
    }
}

impl Collection {
    /// Whether the carrier comes on a date.
    pub fn comes_on(&self, date: Date) -> bool {
        self.days.contains(&date.weekday()) && !self.not_on.contains(&date)
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

impl fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Display for OpenSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.until)
    }
}

fn minute_of_day(text: &str) -> Option<MinuteOfDay> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 1440).then_some(MinuteOfDay(total))
}

fn time_of_day() -> impl Fn(&Place<'_>) -> Option<MinuteOfDay> {
    understood("a time of day such as \"16:30\"", minute_of_day)
}

fn date() -> impl Fn(&Place<'_>) -> Option<Date> {
    understood("a date such as 2026-12-25", |text| text.parse().ok().filter(|_| text.len() == 10))
}

fn span() -> impl Fn(&Place<'_>) -> Option<OpenSpan> {
    understood("a span within one day such as \"09:00-20:00\", up to \"24:00\"", |text| {
        let (from, until) = text.split_once('-')?;
        let span = OpenSpan { from: minute_of_day(from.trim())?, until: minute_of_day(until.trim())? };
        (span.from < span.until).then_some(span)
    })
}

fn spans() -> impl Fn(&Place<'_>) -> Option<Vec<OpenSpan>> {
    |place| {
        let spans = list(span(), "a list of spans such as [\"09:00-13:00\", \"14:00-20:00\"]").read(place)?;
        let in_order = spans.windows(2).all(|pair| pair[0].until < pair[1].from);
        let found = "spans that touch, overlap or are out of order".to_string();
        if in_order { Some(spans) } else { place.wrong_as(found, "spans in order with a gap between them") }
    }
}

fn exceptions() -> impl Fn(&Place<'_>) -> Option<BTreeMap<Date, DayException>> {
    let fits = |text: &str| text.len() == 10 && text.parse::<Date>().is_ok();
    let entries = keyed("a date such as 2026-12-25", fits, DayException::read);
    move |place| {
        let days = entries.read(place)?;
        Some(days.into_iter().filter_map(|(date, day)| Some((date.parse().ok()?, day))).collect())
    }
}
