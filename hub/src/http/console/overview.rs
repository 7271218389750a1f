//! The first page: whether anything needs a person, and how much is under way.

use askama::Template;

use super::exceptions::ExceptionView;
use super::frame::Frame;
use super::orders::OrderLine;
use super::sites::SiteView;
use super::when::Watch;
use super::words::{self, Badge};
use crate::store::order::{STATES, state_name};
use crate::store::query::exceptions::ExceptionRow;
use crate::store::query::orders::OrderSummary;
use crate::store::query::stats::Stats;

/// The first page.
#[derive(Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    /// Around the page.
    pub frame: Frame,
    /// The first thing to know.
    pub verdict: Badge,
    /// What to do about it, in a sentence.
    pub advice: String,
    /// Orders by state.
    pub states: Vec<Tile>,
    /// Numbers about promises kept apart from orders.
    pub numbers: Vec<Tile>,
    /// Numbers about the line to the sites.
    pub line: Vec<Tile>,
    /// The newest exceptions.
    pub exceptions: Vec<ExceptionView>,
    /// The sites.
    pub sites: Vec<SiteView>,
    /// Sites that are not shown.
    pub more_sites: usize,
    /// The newest orders.
    pub orders: Vec<OrderLine>,
}

/// A number at a glance.
pub struct Tile {
    /// The number.
    pub value: String,
    /// What it counts.
    pub label: String,
    /// Where its things are listed; empty for none.
    pub href: String,
    /// `warn` or `bad` when it should be zero and is not.
    pub class: &'static str,
}

impl Tile {
    fn new(value: impl ToString, label: impl Into<String>) -> Self {
        Self { value: value.to_string(), label: label.into(), href: String::new(), class: "" }
    }

    fn to(mut self, href: impl Into<String>) -> Self {
        self.href = href.into();
        self
    }

    fn loud(mut self, class: &'static str, when: bool) -> Self {
        if when {
            self.class = class;
        }
        self
    }
}

/// Sites on the first page.
const SITES_MAX: usize = 12;

/// The first page.
pub fn page(
    stats: &Stats,
    exceptions: Vec<ExceptionRow>,
    sites: Vec<SiteView>,
    orders: Vec<OrderSummary>,
    watch: &Watch,
) -> OverviewPage {
    let open: i64 = stats.exceptions.values().sum();
    let silent = sites.iter().filter(|site| site.line.class == "bad").count();
    let (verdict, advice) = verdict(open, silent, stats.quarantined);
    let mut sites = sites;
    sites.sort_by_key(|site| (!site.needs_attention(), site.site.clone()));
    let more_sites = sites.len().saturating_sub(SITES_MAX);
    sites.truncate(SITES_MAX);
    OverviewPage {
        frame: Frame::new("/", "Overview", "order case site exceptions", watch),
        verdict,
        advice,
        states: states(stats),
        numbers: numbers(stats),
        line: line(stats),
        exceptions: exceptions.into_iter().map(|row| ExceptionView::new(row, watch)).collect(),
        sites,
        more_sites,
        orders: orders.into_iter().map(|order| OrderLine::new(order, watch)).collect(),
    }
}

fn verdict(open: i64, silent: usize, quarantined: i64) -> (Badge, String) {
    let plural = |count: i64, one: &str, many: &str| {
        if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
    };
    if open > 0 {
        let badge = Badge::new("warn", plural(open, "exception needs a person", "exceptions need a person"));
        return (badge, "Each says what happened and what to do.".to_owned());
    }
    if quarantined > 0 {
        let badge = Badge::new("bad", plural(quarantined, "item in quarantine", "items in quarantine"));
        return (badge, "Something a site sent could not be accepted; it is kept for inspection.".to_owned());
    }
    if silent > 0 {
        let count = i64::try_from(silent).unwrap_or(i64::MAX);
        let badge = Badge::new("warn", plural(count, "site is silent", "sites are silent"));
        return (
            badge,
            "It goes on serving what it has; it gets no new work until it is heard of.".to_owned(),
        );
    }
    (Badge::new("ok", "All in order"), "Nothing waits for a person.".to_owned())
}

fn states(stats: &Stats) -> Vec<Tile> {
    let tile = |state| {
        let name = state_name(state);
        let count = stats.orders.get(name).copied().unwrap_or(0);
        Tile::new(count, words::state(state).text)
            .to(format!("/orders?state={name}"))
            .loud("warn", name == "held" && count > 0)
    };
    STATES.into_iter().map(tile).filter(|tile| tile.value != "0").collect()
}

fn numbers(stats: &Stats) -> Vec<Tile> {
    vec![
        Tile::new(stats.orders_captured, "orders captured").to("/orders"),
        Tile::new(stats.duplicates_refused, "repeated deliveries recognized"),
        Tile::new(stats.malformed_kept, "payloads kept unread").loud("warn", stats.malformed_kept > 0),
        Tile::new(stats.reroutes, "parts routed anew"),
        Tile::new(
            format!("{} / {}", stats.cancels_accepted, stats.cancels_refused),
            "cancellations carried out / refused",
        ),
        Tile::new(stats.cancels_pending, "cancellations unanswered").loud("warn", stats.cancels_pending > 0),
    ]
}

fn line(stats: &Stats) -> Vec<Tile> {
    vec![
        Tile::new(stats.events_synced, "events received from sites"),
        Tile::new(words::bytes(stats.wire_bytes_in), "received since start"),
        Tile::new(words::bytes(stats.wire_bytes_out), "sent since start"),
        Tile::new(stats.quarantined, "items in quarantine").loud("bad", stats.quarantined > 0),
    ]
}
