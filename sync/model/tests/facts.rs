//! Facts and words that contradict what was known, come late, or come from a later version: always booked, always seen.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use common::*;
use outpost_model::event::{Body, By, Event};
use outpost_model::fact::{Content, Effect, Permission, ProofMethod, Recipient, SiteFact};
use outpost_model::fold::fold;
use outpost_model::fulfillment::{Fulfillment, Milestone};
use outpost_model::header::Service;
use outpost_model::id::*;
use outpost_model::intent::HubEvent;
use outpost_model::milestone::{OrderState, Standing, order_state};
use outpost_model::money::Money;
use outpost_model::order::{Delivery, Order, OrderLine, PaymentState};
use outpost_model::quantity::Quantity;
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

fn codes(case: &Fulfillment) -> Vec<&str> {
    case.exceptions.iter().map(|exception| exception.code.as_str()).collect()
}

fn content(line: u16, name: &str, units: u32, from: &str) -> Content {
    Content { line: LineNo(line), sku: sku(name), qty: q(units), from: tote(from), lot: None, serial: None }
}

fn picked_fact(line: u16, name: &str, units: u32, into: &str) -> SiteFact {
    SiteFact::Picked {
        line: LineNo(line),
        sku: sku(name),
        qty: q(units),
        barcode: None,
        lot: None,
        serial: None,
        net_weight_g: None,
        location: at("A-1"),
        container: tote(into),
    }
}

fn gone(items: Vec<Content>) -> SiteFact {
    SiteFact::HandedOver {
        items,
        to: Recipient::Customer,
        proof: ProofMethod::Code,
        proof_ref: None,
        manifest: None,
        permission: Permission::Granted,
    }
}

#[test]
fn an_over_pick_that_happened_lies_in_the_tote_and_is_to_be_put_back() {
    let mut story = Story::pickup();
    story.write(vec![picked_fact(1, "MUG", 3, "T-1")]);
    assert_eq!(story.case.lines[&LineNo(1)].picked, q(2));
    assert_eq!(story.case.to_put_back, [content(1, "MUG", 1, "T-1")]);
    assert_eq!(codes(&story.case), ["over_pick"]);
    story.check();
}

/// Nobody can pick so much, but a site can say so: the case must stay readable, or nobody can look at it any more.
#[test]
fn what_is_beyond_all_measure_can_still_be_written_and_read() {
    let mut story = Story::pickup();
    let most = Quantity::MAX;
    let intent = story.say(cancel(&[1]));
    let effect = Effect::Added { line: LineNo(1), qty: most };
    story.write(vec![SiteFact::IntentAccepted { intent, effect }]);
    assert_eq!(story.case.lines[&LineNo(1)].open, most, "the two that were open are in it");
    for _ in 0..2 {
        story.write(vec![picked_fact(1, "MUG", most.get(), "T-1")]);
    }
    let text = serde_json::to_string(&story.case).unwrap();
    assert_eq!(serde_json::from_str::<Fulfillment>(&text).unwrap(), story.case);
}

#[test]
fn what_left_without_being_picked_has_left() {
    let mut story = Story::pickup();
    story.write(vec![gone(vec![content(1, "MUG", 2, "T-1")])]);
    assert_eq!(story.case.lines[&LineNo(1)].handed_over, q(2));
    assert_eq!(codes(&story.case), ["handed_over_unpicked"]);
    assert_eq!(story.book.on_hand(&sku("MUG")), 8);
}

#[test]
fn an_observation_that_runs_ahead_of_the_facts_is_an_exception_until_they_come() {
    let mut story =
        Story::ship().did(pick(1, 2, "P-1")).did(pick(2, 1, "P-1")).did(pack("P-1")).did(label("P-1"));
    story.say(HubEvent::Observed { source: "carrier:virtual".to_owned(), fact: "delivered".to_owned() });
    assert_eq!(codes(&story.case), ["observed_not_handed_over"]);
    assert_eq!(story.case.milestone(), Milestone::Labeled, "an observation overwrites no fact");
    let story = story.did(hand_over(Service::Ship));
    assert_eq!(codes(&story.case), Vec::<&str>::new());
    story.check();
}

fn unknown<K>(n: u64, critical: bool) -> Event<K> {
    Event {
        id: EventId { command: CommandId(Uuid::from_u128(900 + u128::from(n))), index: 0 },
        n,
        seen: 0,
        at: NOW,
        by: By::edge(),
        critical,
        body: Body::Unknown { kind: "teleported".to_owned(), data: serde_json::json!({"to": "moon"}) },
    }
}

#[test]
fn a_later_versions_event_is_counted_and_only_a_critical_one_stops_the_irrevocable() {
    let mut story = Story::pickup().did(pick(1, 2, "T-1")).did(pick(2, 1, "T-1"));
    let next = story.case.site_n + 1;
    story.case.apply_site(&unknown(next, false));
    assert_eq!((story.case.site_n, story.case.update_needed), (next, false));
    story.case.apply_hub(&unknown(1, true));
    assert!(story.case.update_needed);
    assert_eq!(story.refusal(hand_over(Service::Pickup)), "update_needed");
    story.decide(&stage("T-1")).unwrap();
    story.decide(&already_done(hand_over(Service::Pickup))).unwrap();
}

#[test]
fn events_behind_a_gap_wait_and_count_when_it_is_filled() {
    let story = Story::pickup().did(pick(1, 2, "T-1")).did(pick(2, 1, "T-1"));
    let mut case = Fulfillment::offered(story.header.clone());
    case.apply_site(&story.site[2]);
    case.apply_site(&story.site[1]);
    assert_eq!((case.site_n, case.waiting_site.len(), case.milestone()), (0, 2, Milestone::Offered));
    case.apply_site(&story.site[0]);
    assert_eq!(case, story.case);
    assert!(case.waiting_site.is_empty());
}

#[test]
fn a_second_answer_to_an_intent_changes_nothing() {
    let mut story = Story::pickup();
    let (intent, _) = story.ask(cancel(&[2]));
    let before = story.case.lines.clone();
    story.write(vec![SiteFact::IntentRefused { intent, reason: why("finished") }]);
    assert_eq!(story.case.lines, before);
    assert_eq!(story.case.intents[&intent].answer, outpost_model::fulfillment::Answer::Accepted);
}

/// Facts as no `decide` would write them.
fn wild_facts() -> impl Strategy<Value = Vec<SiteFact>> {
    let fact = (0_u8..12, 0_u16..4, 0_u32..5, 0_u8..3).prop_map(|(kind, line, units, place)| {
        let place = format!("C-{place}");
        let name = if units == 4 { "TRAY" } else { "MUG" };
        let what = content(line, name, units, &place);
        let reason = why("damaged");
        match kind {
            0..=2 => picked_fact(line, name, units, &place),
            3 => SiteFact::Unpicked { content: what, location: at("A-1") },
            4 => SiteFact::PutBack { content: what, location: at("A-1") },
            5 => SiteFact::Declined { content: what, reason },
            6 => gone(vec![what.clone(), what]),
            7 => SiteFact::Packed {
                container: tote("P-1"),
                contents: vec![what],
                weight_g: None,
                dimensions: None,
            },
            8 => SiteFact::Shorted {
                line: LineNo(line),
                sku: sku(name),
                qty: q(units),
                reason,
                location: None,
                suspect: q(0),
            },
            9 => SiteFact::Staged { container: tote(&place), location: at("STAGE-1") },
            10 => SiteFact::PickupExpired,
            _ => SiteFact::Released { reason },
        }
    });
    vec(fact, 0..30)
}

proptest! {
    #[test]
    fn no_fact_however_wrong_breaks_a_sum(facts in wild_facts()) {
        let mut story = Story::pickup();
        story.write(facts);
        for (line, units) in &story.case.lines {
            prop_assert_eq!(units.sum(), story.case.ordered(*line));
        }
        prop_assert_eq!(fold(&story.header, &story.site, &story.hub), story.case);
        prop_assert!(story.book.conserved(&story.moved).is_ok());
    }
}

fn order() -> Order {
    let euro = |minor| Money { minor, currency: "EUR".parse().unwrap() };
    let line = |line, name: &str, qty, physical| OrderLine {
        line: LineNo(line),
        channel_ref: None,
        sku: sku(name),
        title: name.to_owned(),
        qty: q(qty),
        unit_price: euro(1_299),
        presentment_price: None,
        group: None,
        physical,
    };
    Order {
        id: OrderId(Uuid::from_u128(0x04DE4)),
        channel: ChannelId::new("api").unwrap(),
        channel_ref: "1".to_owned(),
        number: "#1".to_owned(),
        placed_at: NOW,
        currency: "EUR".parse().unwrap(),
        total: euro(5_000),
        lines: vec![line(1, "MUG", 2, true), line(2, "TRAY", 1, true), line(3, "GIFT-CARD", 1, false)],
        delivery: Delivery::Pickup { site: SiteId::new("berlin-1").unwrap() },
        partial: Default::default(),
        payment: PaymentState::Paid,
        language: None,
        cancelled_at: None,
        remarks: Vec::new(),
    }
}

#[test]
fn an_orders_state_follows_its_cases() {
    let order = order();
    let state = |standing, stories: &[&Story]| {
        let cases: Vec<_> = stories.iter().map(|story| story.case.clone()).collect();
        order_state(&order, standing, &cases)
    };
    use Standing::*;
    assert_eq!(state(Captured, &[]), OrderState::Captured);
    assert_eq!(state(Held, &[]), OrderState::Held);
    assert_eq!(state(Approved, &[]), OrderState::Approved);
    assert_eq!(state(Cancelled, &[]), OrderState::Cancelled);
    let offered = Story::pickup();
    assert_eq!(state(Approved, &[&offered]), OrderState::Routed);
    let picking = offered.clone().did(pick(1, 2, "T-1"));
    assert_eq!(state(Approved, &[&picking]), OrderState::InProgress);
    let partly = picking.clone().did(hand_over(Service::Pickup));
    assert_eq!(state(Approved, &[&partly]), OrderState::PartiallyFulfilled);
    let short = partly.clone().did(short(2, 1));
    assert_eq!(
        state(Approved, &[&short]),
        OrderState::PartiallyFulfilled,
        "the tray is looked for elsewhere"
    );
    let cancelled = partly.asked(cancel(&[2]));
    assert_eq!(state(Approved, &[&cancelled]), OrderState::Fulfilled);
    assert_eq!(state(Approved, &[&picking.asked(cancel(&[]))]), OrderState::Cancelled);
    let rejected = offered.did(outpost_model::command::CaseCommand::Reject { reason: why("closed") });
    assert_eq!(state(Approved, &[&rejected]), OrderState::Approved, "to be routed anew");
    let mut returned = cancelled;
    returned.say(HubEvent::Observed {
        source: "carrier:virtual".to_owned(),
        fact: "returned_to_sender".to_owned(),
    });
    assert_eq!(state(Approved, &[&returned]), OrderState::Returned);
}
