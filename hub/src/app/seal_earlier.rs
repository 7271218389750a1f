//! Seals what an earlier version kept in plain: a little at a time, beside all other work.

use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;

use crate::error::HubError;
use crate::store::sealed::{self, CONTACT};
use crate::store::{column, payload};
use crate::write::Unit;

/// Rows in one transaction.
const ROWS_MAX: i64 = 100;

/// Seals some; `true` when there may be more.
pub async fn seal_earlier(unit: &mut Unit) -> Result<bool, HubError> {
    let contacts = sqlx::query("SELECT record, retain_until, body FROM contact ORDER BY record LIMIT $1")
        .bind(ROWS_MAX)
        .fetch_all(unit.db())
        .await?;
    for row in &contacts {
        let record: String = column(row, "contact", "record")?;
        let until = UtcMillis(column(row, "contact", "retain_until")?);
        let name = Name { kind: CONTACT, key: &record };
        let bytes = unit.seal(name, until, column::<String>(row, "contact", "body")?.as_bytes());
        sealed::put(unit.db(), name, until, &bytes).await?;
        sqlx::query("DELETE FROM contact WHERE record = $1").bind(&record).execute(unit.db()).await?;
    }
    let payloads = payload::unsealed(unit.db(), ROWS_MAX).await?;
    for (id, until, body) in &payloads {
        let bytes = unit.seal(Name { kind: sealed::PAYLOAD, key: id }, *until, body);
        payload::replace(unit.db(), id, &bytes).await?;
    }
    Ok((contacts.len().max(payloads.len()) as i64) == ROWS_MAX)
}
