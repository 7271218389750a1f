//! The line to each site: whether it is up and when the site was last heard of.

use std::collections::BTreeMap;

use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{column, parsed};
use crate::error::HubError;

const TABLE: &str = "line";

/// The state of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Whether the site is heard of as often as it should be.
    pub up: bool,
    /// Since when.
    pub since: UtcMillis,
    /// When it was last heard of.
    pub last_seen: UtcMillis,
}

/// Notes that a site was heard of, or has fallen silent when `up` is false. Says whether that is new.
pub async fn note(db: &mut AnyConnection, site: &SiteId, up: bool, now: UtcMillis) -> Result<bool, HubError> {
    let row = sqlx::query(
        "INSERT INTO line (site, up, since, last_seen) VALUES ($1, $2, $3, $4)
         ON CONFLICT (site) DO UPDATE SET
             since = CASE WHEN line.up = excluded.up THEN line.since ELSE excluded.since END,
             up = excluded.up,
             last_seen = CASE WHEN excluded.up = 1 THEN excluded.last_seen ELSE line.last_seen END
         RETURNING since",
    )
    .bind(site.as_str())
    .bind(i64::from(up))
    .bind(now.0)
    .bind(if up { now.0 } else { 0 })
    .fetch_one(db)
    .await?;
    Ok(column::<i64>(&row, TABLE, "since")? == now.0)
}

/// The line to one site, if it was ever heard of.
pub async fn get(db: &mut AnyConnection, site: &SiteId) -> Result<Option<Line>, HubError> {
    let row = sqlx::query("SELECT up, since, last_seen FROM line WHERE site = $1")
        .bind(site.as_str())
        .fetch_optional(db)
        .await?;
    row.map(|row| read(&row)).transpose()
}

/// The lines of all sites that were ever heard of.
pub async fn all(db: &mut AnyConnection) -> Result<BTreeMap<SiteId, Line>, HubError> {
    let rows = sqlx::query("SELECT site, up, since, last_seen FROM line").fetch_all(db).await?;
    rows.iter().map(|row| Ok((parsed(row, TABLE, "site")?, read(row)?))).collect()
}

pub(crate) fn read(row: &AnyRow) -> Result<Line, HubError> {
    Ok(Line {
        up: column::<i64>(row, TABLE, "up")? == 1,
        since: UtcMillis(column(row, TABLE, "since")?),
        last_seen: UtcMillis(column(row, TABLE, "last_seen")?),
    })
}
