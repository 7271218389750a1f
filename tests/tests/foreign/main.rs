//! A program in another language, written from docs/protocol.md alone, reads what our daemons say to each other.
//! See `tests/readers/README.md`.

#![allow(clippy::unwrap_used)]

mod frames;
mod listening;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use listening::{Listening, list};
use outpost_lab::demo::chain::{Chain, ChainOptions};
use outpost_lab::demo::goods::Want;
use outpost_lab::demo::set_to_work;
use outpost_lab::demo::story::until;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const STORE: &str = "rotterdam-1";

/// Events by id, each reduced to what both programs say of it.
fn events(entries: &[Value], id: &str) -> BTreeMap<String, Value> {
    let said = ["n", "seen", "at", "by", "kind", "side", "data"];
    let of = |entry: &Value| said.iter().map(|key| (*key, entry[*key].clone())).collect::<BTreeMap<_, _>>();
    entries.iter().filter_map(|entry| Some((entry[id].as_str()?.to_owned(), json!(of(entry))))).collect()
}

/// What the hub tells of the cases of a site: events of each document.
async fn told_by_the_hub(
    chain: &Chain,
    orders: &BTreeSet<String>,
) -> BTreeMap<String, BTreeMap<String, Value>> {
    let mut told: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for number in orders {
        let order = chain.order(number).await.unwrap();
        let timeline = list(&order, "timeline");
        for entry in timeline.iter().filter(|entry| entry["site"] == STORE && entry["event"].is_string()) {
            let document = format!("case/{}", entry["case"].as_str().unwrap());
            told.entry(document).or_default().extend(events(std::slice::from_ref(entry), "event"));
        }
    }
    told
}

fn heads(documents: &Value) -> BTreeMap<String, Value> {
    let rows = documents.as_array().into_iter().flatten();
    rows.map(|row| (row["document"].as_str().unwrap().to_owned(), row["heads"].clone())).collect()
}

async fn work(chain: &Arc<Chain>, orders: usize, sent: &mut BTreeSet<String>) {
    for k in 0..orders {
        let want = if k % 2 == 0 { Want::pickup(STORE, 2) } else { Want::only_at(STORE) };
        sent.insert(chain.send(&want).await.unwrap());
    }
    until("all work to be done", || async { Ok(chain.open_tasks(None).await? == 0) }).await.unwrap();
    chain.wait_until_quiet().await.unwrap();
}

/// Whatever is whole in the foreign program's eyes is what the daemons have; how many cases were.
async fn agrees(chain: &Chain, report: &Value, orders: &BTreeSet<String>) -> usize {
    assert_eq!(list(report, "refused"), [] as [Value; 0]);
    let told = told_by_the_hub(chain, orders).await;
    let at_hub = heads(&chain.hub_api.get(&format!("/v1/sites/{STORE}/documents")).await.unwrap());
    let at_site = heads(&chain.site(STORE).unwrap().api.get("/v1/sync/documents").await.unwrap());
    let mut whole = 0;
    for document in list(report, "documents") {
        let name = document["document"].as_str().unwrap();
        let Some(expected) = told.get(name) else { continue };
        let read = events(list(document, "events"), "id");
        if document["is_whole"] == true {
            assert_eq!(read, *expected, "{name}");
            assert_eq!(document["heads"], at_hub[name], "{name}");
            assert_eq!(document["heads"], at_site[name], "{name}");
            assert_eq!(document["header"]["site"], STORE, "{name}");
            whole += 1;
        } else {
            assert!(read.iter().all(|(id, event)| expected.get(id) == Some(event)), "{name}");
        }
    }
    for stream in list(report, "streams") {
        assert_eq!(list(stream, "disagreements"), [] as [Value; 0], "{stream}");
    }
    whole
}

async fn is_read(broker: &str) {
    let options = ChainOptions {
        broker: broker.to_owned(),
        lab: Some(PathBuf::from(env!("CARGO_BIN_EXE_outpost-lab"))),
        seed: 11,
        ..ChainOptions::default()
    };
    let chain = Arc::new(Chain::start(&options).await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("frames");
    let first = Listening::start(&chain, STORE, &dump).await;
    let stop = CancellationToken::new();
    let _people = set_to_work(&chain, &stop, true);
    let mut sent = BTreeSet::new();
    work(&chain, 6, &mut sent).await;
    // From here on the site writes as another incarnation, in another conversation.
    let site = chain.site(STORE).unwrap();
    site.service.crash(&site.api).await.unwrap();
    let second = Listening::start(&chain, STORE, &folder.path().join("late")).await;
    work(&chain, 4, &mut sent).await;
    stop.cancel();

    let report = first.report().await;
    topics::describe(&dump).await;
    assert_eq!(agrees(&chain, &report, &sent).await, 10, "cases that were founded while it listened");
    for kind in ["hello", "welcome", "batch", "acknowledgement"] {
        assert!(report["frames"][kind].as_u64() > Some(0), "{kind}: {}", report["frames"]);
    }
    let verified = list(&report, "streams").iter().filter(|stream| stream["verified"].is_object()).count();
    assert!(verified >= 2, "both directions agree with the running hashes: {}", report["streams"]);
    let records = |kind: &str| -> Vec<&Value> {
        list(&report, "records").iter().filter(|record| record["kind"] == kind).collect()
    };
    assert!(!records("contact").is_empty());
    assert!(records("contact").iter().all(|record| record["attached"] == 48), "with its wrapped key");
    assert!(records("reference").iter().all(|record| record["attached"] == 0));

    let late = second.report().await;
    assert_eq!(agrees(&chain, &late, &sent).await, 4, "the first six had begun before it listened");
    let lacks = list(&late, "streams").iter().any(|stream| !list(stream, "missing").is_empty());
    assert!(lacks, "it says what it did not hear: {}", late["streams"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_reads_the_same_to_a_foreign_program() {
    is_read("embedded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_reads_the_same_to_a_foreign_program_through_mosquitto() {
    is_read("mosquitto").await;
}
