//! Marks in streams, one row for each site, direction and incarnation of the writer.

use outpost_model::id::SiteId;
use outpost_sync::{Incarnation, Mark, Running};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::many::{self, Cell};
use super::{column, signed, unsigned};
use crate::error::HubError;

/// From the hub to the site: what the site has acknowledged.
pub(super) const DOWN: i64 = 0;
/// From the site to the hub: what the hub has stored.
pub(super) const UP: i64 = 1;
/// From the site to the hub: what a copy of the hub's database contains.
pub(super) const IN_BACKUP: i64 = 2;

/// All marks of a direction.
pub(super) async fn all(db: &mut AnyConnection, site: &SiteId, way: i64) -> Result<Vec<AnyRow>, HubError> {
    let rows = sqlx::query("SELECT * FROM cursor WHERE site = $1 AND way = $2 ORDER BY incarnation")
        .bind(site.as_str())
        .bind(way)
        .fetch_all(db)
        .await?;
    Ok(rows)
}

/// All marks of a direction of several sites.
pub(super) async fn of_sites(
    db: &mut AnyConnection,
    sites: &[String],
    way: i64,
) -> Result<Vec<AnyRow>, HubError> {
    let head = if way == UP {
        "SELECT * FROM cursor WHERE way = 1 AND site IN"
    } else {
        "SELECT * FROM cursor WHERE way = 0 AND site IN"
    };
    many::select(db, head, "", None, sites).await
}

/// Writes marks with what stands beyond each; none goes back.
pub(super) async fn save_all(
    db: &mut AnyConnection,
    way: i64,
    marks: Vec<(&SiteId, Mark, Vec<u8>)>,
) -> Result<(), HubError> {
    let rows = marks.into_iter().map(|(site, mark, beyond)| {
        [
            Cell::from(site.as_str()),
            Cell::Int(way),
            (&mark.incarnation.0[..]).into(),
            signed(mark.n).into(),
            (&mark.running.0[..]).into(),
            beyond.into(),
        ]
    });
    many::insert(
        db,
        "INSERT INTO cursor (site, way, incarnation, n, running, beyond)",
        "ON CONFLICT (site, way, incarnation) DO UPDATE SET n = excluded.n, running = excluded.running,
             beyond = excluded.beyond WHERE cursor.n <= excluded.n",
        rows.collect(),
    )
    .await?;
    Ok(())
}

/// Reads a row's mark.
pub(super) fn mark(row: &AnyRow) -> Result<Mark, HubError> {
    let wrong = |name| HubError::corrupt("cursor", name, "not its number of bytes");
    let incarnation: Vec<u8> = column(row, "cursor", "incarnation")?;
    let running: Vec<u8> = column(row, "cursor", "running")?;
    Ok(Mark {
        incarnation: Incarnation::from_slice(&incarnation).ok_or_else(|| wrong("incarnation"))?,
        n: unsigned(row, "cursor", "n")?,
        running: Running::from_slice(&running).ok_or_else(|| wrong("running"))?,
    })
}
