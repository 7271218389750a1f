//! Two sequences side by side: the hub's intents and observations on one side, the site's facts on the other.

use std::collections::BTreeMap;

use outpost_model::event::Side;
use outpost_model::id::EventId;

use super::sentence::{is_alarming, sentence};
use super::when::{Watch, When};
use super::words::plain;
use crate::store::query::timeline::TimelineEntry;

/// One event, on its side.
pub struct LaneRow {
    /// Whether the hub wrote it.
    pub is_hub: bool,
    /// When its writer's clock said it happened.
    pub at: When,
    /// Its number in its writer's sequence, `#3`; empty for what is no event.
    pub n: String,
    /// What happened.
    pub said: String,
    /// Who did it.
    pub by: String,
    /// How much of the other side its writer had seen.
    pub seen: String,
    /// For an answer: the request it answers. For a request: how it was answered.
    pub link: String,
    /// Whether it deserves a second look.
    pub is_alarming: bool,
}

/// The rows of some events, in the order of their clocks; within one clock reading in the order of their numbers.
pub fn rows<'e>(entries: impl Iterator<Item = &'e TimelineEntry>, watch: &Watch) -> Vec<LaneRow> {
    let mut entries: Vec<&TimelineEntry> = entries.collect();
    entries.sort_by_key(|entry| (entry.at, entry.n, entry.side));
    let requests: BTreeMap<EventId, &TimelineEntry> =
        entries.iter().filter_map(|entry| entry.event.map(|id| (id, *entry))).collect();
    let mut answers: BTreeMap<EventId, String> = BTreeMap::new();
    for entry in &entries {
        if let Some(intent) = answered(entry) {
            let answer = if entry.kind == "intent_accepted" { "carried out" } else { "not carried out" };
            answers.insert(intent, format!("{answer} (#{})", entry.n));
        }
    }
    entries.iter().map(|entry| row(entry, &requests, &answers, watch)).collect()
}

fn row(
    entry: &TimelineEntry,
    requests: &BTreeMap<EventId, &TimelineEntry>,
    answers: &BTreeMap<EventId, String>,
    watch: &Watch,
) -> LaneRow {
    let is_hub = entry.side == Side::Hub;
    let link = match answered(entry).and_then(|intent| requests.get(&intent)) {
        Some(request) => format!("answers #{}, {}", request.n, plain(&request.kind)),
        None if entry.kind.ends_with("_requested") => {
            let answer = entry.event.and_then(|id| answers.get(&id).cloned());
            answer.unwrap_or_else(|| "waits for its answer".to_owned())
        }
        None => String::new(),
    };
    let other = if is_hub { "site" } else { "hub" };
    LaneRow {
        is_hub,
        at: watch.at(entry.at),
        n: if entry.n == 0 { String::new() } else { format!("#{}", entry.n) },
        said: sentence(&entry.kind, &entry.data),
        by: entry.by.clone(),
        seen: if entry.seen == 0 { String::new() } else { format!("had seen {other} #{}", entry.seen) },
        link,
        is_alarming: is_alarming(&entry.kind, &entry.data),
    }
}

fn answered(entry: &TimelineEntry) -> Option<EventId> {
    matches!(entry.kind.as_str(), "intent_accepted" | "intent_refused")
        .then(|| entry.data["intent"].as_str()?.parse().ok())
        .flatten()
}
