//! Stock, rights and pages: sales, recalls, sealed pages, days, retention.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use outpost_edge::store::{self, exception, right, stock};
use outpost_edge::testing::{Bench, CASE_SKU, header};
use outpost_edge::write::{Answer, Core, Job, Limits};
use outpost_model::command::{CaseCommand, SiteCommand};
use outpost_model::fulfillment::Answer as Given;
use outpost_model::header::Service;
use outpost_model::intent::HubEvent;
use outpost_model::page::{HubPageEvent, LedgerFact, SkuQty};
use outpost_model::quantity::Quantity;

use support::*;

#[test]
fn the_same_item_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let id = bench.new_case();
    let offer = header(&bench.core.site().id.clone(), id, Service::Pickup, 1, bench.now.wall);
    let item = bench.hub.offer(&offer);
    bench.merge(vec![item.clone(), item.clone()]);
    bench.merge(vec![item]);
    assert_eq!(right::load(bench.core.connection(), &sku()).unwrap().promised, 1);
    let opening = bench.hub.opening("batch-1", &[(CASE_SKU, "R1", 10)]);
    bench.merge(vec![opening]);
    assert_eq!(stock::sums(bench.core.connection(), &sku()).unwrap().on_hand, 10, "a batch is booked once");
}

fn sell(units: u64, receipt: Option<&str>) -> SiteCommand {
    SiteCommand::Sell {
        sku: sku(),
        qty: Quantity::new(units).unwrap(),
        location: None,
        receipt: receipt.map(str::to_owned),
    }
}

#[test]
fn a_sale_is_booked_once_per_receipt_and_never_refused_for_lack_of_stock() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    assert!(matches!(bench.act_for_site(sell(1, Some("r-1"))), Answer::Applied(events) if events.len() == 1));
    assert!(matches!(bench.act_for_site(sell(1, Some("r-1"))), Answer::Applied(events) if events.is_empty()));
    assert_eq!(stock::sums(bench.core.connection(), &sku()).unwrap().on_hand, 9);
    assert_eq!(rejected(bench.act_for_site(sell(0, Some("r-2")))), "no_quantity");
    assert!(matches!(bench.act_for_site(sell(1, Some("r-2"))), Answer::Applied(events) if events.len() == 1));
    assert!(matches!(bench.act_for_site(sell(20, None)), Answer::Applied(_)));
    assert_eq!(stock::sums(bench.core.connection(), &sku()).unwrap().on_hand, -12);
}

#[test]
fn a_sale_of_promised_units_asks_the_hub_for_its_rights_back_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let rights = right::load(bench.core.connection(), &sku()).unwrap();
    let unused = rights.unused();
    assert!(unused > 0);
    // One more than walk-ins may have.
    let walk_in = 10 - unused;
    bench.act_for_site(sell(walk_in.unsigned_abs() + 1, None));
    assert_eq!(recalls(&bench), [1]);
    bench.act_for_site(sell(1, None));
    assert_eq!(recalls(&bench), [1, 1], "only what is newly missing is asked for");
    let open = exception::open(bench.core.connection(), 10).unwrap();
    assert!(open.iter().any(|row| row.code == "negative_sellable"));
    let events = recall_events(&bench);
    for recall in events {
        let one = SkuQty { sku: sku(), qty: Quantity::ONE };
        let items = bench.hub.page(HubPageEvent::Returned { units: vec![one], recall: Some(recall) });
        bench.merge(items);
    }
    let open = exception::open(bench.core.connection(), 10).unwrap();
    assert!(open.iter().all(|row| row.code != "negative_sellable"), "settled: {open:?}");
    assert_eq!(right::recalled(bench.core.connection(), &sku()).unwrap(), 0);
    let rights = right::load(bench.core.connection(), &sku()).unwrap();
    assert_eq!((rights.returned, rights.unused()), (2, unused - 2));
}

fn ledger_facts(bench: &Bench) -> Vec<(outpost_model::id::EventId, LedgerFact)> {
    let items = bench.outbox().into_iter();
    items
        .filter_map(|outgoing| match outgoing.item {
            outpost_sync::Item::Change(change) if change.doc.as_str().starts_with("ledger/") => Some(change),
            _ => None,
        })
        .flat_map(|change| {
            match outpost_sync::Inspection::of(&change, &outpost_sync::Limits::PROTOCOL).unwrap().content {
                outpost_sync::Content::Entries { entries, .. } => entries,
                outpost_sync::Content::Header(_) => Vec::new(),
            }
        })
        .map(|entry| {
            let id = entry.id.parse().unwrap();
            let event = outpost_model::event::Event::<LedgerFact>::parse(id, &entry.text).unwrap();
            (id, event.known().cloned().unwrap())
        })
        .collect()
}

fn recalls(bench: &Bench) -> Vec<u32> {
    let facts = ledger_facts(bench).into_iter();
    facts
        .filter_map(|(_, fact)| match fact {
            LedgerFact::Recalled { units, .. } => Some(units.iter().map(|unit| unit.qty.get()).sum()),
            _ => None,
        })
        .collect()
}

fn recall_events(bench: &Bench) -> Vec<outpost_model::id::EventId> {
    let facts = ledger_facts(bench).into_iter();
    facts.filter(|(_, fact)| matches!(fact, LedgerFact::Recalled { .. })).map(|(id, _)| id).collect()
}

#[test]
fn rights_never_exceed_what_lies_on_the_shelf_and_never_go_below_zero() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 50);
    for round in 0..12_u32 {
        let free = right::load(bench.core.connection(), &sku()).unwrap().unused();
        if free > 0 {
            let case = bench.offer(Service::Pickup, 1)[0];
            match round % 3 {
                0 => drop(bench.pick(case, &format!("T{round}"))),
                1 => {
                    let missing = CaseCommand::Short {
                        line: outpost_model::id::LineNo(1),
                        qty: Quantity::ONE,
                        reason: reason("not_found"),
                        location: None,
                    };
                    assert!(matches!(bench.act(case, missing), Answer::Applied(_)));
                }
                _ => drop(cancel(&mut bench, case)),
            }
        }
        bench.act_for_site(sell(1, None));
        let rights = right::load(bench.core.connection(), &sku()).unwrap();
        let sellable = stock::sums(bench.core.connection(), &sku()).unwrap().sellable;
        let reserved = store::case::reserved(bench.core.connection(), &sku()).unwrap();
        assert!(rights.unused() >= 0, "{rights:?}");
        assert!(rights.unused() + reserved <= sellable, "{rights:?} reserved {reserved} sellable {sellable}");
    }
    let views = store::query::verify::documents(bench.core.connection(), true).unwrap();
    assert!(views.iter().all(|view| view.projection_ok == Some(true)));
}

#[test]
fn the_pause_button_is_a_fact_and_lasts_over_midnight() {
    let folder = tempfile::tempdir().unwrap();
    // With a ledger beside the days: all of these documents are founded by one incarnation.
    let mut bench = Bench::stocked(folder.path(), 1);
    let pause = SiteCommand::Pause { services: Vec::new(), until: None, reason: reason("no_capacity") };
    assert!(matches!(bench.act_for_site(pause), Answer::Applied(events) if events.len() == 1));
    bench.pass(86_400_000);
    let opened = bench.act_for_site(SiteCommand::Open);
    assert!(matches!(opened, Answer::Applied(_)), "{opened:?}");
    let date = bench.core.site().date(bench.now.wall);
    let today = store::site_day::load(bench.core.connection(), date).unwrap().unwrap();
    assert!(today.pause(Service::Pickup, bench.now.wall).is_some());
    let resume = SiteCommand::Resume { services: vec![Service::Pickup] };
    assert!(matches!(bench.act_for_site(resume), Answer::Applied(_)));
    let today = store::site_day::load(bench.core.connection(), date).unwrap().unwrap();
    assert!(today.pause(Service::Pickup, bench.now.wall).is_none());
    assert!(today.pause(Service::Ship, bench.now.wall).is_some());
}

#[test]
fn a_full_ledger_page_is_sealed_and_the_next_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let written = ledger_facts(&bench).len();
    let jobs: Vec<Job> = (written..1_000)
        .map(|_| {
            let command = outpost_model::command::Command {
                id: bench.new_command(),
                staff: "017".parse().unwrap(),
                device: "till-1".parse().unwrap(),
                at: None,
                subject: outpost_model::command::Subject::Site(sell(1, None)),
            };
            Job::Command(Box::new(command))
        })
        .collect();
    for jobs in jobs.chunks(100) {
        bench.group(jobs).unwrap();
    }
    let (page, entries) = store::page::last_ledger(bench.core.connection()).unwrap().unwrap();
    // Recalls share the page with the sales, so it is full before the sales are through.
    assert_eq!(page, 1, "{entries} entries");
    assert_eq!(ledger_facts(&bench).len() as u64, 1_000 + entries);
    let views = store::query::verify::documents(bench.core.connection(), true).unwrap();
    assert!(views.iter().all(|view| view.projection_ok == Some(true)));
}

#[test]
fn a_failed_mint_at_the_start_is_an_error_and_not_a_reuse() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::stocked(folder.path(), 1);
    let (site, path) = (bench.core.site().clone(), bench.path().to_owned());
    drop(bench);
    let conn = store::open(&path, outpost_model::time::UtcMillis(1)).unwrap();
    // The same seed mints the incarnation of the first life again.
    let again = Core::open(conn, site, Limits::default(), &mut outpost_edge::Ids::seeded(1));
    assert!(again.is_err(), "an incarnation is never used twice");
}

#[test]
fn an_amendment_takes_what_walk_ins_could_have_and_nothing_the_hub_may_promise() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 20);
    let cases = bench.offer(Service::Pickup, 2);
    let before = store::query::stock::of_sku(bench.core.connection(), &sku()).unwrap();
    assert!(before.unused > 0 && before.walk_in > 0, "{before:?}");
    let amend = |bench: &mut Bench, case, qty: i64| {
        bench.tell_hub();
        let qty = Quantity::new(qty.unsigned_abs()).unwrap();
        let (intent, item) =
            bench.hub.say(case, HubEvent::AmendRequested { line: outpost_model::id::LineNo(1), qty });
        bench.merge(vec![item]);
        bench.case(case).intents[&intent].answer.clone()
    };
    let refused = amend(&mut bench, cases[0], 1 + before.walk_in + 1);
    assert!(matches!(&refused, Given::Refused(why) if why.as_str() == "not_in_stock"), "{refused:?}");
    assert_eq!(amend(&mut bench, cases[0], 1 + before.walk_in), Given::Accepted);
    let after = store::query::stock::of_sku(bench.core.connection(), &sku()).unwrap();
    assert_eq!((after.unused, after.walk_in), (before.unused, 0), "{after:?}");
    let views = store::query::verify::documents(bench.core.connection(), true).unwrap();
    assert!(views.iter().all(|view| view.projection_ok == Some(true)), "{views:?}");
}

#[test]
fn a_value_that_no_table_takes_is_set_aside_and_what_follows_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let mut pack = outpost_edge::testing::product("SKU-2", "4006381333948");
    pack.barcodes[0].qty = Quantity::ZERO;
    let bad = bench.hub.products(2, &[pack]);
    let none = HubPageEvent::SerialsLeased {
        extension: 3,
        company_prefix: "4012345".to_owned(),
        first: 9_000,
        count: 0,
    };
    let good = bench.hub.opening("batch-2", &[(CASE_SKU, "R2", 5)]);
    let mut items = vec![bad];
    items.extend(bench.hub.page(none));
    items.push(good);
    let answer = bench.job(Job::Merge(bench.hub.batch(items)));
    assert!(matches!(&answer, Answer::Merged(refused) if refused.len() == 1), "{answer:?}");
    assert_eq!(stock::sums(bench.core.connection(), &sku()).unwrap().on_hand, 15);
}

#[test]
fn outcomes_are_dropped_after_their_time_in_as_many_goes_as_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 1);
    let unknown = bench.new_case();
    for _ in 0..5 {
        let commands: Vec<_> =
            (0..500).map(|_| Job::Command(Box::new(bench.command(unknown, CaseCommand::Accept)))).collect();
        bench.group(&commands).unwrap();
    }
    let kept = |bench: &Bench| -> i64 {
        let count = "SELECT count(*) FROM outcome";
        bench.core.connection().query_row(count, [], |row| row.get(0)).unwrap()
    };
    let hour = 60 * 60 * 1_000;
    assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    bench.pass(bench.core.site().retention.outcomes_ms - hour);
    for _ in 0..3 {
        assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    }
    assert_eq!(kept(&bench), 2_500, "looked at all, and their time is not over");
    bench.pass(2 * hour);
    assert_eq!(bench.job(Job::Housekeep), Answer::MoreToDo);
    assert_eq!(kept(&bench), 500);
    assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    assert_eq!(kept(&bench), 0);
}

#[test]
fn an_outcome_that_a_dead_clock_dated_is_kept_as_long_as_any() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 1);
    assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    let unknown = bench.new_case();
    let command = Job::Command(Box::new(bench.command(unknown, CaseCommand::Accept)));
    assert!(matches!(bench.job(command.clone()), Answer::Rejected(_)));
    let kept = |bench: &Bench| -> i64 {
        let count = "SELECT count(*) FROM outcome";
        bench.core.connection().query_row(count, [], |row| row.get(0)).unwrap()
    };
    bench.core.connection().execute("UPDATE outcome SET at = 1000", []).unwrap();
    for _ in 0..2 {
        bench.pass(24 * 60 * 60 * 1_000);
        assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    }
    assert_eq!(kept(&bench), 1, "it may have been given a minute ago");
    assert!(matches!(bench.job(command), Answer::Repeated(_)));
    bench.pass(bench.core.site().retention.outcomes_ms);
    assert_eq!(bench.job(Job::Housekeep), Answer::Done);
    assert_eq!(kept(&bench), 0);
}
