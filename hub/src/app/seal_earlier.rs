//! Seals what an earlier version kept in plain, a little at a time. On PostgreSQL beside all other work; a file of SQLite
//! at the start, since it is written anew afterwards to forget what it held.

use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;

use crate::error::HubError;
use crate::store::sealed::{self, CONTACT};
use crate::store::{Store, column, payload};
use crate::write::{Unit, Writer};

/// Rows in one transaction.
const ROWS_MAX: i64 = 100;

/// Lets a file forget what an earlier version wrote into it, once. Where there is no room for a second copy of it the hub
/// starts all the same, and tries again at its next start.
pub async fn forget_plain(store: &Store, writer: &Writer) -> Result<(), HubError> {
    if !store.is_to_be_written_anew().await? {
        return Ok(());
    }
    tracing::info!("sealing what an earlier version kept in plain");
    while writer.run("retention", |unit| Box::pin(seal_earlier(unit))).await? {}
    if let Err(error) = store.write_anew().await {
        tracing::error!(%error, "the database could not be written anew: free pages of it may hold names in plain");
    }
    Ok(())
}

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
