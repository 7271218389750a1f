//! Orders for lists.

use outpost_model::header::Service;
use outpost_model::id::{ChannelId, OrderId};
use outpost_model::milestone::OrderState;
use outpost_model::money::Money;
use outpost_model::time::UtcMillis;
use serde::Serialize;
use sqlx::AnyPool;

use crate::error::HubError;
use crate::store::{column, order, parsed, unsigned};

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only orders in this state.
    pub state: Option<OrderState>,
    /// Only orders whose number begins with this or whose channel reference is this.
    pub q: Option<String>,
    /// Only orders after this one in the list (older ones).
    pub after: Option<OrderId>,
    /// At most so many, up to [`super::PAGE_MAX`].
    pub limit: u32,
}

/// An order in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderSummary {
    /// Its id.
    pub id: OrderId,
    /// The number customers and staff know.
    pub number: String,
    /// Where it was bought.
    pub channel: ChannelId,
    /// The channel's own id.
    pub channel_ref: String,
    /// Where it stands.
    pub state: OrderState,
    /// Why it is held or waits.
    pub reason: Option<String>,
    /// How the customer gets it.
    pub service: Service,
    /// When it was placed.
    pub placed_at: UtcMillis,
    /// When it came in.
    pub captured_at: UtcMillis,
    /// What it costs.
    pub total: Money,
    /// Sites that have or had a part of it, by id, with a comma between.
    pub sites: Vec<String>,
    /// Exceptions that are open.
    pub exceptions: u64,
}

const LIST: &str = "
    SELECT o.id, o.number, o.channel, o.channel_ref, o.state, o.reason, o.service, o.placed_at, o.captured_at,
           o.total_minor, o.currency,
           (SELECT COUNT(*) FROM exception e WHERE e.order_id = o.id AND e.resolved_at IS NULL) AS exceptions
    FROM orders o
    WHERE ($1 = '' OR o.state = $1)
      AND ($2 = '' OR o.number LIKE $3 ESCAPE '!' OR o.channel_ref = $2 OR o.id = $2)
      AND ($4 = '' OR o.captured_at < $5 OR (o.captured_at = $5 AND o.id < $4))
    ORDER BY o.captured_at DESC, o.id DESC LIMIT $6";

/// Orders, the newest first.
pub async fn list(pool: &AnyPool, filter: &Filter) -> Result<Vec<OrderSummary>, HubError> {
    let q = filter.q.as_deref().map(str::trim).unwrap_or_default();
    let after = match filter.after {
        None => None,
        Some(id) => sqlx::query("SELECT captured_at FROM orders WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(pool)
            .await?
            .map(|row| column::<i64>(&row, "orders", "captured_at"))
            .transpose()?
            .map(|at| (id.to_string(), at)),
    };
    let (after_id, after_at) = after.unwrap_or_default();
    let rows = sqlx::query(LIST)
        .bind(filter.state.map(order::state_name).unwrap_or_default())
        .bind(q)
        .bind(prefix(q))
        .bind(after_id)
        .bind(after_at)
        .bind(i64::from(filter.limit.clamp(1, super::PAGE_MAX)))
        .fetch_all(pool)
        .await?;
    let mut orders = Vec::with_capacity(rows.len());
    for row in &rows {
        const TABLE: &str = "orders";
        let currency = parsed(row, TABLE, "currency")?;
        let id: OrderId = parsed(row, TABLE, "id")?;
        orders.push(OrderSummary {
            id,
            number: column(row, TABLE, "number")?,
            channel: parsed(row, TABLE, "channel")?,
            channel_ref: column(row, TABLE, "channel_ref")?,
            state: order::state_of(column(row, TABLE, "state")?)
                .ok_or_else(|| HubError::corrupt(TABLE, id, "not the name of a state"))?,
            reason: column(row, TABLE, "reason")?,
            service: parsed(row, TABLE, "service")?,
            placed_at: UtcMillis(column(row, TABLE, "placed_at")?),
            captured_at: UtcMillis(column(row, TABLE, "captured_at")?),
            total: Money { minor: column(row, TABLE, "total_minor")?, currency },
            sites: sites(pool, id).await?,
            exceptions: unsigned(row, TABLE, "exceptions")?,
        });
    }
    Ok(orders)
}

async fn sites(pool: &AnyPool, order: OrderId) -> Result<Vec<String>, HubError> {
    let rows = sqlx::query("SELECT DISTINCT site FROM cases WHERE order_id = $1 ORDER BY site")
        .bind(order.to_string())
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| column(row, "cases", "site")).collect()
}

/// What is typed is a beginning, with or without the number sign; `%` and `_` in it mean themselves.
pub(super) fn prefix(q: &str) -> String {
    let mut pattern = String::with_capacity(q.len() + 2);
    for letter in q.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
