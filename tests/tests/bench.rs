//! The comparison runs from end to end, small: its figures are made by `cargo lab bench sync` on a quiet machine.

#![allow(clippy::unwrap_used)]

use serde_json::Value;
use tokio::process::Command;

/// A figure that was really measured.
fn positive(value: &Value, path: &[&str]) -> f64 {
    let found = path.iter().fold(value, |value, key| &value[*key]).as_f64();
    found.filter(|figure| *figure > 0.0).unwrap_or_else(|| panic!("{path:?} in {value}"))
}

#[tokio::test]
async fn ours_is_measured_beside_pouchdb_and_plain_json() {
    let arguments = [
        "bench",
        "sync",
        "--json",
        "--orders",
        "24",
        "--rate",
        "25",
        "--live-seconds",
        "1",
        "--lone",
        "1",
        "--slow-events",
        "480",
        "--history-events",
        "40",
    ];
    let mut lab = Command::new(env!("CARGO_BIN_EXE_outpost-lab"));
    let output = lab.args(arguments).kill_on_drop(true).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    let peers = figures["peers"].as_array().unwrap();
    assert_eq!(peers.iter().map(|peer| &peer["peer"]).collect::<Vec<_>>(), ["ours", "pouchdb", "json"]);
    for peer in peers {
        for path in [
            ["live", "bytes_per_event"],
            ["lone", "bytes_per_event"],
            ["backlog", "events_per_second"],
            ["backlog", "bytes_per_event"],
            ["peak_memory_mib", "site"],
            ["peak_memory_mib", "hub"],
        ] {
            positive(peer, &path);
        }
    }
    // Bytes do not depend on how busy the machine is.
    let cost = |peer: usize| positive(&peers[peer], &["backlog", "bytes_per_event"]);
    assert!(cost(0) < cost(2) && cost(2) < cost(1), "{figures}");
    positive(&figures, &["slow_line", "ratio"]);
    positive(&figures, &["history", "bytes_ratio"]);
}
