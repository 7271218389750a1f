//! The business rules: what is shipped, what a file may change, and what a bad file cannot.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use jiff::civil::{Date, date};
use outpost_config::rules::{Filter, ReasonUse, Rules, SHIPPED};
use outpost_config::{ConfigErrors, RuleBook, RulesHandle};
use outpost_model::calendar::{Span, TimeOfDay};
use outpost_model::header::Service;
use outpost_model::id::SiteId;
use outpost_model::rights::grantable;
use outpost_model::routing::{Sort, Split};

fn read(text: &str) -> Result<RuleBook, ConfigErrors> {
    RuleBook::read(Some(("rules.toml", text)))
}

fn site(id: &str) -> SiteId {
    SiteId::new(id).unwrap()
}

fn hours(rules: &Rules, id: &str, service: Service, on: Date) -> String {
    let spans = rules.calendar(&site(id)).hours.get(service).on(on);
    spans.iter().map(Span::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_shipped_reasons_are_those_of_the_trade() {
    let rules = RuleBook::read(None).unwrap().rules;
    let codes =
        |used_for| rules.reasons_for(used_for).map(|(code, _)| code.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!(
        codes(ReasonUse::Reject),
        "already_sold avoid_split cannot_ship_here closed damaged display_only expired mismatch no_capacity \
         not_found not_in_stock other"
    );
    assert_eq!(
        codes(ReasonUse::Short),
        "already_sold damaged display_only expired mismatch not_found not_in_stock other"
    );
    assert_eq!(
        codes(ReasonUse::Cancel),
        "customer_changed_mind duplicate fraud not_picked_up other out_of_stock payment_failed price_error"
    );
    assert_eq!(
        codes(ReasonUse::Return),
        "color defective not_as_described other size_too_large size_too_small style unwanted wrong_item"
    );
    let not_found = &rules.reasons[&"not_found".parse().unwrap()];
    let labels = ["en", "de-AT", "es_MX", "fr"].map(|language| not_found.label(language));
    assert_eq!(labels, ["Not found", "Nicht gefunden", "No encontrado", "Not found"]);
}

#[test]
fn a_version_follows_what_the_rules_say_not_how_they_are_written() {
    let shipped = RuleBook::read(None).unwrap();
    assert_eq!(shipped.version.as_str().len(), 12);
    for same in ["", "# nothing\n", "[pickup]\nhold_days = 7\n", "silent_after.pickup = \"600s\"\n", SHIPPED]
    {
        assert_eq!(read(same).unwrap().version, shipped.version, "{same}");
    }
    for other in [
        "[pickup]\nhold_days = 8\n",
        "[routing]\nsort = []\n",
        "[routing]\nsort = [\"distance\", \"priority\", \"load\", \"rights\"]\n",
        "[sites.berlin-1]\n",
        "[reasons.other.label]\nen = \"Something else\"\n",
    ] {
        assert_ne!(read(other).unwrap().version, shipped.version, "{other}");
    }
}

#[test]
fn a_bad_reload_keeps_the_old_rules_and_says_so() {
    let handle = RulesHandle::new("rules.toml", "[pickup]\nhold_days = 3\n").unwrap();
    let before = handle.current();
    let errors =
        handle.try_reload("rules.toml", "[pickup]\nhold_days = 99\ncode_tries_max = 0\n").unwrap_err();
    assert_eq!(errors.0.len(), 2);
    assert_eq!(handle.current().version, before.version);
    assert_eq!(handle.current().rules.pickup.hold_days, 3);
    assert_eq!(handle.refused(), Some(errors));

    let version = handle.clone().try_reload("rules.toml", "[pickup]\nhold_days = 4\n").unwrap();
    assert_eq!(handle.current().version, version);
    assert_eq!(handle.current().rules.pickup.hold_days, 4);
    assert_eq!(handle.refused(), None);
    assert_eq!(before.rules.pickup.hold_days, 3, "a decision under way goes on with the rules it began with");
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let text = r#"
[routing]
filters = ["zone", "zone"]
sort = ["distance", "price"]
split = "at_most 1"

[sites.berlin-1]
calendar = "berlin"
countries = ["DE", "Germany"]
postal_prefixes = ["10", ""]

[sites."Berlin Mitte"]

[grants.fresh]
share_percent = 101
safety_units = -1
cap = 8

[authority]
ship = "73h"

[authority.high_value_from]
euro = 100

[calendars.standard.open.pickup]
monday = ["09:00-13:00", "09:00-13:00"]
tuesday = ["09:00-09:00"]
wednesday = ["09:00-24:01"]
holiday = []

[calendars.standard.exceptions]
2026-02-30 = { pickup = [] }

[calendars.standard.collections.default]
cutoffs = ["4 pm"]
not_on = [2026-12-25, 2026-12-25]

[reasons.lost]
used_for = ["theft"]
label = { en = "Lost", de = "Verloren" }
"#;
    insta::assert_snapshot!(read(text).unwrap_err().to_string(), @r#"
    rules.toml:3: routing.filters: found the same item twice, allowed: each item once
    rules.toml:4: routing.sort[1]: found "price", allowed: "distance", "rights", "load", "priority"
    rules.toml:5: routing.split: found "at_most 1", allowed: "never", or "at_most 2" up to "at_most 10"
    rules.toml:12: sites.Berlin Mitte: found the name "Berlin Mitte", allowed: 1 to 32 letters, digits, - or _
    rules.toml:9: sites.berlin-1.countries[1]: found "Germany", allowed: two capital letters such as DE
    rules.toml:10: sites.berlin-1.postal_prefixes[1]: found "", allowed: 1 to 10 letters and digits such as 10 or SW1
    rules.toml:17: grants.fresh.cap: found an unknown key, allowed: the keys cap_units, floor_units, safety_units, share_percent
    rules.toml:15: grants.fresh.share_percent: found 101, allowed: a whole number from 0 to 100
    rules.toml:16: grants.fresh.safety_units: found -1, allowed: a whole number from 0 to 1000000000
    rules.toml:20: authority.ship: found "73h", allowed: a duration from "1h" to "72h"
    rules.toml:23: authority.high_value_from.euro: found the name "euro", allowed: three capital letters such as EUR
    rules.toml:29: calendars.standard.open.pickup.holiday: found an unknown key, allowed: the keys friday, monday, saturday, sunday, thursday, tuesday, wednesday
    rules.toml:26: calendars.standard.open.pickup.monday: found the same item twice, allowed: each item once
    rules.toml:27: calendars.standard.open.pickup.tuesday[0]: found "09:00-09:00", allowed: a span such as "09:00-20:00", past midnight "18:00-02:00"
    rules.toml:28: calendars.standard.open.pickup.wednesday[0]: found "09:00-24:01", allowed: a span such as "09:00-20:00", past midnight "18:00-02:00"
    rules.toml:32: calendars.standard.exceptions.2026-02-30: found the name "2026-02-30", allowed: a date such as 2026-12-25
    rules.toml:35: calendars.standard.collections.default.cutoffs[0]: found "4 pm", allowed: a time of day such as "16:30"
    rules.toml:36: calendars.standard.collections.default.not_on: found the same item twice, allowed: each item once
    rules.toml:39: reasons.lost.used_for[0]: found "theft", allowed: "reject", "short", "cancel", "return"
    rules.toml:40: reasons.lost.label.es: found nothing, allowed: text of 1 to 60 characters on one line
    "#);
}

#[test]
fn names_that_must_exist_elsewhere_are_checked() {
    let errors = read("[sites.berlin-1]\ncalendar = \"berlin\"\n").unwrap_err();
    insta::assert_snapshot!(errors.to_string(), @r#"
    rules.toml:2: sites.berlin-1.calendar: found "berlin", allowed: the name of a calendar: standard
    "#);
}

#[test]
fn a_calendar_says_only_what_differs_from_the_standard() {
    let text = r#"
[calendars.standard.exceptions]
2026-12-25 = { pickup = [], ship = [] }

[calendars.airport.open.pickup]
sunday = ["06:00-10:00", "18:00-02:00"]

[calendars.airport.exceptions]
2026-12-24 = { pickup = ["06:00-14:00"] }

[calendars.standard.collections.dhl]
cutoffs = ["12:00", "17:30"]

[calendars.airport]
staffed = 7

[calendars.airport.work.pickup]
packing_minutes = 0

[calendars.airport.collections.default]
cutoffs = ["20:00"]
not_on = [2026-12-24]

[sites.ber]
calendar = "airport"
"#;
    let rules = read(text).unwrap().rules;
    let (wednesday, thursday, friday, sunday) =
        (date(2026, 12, 23), date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 27));
    assert_eq!(hours(&rules, "ber", Service::Pickup, wednesday), "09:00-20:00");
    assert_eq!(hours(&rules, "ber", Service::Pickup, thursday), "06:00-14:00");
    assert_eq!(hours(&rules, "ber", Service::Ship, thursday), "08:00-18:00");
    assert_eq!(hours(&rules, "ber", Service::Pickup, friday), "");
    assert_eq!(hours(&rules, "ber", Service::ShipToStore, friday), "08:00-18:00");
    assert_eq!(hours(&rules, "ber", Service::Pickup, sunday), "06:00-10:00 18:00-02:00");
    assert_eq!(hours(&rules, "elsewhere", Service::Pickup, thursday), "09:00-20:00");

    let airport = rules.calendar(&site("ber"));
    assert_eq!((airport.staffed, rules.calendars.first().staffed), (7, 2));
    assert_eq!(airport.promise.pickup.packing_minutes, 0);
    assert_eq!(airport.promise.pickup.preparation_minutes, 10);
    let cutoffs = |carrier, on| {
        let cutoffs = airport.collections.get(carrier).on(on);
        cutoffs.iter().map(TimeOfDay::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(cutoffs("ups", wednesday), "20:00");
    assert_eq!(cutoffs("ups", thursday), "");
    assert_eq!(cutoffs("dhl", wednesday), "12:00 17:30");
    assert_eq!(cutoffs("dhl", thursday), "", "dhl starts from this calendar's default");
    assert_eq!(cutoffs("dhl", sunday), "");
}

#[test]
fn sites_differ_only_in_what_is_said_about_them() {
    let rules = read("[sites.berlin-1]\npostal_prefixes = [\"sw1\", \"10\"]\n").unwrap().rules;
    let berlin = rules.site(&site("berlin-1"));
    assert_eq!(berlin.calendar, "standard");
    assert_eq!(berlin.postal_prefixes.iter().collect::<Vec<_>>(), ["10", "SW1"]);
    assert!(berlin.countries.is_empty());
    assert!(rules.site(&site("munich-1")).postal_prefixes.is_empty());
}

#[test]
fn a_class_says_only_what_differs_from_the_default() {
    let rules = read("[grants.fresh]\nsafety_units = 9\ncap_units = 3\n").unwrap().rules;
    let (fresh, default) = (rules.grants.get("fresh"), rules.grants.get("unheard of"));
    assert_eq!(
        (fresh.safety_units, fresh.cap_units, fresh.share_percent),
        (9, Some(3), default.share_percent)
    );
    assert_eq!((default.safety_units, default.cap_units), (1, None));
    assert_eq!(grantable(default, 10, 0, 0), 7);
    assert_eq!(grantable(fresh, 10, 0, 0), 1);
}

#[test]
fn routing_is_a_matter_of_order() {
    let text = "[routing]\nsort = [\"load\", \"distance\"]\nsplit = \"never\"\nfilters = [\"paused\"]\n";
    let routing = read(text).unwrap().rules.routing;
    assert_eq!(routing.rules().sort, [Sort::Load, Sort::Distance]);
    assert_eq!(routing.rules().split, Split::Never);
    assert!(routing.applies(Filter::Paused) && !routing.applies(Filter::Capacity));
    let shipped = RuleBook::read(None).unwrap().rules.routing;
    assert_eq!(shipped.rules().split, Split::AtMost(2));
    assert!(shipped.applies(Filter::Capacity));
}

#[test]
fn values_beyond_the_offline_limit_and_unknown_currencies_need_a_second_pin() {
    let handover = RuleBook::read(None).unwrap().rules.handover;
    let [eur, sek] = ["EUR", "SEK"].map(|code| code.parse().unwrap());
    assert!(handover.is_within_offline_limit(eur, 20_000));
    assert!(!handover.is_within_offline_limit(eur, 20_001));
    assert!(!handover.is_within_offline_limit(sek, 1));
}
