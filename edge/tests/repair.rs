//! What comes by repair, what waits, and what is held: at the site.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use outpost_edge::store::{self, exception, right, stock};
use outpost_edge::testing::Bench;
use outpost_edge::write::{Answer, Heard, HubTime, Job, held};
use outpost_journal::ParkLimits;
use outpost_model::authority::Authority;
use outpost_model::command::{CaseCommand, Command, Held, SiteCommand};
use outpost_model::fact::ProofMethod;
use outpost_model::header::Service;
use outpost_model::id::{CaseId, DocumentKey};
use outpost_model::intent::HubEvent;
use outpost_model::quantity::Quantity;
use outpost_sync::repair::{Buckets, Fingerprint, Look, Mend, Seen, Standing};
use outpost_sync::{Change, DocumentId, Incarnation, Incoming, InstallId, Item, Position, Refusal};

use support::*;

fn change(incoming: &Incoming) -> Change {
    match &incoming.item {
        Item::Change(change) => change.clone(),
        Item::Record(_) => panic!("a record"),
    }
}

fn mend(bench: &mut Bench, changes: Vec<Change>, past: Vec<Incarnation>) {
    let site = bench.core.site().id.clone();
    let mend = Mend { site, install: InstallId([7; 16]), changes, notes: Vec::new(), past };
    assert_eq!(bench.job(Job::Mend(mend)), Answer::Done);
}

fn sell(units: u64) -> SiteCommand {
    SiteCommand::Sell {
        sku: sku(),
        qty: Quantity::new(units).unwrap(),
        location: None,
        receipt: Some("r-1".to_owned()),
    }
}

fn waiting(bench: &Bench) -> usize {
    outpost_journal::parked(bench.core.connection()).unwrap().0
}

fn doc(case: CaseId) -> DocumentId {
    DocumentId::new(DocumentKey::Case(case).to_string()).unwrap()
}

/// The hashes are always those of the documents.
fn assert_hashes(bench: &Bench) {
    let conn = bench.core.connection();
    let Seen::Digest(digest) = outpost_journal::look(conn, "hub", &Look::Digest).unwrap() else {
        panic!("not a digest")
    };
    let mut buckets = Buckets::default();
    for view in store::query::verify::documents(conn, true).unwrap() {
        let doc = DocumentId::new(view.document).unwrap();
        let entry = outpost_journal::entry(conn, &doc).unwrap().unwrap();
        let heads: Vec<String> = entry.heads.iter().map(ToString::to_string).collect();
        assert_eq!(heads, view.heads, "{doc}");
        if (entry.standing, entry.there) == (Standing::Live, Standing::Live) {
            buckets.toggle(&Fingerprint::of(&doc, &entry.heads));
        }
    }
    assert_eq!(digest.buckets, buckets);
}

#[test]
fn what_builds_on_something_missing_waits_and_is_applied_in_order_when_that_comes() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let said: Vec<Incoming> = (0..3).map(|_| bench.hub.say(case, HubEvent::UnholdRequested).1).collect();
    // The first one gets lost; the stream brings the others all the same.
    bench.merge(said[1..].to_vec());
    assert_eq!((bench.case(case).hub_n, waiting(&bench)), (0, 2));
    let progress = outpost_journal::progress(bench.core.connection(), "hub").unwrap();
    assert!(progress[0].contains(said[2].position.n), "what waits counts as received");
    bench = bench.restart();
    assert_eq!(waiting(&bench), 2, "and survives a restart");
    mend(&mut bench, vec![change(&said[0])], Vec::new());
    assert_eq!((bench.case(case).hub_n, waiting(&bench)), (3, 0));
    // Late and twice: nothing changes.
    bench.merge(said.clone());
    mend(&mut bench, said.iter().map(change).collect(), Vec::new());
    assert_eq!(bench.case(case).hub_n, 3);
    assert_hashes(&bench);
}

#[test]
fn a_change_of_a_case_that_is_not_here_waits_for_its_offer() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let site = bench.core.site().id.clone();
    let id = bench.new_case();
    let offer = outpost_edge::testing::header(&site, id, Service::Pickup, 1, bench.now.wall);
    let offered = bench.hub.offer(&offer);
    let (_, said) = bench.hub.say(id, HubEvent::HoldRequested { reason: reason("fraud_check") });
    bench.merge(vec![said]);
    assert_eq!(waiting(&bench), 1);
    bench.merge(vec![offered]);
    assert_eq!(waiting(&bench), 0);
    assert!(bench.case(id).held);
}

#[test]
fn without_room_to_wait_a_change_is_not_received_and_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = outpost_edge::testing::site(&folder.path().join("edge.db"));
    site.room = ParkLimits { items_max: 2, bytes_max: 1 << 20 };
    let mut bench = Bench::with(site, outpost_edge::write::Limits::default());
    bench.stock(10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let said: Vec<Incoming> = (0..4).map(|_| bench.hub.say(case, HubEvent::UnholdRequested).1).collect();
    let answer = bench.job(Job::Merge(bench.hub.batch(said[1..].to_vec())));
    let later = vec![said[3].position];
    assert_eq!(answer, Answer::Deferred { refused: Vec::new(), later });
    let received = |bench: &Bench, n: u64| {
        outpost_journal::progress(bench.core.connection(), "hub").unwrap()[0].contains(n)
    };
    assert!(received(&bench, said[2].position.n) && !received(&bench, said[3].position.n));
    // Others go on, and with what was missing there is room again.
    assert_eq!(bench.offer(Service::Pickup, 1).len(), 1);
    bench.merge(vec![said[0].clone(), said[3].clone()]);
    assert_eq!((bench.case(case).hub_n, waiting(&bench)), (4, 0));
}

/// Whether authority over the numbers of a life of the hub's stream, through one of them, covers a case.
fn covered(bench: &mut Bench, case: CaseId, (life, through): (Incarnation, u64)) -> bool {
    let until = std::collections::BTreeMap::from([(Service::Ship, bench.now.wall + 86_400_000)]);
    let authority = Authority { epoch: 1, stream: Some(life.to_string()), through, until };
    let time =
        HubTime { hub_wall: bench.now.wall, asked_boot_ms: bench.now.boot_ms, boot_id: bench.now.boot_id };
    let heard = Heard { authority: Some(authority), time: Some(time), epoch: None };
    assert_eq!(bench.job(Job::Heard(heard)), Answer::Done);
    let conn = bench.core.connection();
    let place = store::case::load(conn, case).unwrap().unwrap().place;
    held(conn, bench.core.site(), &bench.now, (case, place), Service::Ship).unwrap() == Held::Yes
}

#[test]
fn a_case_is_covered_where_it_stands_in_the_hubs_stream_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let site = bench.core.site().id.clone();
    let header = outpost_edge::testing::header(&site, bench.new_case(), Service::Ship, 1, bench.now.wall);
    let offered = bench.hub.offer(&header);
    bench.merge(vec![offered.clone()]);
    let (case, first) = (header.case, offered.position);
    assert!(covered(&mut bench, case, (first.incarnation, first.n)));
    // The stream begins anew: numbers of before say nothing, until the case is offered there.
    let anew = Position { incarnation: Incarnation([0x44; 16]), n: 3 };
    assert!(!covered(&mut bench, case, (anew.incarnation, 1_000)));
    bench.merge(vec![Incoming { position: anew, ..offered }]);
    assert!(!covered(&mut bench, case, (anew.incarnation, 2)));
    assert!(covered(&mut bench, case, (anew.incarnation, 3)));
    assert!(!covered(&mut bench, case, (first.incarnation, 1_000)));
    assert_eq!(bench.case(case).hub_n, 0, "it is the same case");
}

#[test]
fn a_case_that_came_by_repair_is_not_covered_before_it_is_known_to_have_been_sent() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let site = bench.core.site().id.clone();
    let header = outpost_edge::testing::header(&site, bench.new_case(), Service::Ship, 1, bench.now.wall);
    let offered = bench.hub.offer(&header);
    let (case, hub) = (header.case, offered.position.incarnation);
    mend(&mut bench, vec![change(&offered)], Vec::new());
    assert!(!covered(&mut bench, case, (hub, 1_000)));
    let level = Position { incarnation: hub, n: offered.position.n + 5 };
    assert_eq!(bench.job(Job::Same(Some(level))), Answer::Done);
    assert!(!covered(&mut bench, case, (hub, level.n - 1)));
    assert!(covered(&mut bench, case, (hub, level.n)));
    // The next one moves nothing that has a place.
    assert_eq!(bench.job(Job::Same(Some(Position { incarnation: hub, n: 900 }))), Answer::Done);
    assert!(covered(&mut bench, case, (hub, level.n)));
}

/// Another appliance in the place of the first.
fn another(folder: &std::path::Path) -> Bench {
    let site = outpost_edge::testing::site(&folder.join("outpost.db"));
    Bench::seeded(site, outpost_edge::write::Limits::default(), 70)
}

/// Everything a site did in an earlier life, as the hub remembers it.
struct Past {
    changes: Vec<Change>,
    author: Incarnation,
    command: Command,
    case: CaseId,
}

fn a_day(bench: &mut Bench) -> Past {
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.pick(case, "T1");
    let command = bench.command(case, hand_over(ProofMethod::Identification, None));
    assert!(matches!(bench.job(Job::Command(Box::new(command.clone()))), Answer::Applied(_)));
    assert!(matches!(bench.act_for_site(sell(2)), Answer::Applied(_)));
    let changes = bench.outbox().into_iter().filter_map(|row| match row.item {
        Item::Change(change) => Some(change),
        Item::Record(_) => None,
    });
    Past { changes: changes.collect(), author: bench.core.incarnation(), command, case }
}

#[test]
fn an_appliance_that_was_replaced_gets_its_own_past_back_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut old = Bench::stocked(folder.path(), 10);
    let past = a_day(&mut old);
    let hub = old.hub.all_changes();
    let other = tempfile::tempdir().unwrap();
    let mut new = another(other.path());
    new.authorize(u64::MAX >> 1);
    // In the order in which the hub's documents come: a fact of a case waits for the case.
    let all: Vec<Change> = past.changes.iter().chain(&hub).cloned().collect();
    mend(&mut new, all.clone(), vec![past.author]);
    assert_eq!(waiting(&new), 0);
    assert_eq!(new.case(past.case), old.case(past.case));
    let sums = |bench: &Bench| stock::sums(bench.core.connection(), &sku()).unwrap();
    assert_eq!(sums(&new).on_hand, sums(&old).on_hand);
    let rights = |bench: &Bench| right::load(bench.core.connection(), &sku()).unwrap();
    assert_eq!(rights(&new).granted, rights(&old).granted);
    // The handheld that never heard the answer asks again; the till books its receipt again.
    let again = new.job(Job::Command(Box::new(past.command.clone())));
    assert!(matches!(again, Answer::Repeated(_)), "{again:?}");
    assert!(matches!(new.act_for_site(sell(2)), Answer::Applied(events) if events.is_empty()));
    assert_eq!(sums(&new).on_hand, sums(&old).on_hand);
    // Nothing of it is sent again, and it changes nothing when it comes again.
    assert!(new.outbox().iter().all(|row| !matches!(&row.item, Item::Change(c) if past.changes.contains(c))));
    mend(&mut new, all, vec![past.author]);
    assert_eq!(sums(&new).on_hand, sums(&old).on_hand);
    assert_hashes(&new);
    let views = store::query::verify::documents(new.core.connection(), true).unwrap();
    assert!(views.iter().all(|view| view.projection_ok != Some(false)), "{views:?}");
    // The site goes on where it had been.
    assert!(matches!(
        new.act_for_site(SiteCommand::Sell { sku: sku(), qty: Quantity::ONE, location: None, receipt: None }),
        Answer::Applied(_)
    ));
    assert_hashes(&new);
}

#[test]
fn facts_of_a_site_are_taken_from_its_own_past_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut old = Bench::stocked(folder.path(), 10);
    let past = a_day(&mut old);
    let hub = old.hub.all_changes();
    let other = tempfile::tempdir().unwrap();
    let mut new = another(other.path());
    mend(&mut new, hub, Vec::new());
    // Nobody vouches for the author: what it wrote is held.
    mend(&mut new, past.changes.clone(), Vec::new());
    assert_eq!(stock::sums(new.core.connection(), &sku()).unwrap().on_hand, 0);
    assert!(!outpost_journal::held(new.core.connection(), 10).unwrap().is_empty());
    // And nobody writes under the name that writes now, whoever vouches for it.
    let present = new.core.incarnation();
    let (_, forged) = outpost_sync::Document::create(
        DocumentId::new("ledger/berlin-1/7").unwrap(),
        present,
        r#"{"site":"berlin-1","page":7}"#,
    )
    .unwrap();
    mend(&mut new, vec![forged], vec![present]);
    let page = DocumentId::new("ledger/berlin-1/7").unwrap();
    assert_eq!(
        outpost_journal::entry(new.core.connection(), &page).unwrap().unwrap().standing,
        Standing::Held
    );
}

#[test]
fn a_document_that_could_not_be_taken_is_held_with_all_that_follows_and_released_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 2);
    let said: Vec<Incoming> = (0..3).map(|_| bench.hub.say(cases[0], HubEvent::UnholdRequested).1).collect();
    // A defect of this program: the first one breaks its transaction every time.
    let broken = bench.hub.batch(vec![said[0].clone()]);
    let answer = bench.job(Job::SetAside(broken, "broke_transaction".to_owned()));
    assert!(matches!(answer, Answer::Merged(refused) if refused.len() == 1));
    let answer = bench.job(Job::Merge(bench.hub.batch(said[1..].to_vec())));
    let Answer::Merged(refused) = answer else { panic!("{answer:?}") };
    assert_eq!(refused.len(), 2, "what follows is held with it, and its writer is told");
    assert!(refused.iter().all(|refusal| refusal.reason == "document_held"));
    let other = bench.hub.say(cases[1], HubEvent::UnholdRequested).1;
    bench.merge(vec![other]);
    assert_eq!(bench.case(cases[0]).hub_n, 0);
    assert_hashes(&bench);
    // The site works on with it meanwhile.
    assert!(matches!(bench.pick(cases[0], "T1"), Answer::Applied(_)));
    // The next version of the program takes it.
    assert_eq!(bench.job(Job::ReleaseAfterUpdate("2.0.0")), Answer::Done);
    assert_eq!(bench.case(cases[0]).hub_n, 3);
    assert!(outpost_journal::held(bench.core.connection(), 10).unwrap().is_empty());
    let open = exception::open(bench.core.connection(), 100).unwrap();
    assert!(open.iter().all(|raised| raised.code != "refused_item"), "{open:?}");
    assert_eq!(rejected(bench.job(Job::Release(doc(cases[0])))), "not_held");
    assert_hashes(&bench);
}

#[test]
fn what_still_cannot_be_taken_stays_held_and_nothing_of_it_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let (_, forged) = bench.hub.append(&DocumentKey::Case(case), outpost_model::fact::SiteFact::Accepted);
    let (_, later) = bench.hub.say(case, HubEvent::UnholdRequested);
    assert_eq!(bench.merge_refused(forged).as_deref(), Some("forbidden_kind"));
    assert_eq!(bench.merge_refused(later).as_deref(), Some("document_held"));
    for _ in 0..2 {
        assert_eq!(rejected(bench.job(Job::Release(doc(case)))), "still_refused");
        assert_eq!(outpost_journal::held_changes(bench.core.connection(), &doc(case)).unwrap().len(), 2);
    }
    assert_eq!(bench.case(case).hub_n, 0);
    assert_hashes(&bench);
}

#[test]
fn what_the_hub_holds_is_known_with_its_reason_and_left_out_of_comparisons() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    bench.pick(case, "T1");
    let outbox = bench.outbox();
    let of_case = outbox.iter().find(|row| row.item.doc() == Some(&doc(case))).unwrap();
    let refusal = Refusal { position: of_case.mark.position(), reason: "malformed_event".to_owned() };
    assert_eq!(bench.job(Job::Refused(refusal)), Answer::Done);
    let entry = outpost_journal::entry(bench.core.connection(), &doc(case)).unwrap().unwrap();
    assert_eq!((entry.there, entry.reason.as_deref()), (Standing::Held, Some("malformed_event")));
    assert_hashes(&bench);
    let nowhere = Position { incarnation: Incarnation([9; 16]), n: 1 };
    let refusal = Refusal { position: nowhere, reason: "malformed_event".to_owned() };
    assert_eq!(
        bench.job(Job::Refused(refusal)),
        Answer::Done,
        "a refusal of what is forgotten is raised only"
    );
    let stage = CaseCommand::Stage { container: "T1".parse().unwrap(), location: "S1".parse().unwrap() };
    let staged = bench.act(case, stage);
    assert!(matches!(staged, Answer::Applied(_)), "the site works on: {staged:?}");
}

#[test]
fn a_repaired_change_that_breaks_its_transaction_stops_its_own_document_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let cases = bench.offer(Service::Pickup, 2);
    let said: Vec<Incoming> =
        cases.iter().map(|case| bench.hub.say(*case, HubEvent::UnholdRequested).1).collect();
    let damage = "UPDATE fulfillment SET state = '{}' WHERE case_id = ?1";
    bench.core.connection().execute(damage, [cases[0].to_string()]).unwrap();
    mend(&mut bench, said.iter().map(change).collect(), Vec::new());
    assert_eq!(bench.case(cases[1]).hub_n, 1);
    let held = outpost_journal::held(bench.core.connection(), 10).unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!((&held[0].0, held[0].1.reason.as_deref()), (&doc(cases[0]), Some("broke_transaction")));
}
