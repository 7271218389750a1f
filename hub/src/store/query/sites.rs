//! Sites for lists: what each is, how its line stands, and how much lies there.

use outpost_model::authority::Authority;
use outpost_model::time::UtcMillis;
use serde::Serialize;

use crate::store::site::Site;

/// A site with its line and its work.
#[derive(Debug, Clone, Serialize)]
pub struct SiteSummary {
    /// The site as imported.
    #[serde(flatten)]
    pub site: Site,
    /// Whether an appliance is enrolled.
    pub enrolled: bool,
    /// The line; none when the site was never heard of.
    pub line: Option<LineState>,
    /// Cases that are not closed.
    pub open_cases: u64,
    /// Items of the hub's stream the site has not acknowledged.
    pub unacknowledged: u64,
    /// Position of the last item of the hub's stream.
    pub position: u64,
    /// What the site may do without asking.
    pub authority: Option<Authority>,
    /// Items of the site that stand in quarantine.
    pub quarantined: u64,
    /// Exceptions that are open.
    pub exceptions: u64,
    /// Pauses and closings as the site has said today.
    pub day: Option<outpost_model::site_day::SiteDayState>,
}

/// The state of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LineState {
    /// Whether the site is heard of as often as it should be.
    pub up: bool,
    /// Since when.
    pub since: UtcMillis,
    /// When it was last heard of.
    pub last_seen: UtcMillis,
}

/// Stock and rights of one SKU at a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockRow {
    /// What.
    pub sku: String,
    /// Its title.
    pub title: Option<String>,
    /// Units in the site's hands, whatever their status.
    pub on_hand: i64,
    /// Units in sellable status at a location.
    pub sellable: i64,
    /// Rights the site granted.
    pub granted: i64,
    /// Rights the hub promised.
    pub promised: i64,
    /// Rights the hub gave back.
    pub returned: i64,
    /// Rights the hub may still promise.
    pub unused: i64,
}

/// A document as the hub has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentState {
    /// Its id.
    pub document: String,
    /// Its heads, hex, sorted.
    pub heads: Vec<String>,
    /// Its events.
    pub events: u64,
    /// BLAKE3 over the JSON of the case folded from scratch; only for cases, only when verified.
    pub state_hash: Option<String>,
    /// Whether the projection equals the fold from scratch.
    pub projection_ok: bool,
}
