//! A program in another language, written from docs/protocol.md alone, reads what our daemons say to each other.
//! See `tests/readers/README.md`.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use outpost_lab::demo::chain::{Chain, ChainOptions};
use outpost_lab::demo::goods::Want;
use outpost_lab::demo::set_to_work;
use outpost_lab::demo::story::until;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

const STORE: &str = "rotterdam-1";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn reader(arguments: &[&str]) -> Command {
    let packages = std::env::var_os("OUTPOST_TEST_READERS")
        .expect("OUTPOST_TEST_READERS must name the folder of the foreign readers; tests/run sets it up");
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("readers/listen.cjs"))
        .args(arguments)
        .env("NODE_PATH", Path::new(&packages).join("node_modules"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The foreign program while it listens to a site's topics.
struct Listening {
    child: Child,
    /// Kept open, so that it can go on talking.
    _errors: BufReader<tokio::process::ChildStderr>,
}

impl Listening {
    async fn start(chain: &Chain, site: &str) -> Self {
        let keys = format!("{}/v1/sites/{site}/keys", chain.hub_api.base());
        let broker = format!("mqtt://{}", chain.broker_address());
        let arguments = ["--site", site, "--keys", &keys, "--broker", &broker, "--json"];
        let mut child = reader(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        tokio::time::timeout(Duration::from_secs(20), errors.read_line(&mut line)).await.unwrap().unwrap();
        assert_eq!(line.trim(), "listening");
        Self { child, _errors: errors }
    }

    /// Interrupts it; its report.
    async fn report(self) -> Value {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let output = self.child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Events by id, each reduced to what both programs say of it.
fn events(entries: &[Value], id: &str) -> BTreeMap<String, Value> {
    let said = ["n", "seen", "at", "by", "kind", "side", "data"];
    let of = |entry: &Value| said.iter().map(|key| (*key, entry[*key].clone())).collect::<BTreeMap<_, _>>();
    entries
        .iter()
        .filter_map(|entry| Some((entry[id].as_str()?.to_owned(), json!(of(entry)))))
        .collect()
}

/// What the hub tells of the cases of a site: events of each document.
async fn told_by_the_hub(chain: &Chain, orders: &BTreeSet<String>) -> BTreeMap<String, BTreeMap<String, Value>> {
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
    let first = Listening::start(&chain, STORE).await;
    let stop = CancellationToken::new();
    let _people = set_to_work(&chain, &stop, true);
    let mut sent = BTreeSet::new();
    work(&chain, 6, &mut sent).await;
    // From here on the site writes as another incarnation, in another conversation.
    let site = chain.site(STORE).unwrap();
    site.service.crash(&site.api).await.unwrap();
    let second = Listening::start(&chain, STORE).await;
    work(&chain, 4, &mut sent).await;
    stop.cancel();

    let report = first.report().await;
    assert_eq!(agrees(&chain, &report, &sent).await, 10, "cases that were founded while it listened");
    for kind in ["hello", "welcome", "batch", "acknowledgement"] {
        assert!(report["frames"][kind].as_u64() > Some(0), "{kind}: {}", report["frames"]);
    }
    let verified = list(&report, "streams").iter().filter(|stream| stream["verified"].is_object()).count();
    assert!(verified >= 2, "both directions agree with the running hashes: {}", report["streams"]);
    assert!(list(&report, "records").iter().any(|record| record["kind"] == "contact"));

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

/// The key of the example frames: all bytes `d4`, as the document says.
const EXAMPLE_INSTALL: [u8; 16] = [0xd4; 16];

fn example_key() -> SigningKey {
    SigningKey::from_bytes(&[0xd4; 32])
}

fn signed(mut frame: Vec<u8>) -> Vec<u8> {
    let message = [b"outpost frame 1\0".as_slice(), &frame].concat();
    frame.extend(example_key().sign(&message).to_bytes());
    frame
}

/// A frame's bytes before its signature.
fn envelope(kind: u8, writer: u8, body: &[u8]) -> Vec<u8> {
    let site = b"berlin-1";
    let start = [1, kind, writer, u8::try_from(site.len()).unwrap()];
    [start.as_slice(), site, &EXAMPLE_INSTALL, body].concat()
}

async fn read_frames(frames: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (keys, file) = (folder.path().join("keys.json"), folder.path().join("frames"));
    let install = format!("{}{}", hex::encode(EXAMPLE_INSTALL), hex::encode(example_key().verifying_key()));
    std::fs::write(&keys, json!({ "hub": install, "installs": [install] }).to_string()).unwrap();
    std::fs::write(&file, frames).unwrap();
    let (keys, file) = (keys.to_str().unwrap(), file.to_str().unwrap());
    let arguments = ["--site", "berlin-1", "--keys", keys, "--frames", file, "--json"];
    let output = reader(&arguments).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn protocol() -> String {
    std::fs::read_to_string(repository().join("docs/protocol.md")).unwrap()
}

#[tokio::test]
async fn the_frames_in_the_document_are_what_the_document_says() {
    let report = read_frames(&protocol()).await;
    assert_eq!(report["frames"], json!({ "hello": 1, "batch": 1 }));
    assert_eq!(list(&report, "refused"), [] as [Value; 0]);
    let document = &report["documents"][0];
    assert_eq!(document["document"], "ledger/berlin-1/0");
    assert_eq!(document["is_whole"], true);
    assert_eq!(document["events"][0]["id"], "0190b3a4c5d67e8f9a0b1c2d3e4f5061.0");
}

#[tokio::test]
async fn forged_frames_are_refused_and_later_kinds_are_named() {
    let unknown = signed(envelope(99, 0, &[0xff; 120]));
    let malformed = signed(envelope(3, 0, &[0x82; 120]));
    let mut forged = unknown.clone();
    forged[40] ^= 1;
    let mut stranger = unknown.clone();
    stranger[12] ^= 1;
    let cut = unknown[..unknown.len() - 1].to_vec();
    let frames = [unknown, malformed, forged, stranger, cut].map(hex::encode).join("\n\n");
    let report = read_frames(&frames).await;
    assert_eq!(report["frames"], json!({ "kind 99": 1 }));
    let refused: Vec<&str> = list(&report, "refused").iter().map(|reason| reason.as_str().unwrap()).collect();
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert!(refused[0].contains("not CBOR"), "{refused:?}");
    assert!(refused[1].contains("signature"), "{refused:?}");
    assert!(refused[2].contains("nobody told us of"), "{refused:?}");
    assert!(refused[3].contains("signature"), "{refused:?}");
}
