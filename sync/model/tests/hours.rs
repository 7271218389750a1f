//! Opening hours, cut-offs and promises around midnight, closed days and changes of clocks.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use outpost_model::calendar::{Cutoffs, Hours, SEARCH_DAYS_MAX, Span, TimeOfDay};
use outpost_model::header::{Promise, Service};
use outpost_model::promise::{Ask, NoPromise, PromiseRules, promise};
use outpost_model::time::UtcMillis;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn utc(text: &str) -> UtcMillis {
    text.parse::<Timestamp>().unwrap().into()
}

fn text(at: UtcMillis) -> String {
    at.timestamp().to_zoned(berlin()).strftime("%a %d %H:%M %Z").to_string()
}

/// Mondays to Fridays nine to six, Saturdays ten to two, and one holiday.
fn hours() -> Hours {
    serde_json::from_value(serde_json::json!({
        "weekly": {
            "mon": ["09:00-18:00"], "tue": ["09:00-18:00"], "wed": ["09:00-18:00"], "thu": ["09:00-18:00"],
            "fri": ["09:00-13:00", "14:00-18:00"], "sat": ["10:00-14:00"]
        },
        "exceptions": { "2026-12-25": [], "2026-12-27": ["12:00-16:00"] }
    }))
    .unwrap()
}

fn cutoffs() -> Cutoffs {
    serde_json::from_value(serde_json::json!({
        "weekly": { "mon": ["16:00"], "tue": ["16:00"], "wed": ["12:00", "16:00"], "thu": ["16:00"], "fri": ["16:00"] },
        "exceptions": { "2026-12-25": [] }
    }))
    .unwrap()
}

#[test]
fn spans_and_times_have_one_spelling_and_edges() {
    for good in ["09:00-18:00", "00:00-24:00", "18:00-02:00", "23:59-00:00"] {
        assert_eq!(
            good.parse::<Span>().unwrap().to_string(),
            if good == "23:59-00:00" { "23:59-24:00" } else { good }
        );
    }
    for bad in [
        "9:00-18:00",
        "09:00",
        "09:00-09:00",
        "24:00-25:00",
        "24:00-01:00",
        "09:60-10:00",
        "09:00-24:01",
        "-",
    ] {
        assert!(bad.parse::<Span>().is_err(), "{bad}");
    }
    assert!("24:00".parse::<TimeOfDay>().is_ok());
    assert!("24:01".parse::<TimeOfDay>().is_err());
    assert!(
        serde_json::from_str::<Hours>(r#"{"weekly":{"monday":[]}}"#).is_err(),
        "a misspelled day is an error"
    );
}

#[test]
fn open_begins_with_the_first_minute_and_ends_before_the_last() {
    let (hours, zone) = (hours(), berlin());
    let open = |at: &str| hours.is_open(&zone, utc(at));
    assert!(!open("2026-11-23T07:59:59.999Z"));
    assert!(open("2026-11-23T08:00:00Z"), "nine o'clock in winter");
    assert!(open("2026-11-23T16:59:59.999Z"));
    assert!(!open("2026-11-23T17:00:00Z"));
    assert!(!open("2026-11-27T12:30:00Z"), "lunch on Friday");
    assert!(!open("2026-12-25T10:00:00Z"), "a holiday");
    assert!(open("2026-12-27T11:30:00Z"), "a Sunday that is open for once");
}

#[test]
fn hours_past_midnight_belong_to_the_evening_before() {
    let bar: Hours =
        serde_json::from_str(r#"{"weekly":{"fri":["18:00-02:00"],"sat":["01:00-03:00"]}}"#).unwrap();
    let zone = berlin();
    assert!(bar.is_open(&zone, utc("2026-11-27T23:30:00Z")), "half past midnight");
    assert!(bar.is_open(&zone, utc("2026-11-28T01:30:00Z")), "the next span overlaps");
    assert!(!bar.is_open(&zone, utc("2026-11-28T02:00:00Z")));
    let (from, to) = (utc("2026-11-27T00:00:00Z"), utc("2026-11-29T00:00:00Z"));
    assert_eq!(bar.open_between(&zone, from, to), 9 * HOUR, "overlaps count once");
}

#[test]
fn open_time_is_real_time_when_clocks_change() {
    let night: Hours = serde_json::from_str(r#"{"weekly":{"sun":["00:00-06:00"]}}"#).unwrap();
    let zone = berlin();
    let day = |from: &str, to: &str| night.open_between(&zone, utc(from), utc(to));
    assert_eq!(day("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), 5 * HOUR, "an hour is skipped");
    assert_eq!(day("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"), 7 * HOUR, "an hour occurs twice");
    let skipped: Hours = serde_json::from_str(r#"{"weekly":{"sun":["02:30-06:00"]}}"#).unwrap();
    let first = skipped.next_open(&zone, utc("2026-03-28T12:00:00Z")).unwrap();
    assert_eq!(text(first), "Sun 29 03:30 CEST", "half past two does not exist");
}

#[test]
fn a_site_that_never_opens_promises_nothing() {
    let zone = berlin();
    let closed = Hours::default();
    assert_eq!(closed.next_open(&zone, utc("2026-11-23T08:00:00Z")), None);
    let no_truck = Cutoffs::default();
    let ask = self::ask(&closed, &no_truck, &zone, Service::Pickup, "2026-11-23T08:00:00Z");
    assert_eq!(promise(&rules(), &ask), Err(NoPromise::NoHours));
    let hours = hours();
    let ask = self::ask(&hours, &no_truck, &zone, Service::Ship, "2026-11-23T08:00:00Z");
    assert_eq!(promise(&rules(), &ask), Err(NoPromise::NoCutoff));
}

#[test]
fn a_search_for_opening_hours_ends() {
    let zone = berlin();
    let from = utc("2026-01-01T12:00:00Z");
    let once = |days: i64| -> Hours {
        let date = jiff::civil::date(2026, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
        serde_json::from_value(serde_json::json!({ "exceptions": { date.to_string(): ["09:00-10:00"] } }))
            .unwrap()
    };
    let last = i64::from(SEARCH_DAYS_MAX);
    assert!(once(last).next_open(&zone, from).is_some());
    assert!(once(last + 1).next_open(&zone, from).is_none());
    assert!(once(-last).sub_open(&zone, from, HOUR).is_some());
    assert!(once(-last - 1).sub_open(&zone, from, HOUR).is_none());
}

fn rules() -> PromiseRules {
    PromiseRules { preparation_minutes: 30, packing_minutes: 20, units_per_hour: 60, round_to_minutes: 15 }
}

fn ask<'a>(
    hours: &'a Hours,
    cutoffs: &'a Cutoffs,
    zone: &'a TimeZone,
    service: Service,
    now: &str,
) -> Ask<'a> {
    Ask { now: utc(now), service, units: 2, queued_units: 8, staffed: 2, hours, cutoffs, zone }
}

fn promised(service: Service, now: &str) -> Promise {
    let (hours, cutoffs, zone) = (hours(), cutoffs(), berlin());
    promise(&rules(), &ask(&hours, &cutoffs, &zone, service, now)).unwrap()
}

#[test]
fn a_pickup_is_ready_after_open_time_only() {
    let rows: Vec<String> = [
        ("Monday morning", "2026-11-23T08:00:00Z"),
        ("before opening", "2026-11-23T05:00:00Z"),
        ("ten minutes before closing", "2026-11-23T16:50:00Z"),
        ("ready at closing time", "2026-11-23T16:02:00Z"),
        ("at night", "2026-11-23T23:30:00Z"),
        ("Friday before lunch", "2026-11-27T11:45:00Z"),
        ("Saturday evening", "2026-11-28T17:00:00Z"),
        ("Christmas Eve, late", "2026-12-24T16:55:00Z"),
        ("the night clocks go forward", "2026-03-28T13:30:00Z"),
    ]
    .map(|(when, now)| {
        let promise = promised(Service::Pickup, now);
        let times = [promise.pick_by, promise.pack_by, promise.promised_at].map(text);
        format!("{when:28} | pick by {} | pack by {} | ready {}", times[0], times[1], times[2])
    })
    .into();
    insta::assert_snapshot!("pickup_promises", rows.join("\n"));
}

#[test]
fn a_parcel_leaves_with_the_first_truck_it_can_catch() {
    let rows: Vec<String> = [
        ("in good time", "2026-11-23T08:00:00Z"),
        ("at the last minute", "2026-11-23T14:05:00Z"),
        ("a minute too late", "2026-11-23T14:06:00Z"),
        ("two trucks on Wednesday", "2026-11-25T08:00:00Z"),
        ("after the first of them", "2026-11-25T10:10:00Z"),
        ("Friday afternoon", "2026-11-27T15:30:00Z"),
        ("over Christmas", "2026-12-24T16:00:00Z"),
    ]
    .map(|(when, now)| {
        let promise = promised(Service::Ship, now);
        let times = [promise.pick_by, promise.pack_by, promise.promised_at].map(text);
        format!("{when:28} | pick by {} | pack by {} | truck {}", times[0], times[1], times[2])
    })
    .into();
    insta::assert_snapshot!("ship_promises", rows.join("\n"));
}

proptest! {
    #[test]
    fn adding_and_taking_open_time_undo_each_other(start in 0_i64..365 * 24 * 60, minutes in 1_i64..6_000) {
        let (hours, zone) = (hours(), berlin());
        let from = utc("2026-01-01T00:00:00Z") + start * MINUTE;
        let end = hours.add_open(&zone, from, minutes * MINUTE).unwrap();
        prop_assert_eq!(hours.open_between(&zone, from, end), minutes * MINUTE);
        let back = hours.sub_open(&zone, end, minutes * MINUTE).unwrap();
        prop_assert_eq!(hours.open_between(&zone, back, end), minutes * MINUTE);
        prop_assert!(back >= from);
    }

    #[test]
    fn a_promise_keeps_its_own_order(start in 0_i64..365 * 24 * 60, pickup in any::<bool>()) {
        let (hours, cutoffs, zone) = (hours(), cutoffs(), berlin());
        let service = if pickup { Service::Pickup } else { Service::Ship };
        let now = utc("2026-01-01T00:00:00Z") + start * MINUTE;
        let ask = Ask { now, ..ask(&hours, &cutoffs, &zone, service, "2026-01-01T00:00:00Z") };
        let promise = promise(&rules(), &ask).unwrap();
        prop_assert!(now < promise.pick_by && promise.pick_by <= promise.pack_by);
        prop_assert!(promise.pack_by <= promise.promised_at);
        prop_assert_eq!(promise.cutoff_at.is_some(), !pickup);
    }
}
