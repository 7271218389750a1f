//! The figures as a table for people, in the form of docs/performance.md.

use serde_json::Value;

/// Rows: what they are called, and where the figure stands.
const ROWS: [(&str, &[&str]); 13] = [
    ("live, bytes an event", &["live", "bytes_per_event"]),
    ("live, events/s", &["live", "events_per_second"]),
    ("live, visible at the hub after (p50, ms)", &["live", "lag_p50_ms"]),
    ("live, visible at the hub after (p99, ms)", &["live", "lag_p99_ms"]),
    ("lone event, bytes", &["lone", "bytes_per_event"]),
    ("backlog, events/s", &["backlog", "events_per_second"]),
    ("backlog, bytes an event", &["backlog", "bytes_per_event"]),
    ("backlog, all visible after (s)", &["backlog", "converged_seconds"]),
    ("backlog, of that until reconnected (s)", &["backlog", "reconnect_seconds"]),
    ("processor time an event (µs)", &["backlog", "cpu_us_per_event"]),
    ("memory of the site, peak (MiB)", &["peak_memory_mib", "site"]),
    ("memory of the hub, peak (MiB)", &["peak_memory_mib", "hub"]),
    ("memory of the broker, peak (MiB)", &["peak_memory_mib", "broker"]),
];

/// Prints a table, and what only ours was measured for.
pub fn print(figures: &Value) {
    let peers = figures["peers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = peers.iter().map(|peer| peer["peer"].as_str().unwrap_or_default());
    println!("{} orders, {} events", figures["orders"], figures["events"]);
    println!("\n| figure | {} |", names.collect::<Vec<_>>().join(" | "));
    println!("| --- |{}", " --- |".repeat(peers.len()));
    for (row, path) in ROWS {
        let cells = peers.iter().map(|peer| {
            let found = path.iter().fold(peer, |value, key| &value[*key]);
            if found.is_null() { "–".to_owned() } else { found.to_string() }
        });
        println!("| {row} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    for peer in peers {
        println!(
            "\n{}: {}",
            peer["peer"].as_str().unwrap_or_default(),
            peer["setting"].as_str().unwrap_or_default()
        );
    }
    for part in ["slow_line", "history"] {
        if !figures[part].is_null() {
            println!("\n{part}: {}", figures[part]);
        }
    }
}
