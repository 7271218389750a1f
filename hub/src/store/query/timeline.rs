//! One order with everything that happened to it: its cases, both sequences of each side by side, and why it was
//! routed the way it was.

use outpost_model::event::{Body, Event, Kind, Side, tag_and_data};
use outpost_model::fulfillment::{Fulfillment, Milestone};
use outpost_model::id::{CaseId, DocumentKey, EventId, OrderId};
use outpost_model::milestone::OrderState;
use outpost_model::order::Order;
use outpost_model::routing::Considered;
use outpost_model::time::UtcMillis;
use outpost_sync::{DocumentId, Incarnation};
use serde::{Deserialize, Serialize};
use sqlx::AnyPool;

use super::exceptions;
use crate::error::HubError;
use crate::replicate::verify;
use crate::store::{case, decision, document, order, outbox, stream};

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

/// An order with all that is known of it. The sequences come from the documents themselves.
pub async fn detail(
    pool: &AnyPool,
    id: OrderId,
    actor: Incarnation,
) -> Result<Option<OrderDetail>, HubError> {
    let mut db = pool.acquire().await?;
    let Some(row) = order::get(&mut db, id).await? else { return Ok(None) };
    let mut cases = Vec::new();
    let mut timeline = Vec::new();
    for case in case::of_order(&mut db, id).await? {
        let key = DocumentKey::Case(case.state.header.case);
        let doc = DocumentId::new(key.to_string())
            .map_err(|error| HubError::Invariant(format!("a case without a document: {error}")))?;
        if let Some(row) = document::some(&mut db, &[doc.to_string()]).await?.remove(&doc) {
            let opened = verify::open(&mut db, &row, actor).await?;
            let sequences = verify::sequences(&opened)?;
            timeline.push(offered(&case));
            timeline.extend(sequences.site.iter().map(|event| entry(&case, Side::Site, event)));
            timeline.extend(sequences.hub.iter().map(|event| entry(&case, Side::Hub, event)));
        }
        let site = &case.state.header.site;
        let through = match stream::peek(&mut db, site).await? {
            Some(head) => outbox::through(&mut db, site, head.mark.incarnation).await?,
            None => 0,
        };
        cases.push(CaseDetail {
            milestone: case.state.milestone(),
            at_site: through >= case.position,
            position: case.position,
            fulfillment: case.state,
        });
    }
    timeline.sort_by_key(|entry| (entry.at, entry.n));
    let decisions = decision::of_order(&mut db, id).await?;
    drop(db);
    let filter =
        exceptions::Filter { all: true, code: None, order: Some(id.to_string()), limit: super::PAGE_MAX };
    Ok(Some(OrderDetail {
        state: row.state,
        reason: row.reason,
        captured_at: row.captured_at,
        route_at: row.route_at,
        order: row.order,
        cases,
        timeline,
        decisions,
        exceptions: exceptions::list(pool, &filter).await?,
    }))
}

fn offered(case: &case::Row) -> TimelineEntry {
    let header = &case.state.header;
    let lines: Vec<_> =
        header.lines.iter().map(|line| serde_json::json!({ "line": line.line, "qty": line.qty })).collect();
    TimelineEntry {
        at: header.offered_at,
        case: Some(header.case),
        site: Some(header.site.to_string()),
        side: Side::Hub,
        n: 0,
        seen: 0,
        event: None,
        by: "hub".to_owned(),
        kind: "offered".to_owned(),
        data: serde_json::json!({ "lines": lines, "generation": header.generation }),
    }
}

fn entry<K: Kind>(case: &case::Row, side: Side, event: &Event<K>) -> TimelineEntry {
    let (kind, data) = match &event.body {
        Body::Known(known) => tag_and_data(known),
        Body::Unknown { kind, data } => (kind.clone(), data.clone()),
    };
    TimelineEntry {
        at: event.at,
        case: Some(case.state.header.case),
        site: Some(case.state.header.site.to_string()),
        side,
        n: event.n,
        seen: event.seen,
        event: Some(event.id),
        by: event.by.to_string(),
        kind,
        data,
    }
}
