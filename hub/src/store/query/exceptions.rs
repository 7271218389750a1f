//! Exceptions for lists.

use outpost_model::time::UtcMillis;
use serde::Serialize;
use sqlx::AnyPool;
use sqlx::any::AnyRow;
use uuid::Uuid;

use crate::error::HubError;
use crate::store::{column, parsed};

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Resolved ones, too.
    pub all: bool,
    /// Only with this code.
    pub code: Option<String>,
    /// Only of this order.
    pub order: Option<String>,
    /// At most so many, up to [`super::PAGE_MAX`].
    pub limit: u32,
}

/// Something a person must look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExceptionRow {
    /// Its id.
    pub id: Uuid,
    /// Stable code; each has a runbook.
    pub code: String,
    /// What happened, in a sentence.
    pub sentence: String,
    /// The order it is about.
    pub order: Option<String>,
    /// The order's number.
    pub order_number: Option<String>,
    /// The case it is about.
    pub case: Option<String>,
    /// The site it is about.
    pub site: Option<String>,
    /// The payload that was kept, if it is about one.
    pub payload: Option<String>,
    /// When it was raised.
    pub raised_at: UtcMillis,
    /// When it was resolved.
    pub resolved_at: Option<UtcMillis>,
    /// By whom.
    pub resolved_by: Option<String>,
    /// What was noted then.
    pub note: Option<String>,
}

const LIST: &str = "
    SELECT e.id, e.code, e.sentence, e.order_id, o.number, e.case_id, e.site, e.payload, e.raised_at,
           e.resolved_at, e.resolved_by, e.note
    FROM exception e LEFT JOIN orders o ON o.id = e.order_id
    WHERE ($1 = 1 OR e.resolved_at IS NULL) AND ($2 = '' OR e.code = $2) AND ($3 = '' OR e.order_id = $3)
    ORDER BY e.raised_at DESC, e.id DESC LIMIT $4";

/// Exceptions, the newest first.
pub async fn list(pool: &AnyPool, filter: &Filter) -> Result<Vec<ExceptionRow>, HubError> {
    let rows = sqlx::query(LIST)
        .bind(i64::from(filter.all))
        .bind(filter.code.as_deref().unwrap_or_default())
        .bind(filter.order.as_deref().unwrap_or_default())
        .bind(i64::from(filter.limit.clamp(1, super::PAGE_MAX)))
        .fetch_all(pool)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<ExceptionRow, HubError> {
    const TABLE: &str = "exception";
    let resolved_at: Option<i64> = column(row, TABLE, "resolved_at")?;
    Ok(ExceptionRow {
        id: parsed(row, TABLE, "id")?,
        code: column(row, TABLE, "code")?,
        sentence: column(row, TABLE, "sentence")?,
        order: column(row, TABLE, "order_id")?,
        order_number: column(row, TABLE, "number")?,
        case: column(row, TABLE, "case_id")?,
        site: column(row, TABLE, "site")?,
        payload: column(row, TABLE, "payload")?,
        raised_at: UtcMillis(column(row, TABLE, "raised_at")?),
        resolved_at: resolved_at.map(UtcMillis),
        resolved_by: column(row, TABLE, "resolved_by")?,
        note: column(row, TABLE, "note")?,
    })
}
