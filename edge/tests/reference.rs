//! Reference data: applied whole or not at all, versions only grow, and the site works on the last good one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use outpost_edge::store::{exception, product, reference};
use outpost_edge::testing::{Bench, product as a_product};
use outpost_edge::write::{Answer, Job};
use outpost_model::id::Sku;
use outpost_sync::reference::{Holding, PART_ITEMS_MAX, Version};
use outpost_sync::{Identity, Item, Record};
use rand::SeedableRng;

fn v(n: u64) -> Version {
    Version { epoch: 1, n }
}

fn item(sku: &str, title: &str) -> (String, String) {
    let mut product = a_product(sku, &format!("code-{sku}"));
    product.title = title.to_owned();
    (sku.to_owned(), serde_json::to_string(&product).unwrap())
}

fn some(count: usize) -> Vec<(String, String)> {
    (0..count).map(|n| item(&format!("SKU-{n:05}"), "of many")).collect()
}

fn merge(bench: &mut Bench, records: Vec<Record>) {
    let items = records.into_iter().map(|record| bench.hub.item(Item::Record(record))).collect();
    let answer = bench.job(Job::Merge(bench.hub.batch(items)));
    assert_eq!(answer, Answer::Merged(Vec::new()), "the stream goes on whatever an edition is");
}

fn held(bench: &Bench) -> Version {
    reference::held(bench.core.connection(), "products").unwrap().version
}

fn title(bench: &Bench, sku: &str) -> Option<String> {
    product::load(bench.core.connection(), &Sku::new(sku).unwrap()).unwrap().map(|product| product.title)
}

/// What the site told the hub last.
fn told(bench: &Bench) -> Holding {
    let outbox = bench.outbox();
    let mut records = outbox.iter().filter_map(|outgoing| match &outgoing.item {
        Item::Record(record) if record.key == "products" => Some(record),
        _ => None,
    });
    serde_json::from_slice(&records.next_back().unwrap().bytes).unwrap()
}

/// Refusals that nobody has dealt with.
fn refused(bench: &Bench) -> usize {
    let all = exception::of_subject(bench.core.connection(), "site/products").unwrap();
    all.iter().filter(|one| one.code == "reference_refused" && one.resolved_at.is_none()).count()
}

#[test]
fn a_snapshot_counts_when_all_of_it_is_here_and_takes_away_what_it_does_not_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    let first = bench.hub.edition("products", v(1), None, &[item("OLD", "old"), item("A", "one")], &[]);
    merge(&mut bench, first);
    assert_eq!((held(&bench), title(&bench, "OLD").as_deref()), (v(1), Some("old")));
    let mut all = some(2 * PART_ITEMS_MAX);
    all.push(item("A", "two"));
    let mut parts = bench.hub.edition("products", v(2), None, &all, &[]);
    assert_eq!(parts.len(), 3);
    let last = parts.pop().unwrap();
    merge(&mut bench, parts);
    assert_eq!((held(&bench), title(&bench, "A").as_deref()), (v(1), Some("one")), "not by halves");
    assert_eq!(title(&bench, "SKU-00001"), None);
    // A restart in between loses nothing of it.
    let mut bench = bench.restart();
    merge(&mut bench, vec![last]);
    assert_eq!((held(&bench), title(&bench, "A").as_deref()), (v(2), Some("two")));
    assert_eq!((title(&bench, "OLD"), title(&bench, "SKU-00999").is_some()), (None, true));
    let code = product::by_barcode(bench.core.connection(), "code-OLD").unwrap();
    assert_eq!(code, None, "its barcode went with it");
    assert_eq!((told(&bench).version, told(&bench).need), (v(2), false));
}

#[test]
fn a_delta_needs_its_exact_base_and_a_replay_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    let one = bench.hub.edition("products", v(1), None, &[item("A", "one"), item("B", "one")], &[]);
    let two = bench.hub.edition("products", v(2), Some(v(1)), &[item("A", "two")], &["B".to_owned()]);
    let three = bench.hub.edition("products", v(3), Some(v(2)), &[item("C", "three")], &[]);
    merge(&mut bench, one.clone());
    merge(&mut bench, three.clone());
    assert_eq!((held(&bench), title(&bench, "C")), (v(1), None));
    let need = told(&bench);
    assert!(need.need && need.of == Some(v(3)) && need.version == v(1), "{need:?}");
    assert_eq!(refused(&bench), 0, "a snapshot follows: nobody must look");
    merge(&mut bench, two);
    assert_eq!((held(&bench), title(&bench, "B"), title(&bench, "A").as_deref()), (v(2), None, Some("two")));
    merge(&mut bench, three);
    assert_eq!((held(&bench), title(&bench, "C").as_deref()), (v(3), Some("three")));
    merge(&mut bench, one);
    assert_eq!((held(&bench), title(&bench, "A").as_deref()), (v(3), Some("two")), "an old version again");
    // A later epoch goes on with any number.
    let again = bench.hub.edition("products", Version { epoch: 2, n: 1 }, None, &[item("A", "four")], &[]);
    merge(&mut bench, again);
    assert_eq!((title(&bench, "A").as_deref(), title(&bench, "C")), (Some("four"), None));
}

#[test]
fn what_is_forged_or_unreadable_changes_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    let one = bench.hub.edition("products", v(1), None, &[item("A", "one")], &[]);
    merge(&mut bench, one);
    let good = bench.hub.edition("products", v(2), Some(v(1)), &[item("A", "two")], &[]);
    let mut forged = good.clone();
    let at = forged[0].bytes.len() / 2;
    forged[0].bytes[at] ^= 1;
    merge(&mut bench, forged);
    assert_eq!((held(&bench), refused(&bench)), (v(1), 1));
    assert!(told(&bench).refused.is_some());
    let stranger = Identity::generate(&mut rand::rngs::StdRng::seed_from_u64(9));
    let site = bench.core.site().id.clone();
    let (put, mut sum) = ([item("A", "theirs")], outpost_sync::reference::Sum::default());
    sum.toggle(&put[0].0, &put[0].1);
    let mut edition = outpost_sync::reference::Edition {
        site: site.as_str(),
        set: "products",
        version: v(2),
        base: None,
        sum,
        count: 1,
        put: &put,
        gone: &[],
    };
    merge(&mut bench, edition.sign(&stranger).unwrap());
    assert_eq!(told(&bench).refused.as_deref(), Some("bad_signature"));
    let hub = bench.hub.identity().clone();
    edition.site = "hamburg-1";
    merge(&mut bench, edition.sign(&hub).unwrap());
    assert_eq!(told(&bench).refused.as_deref(), Some("other_site"));
    edition.site = site.as_str();
    edition.count = 2;
    merge(&mut bench, edition.sign(&hub).unwrap());
    assert_eq!(told(&bench).refused.as_deref(), Some("wrong_sum"));
    let nonsense = [("A".to_owned(), "{}".to_owned())];
    let mut sum = outpost_sync::reference::Sum::default();
    sum.toggle(&nonsense[0].0, &nonsense[0].1);
    let unreadable = outpost_sync::reference::Edition { put: &nonsense, sum, count: 1, ..edition };
    merge(&mut bench, unreadable.sign(&hub).unwrap());
    assert_eq!(told(&bench).refused.as_deref(), Some("unreadable_content"));
    assert_eq!((held(&bench), title(&bench, "A").as_deref()), (v(1), Some("one")));
    merge(&mut bench, good);
    assert_eq!((held(&bench), title(&bench, "A").as_deref(), refused(&bench)), (v(2), Some("two"), 0));
}

#[test]
fn rules_of_the_hub_are_in_force_at_once_and_wrong_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    let version = |bench: &Bench| bench.core.site().rules.current().version.as_str().to_owned();
    let shipped = version(&bench);
    let rules = |text: &str| vec![("rules".to_owned(), text.to_owned())];
    let wrong = bench.hub.edition("rules", v(1), None, &rules("[pickup]\ncode_tries_max = \"many\"\n"), &[]);
    merge(&mut bench, wrong);
    assert_eq!(version(&bench), shipped);
    let right = bench.hub.edition("rules", v(2), None, &rules("[pickup]\ncode_tries_max = 4\n"), &[]);
    merge(&mut bench, right);
    assert_ne!(version(&bench), shipped);
    assert_eq!(bench.core.site().rules.current().rules.pickup.code_tries_max, 4);
    let kept: Option<String> =
        outpost_edge::store::setting::load(bench.core.connection(), outpost_edge::replicate::RULES).unwrap();
    assert!(kept.unwrap().contains("= 4"), "a restart takes them up again");
}

#[test]
fn a_life_that_begins_says_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    let one = bench.hub.edition("products", v(1), None, &[item("A", "one")], &[]);
    merge(&mut bench, one);
    bench.authorize(10);
    let mut bench = bench.restart();
    bench.authorize(10);
    assert!(told(&bench).start && told(&bench).version == v(1));
    let before = bench.outbox().len();
    bench.authorize(10);
    assert_eq!(bench.outbox().len(), before, "once in a life");
}
