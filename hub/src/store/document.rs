//! Documents: whose each is, and its frontier, which lets a change be checked without opening the document.

use std::collections::BTreeMap;

use outpost_model::id::SiteId;
use outpost_sync::repair::{Fingerprint, Standing};
use outpost_sync::{ChangeHash, DocumentId, Inspection};
use sqlx::AnyConnection;

pub use super::frontier::{Break, Frontier};
use super::many::{self, Cell};
use super::place::Place;
use super::repair;
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
    /// Its place in repair.
    pub place: Place,
}

impl Row {
    /// Takes a checked change in.
    pub fn advance(&mut self, change: &Inspection, hash: ChangeHash) {
        self.frontier.advance(change, hash);
        self.place.advance(&change.deps, hash);
    }

    /// What the document is here.
    pub fn standing(&self) -> Standing {
        if self.quarantined.is_some() { Standing::Held } else { self.place.standing }
    }
}

/// Several documents; those that do not exist are missing from the answer.
pub async fn some(db: &mut AnyConnection, docs: &[String]) -> Result<BTreeMap<DocumentId, Row>, HubError> {
    let rows = many::select(db, "SELECT * FROM document WHERE doc IN", "", None, docs).await?;
    rows.iter().map(|row| read(row).map(|row| (row.doc.clone(), row))).collect()
}

/// The same by their ids.
pub async fn named(
    db: &mut AnyConnection,
    docs: &[DocumentId],
) -> Result<BTreeMap<DocumentId, Row>, HubError> {
    let docs: Vec<String> = docs.iter().map(ToString::to_string).collect();
    some(db, &docs).await
}

/// How many documents a site has founded that are here, its ledger's pages and its days.
pub async fn founded_by(db: &mut AnyConnection, site: &SiteId) -> Result<u64, HubError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS founded FROM document WHERE site = $1 AND (doc LIKE 'ledger/%' OR doc LIKE 'day/%')",
    )
    .bind(site.as_str())
    .fetch_one(db)
    .await?;
    unsigned(&row, TABLE, "founded")
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
    let mut deltas: BTreeMap<(String, u8), (i64, i64)> = BTreeMap::new();
    for row in documents {
        let share = repair::share(row);
        let bucket = Fingerprint::of(&row.doc, &[]).bucket;
        let delta = deltas.entry((row.site.to_string(), bucket)).or_default();
        for fingerprint in [&share, &row.place.share].into_iter().flatten() {
            let (x, y) = fingerprint.halves();
            *delta = (delta.0 ^ x, delta.1 ^ y);
        }
        rows.push([
            Cell::from(row.doc.as_str()),
            row.site.as_str().into(),
            signed(row.site_n).into(),
            signed(row.hub_n).into(),
            row.frontier.to_string().into(),
            row.quarantined.clone().into(),
            Some(i64::from(bucket)).into(),
            Some(row.place.to_string()).into(),
        ]);
    }
    many::insert(
        db,
        "INSERT INTO document (doc, site, site_n, hub_n, frontier, quarantined, bucket, place)",
        "ON CONFLICT (doc) DO UPDATE SET site_n = excluded.site_n, hub_n = excluded.hub_n,
             frontier = excluded.frontier, quarantined = excluded.quarantined, bucket = excluded.bucket,
             place = excluded.place",
        rows,
    )
    .await?;
    repair::toggle(db, deltas).await
}

/// A site's documents of one bucket, by name.
pub async fn of_bucket(
    db: &mut AnyConnection,
    site: &SiteId,
    bucket: u8,
) -> Result<BTreeMap<DocumentId, Row>, HubError> {
    let rows = sqlx::query("SELECT * FROM document WHERE site = $1 AND bucket = $2")
        .bind(site.as_str())
        .bind(i64::from(bucket))
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| read(row).map(|row| (row.doc.clone(), row))).collect()
}

/// Documents that no bucket has, at most `limit`.
pub async fn without_bucket(db: &mut AnyConnection, limit: usize) -> Result<Vec<Row>, HubError> {
    let rows = sqlx::query("SELECT * FROM document WHERE bucket IS NULL ORDER BY doc LIMIT $1")
        .bind(signed(limit as u64))
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

/// Documents of a site that are held, here or there, by id.
pub async fn held(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Row>, HubError> {
    let rows = sqlx::query(
        "SELECT * FROM document WHERE site = $1 AND (quarantined IS NOT NULL OR place LIKE '_1%') ORDER BY doc",
    )
    .bind(site.as_str())
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// Sets a site's document aside, for the first reason that was found.
pub async fn quarantine(
    db: &mut AnyConnection,
    site: &SiteId,
    doc: &DocumentId,
    reason: &str,
) -> Result<(), HubError> {
    let found = named(db, std::slice::from_ref(doc)).await?;
    for mut row in
        found.into_values().filter(|row| row.site == *site && row.place.standing != Standing::Sealed)
    {
        row.quarantined.get_or_insert_with(|| reason.to_owned());
        put(db, &[&row]).await?;
    }
    Ok(())
}

fn read(row: &sqlx::any::AnyRow) -> Result<Row, HubError> {
    let place = column::<Option<String>>(row, TABLE, "place")?.unwrap_or_default();
    let entered = column::<Option<i64>>(row, TABLE, "bucket")?.is_some();
    let mut read = Row {
        doc: parsed(row, TABLE, "doc")?,
        site: parsed(row, TABLE, "site")?,
        site_n: unsigned(row, TABLE, "site_n")?,
        hub_n: unsigned(row, TABLE, "hub_n")?,
        frontier: parsed(row, TABLE, "frontier")?,
        quarantined: column(row, TABLE, "quarantined")?,
        packed: column::<Option<i64>>(row, TABLE, "block")?.is_some(),
        place: place.parse().map_err(|error| HubError::corrupt(TABLE, "place", error))?,
    };
    // What the buckets hold of it now, to be taken out when it is written again.
    read.place.share = repair::share(&read).filter(|_| entered);
    Ok(read)
}
