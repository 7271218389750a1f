//! Items of both streams, and how far each direction has come.

use std::collections::BTreeSet;

use outpost_model::id::SiteId;
use outpost_sync::{
    Change, ChangeHash, Digest, DocumentId, Incarnation, Incoming, Item, Mark, Outgoing, Position, Progress,
    Record, Running,
};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::many::{self, Cell};
use super::{column, signed, unsigned};
use crate::error::HubError;

const TABLE: &str = "item";
const DOWN: i64 = 0;
const UP: i64 = 1;

/// The items of the hub's stream to a site after a number, the oldest first; only of one document when asked.
pub async fn outgoing(
    db: &mut AnyConnection,
    site: &SiteId,
    incarnation: Incarnation,
    after: u64,
    doc: Option<&DocumentId>,
    limit: usize,
) -> Result<Vec<Outgoing>, HubError> {
    let rows = sqlx::query(
        "SELECT n, running, doc, hash, kind, key, bytes FROM item
         WHERE site = $1 AND origin = 0 AND incarnation = $2 AND n > $3 AND ($4 = '' OR doc = $4)
         ORDER BY n LIMIT $5",
    )
    .bind(site.as_str())
    .bind(&incarnation.0[..])
    .bind(signed(after))
    .bind(doc.map(DocumentId::as_str).unwrap_or_default())
    .bind(signed(limit as u64))
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let running: Vec<u8> = column(row, TABLE, "running")?;
            let running = Running::from_slice(&running)
                .ok_or_else(|| HubError::corrupt(TABLE, "running", "not its number of bytes"))?;
            Ok(Outgoing {
                mark: Mark { incarnation, n: unsigned(row, TABLE, "n")?, running },
                item: item(row)?,
            })
        })
        .collect()
}

fn item(row: &AnyRow) -> Result<Item, HubError> {
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
                UP.into(),
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

/// What the hub has stored of a site's stream, by incarnation.
pub async fn progress(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Progress>, HubError> {
    let rows = sqlx::query("SELECT * FROM cursor WHERE site = $1 AND way = $2 ORDER BY incarnation")
        .bind(site.as_str())
        .bind(UP)
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            let beyond: Vec<u8> = column(row, "cursor", "beyond")?;
            let (entries, rest) = beyond.as_chunks::<40>();
            if !rest.is_empty() {
                return Err(HubError::corrupt("cursor", "beyond", "not a multiple of 40 bytes"));
            }
            let beyond = entries.iter().map(|entry| {
                let (n, digest) = entry.split_at(8);
                let n = n.iter().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
                let mut bytes = [0; 32];
                bytes.copy_from_slice(digest);
                (n, Digest(bytes))
            });
            Ok(Progress::restore(mark(row)?, beyond))
        })
        .collect()
}

/// Writes how far an incarnation of a site has been stored.
pub async fn save_progress(
    db: &mut AnyConnection,
    site: &SiteId,
    progress: &Progress,
) -> Result<(), HubError> {
    let mut beyond = Vec::with_capacity(progress.beyond().len() * 40);
    for (n, digest) in progress.beyond() {
        beyond.extend_from_slice(&n.to_be_bytes());
        beyond.extend_from_slice(&digest.0);
    }
    save(db, site, UP, progress.mark(), beyond).await
}

/// How far a site has acknowledged the hub's stream.
pub async fn acknowledged(db: &mut AnyConnection, site: &SiteId) -> Result<Option<Mark>, HubError> {
    let row = sqlx::query("SELECT * FROM cursor WHERE site = $1 AND way = $2 ORDER BY n DESC LIMIT 1")
        .bind(site.as_str())
        .bind(DOWN)
        .fetch_optional(db)
        .await?;
    row.map(|row| mark(&row)).transpose()
}

/// Notes an acknowledgement. Records the site has are forgotten here: personal data and labels do not stay longer
/// under way than they must. Changes stay, since documents are opened from them.
pub async fn save_acknowledged(db: &mut AnyConnection, site: &SiteId, mark: Mark) -> Result<(), HubError> {
    save(db, site, DOWN, mark, Vec::new()).await?;
    sqlx::query(
        "DELETE FROM item WHERE site = $1 AND origin = 0 AND incarnation = $2 AND n <= $3 AND kind IS NOT NULL",
    )
    .bind(site.as_str())
    .bind(&mark.incarnation.0[..])
    .bind(signed(mark.n))
    .execute(db)
    .await?;
    Ok(())
}

async fn save(
    db: &mut AnyConnection,
    site: &SiteId,
    way: i64,
    mark: Mark,
    beyond: Vec<u8>,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO cursor (site, way, incarnation, n, running, beyond) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (site, way, incarnation) DO UPDATE SET n = excluded.n, running = excluded.running,
             beyond = excluded.beyond WHERE cursor.n <= excluded.n",
    )
    .bind(site.as_str())
    .bind(way)
    .bind(&mark.incarnation.0[..])
    .bind(signed(mark.n))
    .bind(&mark.running.0[..])
    .bind(beyond)
    .execute(db)
    .await?;
    Ok(())
}

fn mark(row: &AnyRow) -> Result<Mark, HubError> {
    let wrong = |name| HubError::corrupt("cursor", name, "not its number of bytes");
    let incarnation: Vec<u8> = column(row, "cursor", "incarnation")?;
    let running: Vec<u8> = column(row, "cursor", "running")?;
    Ok(Mark {
        incarnation: Incarnation::from_slice(&incarnation).ok_or_else(|| wrong("incarnation"))?,
        n: unsigned(row, "cursor", "n")?,
        running: Running::from_slice(&running).ok_or_else(|| wrong("running"))?,
    })
}

/// A position for messages.
pub fn place(position: Position) -> String {
    format!("{}:{}", position.incarnation, position.n)
}
