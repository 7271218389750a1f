//! The site as a whole: its day, its rights, its counter sales, and what may stand in which document.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use common::*;
use outpost_model::command::{CaseCommand, Command, SiteCommand, Subject};
use outpost_model::decide::{UNPLACED, decide_day, sale};
use outpost_model::event::{Body, By, Event, Kind, Side, may_write, may_write_in, owner};
use outpost_model::fact::SiteFact;
use outpost_model::header::Service;
use outpost_model::id::*;
use outpost_model::intent::HubEvent;
use outpost_model::ledger::Ledger;
use outpost_model::page::{HubPageEvent, LedgerFact, SiteDayFact};
use outpost_model::rights::{GrantPolicy, Rights, grantable, walk_in};
use outpost_model::site_day::SiteDayState;
use outpost_model::stock::{MovementReason, Place};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

fn day(facts: &[SiteDayFact]) -> Vec<Event<SiteDayFact>> {
    let event = |(fact, n): (&SiteDayFact, u64)| Event {
        id: EventId { command: CommandId(Uuid::from_u128(u128::from(n))), index: 0 },
        n,
        seen: 0,
        at: NOW,
        by: By::edge(),
        critical: false,
        body: Body::Known(fact.clone()),
    };
    facts.iter().zip(1..).map(event).collect()
}

fn pause(services: &[Service], until: Option<i64>) -> SiteCommand {
    let until = until.map(|millis| NOW + millis);
    SiteCommand::Pause { services: services.to_vec(), until, reason: why("no_capacity") }
}

#[test]
fn a_day_is_the_fold_of_its_facts() {
    let facts = [
        SiteDayFact::Opened,
        SiteDayFact::Staffed { people: 4 },
        SiteDayFact::Paused {
            services: vec![Service::Ship],
            until: Some(NOW + HOUR),
            reason: why("no_capacity"),
        },
        SiteDayFact::Paused { services: vec![], until: None, reason: why("no_capacity") },
        SiteDayFact::Resumed { services: vec![Service::Pickup] },
        SiteDayFact::CarrierNoShow { carrier: "virtual".to_owned() },
        SiteDayFact::DeviceDown { device: "printer-1".to_owned(), state: "paper out".to_owned() },
        SiteDayFact::Closed { early: true },
    ];
    let mut events = day(&facts);
    let state = SiteDayState::fold(&events);
    events.reverse();
    assert_eq!(SiteDayState::fold(&events), state, "the order of arrival does not matter");
    assert_eq!((state.open, state.closed_early, state.staffed), (Some(false), true, Some(4)));
    assert_eq!(state.paused.keys().copied().collect::<Vec<_>>(), [Service::Ship, Service::ShipToStore]);
    let tomorrow = state.next_day();
    assert_eq!((tomorrow.open, tomorrow.n), (None, 0));
    assert_eq!(tomorrow.paused, state.paused);
    let gap = SiteDayState::fold(&day(&facts)[1..]);
    assert_eq!(gap, SiteDayState::default(), "events behind a gap do not count yet");
}

#[test]
fn a_pause_ends_at_its_instant() {
    let facts = decide_day(&SiteDayState::default(), &pause(&[Service::Ship], Some(1)), NOW).unwrap();
    let state = SiteDayState::fold(&day(&facts));
    assert!(state.pause(Service::Ship, NOW).is_some());
    assert!(state.pause(Service::Ship, NOW + 1).is_none());
    assert!(state.pause(Service::Pickup, NOW).is_none());
    let refused = decide_day(&state, &pause(&[], Some(0)), NOW).unwrap_err();
    assert_eq!(refused.code, "bad_time");
}

#[test]
fn what_is_so_already_writes_nothing() {
    let decide = |state: &SiteDayState, command: &SiteCommand| decide_day(state, command, NOW).unwrap();
    let new = SiteDayState::default();
    assert_eq!(decide(&new, &SiteCommand::Open), [SiteDayFact::Opened]);
    let open = SiteDayState::fold(&day(&[SiteDayFact::Opened]));
    assert!(decide(&open, &SiteCommand::Open).is_empty());
    assert!(decide(&open, &SiteCommand::Resume { services: vec![] }).is_empty());
    let paused = SiteDayState::fold(&day(&decide(&open, &pause(&[], None))));
    let resumed = decide(&paused, &SiteCommand::Resume { services: vec![Service::Ship] });
    assert_eq!(resumed, [SiteDayFact::Resumed { services: vec![Service::Ship] }]);
    let closed = SiteDayState::fold(&day(&[SiteDayFact::Closed { early: false }]));
    assert!(decide(&closed, &SiteCommand::Close { early: true }).is_empty());
}

#[test]
fn a_sale_is_booked_even_below_zero() {
    let LedgerFact::Booked { movements, source } =
        sale(&sku("MUG"), q(2), None, Some("till-1/77"), NOW, NOW + 5).unwrap()
    else {
        panic!("a sale books movements");
    };
    assert_eq!((movements[0].delta, movements[0].reason), (-2, MovementReason::Sale));
    assert_eq!(movements[0].key.place, Place::Location(at(UNPLACED)));
    assert_eq!(source.as_deref(), Some("till-1/77"));
    assert_eq!(Ledger::of(&movements).on_hand(&sku("MUG")), -2);
    assert_eq!(sale(&sku("MUG"), q(0), None, None, NOW, NOW).unwrap_err().code, "no_quantity");
}

#[test]
fn every_kind_belongs_to_one_side_and_one_document() {
    let families: [(&[&str], Side); 5] = [
        (SiteFact::NAMES, Side::Site),
        (HubEvent::NAMES, Side::Hub),
        (LedgerFact::NAMES, Side::Site),
        (HubPageEvent::NAMES, Side::Hub),
        (SiteDayFact::NAMES, Side::Site),
    ];
    let mut all = std::collections::BTreeSet::new();
    for (names, side) in families {
        for name in names {
            assert!(all.insert(*name), "{name} is in two families");
            assert_eq!(owner(name), Some(side));
            assert!(may_write(side, name));
            let other = if side == Side::Site { Side::Hub } else { Side::Site };
            assert!(!may_write(other, name), "{name}");
        }
    }
    let site = SiteId::new("berlin-1").unwrap();
    let case = DocumentKey::Case(CaseId(Uuid::from_u128(1)));
    let ledger = DocumentKey::Ledger(site.clone(), 0);
    let hub_page = DocumentKey::HubPage(site, 0);
    assert!(may_write_in(&case, Side::Site, "picked"));
    assert!(!may_write_in(&case, Side::Hub, "picked"));
    assert!(!may_write_in(&case, Side::Site, "granted"), "rights are not granted in a case");
    assert!(may_write_in(&ledger, Side::Site, "granted"));
    assert!(!may_write_in(&ledger, Side::Hub, "unheard_of"), "a page has one writer");
    assert!(!may_write_in(&hub_page, Side::Site, "returned"));
    assert!(may_write_in(&case, Side::Hub, "unheard_of"), "kinds of later versions are kept");
}

fn parse(text: &str) -> Result<Command, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

const FRAME: &str = r#""id":"0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061","staff":"s-12","device":"scan-3""#;

#[test]
fn a_command_is_read_by_what_it_is_about() {
    let case =
        parse(&format!(r#"{{{FRAME},"case":"0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061","do":"mark_ready"}}"#))
            .unwrap();
    assert!(matches!(case.subject, Subject::Case { command: CaseCommand::MarkReady, .. }));
    let site = parse(&format!(r#"{{{FRAME},"do":"close","early":true}}"#)).unwrap();
    assert_eq!(site.subject, Subject::Site(SiteCommand::Close { early: true }));
    for command in [case, site] {
        let text = serde_json::to_string(&command).unwrap();
        assert_eq!(parse(&text).unwrap(), command, "the form survives");
    }
}

#[test]
fn a_wrong_command_is_refused_with_what_is_wrong() {
    let case = r#""case":"0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061""#;
    let said = |rest: &str| parse(&format!("{{{FRAME},{rest}}}")).unwrap_err();
    assert!(said(&format!(r#"{case},"do":"pickle""#)).contains("unknown variant `pickle`"));
    assert!(said(&format!(r#"{case},"do":"unpack""#)).contains("missing field `container`"));
    assert!(said(&format!(r#"{case},"do":"unpack","container":"a b""#)).contains("ContainerId"));
    assert!(said(r#""case":"7","do":"accept""#).contains("UUID"));
    assert!(said(r#""do":"accept""#).contains("unknown variant `accept`"), "a site does not accept");
    assert!(said(&format!(r#"{case},"do":"decline","line":1,"qty":-1,"reason":"x""#)).contains("-1"));
}

/// What happens between a site and the hub about one SKU, each hearing of the other later.
#[derive(Debug, Clone)]
enum Move {
    Grant,
    HearGrants,
    Promise(u64),
    HearCases,
    Recall,
    HearReturns,
    Sell(u64),
    HandOver,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    use Move::*;
    vec(
        prop_oneof![
            Just(Grant),
            Just(HearGrants),
            (1_u64..5).prop_map(Promise),
            Just(HearCases),
            Just(Recall),
            Just(HearReturns),
            (1_u64..3).prop_map(Sell),
            Just(HandOver),
        ],
        0..60,
    )
}

proptest! {
    #[test]
    fn rights_are_never_overdrawn_whatever_the_line_does(opening in 0_i64..40, moves in moves()) {
        let policy = GrantPolicy { share_percent: 80, safety_units: 1, floor_units: 0, cap_units: None };
        let (mut sellable, mut granted, mut reserved) = (opening, 0_u64, 0_u64);
        let mut hub = Rights::default();
        let (mut heard_promised, mut heard_returned) = (0_u64, 0_u64);
        for step in moves {
            let here = Rights::new(granted, heard_promised, heard_returned);
            prop_assert!(here.is_ok(), "the site heard of promises it never granted: {:?}", here);
            let here = here.unwrap();
            match step {
                Move::Grant => {
                    let more = grantable(&policy, sellable, reserved, here.unused());
                    prop_assert!(walk_in(sellable, reserved, here.unused() + more) >= 0 || more == 0);
                    granted += more;
                }
                Move::HearGrants => hub.grant(granted - hub.granted()),
                Move::Promise(units) => {
                    let unused = hub.unused();
                    prop_assert_eq!(hub.promise(units).is_ok(), units <= unused);
                }
                Move::HearCases => {
                    reserved += hub.promised() - heard_promised;
                    heard_promised = hub.promised();
                }
                Move::Recall => {
                    hub.give_back(u64::MAX);
                }
                Move::HearReturns => heard_returned = hub.returned(),
                Move::Sell(units) => sellable -= units as i64,
                Move::HandOver => (sellable, reserved) = (sellable - reserved as i64, 0),
            }
            prop_assert!(hub.promised() + hub.returned() <= hub.granted());
            prop_assert!(hub.granted() <= granted, "the hub never promises more than the site has granted");
            let now = Rights::new(granted, heard_promised, heard_returned).unwrap();
            prop_assert!(hub.unused() <= now.unused(), "the site holds back at least what the hub may promise");
        }
    }
}
