//! Opening hours and carrier cut-offs in a site's own time zone, turned into instants.
//!
//! Times of day are kept as minutes from local midnight; a span may end after midnight and belongs to the day it
//! began on. Instants come from the zone's rules, so a day has 23 or 25 hours where clocks change. A local time
//! that a change of clocks skips is taken an hour later; one that occurs twice is its first.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::time::UtcMillis;

/// How many days ahead or back a search for opening hours goes before it gives up.
pub const SEARCH_DAYS_MAX: u32 = 400;

const DAY_MINUTES: u16 = 24 * 60;

/// A time of day, `07:30`; up to `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

/// Opening hours without a break, `09:00-18:00`; one that ends before it begins ends on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    from: u16,
    to: u16,
}

/// Why a text is no time or span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {what}")]
pub struct CalendarError {
    found: String,
    what: &'static str,
}

/// Something for every day of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Week<T> {
    /// Monday.
    pub mon: Vec<T>,
    /// Tuesday.
    pub tue: Vec<T>,
    /// Wednesday.
    pub wed: Vec<T>,
    /// Thursday.
    pub thu: Vec<T>,
    /// Friday.
    pub fri: Vec<T>,
    /// Saturday.
    pub sat: Vec<T>,
    /// Sunday.
    pub sun: Vec<T>,
}

// By hand: a derived one would ask for a default of `T`, which a time of day does not have.
impl<T> Default for Week<T> {
    fn default() -> Self {
        let [mon, tue, wed, thu, fri, sat, sun] = [const { Vec::new() }; 7];
        Self { mon, tue, wed, thu, fri, sat, sun }
    }
}

impl<T> Default for Rhythm<T> {
    fn default() -> Self {
        Self { weekly: Week::default(), exceptions: BTreeMap::new() }
    }
}

impl<T> Week<T> {
    fn on(&self, day: Weekday) -> &[T] {
        match day {
            Weekday::Monday => &self.mon,
            Weekday::Tuesday => &self.tue,
            Weekday::Wednesday => &self.wed,
            Weekday::Thursday => &self.thu,
            Weekday::Friday => &self.fri,
            Weekday::Saturday => &self.sat,
            Weekday::Sunday => &self.sun,
        }
    }
}

/// A weekly rhythm with exceptions by date; an exception with an empty list means nothing on that day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Rhythm<T> {
    /// Every week.
    pub weekly: Week<T>,
    /// In place of the week, by date.
    pub exceptions: BTreeMap<Date, Vec<T>>,
}

/// Opening hours of a site for a service.
pub type Hours = Rhythm<Span>;

/// When a carrier's truck closes.
pub type Cutoffs = Rhythm<TimeOfDay>;

impl<T> Rhythm<T> {
    /// What holds on a date.
    pub fn on(&self, date: Date) -> &[T] {
        self.exceptions.get(&date).map_or_else(|| self.weekly.on(date.weekday()), Vec::as_slice)
    }
}

impl FromStr for TimeOfDay {
    type Err = CalendarError;
    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let wrong = || CalendarError {
            found: text.chars().take(40).collect(),
            what: "a time of day: allowed is 00:00 to 24:00",
        };
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let two = |part: &str| match part.as_bytes() {
            [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Ok(u16::from(a - b'0') * 10 + u16::from(b - b'0')),
            _ => Err(wrong()),
        };
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        let total = hours * 60 + minutes;
        if minutes < 60 && total <= DAY_MINUTES { Ok(Self(total)) } else { Err(wrong()) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for Span {
    type Err = CalendarError;
    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let wrong = || CalendarError {
            found: text.chars().take(40).collect(),
            what: "a span of opening hours: allowed is for example 09:00-18:00",
        };
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let (from, to): (TimeOfDay, TimeOfDay) = (from.trim().parse()?, to.trim().parse()?);
        if from.0 == to.0 || from.0 == DAY_MINUTES {
            return Err(wrong());
        }
        Ok(Self { from: from.0, to: if to.0 > from.0 { to.0 } else { to.0 + DAY_MINUTES } })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = if self.to > DAY_MINUTES { self.to - DAY_MINUTES } else { self.to };
        write!(f, "{}-{}", TimeOfDay(self.from), TimeOfDay(to))
    }
}

macro_rules! text_form {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = CalendarError;
            fn try_from(text: String) -> Result<Self, CalendarError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    )*};
}
text_form!(TimeOfDay, Span);

fn instant(zone: &TimeZone, date: Date, minutes: u16) -> Option<UtcMillis> {
    let days = i64::from(minutes / DAY_MINUTES);
    let date = date.checked_add(jiff::Span::new().days(days)).ok()?;
    let minutes = minutes % DAY_MINUTES;
    let local = date.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0);
    Some(local.to_zoned(zone.clone()).ok()?.timestamp().into())
}

fn local_date(zone: &TimeZone, at: UtcMillis) -> Date {
    zone.to_datetime(at.timestamp()).date()
}

/// Dates from the day before `at` on: a span of the day before may reach into this one.
fn dates_from(zone: &TimeZone, at: UtcMillis) -> impl Iterator<Item = Date> {
    let first = local_date(zone, at).yesterday().unwrap_or(Date::MIN);
    std::iter::successors(Some(first), |date| date.tomorrow().ok()).take(SEARCH_DAYS_MAX as usize + 2)
}

impl Hours {
    /// Stretches of open time that end after `at`, in order; the first may have begun before.
    pub fn open_from(&self, zone: &TimeZone, at: UtcMillis) -> impl Iterator<Item = (UtcMillis, UtcMillis)> {
        let mut done = UtcMillis::MIN;
        dates_from(zone, at)
            .flat_map(move |date| self.stretches(zone, date))
            .filter_map(move |(start, end)| {
                // Two spans may overlap, where one of the day before reaches past the next one's beginning.
                let start = start.max(done);
                done = done.max(end);
                (start < end).then_some((start, end))
            })
            .filter(move |(_, end)| *end > at)
    }

    fn stretches(&self, zone: &TimeZone, date: Date) -> Vec<(UtcMillis, UtcMillis)> {
        let mut stretches: Vec<_> = self
            .on(date)
            .iter()
            .filter_map(|span| Some((instant(zone, date, span.from)?, instant(zone, date, span.to)?)))
            .collect();
        stretches.sort();
        stretches
    }

    /// Whether it is open at this instant; the closing minute is not.
    pub fn is_open(&self, zone: &TimeZone, at: UtcMillis) -> bool {
        self.open_from(zone, at).next().is_some_and(|(start, _)| start <= at)
    }

    /// This instant when open, else the next opening; nothing when there is none within [`SEARCH_DAYS_MAX`] days.
    pub fn next_open(&self, zone: &TimeZone, at: UtcMillis) -> Option<UtcMillis> {
        self.open_from(zone, at).next().map(|(start, _)| start.max(at))
    }

    /// The instant at which `millis` of open time have passed since `from`.
    pub fn add_open(&self, zone: &TimeZone, from: UtcMillis, millis: i64) -> Option<UtcMillis> {
        let mut left = millis.max(0);
        for (start, end) in self.open_from(zone, from) {
            let start = start.max(from);
            let here = end.since(start);
            if left <= here {
                return Some(start + left);
            }
            left -= here;
        }
        None
    }

    /// The latest instant from which `millis` of open time pass until `until`.
    pub fn sub_open(&self, zone: &TimeZone, until: UtcMillis, millis: i64) -> Option<UtcMillis> {
        let mut left = millis.max(0);
        let mut ceiling = until;
        let first = local_date(zone, until);
        let back = std::iter::successors(Some(first), |date| date.yesterday().ok());
        for date in back.take(SEARCH_DAYS_MAX as usize + 1) {
            for (start, end) in self.stretches(zone, date).into_iter().rev() {
                let end = end.min(ceiling);
                let here = end.since(start);
                if here <= 0 {
                    continue;
                }
                if left <= here {
                    return Some(end + -left);
                }
                left -= here;
                ceiling = start;
            }
        }
        None
    }

    /// Open time between two instants, milliseconds.
    pub fn open_between(&self, zone: &TimeZone, from: UtcMillis, to: UtcMillis) -> i64 {
        self.open_from(zone, from)
            .take_while(|(start, _)| *start < to)
            .map(|(start, end)| end.min(to).since(start.max(from)))
            .sum()
    }
}

impl Cutoffs {
    /// The first cut-off at or after `at`.
    pub fn next(&self, zone: &TimeZone, at: UtcMillis) -> Option<UtcMillis> {
        dates_from(zone, at)
            .filter_map(|date| {
                self.on(date)
                    .iter()
                    .filter_map(|time| instant(zone, date, time.0))
                    .filter(|cut| *cut >= at)
                    .min()
            })
            .next()
    }
}
