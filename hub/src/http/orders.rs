//! Orders: captured, listed, cancelled, held, approved.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use outpost_daemon::Problem;
use outpost_daemon::extract::{Json, Path, Query, RawBody};
use outpost_model::id::{LineNo, OrderId, ReasonCode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::problem::{failed, verdict};
use crate::Hub;
use crate::app::capture::{self, Answer};
use crate::app::{cancel, stand};
use crate::connect::{Captured, Unreadable, canonical};
use crate::store::order;
use crate::store::payload::Payload;
use crate::store::query::timeline::OrderDetail;
use crate::store::query::{PAGE_DEFAULT, PAGE_MAX, orders, timeline};

/// What became of a delivery of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaptureAnswer {
    /// Our id of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// Whether it was here before.
    pub repeated: bool,
    /// The exception that keeps a payload nobody could understand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<Uuid>,
    /// Why it could not be understood: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// Where in the payload, as a JSON path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Captures an order in our own form. New: 201; here before: 200; not understood: kept whole, 202.
pub async fn capture(State(hub): State<Hub>, RawBody(body): RawBody) -> Result<Response, Problem> {
    let id = OrderId(hub.ids().uuid());
    let read = canonical::read(&body, id, hub.now());
    let raw = Payload {
        channel: "canonical".to_owned(),
        topic: "orders/create".to_owned(),
        delivery: String::new(),
        body: body.to_vec(),
    };
    take(&hub, read, raw).await
}

/// Takes in what a reader made of a payload.
pub async fn take(hub: &Hub, read: Result<Captured, Unreadable>, raw: Payload) -> Result<Response, Problem> {
    match read {
        Ok(read) => {
            let key = (read.order.channel.clone(), read.order.channel_ref.clone());
            let shared = std::sync::Arc::new((read, raw));
            let answer = hub
                .writer
                .run(key, move |unit| {
                    let shared = shared.clone();
                    Box::pin(async move { capture::capture(unit, &shared.0, &shared.1).await })
                })
                .await
                .map_err(failed)?;
            let (status, order, repeated) = match answer {
                Answer::New(order) => (StatusCode::CREATED, order, false),
                Answer::Repeated(order) => (StatusCode::OK, order, true),
            };
            let answer = CaptureAnswer {
                order: Some(order),
                repeated,
                exception: None,
                code: None,
                sentence: None,
                at: None,
            };
            Ok((status, Json(answer)).into_response())
        }
        Err(why) => {
            let shared = std::sync::Arc::new((why.clone(), raw));
            let exception = hub
                .writer
                .run("unreadable", move |unit| {
                    let shared = shared.clone();
                    Box::pin(async move { capture::keep_unreadable(unit, &shared.1, &shared.0).await })
                })
                .await
                .map_err(failed)?;
            let answer = CaptureAnswer {
                order: None,
                repeated: false,
                exception: Some(exception),
                code: Some(why.code.to_owned()),
                sentence: Some(why.sentence),
                at: Some(why.at),
            };
            Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
        }
    }
}

/// What to list.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ListQuery {
    /// Only in this state.
    #[serde(default)]
    pub state: Option<String>,
    /// Beginning of the number, channel reference or id.
    #[serde(default)]
    pub q: Option<String>,
    /// Only orders after this one in the list.
    #[serde(default)]
    pub after: Option<OrderId>,
    /// At most so many.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// A page of orders.
#[derive(Debug, Clone, Serialize)]
pub struct OrderList {
    /// The orders, the newest first.
    pub orders: Vec<orders::OrderSummary>,
    /// What to ask for with `after` to get older ones; nothing when this page was not full.
    pub next: Option<OrderId>,
}

/// Orders, the newest first.
pub async fn list(
    State(hub): State<Hub>,
    Query(query): Query<ListQuery>,
) -> Result<Json<OrderList>, Problem> {
    let state = match query.state.as_deref().filter(|name| !name.is_empty()) {
        None => None,
        Some(name) => Some(order::state_of(name).ok_or_else(|| {
            let names: Vec<_> = order::STATES.into_iter().map(order::state_name).collect();
            Problem::bad_request("unknown_state", "There is no such state.")
                .detail(format!("Allowed are {}.", names.join(", ")))
        })?),
    };
    let limit = query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let filter = orders::Filter { state, q: query.q, after: query.after, limit };
    let orders = orders::list(hub.store.read(), &filter).await.map_err(failed)?;
    let is_full = orders.len() >= limit as usize;
    let next = orders.last().filter(|_| is_full).map(|order| order.id);
    Ok(Json(OrderList { orders, next }))
}

/// An order with its cases, both sequences of each, and why it was routed the way it was.
pub async fn detail(State(hub): State<Hub>, Path(id): Path<OrderId>) -> Result<Json<OrderDetail>, Problem> {
    let found = timeline::detail(hub.store.read(), id, hub.life.incarnation).await.map_err(failed)?;
    found.map(Json).ok_or_else(|| Problem::not_found("no_such_order", "There is no such order."))
}

/// Why an order is held or cancelled.
#[derive(Debug, Clone, Deserialize)]
pub struct Because {
    /// A reason code.
    pub reason: ReasonCode,
    /// The lines; none means all. Only for cancelling.
    #[serde(default)]
    pub lines: Vec<LineNo>,
}

/// Cancels an order or some of its lines.
pub async fn cancel(
    State(hub): State<Hub>,
    Path(id): Path<OrderId>,
    Json(because): Json<Because>,
) -> Result<Json<cancel::Cancelled>, Problem> {
    let outcome = hub
        .writer
        .run(id, move |unit| {
            let because = because.clone();
            Box::pin(async move { cancel::cancel(unit, id, &because.reason, &because.lines).await })
        })
        .await;
    verdict(outcome).map(Json)
}

/// Holds an order.
pub async fn hold(
    State(hub): State<Hub>,
    Path(id): Path<OrderId>,
    Json(because): Json<Because>,
) -> Result<StatusCode, Problem> {
    let outcome = hub
        .writer
        .run(id, move |unit| {
            let reason = because.reason.clone();
            Box::pin(async move { stand::hold(unit, id, &reason).await })
        })
        .await;
    verdict(outcome).map(|()| StatusCode::NO_CONTENT)
}

/// Approves an order, whatever held it.
pub async fn approve(State(hub): State<Hub>, Path(id): Path<OrderId>) -> Result<StatusCode, Problem> {
    let outcome = hub.writer.run(id, move |unit| Box::pin(stand::approve(unit, id))).await;
    verdict(outcome).map(|()| StatusCode::NO_CONTENT)
}
