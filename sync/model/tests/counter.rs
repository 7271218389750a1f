//! Rules of the pickup counter, each told as a short story.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use common::*;
use outpost_model::command::CaseCommand;
use outpost_model::decide::CodeCheck;
use outpost_model::fact::{ProofMethod, Recipient};
use outpost_model::fulfillment::{Answer, End, Milestone};
use outpost_model::header::{PartialRule, Service};
use outpost_model::id::LineNo;
use outpost_model::intent::HubEvent;
use outpost_model::milestone::Need;

fn picked(story: Story) -> Story {
    story.did(pick(1, 2, "T-1")).did(pick(2, 1, "T-1"))
}

#[test]
fn codes_are_checked_and_run_out() {
    let mut story = picked(Story::pickup());
    for (code, refusal) in [
        (CodeCheck::NotGiven, "wrong_code"),
        (CodeCheck::Wrong, "wrong_code"),
        (CodeCheck::TooManyTries, "identify_instead"),
    ] {
        story.code = code;
        assert_eq!(story.refusal(hand_over(Service::Pickup)), refusal);
    }
    let mut by_identity = hand_over(Service::Pickup);
    if let CaseCommand::HandOver { proof, .. } = &mut by_identity {
        *proof = ProofMethod::Identification;
    }
    story.did(by_identity);
}

#[test]
fn proofs_belong_to_recipients() {
    let story = picked(Story::pickup());
    let mut scan = hand_over(Service::Pickup);
    if let CaseCommand::HandOver { proof, to, .. } = &mut scan {
        (*proof, *to) = (ProofMethod::Scan, Recipient::Proxy);
    }
    assert_eq!(story.refusal(scan), "wrong_proof");
}

#[test]
fn a_lapsed_payment_stops_a_handover_until_it_is_captured() {
    let mut story = picked(Story::pickup());
    story.header.payment_ok_until = Some(NOW);
    story.case.header.payment_ok_until = Some(NOW);
    story.clone().did(hand_over(Service::Pickup));
    story.now = NOW + 1;
    assert_eq!(story.refusal(hand_over(Service::Pickup)), "payment_lapsed");
    let observed = |fact: &str| HubEvent::Observed { source: "payment".to_owned(), fact: fact.to_owned() };
    story.clone().asked(observed("captured")).did(hand_over(Service::Pickup));
    let story = story.asked(observed("captured")).asked(observed("declined"));
    assert_eq!(story.refusal(hand_over(Service::Pickup)), "payment_lapsed");
}

#[test]
fn a_customer_may_take_part_and_decline_the_rest() {
    let mut story = picked(Story::pickup()).did(stage("T-1")).did(CaseCommand::MarkReady);
    story = story.did(hand_over_lines(Service::Pickup, &[(1, 1)]));
    assert_eq!(story.case.milestone(), Milestone::Ready, "the rest still waits");
    story = story.did(CaseCommand::Decline { line: LineNo(1), qty: q(1), reason: why("unwanted") });
    story = story.did(hand_over_lines(Service::Pickup, &[(2, 1)]));
    assert_eq!(story.case.milestone(), Milestone::HandedOver);
    assert_eq!(story.case.needs(&story.policy), [Need::PutBack]);
    story = story.did(put_back(1, 1, "T-1"));
    assert_eq!(story.case.milestone(), Milestone::Closed);
    assert_eq!(story.book.sellable(&sku("MUG")), 9);
    story.check();
}

#[test]
fn while_the_customer_is_asked_what_is_there_waits() {
    let lines = [("MUG", 1, None), ("TRAY", 1, None)];
    let ask = |ship_by_default| PartialRule::AskCustomer { deadline: NOW + HOUR, ship_by_default };
    let told = |rule| {
        let story = Story::of(header(Service::Pickup, &lines, rule)).did(pick(1, 1, "T-1"));
        story.did(short(2, 1))
    };
    let mut yes = told(ask(true));
    assert_eq!(yes.refusal(hand_over(Service::Pickup)), "customer_is_asked");
    yes.now = NOW + HOUR;
    yes.did(hand_over(Service::Pickup));
    let mut no = told(ask(false));
    no.now = NOW + HOUR;
    assert_eq!(no.refusal(hand_over(Service::Pickup)), "all_or_nothing");
}

#[test]
fn a_cancellation_at_the_counter_is_the_persons_to_decide() {
    let mut story = picked(Story::pickup()).did(CaseCommand::CustomerArrived { via: "counter".to_owned() });
    let (intent, answered) = story.ask(cancel(&[]));
    assert_eq!(answered, None);
    let yes = CaseCommand::AnswerIntent { intent, accept: true, reason: None };
    let no =
        |reason: Option<&str>| CaseCommand::AnswerIntent { intent, accept: false, reason: reason.map(why) };
    assert_eq!(story.refusal(no(None)), "reason_needed");
    let refused = story.clone().did(no(Some("already_sold")));
    assert_eq!(refused.case.intents[&intent].answer, Answer::Refused(why("already_sold")));
    assert_eq!(refused.refusal(no(Some("already_sold"))), "intent_answered");
    assert_eq!(story.clone().did(yes).case.ended(), Some(End::Cancelled));
    // Handing over is an answer too.
    let decision = story.give(hand_over(Service::Pickup)).unwrap();
    assert_eq!(names(&decision.facts), ["handed_over", "intent_refused"]);
    assert_eq!(story.case.intents[&intent].answer, Answer::Refused(why("already_handed_over")));
    // When the customer leaves without the goods, the rule answers.
    let mut left = picked(Story::pickup()).did(CaseCommand::CustomerArrived { via: "counter".to_owned() });
    left.ask(cancel(&[]));
    let decision = left.give(CaseCommand::RefuseHandover { reason: why("mismatch") }).unwrap();
    assert_eq!(names(&decision.facts), ["handover_refused", "intent_accepted"]);
    left.check();
}

#[test]
fn a_pickup_nobody_fetched_waits_again_when_it_is_extended() {
    let mut story = picked(Story::pickup()).did(stage("T-1")).did(CaseCommand::MarkReady);
    story.now = NOW + 72 * HOUR;
    assert_eq!(story.refusal(CaseCommand::Expire), "not_expired");
    story.now = story.now + 1;
    let mut story = story.did(CaseCommand::Expire);
    assert_eq!(story.case.needs(&story.policy), [Need::PutBack]);
    let extended = story.clone().asked(HubEvent::ExtendRequested { until: NOW + 99 * HOUR });
    assert_eq!((extended.case.ended(), extended.case.hold_until), (None, Some(NOW + 99 * HOUR)));
    extended.did(CaseCommand::MarkReady).did(hand_over(Service::Pickup));
    story = story.did(put_back(1, 2, "T-1")).did(put_back(2, 1, "T-1"));
    assert_eq!(story.case.lines[&LineNo(1)].declined, q(2));
    assert!(story.case.is_closed());
    assert_eq!(story.refusal(CaseCommand::KeepLonger { until: NOW + 200 * HOUR }), "expired");
    story.check();
}

#[test]
fn a_revocation_settles_what_waited_for_a_person() {
    let mut story = Story::pickup().did(CaseCommand::CustomerArrived { via: "counter".to_owned() });
    let (intent, answered) = story.ask(cancel(&[]));
    assert_eq!(answered, None);
    story.ask(HubEvent::Revoked { reason: why("no_capacity") });
    assert_eq!(story.case.intents[&intent].answer, Answer::Refused(why("finished")));
    assert!(story.case.is_closed());
}

#[test]
fn more_is_promised_from_free_stock_by_rule_and_by_a_person_who_looked() {
    let more = HubEvent::AmendRequested { line: LineNo(1), qty: q(8) };
    let mut story = Story::pickup();
    let (_, answered) = story.ask(more.clone());
    assert_eq!(names(answered.as_deref().unwrap_or_default()), ["intent_refused"], "six more, five are free");
    let mut story = Story::pickup().did(CaseCommand::CustomerArrived { via: "counter".to_owned() });
    let intent = story.say(more);
    let decision = story.give(pick(1, 2, "T-1")).unwrap();
    assert_eq!(names(&decision.facts), ["accepted", "picked"], "the book of another SKU answers nothing");
    let mut story = story.did(CaseCommand::AnswerIntent { intent, accept: true, reason: None });
    assert_eq!((story.case.ordered(LineNo(1)), story.case.lines[&LineNo(1)].open), (q(8), q(6)));
    assert_eq!(story.case.promised()[&sku("MUG")], q(8));
    story.ask(HubEvent::AmendRequested { line: LineNo(1), qty: q(2) });
    story.check();
}
