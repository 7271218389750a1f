//! Orders as captured, and how far each has come.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::id::{LineNo, OrderId, RecordId, SiteId};
use outpost_model::milestone::{OrderState, Standing};
use outpost_model::order::Order;
use outpost_model::time::UtcMillis;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{column, json, many, parsed, to_json};
use crate::error::HubError;

const TABLE: &str = "orders";

/// A state's name in columns and interfaces.
pub fn state_name(state: OrderState) -> &'static str {
    match state {
        OrderState::Captured => "captured",
        OrderState::Held => "held",
        OrderState::Approved => "approved",
        OrderState::Routed => "routed",
        OrderState::InProgress => "in_progress",
        OrderState::PartiallyFulfilled => "partially_fulfilled",
        OrderState::Fulfilled => "fulfilled",
        OrderState::Cancelled => "cancelled",
        OrderState::Returned => "returned",
    }
}

/// All states, in the order an order goes through them.
pub const STATES: [OrderState; 9] = [
    OrderState::Captured,
    OrderState::Held,
    OrderState::Approved,
    OrderState::Routed,
    OrderState::InProgress,
    OrderState::PartiallyFulfilled,
    OrderState::Fulfilled,
    OrderState::Cancelled,
    OrderState::Returned,
];

/// The state of a name.
pub fn state_of(name: &str) -> Option<OrderState> {
    STATES.into_iter().find(|state| state_name(*state) == name)
}

/// What the hub has decided about an order beside what its cases say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What was decided about it as a whole.
    pub standing: Standing,
    /// Lines that are not wanted any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub withdrawn: BTreeSet<LineNo>,
    /// Sites that have failed a line: it is not offered to them again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<LineNo, BTreeSet<SiteId>>,
    /// The highest generation of its cases.
    #[serde(default)]
    pub generation: u32,
    /// How often parts of it were routed anew.
    #[serde(default)]
    pub reroutes: u32,
    /// Whether a person has approved it in spite of what the rules say.
    #[serde(default)]
    pub approved_by_person: bool,
}

impl Progress {
    /// An order about which nothing is decided yet.
    pub fn captured() -> Self {
        Self {
            standing: Standing::Captured,
            withdrawn: BTreeSet::new(),
            failed: BTreeMap::new(),
            generation: 0,
            reroutes: 0,
            approved_by_person: false,
        }
    }
}

/// An order's row.
#[derive(Debug, Clone)]
pub struct Row {
    /// The order as captured.
    pub order: Order,
    /// Where it stands.
    pub state: OrderState,
    /// Why it is held.
    pub reason: Option<String>,
    /// When it came in.
    pub captured_at: UtcMillis,
    /// When routing should look at it; nothing when there is nothing to route.
    pub route_at: Option<UtcMillis>,
    /// The record of its contact.
    pub consignee: Option<RecordId>,
    /// What the hub has decided.
    pub progress: Progress,
}

/// Writes a new order; `false` when the channel's order is there already.
pub async fn insert(db: &mut AnyConnection, row: &Row) -> Result<bool, HubError> {
    let order = &row.order;
    let done = sqlx::query(
        "INSERT INTO orders (id, channel, channel_ref, number, state, reason, service, placed_at, captured_at,
                             total_minor, currency, route_at, consignee, body, progress)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT (channel, channel_ref) DO NOTHING",
    )
    .bind(order.id.to_string())
    .bind(order.channel.as_str())
    .bind(&order.channel_ref)
    .bind(&order.number)
    .bind(state_name(row.state))
    .bind(row.reason.as_deref())
    .bind(order.delivery.service().as_str())
    .bind(order.placed_at.0)
    .bind(row.captured_at.0)
    .bind(order.total.minor)
    .bind(order.currency.as_str())
    .bind(row.route_at.map(|at| at.0))
    .bind(row.consignee.map(|record| record.to_string()))
    .bind(to_json(order)?)
    .bind(to_json(&row.progress)?)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes what may change of an order: state, reason, when to route, and what was decided.
pub async fn update(db: &mut AnyConnection, row: &Row) -> Result<(), HubError> {
    let done =
        sqlx::query("UPDATE orders SET state = $2, reason = $3, route_at = $4, progress = $5 WHERE id = $1")
            .bind(row.order.id.to_string())
            .bind(state_name(row.state))
            .bind(row.reason.as_deref())
            .bind(row.route_at.map(|at| at.0))
            .bind(to_json(&row.progress)?)
            .execute(db)
            .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(HubError::Invariant(format!("order {} is gone", row.order.id)))
}

/// Writes an order anew under its id.
pub async fn replace(db: &mut AnyConnection, row: &Row) -> Result<(), HubError> {
    let order = &row.order;
    sqlx::query(
        "UPDATE orders SET channel_ref = $2, number = $3, service = $4, placed_at = $5, total_minor = $6,
             currency = $7, consignee = $8, body = $9 WHERE id = $1",
    )
    .bind(order.id.to_string())
    .bind(&order.channel_ref)
    .bind(&order.number)
    .bind(order.delivery.service().as_str())
    .bind(order.placed_at.0)
    .bind(order.total.minor)
    .bind(order.currency.as_str())
    .bind(row.consignee.map(|record| record.to_string()))
    .bind(to_json(order)?)
    .execute(&mut *db)
    .await?;
    update(db, row).await
}

/// Locks an order to the end of the transaction and reads it.
pub async fn lock(db: &mut AnyConnection, order: OrderId) -> Result<Option<Row>, HubError> {
    let row = sqlx::query("UPDATE orders SET state = state WHERE id = $1 RETURNING *")
        .bind(order.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| read(&row)).transpose()
}

/// Locks several orders to the end of the transaction and reads them.
pub async fn lock_all(db: &mut AnyConnection, orders: &[String]) -> Result<Vec<Row>, HubError> {
    let tail = super::locked(db);
    let rows = many::select(db, "SELECT * FROM orders WHERE id IN", tail, None, orders).await?;
    rows.iter().map(read).collect()
}

/// Writes what may change of several orders that are locked.
pub async fn update_all(db: &mut AnyConnection, orders: &[Row]) -> Result<(), HubError> {
    let mut rows = Vec::with_capacity(orders.len());
    for row in orders {
        rows.push([
            many::Cell::Text(row.order.id.to_string()),
            state_name(row.state).into(),
            row.reason.clone().into(),
            row.route_at.map(|at| at.0).into(),
            to_json(&row.progress)?.into(),
        ]);
    }
    let written = many::insert(
        db,
        "UPDATE orders SET state = v.column2, reason = v.column3, route_at = v.column4, progress = v.column5
         FROM (",
        ") AS v WHERE orders.id = v.column1",
        rows,
    )
    .await?;
    if written == orders.len() as u64 {
        return Ok(());
    }
    Err(HubError::Invariant(format!("{written} of {} orders were there to be written", orders.len())))
}

/// Reads an order.
pub async fn get(db: &mut AnyConnection, order: OrderId) -> Result<Option<Row>, HubError> {
    let row =
        sqlx::query("SELECT * FROM orders WHERE id = $1").bind(order.to_string()).fetch_optional(db).await?;
    row.map(|row| read(&row)).transpose()
}

/// The id under which a channel's order is kept.
pub async fn by_channel_ref(
    db: &mut AnyConnection,
    channel: &str,
    channel_ref: &str,
) -> Result<Option<OrderId>, HubError> {
    let row = sqlx::query("SELECT id FROM orders WHERE channel = $1 AND channel_ref = $2")
        .bind(channel)
        .bind(channel_ref)
        .fetch_optional(db)
        .await?;
    row.map(|row| parsed(&row, TABLE, "id")).transpose()
}

/// Orders that routing should look at now, the oldest first.
pub async fn due(db: &mut AnyConnection, now: UtcMillis, limit: i64) -> Result<Vec<OrderId>, HubError> {
    // SQLite plans a statement anew for every limit that it can see.
    let rows = sqlx::query(
        "SELECT id FROM orders WHERE route_at <= $1 ORDER BY route_at, id LIMIT CAST($2 AS BIGINT)",
    )
    .bind(now.0)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| parsed(row, TABLE, "id")).collect()
}

/// Brings forward the orders that wait for stock or a site: something has changed.
pub async fn hurry(db: &mut AnyConnection, now: UtcMillis) -> Result<u64, HubError> {
    let done =
        sqlx::query("UPDATE orders SET route_at = $1 WHERE route_at > $1").bind(now.0).execute(db).await?;
    Ok(done.rows_affected())
}

pub(crate) fn read(row: &AnyRow) -> Result<Row, HubError> {
    let consignee: Option<String> = column(row, TABLE, "consignee")?;
    let route_at: Option<i64> = column(row, TABLE, "route_at")?;
    Ok(Row {
        order: json(row, TABLE, "body")?,
        state: state_of(column(row, TABLE, "state")?)
            .ok_or_else(|| HubError::corrupt(TABLE, "state", "not the name of a state"))?,
        reason: column(row, TABLE, "reason")?,
        captured_at: UtcMillis(column(row, TABLE, "captured_at")?),
        route_at: route_at.map(UtcMillis),
        consignee: consignee
            .map(|record| record.parse())
            .transpose()
            .map_err(|error| HubError::corrupt(TABLE, "consignee", error))?,
        progress: json(row, TABLE, "progress")?,
    })
}
