//! A site that runs on an old copy of its database, and how the hub gives it its past back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use outpost_edge::store::{past, serial};
use outpost_edge::testing::Bench;
use outpost_edge::write::{Answer, HELD_MS_MAX, Heard, Job};
use outpost_model::authority::NoAuthority;
use outpost_model::command::{Held, SiteCommand};
use outpost_model::header::Service;
use outpost_model::id::DocumentKey;
use outpost_model::quantity::Quantity;
use outpost_sync::repair::Standing;
use outpost_sync::{Incarnation, Inspection, Item, Limits, Mark, Outgoing, Position};
use support::sku;

fn sell(bench: &mut Bench, receipt: &str) {
    let sale = SiteCommand::Sell {
        sku: sku(),
        qty: Quantity::ONE,
        location: None,
        receipt: Some(receipt.to_owned()),
    };
    assert!(matches!(bench.act_for_site(sale), Answer::Applied(_)));
}

fn copy(bench: &Bench, to: &Path) {
    bench.core.connection().execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
}

fn grants(items: &[Outgoing]) -> usize {
    let texts = items.iter().filter_map(|outgoing| match &outgoing.item {
        Item::Change(change) => Some(String::from_utf8_lossy(&change.bytes).into_owned()),
        Item::Record(_) => None,
    });
    texts.filter(|text| text.contains("\"granted\"")).count()
}

fn raised(bench: &Bench, code: &str) -> i64 {
    let count = "SELECT count(*) FROM exception WHERE code = ?1";
    bench.core.connection().query_row(count, [code], |row| row.get(0)).unwrap()
}

#[test]
fn a_restored_site_grants_nothing_and_issues_no_number_until_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 40);
    sell(&mut bench, "r-1");
    let saved = folder.path().join("copy.db");
    copy(&bench, &saved);
    sell(&mut bench, "r-2");
    let last = bench.outbox().last().unwrap().mark.position();
    let mut bench = bench.restart_on(&saved);
    assert!(!outpost_journal::holds(bench.core.connection(), &last).unwrap());
    assert_eq!(bench.job(Job::Lost(vec![last])), Answer::Done);
    assert_eq!(bench.job(Job::Lost(vec![last])), Answer::Done);
    assert_eq!(raised(&bench, "rolled_back"), 1);
    let conn = bench.core.connection();
    assert_eq!(serial::left(conn).unwrap(), 0, "numbers may have been issued in the lost past");
    let before = grants(&bench.outbox());
    let more = vec![bench.hub.opening("batch-2", &[("SKU-1", "R2", 50)])];
    bench.merge(more);
    assert_eq!(grants(&bench.outbox()), before, "nothing is granted");
    let mut bench = bench.restart();
    assert!(past::open(bench.core.connection()).unwrap().is_some(), "a restart changes nothing about it");
    assert_eq!(bench.job(Job::Same(None)), Answer::Done);
    assert!(past::open(bench.core.connection()).unwrap().is_none());
    assert!(grants(&bench.outbox()) > before, "now it grants what it owes");
}

#[test]
fn nobody_works_on_a_case_while_the_hub_gives_back_what_was_lost_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 40);
    let cases = bench.offer(Service::Pickup, 4);
    let lost = vec![Position { incarnation: Incarnation([9; 16]), n: 7 }];
    bench.job(Job::Lost(lost.clone()));
    let answer = bench.pick(cases[0], "T1");
    assert!(matches!(answer, Answer::Applied(_)), "without a line people go on working: {answer:?}");
    bench.job(Job::Behind(lost.clone()));
    let held = |answer: &Answer| matches!(answer, Answer::Failed(failed) if failed.code == "restoring");
    let events = bench.outbox().len();
    assert!(held(&bench.pick(cases[1], "T2")));
    assert_eq!(bench.outbox().len(), events, "nothing was written");
    sell(&mut bench, "r-1");
    bench.pass(i64::try_from(HELD_MS_MAX).unwrap() - 1);
    assert!(held(&bench.pick(cases[1], "T2")));
    bench.pass(1);
    assert!(
        matches!(bench.pick(cases[1], "T2"), Answer::Applied(_)),
        "the hub was not heard of for a minute"
    );
    bench.job(Job::Behind(lost.clone()));
    assert!(held(&bench.pick(cases[2], "T3")));
    bench.job(Job::Same(None));
    assert!(matches!(bench.pick(cases[2], "T3"), Answer::Applied(_)), "nothing is missing any more");
    bench.job(Job::Behind(lost));
    assert!(
        matches!(bench.pick(cases[3], "T4"), Answer::Applied(_)),
        "told late, it is known to be restored"
    );
}

#[test]
fn nothing_is_answered_by_rule_while_the_answer_may_stand_in_the_lost_past() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.job(Job::Lost(vec![Position { incarnation: Incarnation([9; 16]), n: 7 }]));
    support::cancel(&mut bench, case);
    let state = bench.case(case);
    assert_eq!((state.site_n, state.pending().count()), (0, 1));
    bench.job(Job::Same(None));
    let state = bench.case(case);
    assert_eq!(state.pending().count(), 0, "now it is");
}

#[test]
fn nothing_leaves_by_permission_while_it_may_have_left_in_the_lost_past() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    assert!(matches!(bench.pick(case, "T1"), Answer::Applied(_)));
    let held = |bench: &Bench| {
        let place = outpost_edge::store::case::load(bench.core.connection(), case).unwrap().unwrap().place;
        outpost_edge::write::held(
            bench.core.connection(),
            bench.core.site(),
            &bench.now,
            (case, place),
            Service::Pickup,
        )
        .unwrap()
    };
    assert_eq!(held(&bench), Held::Yes);
    bench.job(Job::Lost(vec![Position { incarnation: Incarnation([9; 16]), n: 7 }]));
    assert_eq!(held(&bench), Held::No(NoAuthority::PastLost));
    bench.job(Job::Same(None));
    assert_eq!(held(&bench), Held::Yes, "nothing is missing any more");
    // What was given back did not fit what was written meanwhile, here or at the hub: nobody knows what it says.
    let doc = outpost_sync::DocumentId::new(DocumentKey::Case(case).to_string()).unwrap();
    let conn = || bench.core.connection();
    outpost_journal::stand(conn(), &doc, Standing::Held, Some("sequence")).unwrap();
    assert_eq!(held(&bench), Held::No(NoAuthority::PastLost));
    outpost_journal::stand(conn(), &doc, Standing::Live, None).unwrap();
    assert_eq!(held(&bench), Held::Yes);
    outpost_journal::note(conn(), &doc, Standing::Held, None).unwrap();
    assert_eq!(held(&bench), Held::No(NoAuthority::PastLost));
    outpost_journal::note(conn(), &doc, Standing::Live, None).unwrap();
}

#[test]
fn what_is_left_of_a_life_drains_though_the_hub_has_more_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 40);
    sell(&mut bench, "r-1");
    let waiting =
        |bench: &Bench| outpost_journal::depth(bench.core.connection(), &[]).unwrap().unacknowledged;
    let last = bench.outbox().last().unwrap().mark;
    let beyond = Mark { n: last.n + 3, running: outpost_sync::Running([7; 32]), ..last };
    let mut bench = bench.restart();
    assert!(waiting(&bench) > 0);
    bench.job(Job::Behind(vec![beyond.position()]));
    bench.job(Job::Acknowledge(beyond));
    assert!(waiting(&bench) > 0, "by number nobody knows whether it is the same");
    bench.job(Job::Same(None));
    assert_eq!(waiting(&bench), 0);
}

#[test]
fn what_the_copy_has_of_its_last_life_drains_though_only_a_later_life_was_told_to_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 40);
    sell(&mut bench, "r-1");
    let waiting =
        |bench: &Bench| outpost_journal::depth(bench.core.connection(), &[]).unwrap().unacknowledged;
    let last = bench.outbox().last().unwrap().mark.position();
    let mut bench = bench.restart();
    bench.job(Job::Behind(vec![Position { incarnation: Incarnation([9; 16]), n: 7 }]));
    bench.job(Job::Leave(Position { n: last.n + 3, ..last }));
    assert!(waiting(&bench) > 0);
    bench.job(Job::Same(None));
    assert_eq!(waiting(&bench), 0);
    // Told once more, and of a life whose end is here: nothing is missing.
    bench.job(Job::Leave(Position { n: last.n + 3, ..last }));
    bench.job(Job::Leave(last));
    assert!(past::open(bench.core.connection()).unwrap().is_none());
}

#[test]
fn a_restored_hub_is_shown_again_what_it_had_packed_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let doc = outpost_sync::DocumentId::new(DocumentKey::Case(case).to_string()).unwrap();
    outpost_journal::note(bench.core.connection(), &doc, Standing::Archived, None).unwrap();
    let there = |bench: &Bench| outpost_journal::entry(bench.core.connection(), &doc).unwrap().unwrap().there;
    let epoch = outpost_edge::store::authority::epoch(bench.core.connection()).unwrap();
    let heard = |epoch| Job::Heard(Heard { epoch: Some(epoch), ..Heard::default() });
    bench.job(heard(epoch));
    assert_eq!(there(&bench), Standing::Archived, "it is the same hub");
    bench.job(heard(epoch + 1));
    assert_eq!(there(&bench), Standing::Live);
}

#[test]
fn pages_begun_after_a_loss_are_none_that_the_lost_past_may_have_begun() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 40);
    sell(&mut bench, "r-1");
    bench.job(Job::Lost(vec![Position { incarnation: Incarnation([9; 16]), n: 7 }]));
    sell(&mut bench, "r-2");
    let pages: Vec<String> = bench
        .outbox()
        .iter()
        .filter_map(|outgoing| outgoing.item.doc().map(ToString::to_string))
        .filter(|doc| doc.starts_with("ledger/"))
        .collect();
    assert!(pages.contains(&"ledger/berlin-1/0".to_owned()), "{pages:?}");
    assert!(pages.contains(&"ledger/berlin-1/10000".to_owned()), "{pages:?}");
}

#[test]
fn a_life_that_the_hub_knows_differently_ends_at_once_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 40);
    sell(&mut bench, "r-1");
    let life = bench.core.incarnation();
    let last = bench.outbox().last().unwrap().mark;
    let beyond = Position { incarnation: life, n: last.n + 5 };
    assert_eq!(bench.job(Job::Leave(beyond)), Answer::Done);
    let next = bench.core.incarnation();
    assert_ne!(next, life);
    let links = outpost_journal::links(bench.core.connection()).unwrap();
    assert_eq!(links.last().unwrap().parent, Some(last.position()), "its parent is what is here");
    bench.job(Job::Leave(beyond));
    assert_eq!(bench.core.incarnation(), next, "told again, it is of the past");
    sell(&mut bench, "r-2");
    let author = bench.outbox().last().map(|outgoing| match &outgoing.item {
        Item::Change(change) => Inspection::of(change, &Limits::PROTOCOL).unwrap().author,
        Item::Record(_) => panic!("a change"),
    });
    assert_eq!(author, Some(next));
    // A running hash that is another: nothing is forgotten, and this life ends as well.
    let waiting = outpost_journal::depth(bench.core.connection(), &[]).unwrap().unsaved;
    let mut other = bench.outbox().last().unwrap().mark;
    other.running = outpost_sync::Running([9; 32]);
    bench.job(Job::Acknowledge(other));
    assert_eq!(outpost_journal::depth(bench.core.connection(), &[]).unwrap().unsaved, waiting);
    assert_ne!(bench.core.incarnation(), next);
    assert_eq!(raised(&bench, "stream_diverged"), 2);
}

#[test]
fn a_refused_clone_gives_up_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let held =
        |bench: &Bench| outpost_edge::store::authority::load(bench.core.connection()).unwrap().is_some();
    assert!(held(&bench));
    let life = bench.core.incarnation();
    bench.job(Job::Retired(life));
    bench.job(Job::Retired(life));
    assert!(!held(&bench));
    assert_eq!(raised(&bench, "clone_alive"), 1);
}
