//! docs/asyncapi.yaml: read by the parser of AsyncAPI, and held against the code and against frames that were said.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use outpost_sync::Envelope;
use serde_json::{Value, json};

use super::frames::envelope;
use super::listening::{answer, file, list, script};

/// Severities of the parser from here on are advice.
const ADVICE: u64 = 2;

async fn described(frames: Option<&Path>) -> Value {
    let description = file("docs/asyncapi.yaml");
    let arguments = [Some(description.as_path()), frames].into_iter().flatten().map(OsStr::new);
    answer(script("describe.cjs", arguments)).await
}

/// Frames that were said, in a file of `listen.cjs --dump`, fit the description: topic, kind, every key and every event.
pub async fn describe(frames: &Path) {
    let found = described(Some(frames)).await;
    assert_eq!(list(&found, "errors"), [] as [Value; 0]);
    for kind in ["1", "2", "3", "4"] {
        assert!(found["seen"][kind].as_u64() > Some(0), "kind {kind} was not said: {}", found["seen"]);
    }
}

#[tokio::test]
async fn the_description_is_valid_and_names_every_kind_of_frame() {
    let found = described(None).await;
    let wrong = list(&found, "diagnostics").iter().filter(|said| said["severity"].as_u64() < Some(ADVICE));
    assert_eq!(wrong.collect::<Vec<_>>(), [] as [&Value; 0]);
    let channels = list(&found, "channels");
    let addresses: Vec<_> = channels.iter().map(|channel| &channel["address"]).collect();
    assert_eq!(addresses, ["outpost/v1/{shard}/{site}/up", "outpost/v1/{shard}/{site}/down"]);
    let named: BTreeSet<u64> =
        channels.iter().flat_map(|channel| list(channel, "kinds")).filter_map(Value::as_u64).collect();
    let known = |kind: &u8| Envelope::peek(&envelope(*kind, 0, &[0; 80])).is_some();
    let known: BTreeSet<u64> = (0..=u8::MAX).filter(known).map(u64::from).collect();
    assert_eq!(named, known, "kinds in docs/asyncapi.yaml, and kinds the engine reads");
}

#[tokio::test]
async fn a_frame_that_is_not_described_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let frames = folder.path().join("frames");
    let head = json!(["c3c3c3c3c3c3c3c3", 1, 1, null]);
    let hail = |topic: &str, content: Value| {
        json!({ "topic": topic, "kind": "hail", "number": 5, "body": [head, content] }).to_string()
    };
    let down = "outpost/v1/s0/berlin-1/down";
    let lines = [
        hail(down, json!({ "w": 1 })),
        hail(down, json!({ "w": 1, "y": 2 })),
        hail(down, json!({ "w": "late" })),
        hail("outpost/v1/s0/berlin-1/up", json!({ "w": 1 })),
        hail("outpost/v2/s0/berlin-1/down", json!({ "w": 1 })),
    ];
    std::fs::write(&frames, lines.join("\n")).unwrap();
    let found = described(Some(&frames)).await;
    assert_eq!(found["seen"], json!({ "5": 3 }));
    assert_eq!(list(&found, "errors").len(), 4, "{found}");
}
