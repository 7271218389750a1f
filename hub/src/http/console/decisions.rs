//! Why a part of an order went where it went: every candidate with what spoke for and against it.

use super::when::{Watch, When};
use super::words::{self, Badge};
use crate::store::query::timeline::Decision;

/// One decision of routing.
pub struct DecisionView {
    /// When.
    pub at: When,
    /// What came of it.
    pub outcome: Badge,
    /// Which attempt it was.
    pub attempt: u32,
    /// Version of the rules.
    pub rules: String,
    /// The candidates as they were ranked.
    pub candidates: Vec<CandidateView>,
    /// What nobody could take.
    pub unassigned: Vec<String>,
}

/// A candidate.
pub struct CandidateView {
    /// The site.
    pub site: String,
    /// What became of it.
    pub verdict: Badge,
    /// What spoke for it.
    pub reasons_for: Vec<String>,
    /// What spoke against it.
    pub reasons_against: Vec<String>,
}

impl DecisionView {
    /// A decision as its part of the page.
    pub fn new(decision: &Decision, watch: &Watch) -> Self {
        let candidates = decision.considered.iter().map(|considered| CandidateView {
            site: considered.site.to_string(),
            verdict: words::verdict(considered.verdict),
            reasons_for: considered.reasons_for.iter().map(|reason| words::reason(reason)).collect(),
            reasons_against: considered.reasons_against.iter().map(|reason| words::reason(reason)).collect(),
        });
        let unassigned = decision.unassigned.iter().map(|part| format!("{} of line {}", part.qty, part.line));
        Self {
            at: watch.at(decision.at),
            outcome: outcome(&decision.outcome),
            attempt: decision.generation + 1,
            rules: decision.rules.clone(),
            candidates: candidates.collect(),
            unassigned: unassigned.collect(),
        }
    }
}

fn outcome(name: &str) -> Badge {
    let class = match name {
        "routed" => "ok",
        "partly_routed" | "waiting" => "warn",
        "no_site" => "bad",
        _ => "",
    };
    Badge::new(class, words::title(name))
}
