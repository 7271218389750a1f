//! Limits on what a site writes: exactly at the limit it is taken, one more is refused before anything is written, and
//! work goes on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use outpost_config::WriteLimits;
use outpost_edge::Site;
use outpost_edge::store;
use outpost_edge::testing::{Bench, site};
use outpost_edge::write::{Answer, Job, Limits};
use outpost_model::command::{CaseCommand, SiteCommand};
use outpost_model::header::Service;
use outpost_model::id::CaseId;
use outpost_model::quantity::Quantity;
use outpost_sync::Item;

use support::*;

const DAY_MS: i64 = 86_400_000;

fn limited(folder: &std::path::Path, limits: WriteLimits) -> Bench {
    let site = Site { limits, ..site(&folder.join("outpost.db")) };
    let mut bench = Bench::with(site, Limits::default());
    bench.stock(100_000);
    bench
}

fn events(bench: &Bench, case: CaseId) -> u64 {
    let state = bench.case(case);
    state.site_n + state.hub_n
}

fn unpick() -> CaseCommand {
    CaseCommand::Unpick {
        line: outpost_model::id::LineNo(1),
        qty: Quantity::ONE,
        container: "T-1".parse().unwrap(),
        location: "R1".parse().unwrap(),
    }
}

/// Takes the unit out of its place, or puts it back.
fn to_and_fro(bench: &mut Bench, case: CaseId) -> Answer {
    let picked = bench.case(case).lines.values().any(|line| !line.picked.is_zero());
    if picked { bench.act(case, unpick()) } else { bench.pick(case, "T-1") }
}

#[test]
fn a_case_is_full_at_its_limit_and_can_still_be_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let limits = WriteLimits { case_events_max: 17, ..WriteLimits::default() };
    let mut bench = limited(folder.path(), limits);
    let case = bench.offer(Service::Pickup, 1)[0];
    // The first pick accepts the case: two events. Then one for each.
    assert!(matches!(bench.pick(case, "T-1"), Answer::Applied(_)));
    while events(&bench, case) < 17 {
        let answer = to_and_fro(&mut bench, case);
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
    }
    let (written, life) = (bench.outbox().len(), bench.core.incarnation());
    assert_eq!(rejected(to_and_fro(&mut bench, case)), "case_full");
    assert_eq!(bench.outbox().len(), written, "nothing was written");
    assert_eq!(bench.core.incarnation(), life, "and nothing was rolled back");
    let other = bench.offer(Service::Pickup, 1)[0];
    assert!(matches!(bench.pick(other, "T-2"), Answer::Applied(_)), "others go on");
    let released = bench.act(case, CaseCommand::Release { reason: reason("no_capacity") });
    assert!(matches!(released, Answer::Applied(_)), "{released:?}");
    assert_eq!(events(&bench, case), 18, "what ends a case has room of its own");
}

#[test]
fn a_command_with_more_events_than_a_change_holds_becomes_several_changes_of_one_commit() {
    let changes = |operations: usize| {
        let folder = tempfile::tempdir().unwrap();
        let limits = WriteLimits { change_operations_max: operations, ..WriteLimits::default() };
        let mut bench = limited(folder.path(), limits);
        let case = bench.offer(Service::Pickup, 1)[0];
        let before = bench.outbox().len();
        assert!(matches!(bench.pick(case, "T-1"), Answer::Applied(events) if events.len() == 2));
        let written = bench.outbox();
        let of_case = written[before..].iter().filter(|outgoing| {
            let Item::Change(change) = &outgoing.item else { return false };
            change.doc.as_str().starts_with("case/")
        });
        let count = of_case.count();
        let views = store::query::verify::documents(bench.core.connection(), true).unwrap();
        assert!(views.iter().all(|view| view.projection_ok == Some(true)));
        count
    };
    assert_eq!((changes(256), changes(2), changes(1)), (1, 1, 2));
}

fn pause(bench: &mut Bench) -> Answer {
    let reason = reason("no_capacity");
    bench.act_for_site(SiteCommand::Pause { services: Vec::new(), until: None, reason })
}

fn sell() -> SiteCommand {
    SiteCommand::Sell { sku: sku(), qty: Quantity::ONE, location: None, receipt: None }
}

#[test]
fn a_document_too_many_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let limits = WriteLimits { documents_max: 16, ..WriteLimits::default() };
    let mut bench = limited(folder.path(), limits);
    let pages = |bench: &Bench| store::page::count(bench.core.connection()).unwrap();
    while pages(&bench) < 16 {
        bench.pass(DAY_MS);
        let answer = pause(&mut bench);
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
    }
    assert!(matches!(pause(&mut bench), Answer::Applied(_) | Answer::Rejected(_)), "today has its page");
    bench.pass(DAY_MS);
    let (written, life) = (bench.outbox().len(), bench.core.incarnation());
    assert_eq!(rejected(pause(&mut bench)), "too_many_documents");
    assert_eq!((bench.outbox().len(), pages(&bench)), (written, 16), "nothing was written");
    // A printer fails all the same, and people hear of it.
    let down = Job::Device { device: "packing".to_owned(), trouble: Some("paper_out".to_owned()) };
    assert_eq!(bench.job(down), Answer::Done);
    assert_eq!((bench.outbox().len(), pages(&bench)), (written, 16));
    // The ledger's page takes what it has room for.
    let mut sold = 0;
    let refused = loop {
        match bench.act_for_site(sell()) {
            Answer::Applied(_) => sold += 1,
            Answer::Rejected(rejection) => break rejection.code,
            other => panic!("{other:?}"),
        }
        assert!(sold <= 1_000, "a page has no more entries");
    };
    assert_eq!(refused, "too_many_documents");
    let (page, entries) = store::page::last_ledger(bench.core.connection()).unwrap().unwrap();
    assert!(page == 0 && entries > 900, "page {page}, {entries} entries");
    assert_eq!(bench.core.incarnation(), life, "nothing was rolled back");
    let opening = bench.hub.opening("batch-2", &[(outpost_edge::testing::CASE_SKU, "R1", 5)]);
    assert_eq!(bench.merge_refused(opening).as_deref(), Some("too_many_documents"));
    let case = bench.offer(Service::Pickup, 1)[0];
    assert!(matches!(bench.pick(case, "T-1"), Answer::Applied(_)), "cases are the hub's and go on");
    // With a higher setting it goes on where it stopped.
    let site = Site { limits: WriteLimits::default(), ..bench.core.site().clone() };
    let mut bench = bench.restart_as(site);
    assert!(matches!(bench.act_for_site(sell()), Answer::Applied(_)));
    assert!(matches!(pause(&mut bench), Answer::Applied(_)));
}
