//! The writer: groups, repeats, refusals, failures, restarts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use outpost_edge::store::{self, audit};
use outpost_edge::testing::{Bench, CASE_SKU, Served, product};
use outpost_edge::write::{Answer, Job};
use outpost_model::command::{CaseCommand, Outcome, SiteCommand};
use outpost_model::header::Service;
use outpost_model::id::{LineNo, Sku};
use outpost_model::intent::HubEvent;
use outpost_model::quantity::Quantity;

fn sku() -> Sku {
    Sku::new(CASE_SKU).unwrap()
}

#[test]
fn a_group_of_commands_is_one_commit_with_an_answer_each() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 100);
    let cases = bench.offer(Service::Pickup, 5);
    let jobs: Vec<Job> =
        cases.iter().map(|case| Job::Command(Box::new(bench.command(*case, CaseCommand::Accept)))).collect();
    let commits = Arc::new(AtomicU32::new(0));
    let counter = commits.clone();
    bench
        .core
        .connection()
        .commit_hook(Some(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            false
        }))
        .unwrap();
    let committed = bench.group(&jobs).unwrap();
    assert!(
        committed.answers.iter().all(|answer| matches!(answer, Answer::Applied(events) if events.len() == 1))
    );
    assert_eq!(commits.load(Ordering::Relaxed), 1);
    assert!(cases.iter().all(|case| bench.case(*case).accepted));
}

#[test]
fn a_repeated_command_hears_the_same_and_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let command = Job::Command(Box::new(bench.command(case, CaseCommand::Accept)));
    let Answer::Applied(events) = bench.job(command.clone()) else { panic!("not applied") };
    let outbox = bench.outbox().len();
    assert_eq!(bench.job(command.clone()), Answer::Repeated(Outcome::Applied { events: events.clone() }));
    let mut bench = bench.restart();
    assert_eq!(bench.job(command), Answer::Repeated(Outcome::Applied { events }));
    assert_eq!(bench.outbox().len(), outbox);
}

#[test]
fn the_same_command_twice_in_one_group_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let command = Job::Command(Box::new(bench.command(case, CaseCommand::Accept)));
    let committed = bench.group(&[command.clone(), command]).unwrap();
    assert!(matches!(committed.answers[..], [Answer::Applied(_), Answer::Repeated(_)]));
    assert_eq!(bench.case(case).site_n, 1);
}

#[test]
fn a_refusal_stores_its_outcome_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let outbox = bench.outbox().len();
    let command = Job::Command(Box::new(bench.command(case, CaseCommand::MarkReady)));
    let Answer::Rejected(rejection) = bench.job(command.clone()) else { panic!("not refused") };
    assert_eq!(bench.job(command), Answer::Repeated(Outcome::Rejected { rejection }));
    assert_eq!(bench.outbox().len(), outbox);
    assert_eq!(bench.case(case).site_n, 0);
    let unknown = bench.new_case();
    let Answer::Rejected(rejection) = bench.act(unknown, CaseCommand::Accept) else { panic!("not refused") };
    assert_eq!(rejection.code, "no_such_case");
}

#[test]
fn two_people_on_one_line_both_count_until_it_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    assert!(matches!(bench.pick(case, "T1"), Answer::Applied(_)));
    let Answer::Rejected(rejection) = bench.pick(case, "T2") else { panic!("picked twice") };
    assert_eq!(rejection.code, "over_pick");
    assert_eq!(bench.case(case).lines[&LineNo(1)].picked, Quantity::ONE);
    assert_eq!(store::stock::sums(bench.core.connection(), &sku()).unwrap().sellable, 9);
}

#[test]
fn a_crash_between_commits_loses_no_answer_and_drains_under_its_old_incarnation() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    assert!(matches!(bench.pick(case, "T1"), Answer::Applied(_)));
    let (before, written) = (bench.core.incarnation(), bench.outbox());
    let mut bench = bench.restart();
    assert_ne!(bench.core.incarnation(), before);
    assert_eq!(bench.outbox(), written);
    let links = outpost_journal::links(bench.core.connection()).unwrap();
    assert_eq!(links.first().map(|link| link.incarnation), Some(before));
    assert_eq!(links.last().and_then(|link| link.parent).map(|parent| parent.incarnation), Some(before));
    assert!(matches!(
        bench.act(
            case,
            CaseCommand::Stage { container: "T1".parse().unwrap(), location: "S1".parse().unwrap() }
        ),
        Answer::Applied(_)
    ));
    assert_eq!(
        bench.case(case).site_n,
        3,
        "accepted and picked before, staged after: {:?}",
        bench.case(case)
    );
}

#[test]
fn a_group_that_fails_is_rolled_back_and_its_jobs_run_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 3);
    damage(&bench, cases[1].to_string());
    let jobs: Vec<Job> =
        cases.iter().map(|case| Job::Command(Box::new(bench.command(*case, CaseCommand::Accept)))).collect();
    let before = bench.core.incarnation();
    let committed = bench.group(&jobs).unwrap();
    let Answer::Failed(failed) = &committed.answers[1] else { panic!("{:?}", committed.answers) };
    assert_eq!(failed.code, "damaged_record");
    assert!(matches!(committed.answers[0], Answer::Applied(_)));
    assert!(matches!(committed.answers[2], Answer::Applied(_)));
    assert_ne!(bench.core.incarnation(), before, "documents were ahead of the journal");
    assert_eq!(bench.case(cases[0]).site_n, 1);
    // The first job's change was written twice, under two incarnations, and is in the journal once.
    let doc = format!("case/{}", cases[0]);
    let own = bench.outbox().into_iter().filter(|item| item.item.doc().is_some_and(|id| id.as_str() == doc));
    assert_eq!(own.count(), 1);
    assert!(audit::verify(bench.core.connection()).is_ok());
}

fn damage(bench: &Bench, case: String) {
    bench
        .core
        .connection()
        .execute("UPDATE fulfillment SET state = '{}' WHERE case_id = ?1", [case])
        .unwrap();
}

#[test]
fn an_error_of_commit_leaves_the_fate_unknown_and_nobody_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    // A commit hook that says no makes COMMIT itself fail, and not for lack of room.
    bench.core.connection().commit_hook(Some(|| true)).unwrap();
    let command = Job::Command(Box::new(bench.command(case, CaseCommand::Accept)));
    assert!(bench.group(std::slice::from_ref(&command)).is_err());
    bench.core.connection().commit_hook(None::<fn() -> bool>).unwrap();
    let mut bench = bench.restart();
    assert!(matches!(bench.job(command), Answer::Applied(_)), "the retry finds out that it never happened");
    assert_eq!(bench.case(case).site_n, 1);
}

#[test]
fn a_full_disk_is_answered_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let pages: i64 = bench.core.connection().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = |bench: &Bench, pages: i64| {
        let set = format!("PRAGMA max_page_count = {pages}");
        bench.core.connection().query_row(&set, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    limit(&bench, pages);
    let mut full = None;
    for number in 0..2_000 {
        let tote = format!("T{number}");
        let answer = if number % 2 == 0 {
            bench.pick(case, "T1")
        } else {
            bench.act(case, CaseCommand::RefuseHandover { reason: tote.replace('T', "r").parse().unwrap() })
        };
        if let Answer::Failed(failed) = answer {
            full = Some(failed.code);
            break;
        }
    }
    assert_eq!(full, Some("storage_full"));
    limit(&bench, 1 << 30);
    let sell = SiteCommand::Sell { sku: sku(), qty: Quantity::ONE, location: None, receipt: None };
    assert!(matches!(bench.act_for_site(sell), Answer::Applied(_)), "there is room again");
    assert!(audit::verify(bench.core.connection()).is_ok());
}

/// What is left below half of the floor is for what must still be written.
#[tokio::test(flavor = "multi_thread")]
async fn with_hardly_any_room_what_the_hub_sends_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let product = product("OTHER", "4006381333948");
    let item = bench.hub.products(2, &[product]);
    let batch = Job::Merge(bench.hub.batch(vec![item]));
    let mark = bench.outbox().last().unwrap().mark;
    let served = Served::start(bench);
    let writer = &served.state.writer;
    writer.storage().set_floor(800);
    writer.storage().note_free(399);
    let Answer::Failed(failed) = writer.submit(batch.clone()).await.unwrap() else { panic!("it was taken") };
    assert_eq!(failed.code, "storage_full");
    assert_eq!(writer.submit(Job::Acknowledge(mark)).await.unwrap(), Answer::Done, "this makes room");
    writer.storage().note_free(400);
    assert_eq!(writer.submit(batch).await.unwrap(), Answer::Merged(Vec::new()), "the hub sends it again");
}

#[test]
fn many_open_documents_are_closed_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let site = outpost_edge::testing::site(&folder.path().join("outpost.db"));
    let limits = outpost_edge::write::Limits { open_documents_max: 2 };
    let mut bench = Bench::with(site, limits);
    bench.stock(100);
    let cases = bench.offer(Service::Pickup, 7);
    for _ in 0..2 {
        for case in &cases {
            let reason = "wrong_person".parse().unwrap();
            bench.act(*case, CaseCommand::Accept);
            bench.act(*case, CaseCommand::RefuseHandover { reason });
        }
    }
    let mut bench = bench.restart();
    for case in &cases {
        let folded =
            outpost_edge::store::query::verify::folded(bench.core.connection(), *case).unwrap().unwrap();
        assert_eq!(folded, bench.case(*case));
        assert!(matches!(bench.pick(*case, &format!("T-{}", case.0.simple())), Answer::Applied(_)));
    }
}

#[test]
fn the_audit_chain_names_every_command_that_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let rows = audit::verify(bench.core.connection()).unwrap().rows;
    let command = bench.command(case, CaseCommand::Accept);
    bench.job(Job::Command(Box::new(command.clone())));
    bench.job(Job::Command(Box::new(command.clone())));
    assert_eq!(audit::verify(bench.core.connection()).unwrap().rows, rows + 1);
    let (actor, what): (String, String) = bench
        .core
        .connection()
        .query_row("SELECT actor, what FROM audit WHERE command = ?1", [command.id.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!((actor.as_str(), what.as_str()), ("017@scan-1", "accepted"));
}

/// The writer remembers where its stream and its audit chain end and what it made of a case, and must not believe any of
/// it after a group that was not committed.
#[test]
fn what_is_remembered_of_a_group_that_was_rolled_back_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 2);
    damage(&bench, cases[1].to_string());
    assert!(matches!(bench.act(cases[0], CaseCommand::Accept), Answer::Applied(_)));
    let before = audit::verify(bench.core.connection()).unwrap().rows;
    let picked = bench.command(cases[0], pick_one());
    let failing = bench.command(cases[1], CaseCommand::Accept);
    let jobs = [picked, failing].map(|command| Job::Command(Box::new(command)));
    let committed = bench.group(&jobs).unwrap();
    assert!(
        matches!(committed.answers[..], [Answer::Applied(_), Answer::Failed(_)]),
        "rolled back, then alone"
    );
    assert_eq!(bench.case(cases[0]).site_n, 2, "accepted and picked, once");
    assert_eq!(audit::verify(bench.core.connection()).unwrap().rows, before + 1);
    assert_stream_has_no_gap(&bench);
}

#[test]
fn what_is_remembered_of_a_case_ends_when_anything_else_changes_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let accept = Job::Command(Box::new(bench.command(case, CaseCommand::Accept)));
    let (_, held) = bench.hub.say(case, HubEvent::HoldRequested { reason: "fraud_check".parse().unwrap() });
    let merge = Job::Merge(bench.hub.batch(vec![held]));
    let pick = Job::Command(Box::new(bench.command(case, pick_one())));
    let answers = bench.group(&[accept, merge, pick]).unwrap().answers;
    let [Answer::Applied(_), Answer::Merged(_), Answer::Rejected(refused)] = &answers[..] else {
        panic!("the hold came between them: {answers:?}")
    };
    assert_eq!(refused.code, "on_hold");
    assert_stream_has_no_gap(&bench);
    damage(&bench, case.to_string());
    let Answer::Failed(failed) = bench.act(case, CaseCommand::Accept) else {
        panic!("what is stored counts")
    };
    assert_eq!(failed.code, "damaged_record");
}

fn pick_one() -> CaseCommand {
    CaseCommand::Pick {
        line: LineNo(1),
        qty: Quantity::ONE,
        barcode: Some("4006381333931".to_owned()),
        lot: None,
        serial: None,
        net_weight_g: None,
        location: "R1".parse().unwrap(),
        container: "T1".parse().unwrap(),
    }
}

fn assert_stream_has_no_gap(bench: &Bench) {
    let outbox = bench.outbox();
    for pair in outbox.windows(2) {
        let [one, next] = pair else { continue };
        let follows = next.mark.n == one.mark.n + 1 || next.mark.incarnation != one.mark.incarnation;
        assert!(follows, "{:?} follows {:?}", next.mark, one.mark);
    }
}
