//! What one worker leaves for another, who works for the site, to append to its stream.

use outpost_model::id::SiteId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::AnyConnection;
use uuid::Uuid;

use super::{column, json, parsed, to_json, unsigned};
use crate::error::HubError;

/// Leaves an errand. Those of a lower ordinal are done first.
pub async fn put<E: Serialize>(
    db: &mut AnyConnection,
    id: Uuid,
    site: &SiteId,
    (ordinal, errand): (i64, &E),
) -> Result<(), HubError> {
    sqlx::query("INSERT INTO errand (id, site, ordinal, body) VALUES ($1, $2, $3, $4)")
        .bind(id.to_string())
        .bind(site.as_str())
        .bind(ordinal)
        .bind(to_json(errand)?)
        .execute(db)
        .await?;
    Ok(())
}

/// Takes a site's errands away, in the order they are to be done. Whoever takes them does them in this transaction.
pub async fn take<E: DeserializeOwned>(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<E>, HubError> {
    let rows = sqlx::query("DELETE FROM errand WHERE site = $1 RETURNING ordinal, id, body")
        .bind(site.as_str())
        .fetch_all(db)
        .await?;
    let mut errands = Vec::with_capacity(rows.len());
    for row in &rows {
        let place = (unsigned(row, "errand", "ordinal")?, column::<String>(row, "errand", "id")?);
        errands.push((place, json(row, "errand", "body")?));
    }
    errands.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(errands.into_iter().map(|(_, errand)| errand).collect())
}

/// Sites that something was left for.
pub async fn sites(db: &mut AnyConnection) -> Result<Vec<SiteId>, HubError> {
    let rows = sqlx::query("SELECT DISTINCT site FROM errand ORDER BY site LIMIT 256").fetch_all(db).await?;
    rows.iter().map(|row| parsed(row, "errand", "site")).collect()
}
