//! Cases through the real apply path: races of intents, authority at its edges, codes, labels and serials.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use outpost_edge::device::job::JobState;
use outpost_edge::store::{self, code_try, exception, right, stock};
use outpost_edge::testing::{Bench, header};
use outpost_edge::write::{Answer, Job, Limits};
use outpost_model::command::CaseCommand;
use outpost_model::fact::{LabelKind, ProofMethod};
use outpost_model::fulfillment::{Answer as Given, Milestone};
use outpost_model::header::Service;
use outpost_model::id::{DocumentKey, RecordId, SiteId};
use outpost_model::intent::HubEvent;
use outpost_model::page::HubPageEvent;
use outpost_model::time::UtcMillis;

use support::*;

#[test]
fn a_pickup_goes_from_offer_to_handover_and_its_stock_follows() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let granted = right::load(bench.core.connection(), &sku()).unwrap();
    assert!(granted.granted > 0 && granted.granted < 10, "{granted:?}");
    let case = bench.offer(Service::Pickup, 1)[0];
    assert_eq!(store::case::reserved(bench.core.connection(), &sku()).unwrap(), 1);
    assert_eq!(right::load(bench.core.connection(), &sku()).unwrap().promised, 1);
    assert!(matches!(bench.pick(case, "T1"), Answer::Applied(_)));
    assert_eq!(store::case::reserved(bench.core.connection(), &sku()).unwrap(), 0);
    let stage = CaseCommand::Stage { container: "T1".parse().unwrap(), location: "S1".parse().unwrap() };
    assert!(matches!(bench.act(case, stage), Answer::Applied(_)));
    assert!(matches!(bench.act(case, CaseCommand::MarkReady), Answer::Applied(_)));
    let before = stock::sums(bench.core.connection(), &sku()).unwrap();
    assert!(matches!(bench.act(case, hand_over(ProofMethod::Identification, None)), Answer::Applied(_)));
    let after = stock::sums(bench.core.connection(), &sku()).unwrap();
    assert_eq!((before.on_hand, after.on_hand), (10, 9));
    assert_eq!(bench.case(case).milestone(), Milestone::Closed);
    let views = store::query::verify::documents(bench.core.connection(), true).unwrap();
    assert!(views.iter().all(|view| view.projection_ok == Some(true)), "{views:?}");
}

#[test]
fn a_cancellation_is_answered_in_the_same_commit_whatever_stage_it_meets() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 3);
    let (untouched, picked, gone) = (cases[0], cases[1], cases[2]);
    bench.pick(picked, "T1");
    bench.pick(gone, "T2");
    assert!(matches!(bench.act(gone, hand_over(ProofMethod::Identification, None)), Answer::Applied(_)));
    let answers = [(untouched, true), (picked, true), (gone, false)].map(|(case, accepted)| {
        let intent = cancel(&mut bench, case);
        let answer = bench.case(case).intents[&intent].answer.clone();
        assert_eq!(answer == Given::Accepted, accepted, "{answer:?}");
        answer
    });
    assert!(matches!(answers[2], Given::Refused(_)));
    assert_eq!(bench.case(untouched).milestone(), Milestone::Closed);
    assert_eq!(bench.case(picked).to_put_back.len(), 1);
    assert_eq!(rejected(bench.act(picked, CaseCommand::MarkReady)), "cancelled");
}

#[test]
fn an_intent_that_crossed_a_pick_on_the_wire_is_merged_and_answered_by_what_is_true_here() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    // The hub speaks before it hears of the pick: the two changes are concurrent.
    let said = HubEvent::CancelRequested { lines: Vec::new(), reason: reason("duplicate") };
    let (intent, item) = bench.hub.say(case, said);
    bench.pick(case, "T1");
    bench.merge(vec![item]);
    let state = bench.case(case);
    assert_eq!(state.intents[&intent].answer, Given::Accepted);
    assert_eq!(state.to_put_back.len(), 1);
    bench.tell_hub();
    let replica = bench.hub.document(&DocumentKey::Case(case)).unwrap();
    let views = store::query::verify::documents(bench.core.connection(), true).unwrap();
    let view = views.iter().find(|view| view.document == DocumentKey::Case(case).to_string()).unwrap();
    let heads: Vec<String> = replica.heads().iter().map(ToString::to_string).collect();
    assert_eq!(view.heads, heads, "both replicas have the same heads");
    assert_eq!(view.projection_ok, Some(true));
}

#[test]
fn what_is_not_the_hubs_to_write_is_set_aside_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let site = bench.core.site().id.clone();
    let case = bench.offer(Service::Pickup, 1)[0];
    let key = DocumentKey::Case(case);
    let forged = outpost_model::fact::SiteFact::Accepted;
    let (_, item) = bench.hub.append(&key, forged);
    assert_eq!(bench.merge_refused(item).as_deref(), Some("forbidden_kind"));
    assert_eq!(bench.case(case).hub_n, 0);
    let ledger = bench.hub.found(&DocumentKey::Ledger(site.clone(), 9), r#"{"site":"berlin-1","page":9}"#);
    assert_eq!(bench.merge_refused(ledger).as_deref(), Some("not_the_hubs"));
    let id = bench.new_case();
    let elsewhere = SiteId::new("paris-1").unwrap();
    let elsewhere = bench.hub.offer(&header(&elsewhere, id, Service::Pickup, 1, bench.now.wall));
    assert_eq!(bench.merge_refused(elsewhere).as_deref(), Some("other_site"));
    let mut empty = header(&site, bench.new_case(), Service::Pickup, 1, bench.now.wall);
    empty.lines.clear();
    let empty = bench.hub.offer(&empty);
    assert_eq!(bench.merge_refused(empty).as_deref(), Some("bad_header"));
    let record = bench.hub.record("contact", "not-a-uuid", "{}");
    assert_eq!(bench.merge_refused(record).as_deref(), Some("bad_record"));
    // All of it is kept, counts as received, and what follows is taken.
    let kept: i64 = bench
        .core
        .connection()
        .query_row("SELECT count(*) FROM sync_quarantine", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 5);
    let progress = outpost_journal::progress(bench.core.connection(), "hub").unwrap();
    assert_eq!(progress[0].through(), bench.hub.position());
    assert_eq!(bench.offer(Service::Pickup, 1).len(), 1);
    assert!(!exception::open(bench.core.connection(), 10).unwrap().is_empty());
}

#[test]
fn a_damaged_row_stops_its_own_case_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 2);
    let items: Vec<_> = cases.iter().map(|case| bench.hub.say(*case, HubEvent::UnholdRequested).1).collect();
    bench
        .core
        .connection()
        .execute("UPDATE fulfillment SET state = '{}' WHERE case_id = ?1", [cases[0].to_string()])
        .unwrap();
    let Answer::Merged(refused) = bench.job(Job::Merge(bench.hub.batch(items))) else { panic!("not merged") };
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].reason, "broke_transaction");
    assert_eq!(bench.case(cases[1]).intents.len(), 1);
}

#[test]
fn authority_ends_at_its_position_and_its_instant_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 2);
    for (case, tote) in cases.iter().zip(["T1", "T2"]) {
        bench.pick(*case, tote);
    }
    let last = bench.hub.position();
    bench.authorize(last - 1);
    assert_eq!(rejected(bench.act(cases[1], hand_over(ProofMethod::Identification, None))), "no_authority");
    bench.authorize(last);
    // Within the last millisecond that drift leaves, and one beyond.
    let day = 86_400_000_i64;
    let edge = day * 1_000_000 / 1_000_200;
    bench.pass(edge);
    let before = bench.now;
    bench.pass(2);
    assert_eq!(rejected(bench.act(cases[1], hand_over(ProofMethod::Identification, None))), "no_authority");
    bench.now = before;
    bench.pass(-1);
    assert!(matches!(bench.act(cases[1], hand_over(ProofMethod::Identification, None)), Answer::Applied(_)));
}

#[test]
fn after_a_reboot_the_time_is_not_known_until_the_hub_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.pick(case, "T1");
    bench.now.boot_id = uuid::Uuid::from_u128(2);
    bench.now.boot_ms = 5;
    let mut bench = bench.restart();
    assert_eq!(rejected(bench.act(case, hand_over(ProofMethod::Identification, None))), "no_authority");
    let mut overridden = hand_over(ProofMethod::Identification, None);
    if let CaseCommand::HandOver { override_reason, .. } = &mut overridden {
        *override_reason = Some("regular customer".to_owned());
    }
    assert!(matches!(bench.act(case, overridden), Answer::Applied(_)));
    let codes: Vec<String> =
        exception::open(bench.core.connection(), 10).unwrap().into_iter().map(|row| row.code).collect();
    assert_eq!(codes, ["authority_override"]);
}

#[test]
fn a_battery_clock_is_trusted_after_a_reboot_unless_it_is_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = outpost_edge::testing::site(&folder.path().join("outpost.db"));
    site.battery_backed = true;
    let mut bench = Bench::with(site, Limits::default());
    bench.stock(10);
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.pick(case, "T1");
    bench.now.boot_id = uuid::Uuid::from_u128(2);
    bench.now.boot_ms = 5;
    let now = bench.now;
    bench.now.wall = now.wall + -1;
    assert_eq!(rejected(bench.act(case, hand_over(ProofMethod::Identification, None))), "no_authority");
    bench.now = now;
    assert!(matches!(bench.act(case, hand_over(ProofMethod::Identification, None)), Answer::Applied(_)));
}

#[test]
fn authority_that_ends_while_the_disk_is_busy_gives_no_permission() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.pick(case, "T1");
    let command = bench.command(case, hand_over(ProofMethod::Identification, None));
    let job = Job::Command(Box::new(command));
    let mut committed = bench.core.run(&bench.now, &mut bench.ids, std::slice::from_ref(&job)).unwrap();
    assert!(matches!(committed.answers[0], Answer::Applied(_)));
    bench.pass(2 * 86_400_000);
    bench.core.confirm(&bench.now, &mut committed).unwrap();
    assert_eq!(rejected(committed.answers.remove(0)), "authority_ended");
    let open = exception::open(bench.core.connection(), 10).unwrap();
    assert!(open.iter().any(|row| row.code == "outside_authority"), "the fact stays and is counted");
    assert!(!bench.case(case).handovers.is_empty());
    assert!(
        matches!(bench.job(job), Answer::Repeated(outpost_model::command::Outcome::Rejected { .. })),
        "a retry hears no permission either"
    );
}

#[test]
fn five_wrong_codes_are_all_there_are_and_a_restart_gives_none_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.pick(case, "T1");
    let secret = store::identity::enrollment(bench.core.connection()).unwrap().unwrap().secret().unwrap();
    let right = outpost_daemon::short_code::short_code(&secret, "pickup", &case.to_string());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..4 {
        assert_eq!(rejected(bench.act(case, hand_over(ProofMethod::Code, Some(wrong)))), "wrong_code");
    }
    let mut bench = bench.restart();
    assert_eq!(code_try::wrong(bench.core.connection(), case).unwrap(), 4);
    assert_eq!(rejected(bench.act(case, hand_over(ProofMethod::Code, Some(wrong)))), "wrong_code");
    let right = hand_over(ProofMethod::Code, Some(&right));
    assert_eq!(rejected(bench.act(case, right)), "identify_instead");
    assert!(matches!(bench.act(case, hand_over(ProofMethod::Identification, None)), Answer::Applied(_)));
}

#[test]
fn the_right_code_opens_the_door_and_a_repeated_wrong_one_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.pick(case, "T1");
    let secret = store::identity::enrollment(bench.core.connection()).unwrap().unwrap().secret().unwrap();
    let code = outpost_daemon::short_code::short_code(&secret, "pickup", &case.to_string());
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let command = Job::Command(Box::new(bench.command(case, hand_over(ProofMethod::Code, Some(wrong)))));
    bench.job(command.clone());
    bench.job(command);
    assert_eq!(code_try::wrong(bench.core.connection(), case).unwrap(), 1);
    assert!(matches!(bench.act(case, hand_over(ProofMethod::Code, Some(&code))), Answer::Applied(_)));
}

fn label(kind: LabelKind, container: &str) -> CaseCommand {
    CaseCommand::Label { container: container.parse().unwrap(), label: kind, override_reason: None }
}

fn printed_numbers(bench: &Bench) -> Vec<String> {
    store::print_job::newest(bench.core.connection(), 100)
        .unwrap()
        .into_iter()
        .map(|job| job.number)
        .collect()
}

#[test]
fn a_serial_is_never_issued_twice_not_across_restarts_and_not_after_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 3);
    for (case, tote) in cases.iter().zip(["T1", "T2", "T3"]) {
        bench.pick(*case, tote);
    }
    assert!(matches!(bench.act(cases[0], label(LabelKind::Handling, "T1")), Answer::Applied(_)));
    assert_eq!(rejected(bench.act(cases[0], label(LabelKind::Handling, "T1"))), "already_labeled");
    assert_eq!(store::serial::left(bench.core.connection()).unwrap(), 999, "a refusal takes no number");
    let mut bench = bench.restart();
    assert!(matches!(bench.act(cases[1], label(LabelKind::Handling, "T2")), Answer::Applied(_)));
    // The hub leases the same block again, as after a lost acknowledgement: it goes on where it was.
    let again = HubPageEvent::SerialsLeased {
        extension: 3,
        company_prefix: "4012345".to_owned(),
        first: 1_000,
        count: 1_000,
    };
    let items = bench.hub.page(again);
    bench.merge(items);
    assert!(matches!(bench.act(cases[2], label(LabelKind::Handling, "T3")), Answer::Applied(_)));
    let mut numbers = printed_numbers(&bench);
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
    let stop = HubPageEvent::SerialsVoided { first: 1_000, count: 1_000 };
    let items = bench.hub.page(stop);
    bench.merge(items);
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.pick(case, "T4");
    assert_eq!(rejected(bench.act(case, label(LabelKind::Handling, "T4"))), "label_missing");
}

#[test]
fn a_label_that_waits_for_a_printer_is_taken_back_with_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 2);
    for (case, tote) in cases.iter().zip(["T1", "T2"]) {
        bench.pick(*case, tote);
        assert!(matches!(bench.act(*case, label(LabelKind::Handling, tote)), Answer::Applied(_)));
    }
    let states = |bench: &Bench| {
        cases
            .iter()
            .map(|case| store::print_job::of_case(bench.core.connection(), *case).unwrap()[0].state)
            .collect::<Vec<_>>()
    };
    assert_eq!(states(&bench), [JobState::Queued, JobState::Queued]);
    cancel(&mut bench, cases[0]);
    assert_eq!(states(&bench), [JobState::Cancelled, JobState::Queued]);
}

#[test]
fn a_carrier_label_is_printed_from_the_bytes_that_were_bought_and_from_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Ship, 1)[0];
    let parcel = outpost_model::container::parcel(case, 1);
    let record: RecordId = "0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061".parse().unwrap();
    let bytes = b"^XA^FDcarrier^FS^XZ".to_vec();
    let bought = HubEvent::LabelBought {
        container: parcel.clone(),
        carrier: "virtual".to_owned(),
        number: "VC1".to_owned(),
        label_hash: blake3::hash(&bytes).to_hex().to_string(),
        record,
    };
    bench.pick(case, "T1");
    let pack = CaseCommand::Pack {
        container: parcel.clone(),
        contents: Vec::new(),
        weight_g: Some(300),
        dimensions: None,
    };
    assert!(matches!(bench.act(case, pack), Answer::Applied(_)));
    assert_eq!(rejected(bench.act(case, label(LabelKind::Carrier, parcel.as_str()))), "label_missing");
    let wrong = bench.hub.label(record, b"^XA^FDother^FS^XZ", UtcMillis(i64::MAX));
    bench.tell_hub();
    let (_, bought) = bench.hub.say(case, bought);
    bench.merge(vec![wrong, bought]);
    assert_eq!(rejected(bench.act(case, label(LabelKind::Carrier, parcel.as_str()))), "label_damaged");
    let right = bench.hub.label(record, &bytes, UtcMillis(i64::MAX));
    bench.merge(vec![right]);
    assert!(matches!(bench.act(case, label(LabelKind::Carrier, parcel.as_str())), Answer::Applied(_)));
    let jobs = store::print_job::newest(bench.core.connection(), 10).unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(
        store::print_job::bytes(bench.core.connection(), &bench.core.site().vault, jobs[0].id).unwrap(),
        Some(bytes)
    );
    assert!(matches!(bench.act(case, hand_over(ProofMethod::Scan, None)), Answer::Applied(_)));
}

#[test]
fn a_label_no_printer_takes_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Ship, 1)[0];
    let parcel = outpost_model::container::parcel(case, 1);
    let record: RecordId = "0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5063".parse().unwrap();
    let bytes = vec![b'x'; store::print_job::LABEL_BYTES_MAX + 1];
    let bought = HubEvent::LabelBought {
        container: parcel.clone(),
        carrier: "virtual".to_owned(),
        number: "VC2".to_owned(),
        label_hash: blake3::hash(&bytes).to_hex().to_string(),
        record,
    };
    bench.pick(case, "T1");
    let pack = CaseCommand::Pack {
        container: parcel.clone(),
        contents: Vec::new(),
        weight_g: None,
        dimensions: None,
    };
    assert!(matches!(bench.act(case, pack), Answer::Applied(_)));
    bench.tell_hub();
    let bytes = bench.hub.label(record, &bytes, UtcMillis(i64::MAX));
    let (_, bought) = bench.hub.say(case, bought);
    bench.merge(vec![bytes, bought]);
    let incarnation = bench.core.incarnation();
    assert_eq!(rejected(bench.act(case, label(LabelKind::Carrier, parcel.as_str()))), "label_size");
    assert_eq!(bench.core.incarnation(), incarnation, "nothing was rolled back");
    assert!(!bench.case(case).containers[&parcel].carrier_labeled());
}

#[test]
fn what_a_person_does_settles_the_intent_that_waited_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 2);
    let mut waiting = Vec::new();
    for (case, tote) in cases.iter().zip(["T1", "T2"]) {
        bench.pick(*case, tote);
        bench.act(*case, CaseCommand::CustomerArrived { via: "counter".to_owned() });
        let intent = cancel(&mut bench, *case);
        assert_eq!(bench.case(*case).intents[&intent].answer, Given::Pending);
        waiting.push(intent);
    }
    assert!(matches!(bench.act(cases[0], hand_over(ProofMethod::Identification, None)), Answer::Applied(_)));
    let answer = bench.case(cases[0]).intents[&waiting[0]].answer.clone();
    assert!(matches!(&answer, Given::Refused(why) if why.as_str() == "already_handed_over"), "{answer:?}");
    assert_eq!(bench.case(cases[0]).milestone(), Milestone::Closed);
    let left = CaseCommand::RefuseHandover { reason: reason("customer_changed_mind") };
    assert!(matches!(bench.act(cases[1], left.clone()), Answer::Applied(_)));
    assert_eq!(bench.case(cases[1]).intents[&waiting[1]].answer, Given::Accepted);
    assert_eq!(bench.case(cases[1]).to_put_back.len(), 1);
    // An amendment needs the stock book, which the decision about the command did not have.
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.pick(case, "T3");
    bench.act(case, CaseCommand::CustomerArrived { via: "counter".to_owned() });
    bench.tell_hub();
    let qty = outpost_model::quantity::Quantity::new(2).unwrap();
    let (intent, item) =
        bench.hub.say(case, HubEvent::AmendRequested { line: outpost_model::id::LineNo(1), qty });
    bench.merge(vec![item]);
    assert_eq!(bench.case(case).intents[&intent].answer, Given::Pending);
    assert!(matches!(bench.act(case, left), Answer::Applied(_)));
    assert_eq!(bench.case(case).intents[&intent].answer, Given::Accepted);
}
