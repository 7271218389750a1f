//! Documents: whose each is, and its frontier, which lets a change be checked without opening the document.

use std::collections::BTreeMap;

use outpost_model::id::SiteId;
use outpost_sync::DocumentId;
use sqlx::AnyConnection;

pub use super::frontier::{Break, Frontier};
use super::many::{self, Cell};
use super::{column, parsed, signed, unsigned};
use crate::error::HubError;

const TABLE: &str = "document";

/// A document's row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub doc: DocumentId,
    /// The site it is shared with.
    pub site: SiteId,
    /// The site's last event number.
    pub site_n: u64,
    /// The hub's last event number.
    pub hub_n: u64,
    /// What the next change may build on.
    pub frontier: Frontier,
    /// Why changes of it are set aside, if they are.
    pub quarantined: Option<String>,
    /// Whether its changes are packed in a block.
    pub packed: bool,
}

/// Several documents; those that do not exist are missing from the answer.
pub async fn some(db: &mut AnyConnection, docs: &[String]) -> Result<BTreeMap<DocumentId, Row>, HubError> {
    let rows = many::select(db, "SELECT * FROM document WHERE doc IN", "", None, docs).await?;
    rows.iter().map(|row| read(row).map(|row| (row.doc.clone(), row))).collect()
}

/// Documents of a site after one, by id.
pub async fn of_site(
    db: &mut AnyConnection,
    site: &SiteId,
    after: &str,
    limit: u32,
) -> Result<Vec<Row>, HubError> {
    let rows = sqlx::query("SELECT * FROM document WHERE site = $1 AND doc > $2 ORDER BY doc LIMIT $3")
        .bind(site.as_str())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

/// Writes documents, new or changed.
pub async fn put(db: &mut AnyConnection, documents: &[&Row]) -> Result<(), HubError> {
    let mut rows = Vec::with_capacity(documents.len());
    for row in documents {
        rows.push([
            Cell::from(row.doc.as_str()),
            row.site.as_str().into(),
            signed(row.site_n).into(),
            signed(row.hub_n).into(),
            row.frontier.to_string().into(),
            row.quarantined.clone().into(),
        ]);
    }
    many::insert(
        db,
        "INSERT INTO document (doc, site, site_n, hub_n, frontier, quarantined)",
        "ON CONFLICT (doc) DO UPDATE SET site_n = excluded.site_n, hub_n = excluded.hub_n,
             frontier = excluded.frontier, quarantined = excluded.quarantined",
        rows,
    )
    .await?;
    Ok(())
}

/// Sets a site's document aside, for the first reason that was found.
pub async fn quarantine(
    db: &mut AnyConnection,
    site: &SiteId,
    doc: &DocumentId,
    reason: &str,
) -> Result<(), HubError> {
    sqlx::query("UPDATE document SET quarantined = COALESCE(quarantined, $3) WHERE doc = $1 AND site = $2")
        .bind(doc.as_str())
        .bind(site.as_str())
        .bind(reason)
        .execute(db)
        .await?;
    Ok(())
}

fn read(row: &sqlx::any::AnyRow) -> Result<Row, HubError> {
    Ok(Row {
        doc: parsed(row, TABLE, "doc")?,
        site: parsed(row, TABLE, "site")?,
        site_n: unsigned(row, TABLE, "site_n")?,
        hub_n: unsigned(row, TABLE, "hub_n")?,
        frontier: parsed(row, TABLE, "frontier")?,
        quarantined: column(row, TABLE, "quarantined")?,
        packed: column::<Option<i64>>(row, TABLE, "block")?.is_some(),
    })
}
