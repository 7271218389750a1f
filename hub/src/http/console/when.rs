//! Times as people read them: how long ago, and on hover or in print the clock of a place.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use outpost_model::time::UtcMillis;

/// The hand that turns instants into words: it knows the time of the page and whose clock is meant.
#[derive(Debug, Clone)]
pub struct Watch {
    now: UtcMillis,
    zone: TimeZone,
}

/// An instant on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// For the browser, which keeps ages up to date.
    pub iso: String,
    /// By the clock: `14:05` today, else with the date.
    pub clock: String,
    /// In full, with the zone.
    pub full: String,
    /// How long ago or until then.
    pub age: String,
    /// Whether it has passed.
    pub passed: bool,
}

impl Watch {
    /// A watch of a page made `now`, in a zone.
    pub fn new(now: UtcMillis, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// The same moment by another place's clock; a zone that is not known leaves this one's.
    pub fn of_zone(&self, name: &str) -> Self {
        let zone = TimeZone::get(name).unwrap_or_else(|_| self.zone.clone());
        Self { now: self.now, zone }
    }

    /// The time of the page.
    pub fn now(&self) -> UtcMillis {
        self.now
    }

    /// An instant in words.
    pub fn at(&self, instant: UtcMillis) -> When {
        let there = instant.timestamp().to_zoned(self.zone.clone());
        let today = self.now.timestamp().to_zoned(self.zone.clone());
        When {
            iso: iso(instant.timestamp()),
            clock: clock(&there, &today),
            full: there.strftime("%A, %-d %B %Y, %H:%M:%S %Z").to_string(),
            age: age(instant.since(self.now)),
            passed: instant < self.now,
        }
    }
}

fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn clock(there: &Zoned, today: &Zoned) -> String {
    let form = match (there.date() == today.date(), there.year() == today.year()) {
        (true, _) => "%H:%M",
        (false, true) => "%-d %b, %H:%M",
        (false, false) => "%-d %b %Y, %H:%M",
    };
    there.strftime(form).to_string()
}

/// A distance in time, coarse on purpose: `3 min ago`, `in 2 h`.
fn age(millis: i64) -> String {
    let seconds = millis.unsigned_abs() / 1_000;
    let (count, unit) = match seconds {
        0..10 => return "just now".to_owned(),
        10..60 => (seconds, "s"),
        60..3_600 => (seconds / 60, "min"),
        3_600..86_400 => (seconds / 3_600, "h"),
        86_400..172_800 => (1, "day"),
        _ => (seconds / 86_400, "days"),
    };
    if millis < 0 { format!("{count} {unit} ago") } else { format!("in {count} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_coarse_and_know_their_direction() {
        for (millis, words) in [
            (0, "just now"),
            (-9_999, "just now"),
            (-10_000, "10 s ago"),
            (-59_999, "59 s ago"),
            (-60_000, "1 min ago"),
            (3_599_999, "in 59 min"),
            (7_200_000, "in 2 h"),
            (-86_400_000, "1 day ago"),
            (-172_800_000, "2 days ago"),
        ] {
            assert_eq!(age(millis), words, "{millis}");
        }
    }

    #[test]
    fn the_clock_is_that_of_the_place() {
        let now = UtcMillis(1_795_212_000_000);
        let watch = Watch::new(now, TimeZone::UTC);
        assert_eq!(watch.at(now + -3_600_000).clock, "21:00");
        let there = watch.of_zone("America/New_York").at(now + -3_600_000);
        assert_eq!(there.clock, "16:00");
        assert!(there.full.ends_with("EST"), "{}", there.full);
        assert_eq!(watch.of_zone("Mars/Olympus").at(now).clock, "22:00", "an unknown zone is no error");
        assert_eq!(watch.at(now + -86_400_000).clock, "19 Nov, 22:00");
        assert_eq!(watch.at(now + -400 * 86_400_000).clock, "16 Oct 2025, 22:00");
        assert!(watch.at(now + -1).passed && !watch.at(now + 1).passed);
    }
}
