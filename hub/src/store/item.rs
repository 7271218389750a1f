//! Items of both streams as they are kept: the hub's own under `origin` 0, the sites' under 1.

use std::collections::BTreeSet;

use outpost_model::id::SiteId;
use outpost_sync::{Change, ChangeHash, DocumentId, Incoming, Item, Position, Record};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::many::{self, Cell};
use super::{column, signed};
use crate::error::HubError;

const TABLE: &str = "item";

/// Reads a row's item.
pub(super) fn item(row: &AnyRow) -> Result<Item, HubError> {
    let bytes: Vec<u8> = column(row, TABLE, "bytes")?;
    match column::<Option<String>>(row, TABLE, "doc")? {
        Some(doc) => change(doc, bytes).map(Item::Change),
        None => Ok(Item::Record(Record {
            kind: column(row, TABLE, "kind")?,
            key: column(row, TABLE, "key")?,
            bytes,
        })),
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
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| change(doc.to_string(), column(row, TABLE, "bytes")?)).collect()
}

/// Those of the changes that are here already, each within its document.
pub async fn known(
    db: &mut AnyConnection,
    hashes: &[ChangeHash],
) -> Result<BTreeSet<(DocumentId, ChangeHash)>, HubError> {
    let keys: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.0.to_vec()).collect();
    let rows = many::select(db, "SELECT doc, hash FROM item WHERE hash IN", "", None, &keys).await?;
    rows.iter()
        .map(|row| {
            let hash: Vec<u8> = column(row, TABLE, "hash")?;
            let hash = ChangeHash::from_slice(&hash)
                .ok_or_else(|| HubError::corrupt(TABLE, "hash", "not its number of bytes"))?;
            Ok((super::parsed(row, TABLE, "doc")?, hash))
        })
        .collect()
}

/// Keeps changes of a site, raw. Those that are here already stay as they are.
pub async fn keep(db: &mut AnyConnection, site: &SiteId, items: &[&Incoming]) -> Result<u64, HubError> {
    let rows = items
        .iter()
        .filter_map(|incoming| {
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
