//! One order with everything that happened to it: its cases, both sequences of each side by side, and why it was
//! routed the way it was.

use outpost_model::event::Side;
use outpost_model::fulfillment::{Fulfillment, Milestone};
use outpost_model::id::{CaseId, EventId};
use outpost_model::milestone::OrderState;
use outpost_model::order::Order;
use outpost_model::routing::Considered;
use outpost_model::time::UtcMillis;
use serde::{Deserialize, Serialize};

/// An order with all that is known of it. No personal data.
#[derive(Debug, Clone, Serialize)]
pub struct OrderDetail {
    /// The order as captured.
    pub order: Order,
    /// Where it stands.
    pub state: OrderState,
    /// Why it is held or waits.
    pub reason: Option<String>,
    /// When it came in.
    pub captured_at: UtcMillis,
    /// When routing looks at it next.
    pub route_at: Option<UtcMillis>,
    /// Its cases, in the order they were offered.
    pub cases: Vec<CaseDetail>,
    /// Events of all cases and both sides, and routing decisions, in the order of their clocks.
    pub timeline: Vec<TimelineEntry>,
    /// Why each part went where it went.
    pub decisions: Vec<Decision>,
    /// Exceptions about it, open and resolved.
    pub exceptions: Vec<super::exceptions::ExceptionRow>,
}

/// A case of an order.
#[derive(Debug, Clone, Serialize)]
pub struct CaseDetail {
    /// The folded state, header included.
    pub fulfillment: Fulfillment,
    /// How far it is.
    pub milestone: Milestone,
    /// Position of its header in the site's stream.
    pub position: u64,
    /// Whether the site has it: the site has acknowledged that position.
    pub at_site: bool,
}

/// Something that happened, as one line of a timeline.
#[derive(Debug, Clone, Serialize)]
pub struct TimelineEntry {
    /// When its writer's clock said it happened.
    pub at: UtcMillis,
    /// The case; none for what is about the whole order.
    pub case: Option<CaseId>,
    /// The site of the case.
    pub site: Option<String>,
    /// Who wrote it.
    pub side: Side,
    /// Its number in that side's sequence; 0 for what is no event, such as the offer itself.
    pub n: u64,
    /// The highest number of the other side its writer had seen.
    pub seen: u64,
    /// Its id; none for what is no event.
    pub event: Option<EventId>,
    /// Who did it.
    pub by: String,
    /// Its kind, such as `picked`.
    pub kind: String,
    /// Its content.
    pub data: serde_json::Value,
}

/// Why a part of an order went where it went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: UtcMillis,
    /// The highest generation of cases before it.
    pub generation: u32,
    /// Version of the rules.
    pub rules: String,
    /// What came of it: `routed`, `partly_routed`, `no_site`, `waiting`.
    pub outcome: String,
    /// The cases it made.
    pub cases: Vec<CaseId>,
    /// Every candidate with what spoke for and against it.
    pub considered: Vec<Considered>,
    /// Lines nobody could take, as `line × quantity`.
    pub unassigned: Vec<outpost_model::routing::Part>,
}
