//! Items of both streams as they are kept: the hub's own under `origin` 0, the sites' under 1.

use std::collections::BTreeSet;

use outpost_model::id::SiteId;
use outpost_sync::{
    Change, ChangeHash, Document, DocumentId, Incoming, Inspection, Item, Limits, Position, Record,
};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::block::READER;
use super::many::{self, Cell};
use super::{archive, column, enrollment, signed};
use crate::error::HubError;

const TABLE: &str = "item";

/// Reads a row's item.
pub(super) fn item(row: &AnyRow) -> Result<Item, HubError> {
    let bytes: Vec<u8> = column(row, TABLE, "bytes")?;
    match column::<Option<String>>(row, TABLE, "doc")? {
        Some(doc) => change(doc, bytes).map(Item::Change),
        None => {
            let (kind, key) = (column::<String>(row, TABLE, "kind")?, column::<String>(row, TABLE, "key")?);
            Ok(Item::Record(Record::new(kind, key, bytes)))
        }
    }
}

fn change(doc: String, bytes: Vec<u8>) -> Result<Change, HubError> {
    let id = DocumentId::new(doc.clone()).map_err(|error| HubError::corrupt(TABLE, &doc, error))?;
    Change::from_bytes(id, bytes).map_err(|error| HubError::corrupt(TABLE, doc, error))
}

/// Every change of a document, of both sides, each side's in its order.
pub async fn changes(db: &mut AnyConnection, doc: &DocumentId) -> Result<Vec<Change>, HubError> {
    let rows = sqlx::query("SELECT bytes FROM item WHERE doc = $1 ORDER BY origin, n")
        .bind(doc.as_str())
        .fetch_all(&mut *db)
        .await?;
    if rows.is_empty() {
        return archive::changes(db, doc).await;
    }
    rows.iter().map(|row| change(doc.to_string(), column(row, TABLE, "bytes")?)).collect()
}

/// The hub's changes of a document, each after what it builds on: those that nobody of the site has written.
pub async fn own_changes(
    db: &mut AnyConnection,
    site: &SiteId,
    doc: &DocumentId,
) -> Result<Vec<Change>, HubError> {
    let theirs = enrollment::incarnations(db, site).await?;
    let damaged = |error| HubError::corrupt(TABLE, doc, error);
    let mut document =
        Document::open(doc.clone(), READER, None, &changes(db, doc).await?).map_err(damaged)?;
    let own = |change: &Change| {
        Inspection::of(change, &Limits::PROTOCOL).is_ok_and(|read| !theirs.contains_key(&read.author))
    };
    Ok(document.changes().map_err(damaged)?.into_iter().filter(own).collect())
}

/// Forgets labels of cases that are closed.
pub async fn forget_labels(db: &mut AnyConnection) -> Result<u64, HubError> {
    let done = sqlx::query(
        "DELETE FROM item WHERE kind = 'label' AND origin = 0 AND EXISTS (
             SELECT 1 FROM cursor WHERE site = item.site AND way = 0 AND incarnation = item.incarnation
                 AND cursor.n >= item.n)
           AND NOT EXISTS (
             SELECT 1 FROM cases WHERE cases.site = item.site AND live = 1 AND state LIKE '%' || item.key || '%')",
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// The changes of documents that are here already.
pub async fn known(
    db: &mut AnyConnection,
    docs: &[String],
) -> Result<BTreeSet<(DocumentId, ChangeHash)>, HubError> {
    let rows = many::select(db, "SELECT doc, hash FROM item WHERE doc IN", "", None, docs).await?;
    rows.iter()
        .map(|row| {
            let hash: Vec<u8> = column(row, TABLE, "hash")?;
            let hash = ChangeHash::from_slice(&hash)
                .ok_or_else(|| HubError::corrupt(TABLE, "hash", "not its number of bytes"))?;
            Ok((super::parsed(row, TABLE, "doc")?, hash))
        })
        .collect()
}

/// Keeps changes of sites, raw. Those that are here already stay as they are; how many were new.
pub async fn keep(db: &mut AnyConnection, items: &[(&SiteId, &Incoming)]) -> Result<u64, HubError> {
    let rows = items
        .iter()
        .filter_map(|(site, incoming)| {
            let Item::Change(change) = &incoming.item else { return None };
            Some([
                Cell::from(site.as_str()),
                Cell::Int(1),
                (&incoming.position.incarnation.0[..]).into(),
                signed(incoming.position.n).into(),
                (&[][..]).into(),
                change.doc.as_str().into(),
                (&change.hash.0[..]).into(),
                change.bytes.clone().into(),
            ])
        })
        .collect();
    many::insert(
        db,
        "INSERT INTO item (site, origin, incarnation, n, running, doc, hash, bytes)",
        "ON CONFLICT DO NOTHING",
        rows,
    )
    .await
}

/// A position for messages.
pub fn place(position: Position) -> String {
    format!("{}:{}", position.incarnation, position.n)
}
