//! Rules of the floor, each told as a short story.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use common::*;
use outpost_model::authority::NoAuthority;
use outpost_model::command::CaseCommand;
use outpost_model::decide::{Proposal, Resolved, Scanned};
use outpost_model::fact::{LabelKind, Permission, SiteFact};
use outpost_model::fulfillment::{End, Fulfillment, Milestone};
use outpost_model::header::{PartialRule, Service};
use outpost_model::id::{CaseId, LineNo, ManifestId};
use outpost_model::intent::HubEvent;
use outpost_model::milestone::Need;
use outpost_model::quantity::Quantity;

fn picked(story: Story) -> Story {
    story.did(pick(1, 2, "T-1")).did(pick(2, 1, "T-1"))
}

fn to_carrier() -> CaseCommand {
    hand_over(Service::Ship)
}

#[test]
fn the_second_of_two_pickers_hears_that_the_line_is_full() {
    let story = Story::pickup().did(pick(1, 2, "T-1"));
    let refused = story.decide(&pick(1, 1, "T-2")).unwrap_err();
    assert_eq!(refused.code, "over_pick");
    assert_eq!(
        refused.sentence,
        "Line 1 is already full: all 2 units are picked, the last by edge. Put it back."
    );
    let refused = Story::pickup().decide(&pick(1, 3, "T-2")).unwrap_err();
    assert_eq!(refused.sentence, "Line 1 needs only 2 more. Put the rest back.");
    let refused = Story::pickup().asked(cancel(&[2])).decide(&pick(2, 1, "T-2")).unwrap_err();
    assert_eq!(refused.sentence, "Line 2 is full: 1 of its 1 units were cancelled. Put it back.");
}

#[test]
fn a_scan_must_be_of_what_is_wanted() {
    let mut story = Story::pickup();
    story.scanned = Some(Scanned::Product(sku("TRAY"), q(1)));
    let refused = story.decide(&pick(1, 1, "T-1")).unwrap_err();
    assert_eq!(
        (refused.code.as_ref(), refused.sentence.as_str()),
        ("wrong_item", "That is TRAY; MUG is wanted.")
    );
    story.scanned = Some(Scanned::Unknown);
    assert_eq!(story.refusal(pick(1, 1, "T-1")), "unknown_barcode");
    story.scanned = Some(Scanned::Product(sku("MUG"), q(2)));
    assert_eq!(story.refusal(pick(1, 1, "T-1")), "pack_size");
    story.clone().did(pick(1, 2, "T-1"));
    story.scanned = Some(Scanned::Nothing);
    let by_hand = CaseCommand::Pick {
        line: LineNo(1),
        qty: q(1),
        barcode: None,
        lot: None,
        serial: None,
        net_weight_g: None,
        location: at("A-1"),
        container: tote("T-1"),
    };
    assert_eq!(story.refusal(by_hand.clone()), "scan_required");
    story.policy.manual_confirm = true;
    story.did(by_hand);
}

#[test]
fn a_serial_number_is_one_unit_and_only_once() {
    let with_serial = |units| match pick(1, units, "T-1") {
        CaseCommand::Pick { line, qty, barcode, location, container, .. } => CaseCommand::Pick {
            line,
            qty,
            barcode,
            lot: None,
            serial: Some("SN-7".to_owned()),
            net_weight_g: None,
            location,
            container,
        },
        other => other,
    };
    let story = Story::pickup();
    assert_eq!(story.refusal(with_serial(2)), "serial_quantity");
    assert_eq!(story.did(with_serial(1)).refusal(with_serial(1)), "serial_taken");
}

#[test]
fn a_tote_of_another_order_stays_with_it() {
    let mut story = Story::pickup();
    story.other_case = Some(CaseId(uuid::Uuid::from_u128(9)));
    assert_eq!(story.refusal(pick(1, 1, "T-1")), "container_in_use");
    story.other_case = Some(story.header.case);
    story.did(pick(1, 1, "T-1"));
}

#[test]
fn a_carrier_takes_whole_packed_and_labeled_parcels() {
    let story = picked(Story::ship());
    assert_eq!(story.refusal(to_carrier()), "not_packed");
    let story = story.did(pack("P-1"));
    assert_eq!(story.refusal(to_carrier()), "not_labeled");
    let story = story.did(label("P-1"));
    assert_eq!(story.refusal(hand_over_lines(Service::Ship, &[(1, 1)])), "whole_parcels");
    assert_eq!(story.refusal(hand_over_lines(Service::Ship, &[(1, 3)])), "not_picked");
    assert_eq!(story.refusal(hand_over(Service::Pickup)), "wrong_recipient");
    let manifest = match to_carrier() {
        CaseCommand::HandOver {
            lines,
            containers,
            to,
            proof,
            code,
            proof_ref,
            override_reason,
            already_done,
            ..
        } => {
            let manifest = Some(ManifestId::new("M-1").unwrap());
            CaseCommand::HandOver {
                lines,
                containers,
                to,
                proof,
                code,
                proof_ref,
                manifest,
                override_reason,
                already_done,
            }
        }
        other => other,
    };
    let mut story = story;
    let decision = story.give(manifest).unwrap();
    assert_eq!(names(&decision.facts), ["collected", "handed_over"]);
    assert_eq!(story.case.milestone(), Milestone::Closed);
    story.check();
}

#[test]
fn without_authority_nothing_irrevocable_is_done_and_the_reason_is_said() {
    let labeled = picked(Story::ship()).did(pack("P-1")).did(label("P-1"));
    let mut sentences = std::collections::BTreeSet::new();
    let reasons = [
        NoAuthority::None,
        NoAuthority::Beyond,
        NoAuthority::Expired,
        NoAuthority::TimeUnknown,
        NoAuthority::PastLost,
    ];
    for why in reasons {
        let story = labeled.clone().without_authority(why);
        let refused = story.decide(&to_carrier()).unwrap_err();
        assert_eq!(refused.code, "no_authority");
        sentences.insert(refused.sentence);
        assert_eq!(picked(Story::ship()).without_authority(why).refusal(label("P-1")), "no_authority");
        // Everything that can be undone goes on.
        picked(Story::ship().without_authority(why)).did(pack("P-1")).did(stage("P-1"));
    }
    assert_eq!(sentences.len(), reasons.len(), "each reason has its own sentence");
}

#[test]
fn a_supervisor_overrides_with_a_reason_that_is_kept_and_counted() {
    let mut story = picked(Story::ship()).did(pack("P-1")).did(label("P-1"));
    story = story.without_authority(NoAuthority::Expired);
    let mut refused = story.clone();
    refused.policy.override_allowed = false;
    assert_eq!(refused.refusal(by_supervisor(to_carrier())), "override_not_allowed");
    let decision = story.give(by_supervisor(to_carrier())).unwrap();
    let Some(SiteFact::HandedOver { permission: Permission::Override { reason }, .. }) =
        decision.facts.last()
    else {
        panic!("{decision:?}");
    };
    assert_eq!(reason, "customer waits since an hour");
    assert!(story.case.exceptions.iter().any(|exception| exception.code == "authority_override"));
}

#[test]
fn what_has_already_happened_is_booked_and_shown() {
    let story = picked(Story::ship()).without_authority(NoAuthority::Beyond);
    let mut story = story.asked(HubEvent::HoldRequested { reason: why("fraud") });
    assert_eq!(story.refusal(to_carrier()), "on_hold");
    let decision = story.give(already_done(to_carrier())).unwrap();
    assert!(matches!(
        decision.facts.as_slice(),
        [SiteFact::HandedOver { permission: Permission::AfterTheFact, .. }]
    ));
    let codes: Vec<_> = story.case.exceptions.iter().map(|exception| exception.code.as_str()).collect();
    assert_eq!(codes, ["handed_over_on_hold", "outside_authority"]);
    story.check();
}

#[test]
fn a_driver_who_took_a_cancelled_box_took_it_all_the_same() {
    let mut story =
        picked(Story::ship()).asked(cancel(&[])).asked(HubEvent::Revoked { reason: why("fraud") });
    assert_eq!(story.case.ended(), Some(End::Cancelled));
    story.give(already_done(to_carrier())).unwrap();
    assert_eq!(story.case.handed_over(), q(3));
    let codes: Vec<_> = story.case.exceptions.iter().map(|exception| exception.code.as_str()).collect();
    assert_eq!(codes, ["handed_over_after_end", "handed_over_though_revoked", "handed_over_unwanted"]);
    assert!(story.case.is_closed());
    story.check();
}

#[test]
fn a_short_makes_units_suspect_and_asks_for_a_count() {
    let mut story = Story::pickup();
    let decision = story.give(short(1, 1)).unwrap();
    assert_eq!(names(&decision.facts), ["accepted", "shorted"]);
    assert_eq!(decision.proposals, [Proposal::Count { sku: sku("MUG"), location: at("A-1") }]);
    assert_eq!((story.book.on_hand(&sku("MUG")), story.book.sellable(&sku("MUG"))), (10, 9));
    assert_eq!(story.case.missing().into_iter().collect::<Vec<_>>(), [(LineNo(1), q(1))]);
    assert_eq!(story.refusal(short(1, 2)), "over_short");
    story.check();
}

#[test]
fn a_short_never_takes_more_from_the_book_than_it_holds() {
    let mut story = Story::of(header(Service::Ship, &[("MUG", 2, None)], PartialRule::ShipAvailable));
    story.stock("MUG", -9);
    story.give(short(1, 2)).unwrap();
    assert_eq!((story.book.on_hand(&sku("MUG")), story.book.sellable(&sku("MUG"))), (1, 0));
}

#[test]
fn a_group_goes_together_or_not_at_all() {
    let lines = [("MUG", 1, Some("set")), ("TRAY", 1, Some("set")), ("LID", 1, None)];
    let story = Story::of(header(Service::Pickup, &lines, PartialRule::ShipAvailable));
    let mut story = story.did(pick(1, 1, "T-1")).did(pick(3, 1, "T-1"));
    assert_eq!(story.refusal(hand_over(Service::Pickup)), "group_incomplete");
    story.clone().did(hand_over_lines(Service::Pickup, &[(3, 1)]));
    let decision = story.give(short(2, 1)).unwrap();
    assert!(decision.proposals.contains(&Proposal::Return { line: LineNo(1), qty: q(1) }));
    assert_eq!(story.refusal(hand_over(Service::Pickup)), "group_incomplete");
    let story = story.did(unpick(1, 1, "T-1")).did(short(1, 1)).did(hand_over(Service::Pickup));
    assert_eq!(story.case.milestone(), Milestone::Closed);
}

#[test]
fn all_or_nothing_gives_up_the_rest_too() {
    let lines = [("MUG", 2, None), ("TRAY", 1, None)];
    let mut story =
        Story::of(header(Service::Pickup, &lines, PartialRule::AllOrNothing)).did(pick(1, 1, "T-1"));
    assert_eq!(story.refusal(hand_over(Service::Pickup)), "all_or_nothing");
    let decision = story.give(short(2, 1)).unwrap();
    let [Proposal::Count { .. }, Proposal::Command { command }, Proposal::Return { line, qty }] =
        decision.proposals.as_slice()
    else {
        panic!("{decision:?}");
    };
    assert_eq!((*line, *qty), (LineNo(1), q(1)));
    let story = story.did(command.clone()).did(unpick(1, 1, "T-1")).did(short(1, 1));
    assert!(story.case.is_closed());
    assert_eq!(story.case.missing().len(), 2);
}

#[test]
fn a_release_with_goods_in_a_tote_is_decided_by_a_person() {
    let mut story = Story::ship().did(pick(1, 1, "T-1"));
    let (intent, answered) = story.ask(HubEvent::ReleaseRequested { reason: why("no_capacity") });
    assert_eq!(answered, None);
    let story = story.did(CaseCommand::AnswerIntent { intent, accept: true, reason: None });
    assert_eq!(story.case.ended(), Some(End::Released(why("no_capacity"))));
    assert_eq!(story.case.missing().values().copied().sum::<outpost_model::quantity::Quantity>(), q(3));
    assert!(!story.case.is_closed(), "the tote is still to be emptied");
    let story = story.did(put_back(1, 1, "T-1"));
    assert!(story.case.is_closed());
    story.check();
}

#[test]
fn a_cancelled_line_is_put_back_before_the_parcel_goes() {
    let story = picked(Story::ship()).did(pack("P-1")).did(label("P-1")).asked(cancel(&[2]));
    assert_eq!(story.refusal(to_carrier()), "put_back_first");
    assert_eq!(story.refusal(pack("P-1")), "put_back_first");
    let story = story.did(put_back(2, 1, "P-1"));
    assert_eq!(story.refusal(to_carrier()), "not_packed", "it was opened");
    let story = story.did(pack("P-1")).did(to_carrier());
    assert_eq!(story.case.lines[&LineNo(2)].cancelled, q(1));
    story.check();
}

#[test]
fn labels_are_issued_once_and_only_while_they_are_good() {
    let mut story = picked(Story::ship());
    story.label = Some(Resolved { number: "TRK1".to_owned(), label_hash: "00".to_owned(), carrier: None });
    let mut story = story.did(label("P-1"));
    assert_eq!(story.refusal(label("P-1")), "already_labeled");
    assert_eq!(story.refusal(label("P-2")), "label_used");
    let number = "TRK1".to_owned();
    story.say(HubEvent::LabelBought {
        container: tote("P-1"),
        carrier: "virtual".to_owned(),
        number: number.clone(),
        label_hash: "00".to_owned(),
        record: outpost_model::id::RecordId(uuid::Uuid::from_u128(5)),
    });
    story.say(HubEvent::LabelVoidConfirmed { number: number.clone() });
    let story = story.did(CaseCommand::DestroyLabel { container: tote("P-1"), number: number.clone() });
    assert_eq!(
        story.refusal(CaseCommand::DestroyLabel { container: tote("P-1"), number }),
        "unknown_container"
    );
    assert_eq!(story.refusal(label("P-1")), "label_missing", "the carrier took it back");
    // A handling label needs no authority.
    let mut story = story.without_authority(NoAuthority::Expired);
    story.label = None;
    story.did(CaseCommand::Label {
        container: tote("T-1"),
        label: LabelKind::Handling,
        override_reason: None,
    });
}

#[test]
fn a_substitute_needs_the_customers_word() {
    let with = CaseCommand::Substitute {
        line: LineNo(1),
        with: sku("MUG-BLUE"),
        qty: q(1),
        location: at("A-2"),
        container: tote("T-1"),
    };
    let mut story = Story::pickup();
    story.stock("MUG-BLUE", 1);
    assert_eq!(story.refusal(with.clone()), "not_approved");
    story.say(HubEvent::SubstitutionApproved { line: LineNo(1), with: sku("MUG-BLUE") });
    let mut story = story.did(with.clone());
    assert_eq!((story.case.lines[&LineNo(1)].picked, story.case.lines[&LineNo(1)].substituted), (q(1), q(1)));
    story.check();
    story.say(HubEvent::SubstitutionDeclined { line: LineNo(1) });
    assert_eq!(story.refusal(with), "not_approved");
}

#[test]
fn policy_may_demand_stations() {
    let mut story = picked(Story::pickup());
    story.policy.pack_pickup = true;
    story.policy.ready_before_handover = true;
    assert_eq!(story.case.needs(&story.policy), [Need::Pack]);
    assert_eq!(story.refusal(stage("T-1")), "not_packed");
    assert_eq!(story.refusal(hand_over(Service::Pickup)), "not_ready");
    let story = story.did(pack("B-1")).did(stage("B-1")).did(CaseCommand::MarkReady);
    assert_eq!(story.case.needs(&story.policy), [Need::HandOver]);
    story.did(hand_over(Service::Pickup));
    let mut story = picked(Story::ship()).did(pack("P-1")).did(label("P-1"));
    story.policy.stage_ship = true;
    assert_eq!(story.case.needs(&story.policy), [Need::Stage]);
    assert_eq!(story.refusal(to_carrier()), "not_staged");
}

#[test]
fn quantities_end_at_their_limit() {
    let most = Quantity::MAX.get();
    let mut story = Story::of(header(Service::Pickup, &[("MUG", most, None)], PartialRule::ShipAvailable));
    story.ask(HubEvent::AmendRequested { line: LineNo(1), qty: q(most - 1) });
    assert_eq!(story.case.lines[&LineNo(1)].cancelled, q(1));
    let (_, answered) = story.ask(HubEvent::AmendRequested { line: LineNo(1), qty: q(most) });
    let Some([SiteFact::IntentRefused { reason, .. }]) = answered.as_deref() else { panic!("{answered:?}") };
    assert_eq!(reason, &why("not_in_stock"), "one unit more was ordered in all than can be counted");
    let text = serde_json::to_string(&story.case).unwrap();
    assert_eq!(serde_json::from_str::<Fulfillment>(&text).unwrap(), story.case, "the state can be read back");
}
