//! The races: every intent and every command against every milestone, as tables a person can read.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use common::*;
use outpost_model::answer::answer;
use outpost_model::command::CaseCommand;
use outpost_model::fact::{LabelKind, SiteFact};
use outpost_model::fulfillment::Milestone;
use outpost_model::header::Service;
use outpost_model::id::LineNo;
use outpost_model::intent::HubEvent;

/// A case at every milestone and in every side state that changes what may be done with it.
fn states(service: Service) -> Vec<(&'static str, Story)> {
    let pickup = service == Service::Pickup;
    let offered = if pickup { Story::pickup() } else { Story::ship() };
    let accepted = offered.clone().did(CaseCommand::Accept);
    let picking = offered.clone().did(pick(1, 1, "T-1"));
    let picked = picking.clone().did(pick(1, 1, "T-1")).did(pick(2, 1, "T-1"));
    let packed = picked.clone().did(pack("P-1"));
    let parted = picking.clone().did(pack("P-1"));
    let hand = || hand_over(service);
    let mut states = vec![
        ("offered", offered.clone()),
        ("accepted", accepted),
        ("picking", picking.clone()),
        ("picked", picked.clone()),
        ("packed", packed.clone()),
    ];
    let (gone, partly) = if pickup {
        let staged = picked.clone().did(stage("T-1"));
        let ready = staged.clone().did(CaseCommand::MarkReady);
        let here = ready.clone().did(CaseCommand::CustomerArrived { via: "counter".to_owned() });
        let mut expired = ready.clone();
        expired.now = expired.now + 73 * HOUR;
        states.push(("staged", staged));
        states.push(("ready", ready.clone()));
        states.push(("at the counter", here));
        states.push(("expired", expired.did(CaseCommand::Expire)));
        (ready, parted)
    } else {
        let labeled = packed.clone().did(label("P-1"));
        let staged = labeled.clone().did(stage("P-1"));
        states.push(("labeled", labeled));
        states.push(("staged", staged.clone()));
        (staged, parted.did(label("P-1")))
    };
    let partly = partly.did(hand());
    let leftover = picking.clone().did(pick(1, 1, "T-2")).did(pick(2, 1, "T-2"));
    let mut leftover = leftover.asked(cancel(&[2]));
    leftover = if pickup {
        leftover.did(hand())
    } else {
        let pack_mugs = leftover.did(put_back_first()).did(pack("P-1")).did(label("P-1"));
        pack_mugs.did(hand())
    };
    states.push(("on hold", picking.clone().asked(hold())));
    states.push(("partly gone", partly));
    if pickup {
        states.push(("gone, one to put back", leftover));
    }
    states.push(("closed", gone.did(hand())));
    states.push(("rejected", offered.clone().did(CaseCommand::Reject { reason: why("no_capacity") })));
    states.push(("cancelled in tote", picked.clone().asked(cancel(&[]))));
    let mut revoked = picked;
    revoked.say(HubEvent::Revoked { reason: why("no_capacity") });
    states.push(("revoked in tote", revoked));
    states
}

/// The tray that was cancelled leaves the tote before a carrier's parcel is packed.
fn put_back_first() -> CaseCommand {
    put_back(2, 1, "T-2")
}

fn hold() -> HubEvent {
    HubEvent::HoldRequested { reason: why("fraud") }
}

fn intents() -> Vec<(&'static str, HubEvent)> {
    vec![
        ("cancel", cancel(&[])),
        ("cancel line 2", cancel(&[2])),
        ("fewer", HubEvent::AmendRequested { line: LineNo(1), qty: q(1) }),
        ("more", HubEvent::AmendRequested { line: LineNo(1), qty: q(3) }),
        ("hold", hold()),
        ("unhold", HubEvent::UnholdRequested),
        ("release", HubEvent::ReleaseRequested { reason: why("no_capacity") }),
        ("extend", HubEvent::ExtendRequested { until: NOW + 200 * HOUR }),
    ]
}

fn cell(facts: Option<&[SiteFact]>) -> String {
    match facts {
        None => "a person".to_owned(),
        Some([SiteFact::IntentRefused { reason, .. }]) => format!("no: {reason}"),
        Some([SiteFact::IntentAccepted { .. }, rest @ ..]) => {
            ["yes"].into_iter().chain(names(rest)).collect::<Vec<_>>().join(" + ")
        }
        Some(facts) => panic!("an answer that is none: {facts:?}"),
    }
}

fn table(rows: Vec<Vec<String>>) -> String {
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap())
        .collect();
    let lines = rows.iter().map(|row| {
        assert!(row.iter().all(|cell| !cell.is_empty()), "an empty cell in {row:?}");
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join(" | ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn answers(service: Service) -> String {
    let intents = intents();
    let head = ["state", "milestone", "needs"].into_iter().chain(intents.iter().map(|(name, _)| *name));
    let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    for (name, story) in states(service) {
        story.check();
        let needs: Vec<_> = story.case.needs(&story.policy).iter().map(|need| format!("{need:?}")).collect();
        let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(" + ") };
        let mut row = vec![name.to_owned(), format!("{:?}", story.case.milestone()), needs];
        for (_, intent) in &intents {
            let mut story = story.clone();
            let (id, facts) = story.ask(intent.clone());
            story.check();
            row.push(cell(facts.as_deref()));
            let again = story.with_context(None, |ctx| answer(&story.case, id, ctx));
            assert!(facts.is_none() || again.is_none(), "an intent is answered once");
        }
        rows.push(row);
    }
    table(rows)
}

#[test]
fn every_intent_meets_every_milestone_of_a_shipment() {
    insta::assert_snapshot!("intents_ship", answers(Service::Ship));
}

#[test]
fn every_intent_meets_every_milestone_of_a_pickup() {
    insta::assert_snapshot!("intents_pickup", answers(Service::Pickup));
}

fn commands(service: Service) -> Vec<(&'static str, CaseCommand)> {
    let container = if service == Service::Pickup { "T-1" } else { "P-1" };
    vec![
        ("accept", CaseCommand::Accept),
        ("reject", CaseCommand::Reject { reason: why("no_capacity") }),
        ("release", CaseCommand::Release { reason: why("no_capacity") }),
        ("pick", pick(2, 1, "T-1")),
        ("unpick", unpick(1, 1, "T-1")),
        ("short", short(2, 1)),
        ("pack", pack("P-1")),
        ("unpack", CaseCommand::Unpack { container: tote("P-1") }),
        ("label", label("P-1")),
        (
            "handling label",
            CaseCommand::Label {
                container: tote(container),
                label: LabelKind::Handling,
                override_reason: None,
            },
        ),
        ("stage", CaseCommand::Stage { container: tote(container), location: at("STAGE-2") }),
        ("ready", CaseCommand::MarkReady),
        ("arrived", CaseCommand::CustomerArrived { via: "counter".to_owned() }),
        ("decline", CaseCommand::Decline { line: LineNo(2), qty: q(1), reason: why("unwanted") }),
        ("refuse handover", CaseCommand::RefuseHandover { reason: why("mismatch") }),
        ("keep longer", CaseCommand::KeepLonger { until: NOW + 200 * HOUR }),
        ("expire", CaseCommand::Expire),
        ("put back", put_back(1, 1, "T-1")),
        ("hand over", hand_over(service)),
        ("handed over already", already_done(hand_over(service))),
    ]
}

fn verbs(service: Service) -> String {
    let states = states(service);
    let head: Vec<String> =
        ["command"].into_iter().chain(states.iter().map(|(name, _)| *name)).map(str::to_owned).collect();
    let mut rows = vec![head];
    for (name, command) in commands(service) {
        let mut row = vec![name.to_owned()];
        for (_, story) in &states {
            let mut story = story.clone();
            row.push(match story.give(command.clone()) {
                Ok(decision) if decision.facts.is_empty() => "nothing to do".to_owned(),
                Ok(decision) => names(&decision.facts).join(" + "),
                Err(refused) => format!("no: {}", refused.code),
            });
            story.check();
        }
        rows.push(row);
    }
    // Commands are many and states are few: read down a column.
    table(rows)
}

#[test]
fn every_command_meets_every_milestone_of_a_shipment() {
    insta::assert_snapshot!("commands_ship", verbs(Service::Ship));
}

#[test]
fn every_command_meets_every_milestone_of_a_pickup() {
    insta::assert_snapshot!("commands_pickup", verbs(Service::Pickup));
}

#[test]
fn the_states_stand_for_all_milestones() {
    use Milestone::*;
    let reached = |service| -> std::collections::BTreeSet<Milestone> {
        states(service).iter().map(|(_, story)| story.case.milestone()).collect()
    };
    let both: std::collections::BTreeSet<_> =
        reached(Service::Ship).union(&reached(Service::Pickup)).copied().collect();
    let all = [Offered, Accepted, Picking, Picked, Packed, Labeled, Staged, Ready, HandedOver, Closed];
    assert_eq!(both.into_iter().collect::<Vec<_>>(), all);
}
