//! Blocks of packed documents, and finding a document in them.

use std::collections::BTreeMap;

use outpost_model::id::{CaseId, SiteId};
use outpost_model::time::UtcMillis;
use outpost_sync::{Change, ChangeHash, DocumentId, Incarnation};
use sqlx::AnyConnection;

use super::many::{self, Cell};
use super::{block, column, parsed, signed, unsigned};
use crate::error::HubError;

/// A change's place in the streams, beside what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whose it is: 0 the hub's, 1 the site's.
    pub origin: u8,
    /// The incarnation of its stream.
    pub incarnation: Incarnation,
    /// Its number there.
    pub n: u64,
}

/// A document that can be packed: its case is closed long enough and nothing of it is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The case.
    pub case: CaseId,
    /// Its site.
    pub site: SiteId,
}

/// Cases that have been closed since before an instant and are not packed, the oldest first. Those that are set aside,
/// or of which the site has not acknowledged all, wait; those of other workers' sites are theirs to pack.
pub async fn candidates(
    db: &mut AnyConnection,
    (worker, before): (&str, UtcMillis),
    limit: i64,
) -> Result<Vec<Candidate>, HubError> {
    let rows = sqlx::query(
        "SELECT c.id, c.site FROM cases c JOIN document d ON d.doc = 'case/' || c.id
         WHERE c.archived = 0 AND c.live = 0 AND c.updated_at < $1 AND d.quarantined IS NULL AND d.block IS NULL
           AND c.site NOT IN (SELECT site FROM recovery WHERE settled_at IS NULL)
           AND c.site NOT IN (SELECT site FROM site_lease WHERE worker <> $3)
           AND NOT EXISTS (
               SELECT 1 FROM item i JOIN stream s ON s.site = i.site AND s.incarnation = i.incarnation
               WHERE i.doc = d.doc AND i.origin = 0 AND i.n > COALESCE(
                   (SELECT n FROM cursor WHERE site = i.site AND way = 0 AND incarnation = i.incarnation), 0))
         ORDER BY c.updated_at, c.id LIMIT $2",
    )
    .bind(before.0)
    .bind(limit)
    .bind(worker)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| Ok(Candidate { case: parsed(row, "cases", "id")?, site: parsed(row, "cases", "site")? }))
        .collect()
}

/// Where each change of a document stands in the streams.
pub async fn places(
    db: &mut AnyConnection,
    doc: &DocumentId,
) -> Result<BTreeMap<ChangeHash, Place>, HubError> {
    let rows = sqlx::query("SELECT hash, origin, incarnation, n FROM item WHERE doc = $1")
        .bind(doc.as_str())
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            let wrong = |name| HubError::corrupt("item", name, "not its number of bytes");
            let hash: Vec<u8> = column(row, "item", "hash")?;
            let incarnation: Vec<u8> = column(row, "item", "incarnation")?;
            let place = Place {
                origin: u8::try_from(unsigned(row, "item", "origin")?).map_err(|_| wrong("origin"))?,
                incarnation: Incarnation::from_slice(&incarnation).ok_or_else(|| wrong("incarnation"))?,
                n: unsigned(row, "item", "n")?,
            };
            Ok((ChangeHash::from_slice(&hash).ok_or_else(|| wrong("hash"))?, place))
        })
        .collect()
}

/// Keeps a block, and forgets the changes of the documents in it.
pub async fn put(
    db: &mut AnyConnection,
    now: UtcMillis,
    docs: &[(CaseId, DocumentId)],
    bytes: Vec<u8>,
) -> Result<u64, HubError> {
    let row =
        sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 AS id FROM archive_block").fetch_one(&mut *db).await?;
    let id = unsigned(&row, "archive_block", "id")?;
    sqlx::query("INSERT INTO archive_block (id, packed_at, documents, bytes) VALUES ($1, $2, $3, $4)")
        .bind(signed(id))
        .bind(now.0)
        .bind(signed(docs.len() as u64))
        .bind(bytes)
        .execute(&mut *db)
        .await?;
    for (case, doc) in docs {
        sqlx::query("DELETE FROM item WHERE doc = $1").bind(doc.as_str()).execute(&mut *db).await?;
        sqlx::query("UPDATE document SET block = $2 WHERE doc = $1")
            .bind(doc.as_str())
            .bind(signed(id))
            .execute(&mut *db)
            .await?;
        sqlx::query("UPDATE cases SET archived = 1 WHERE id = $1")
            .bind(case.to_string())
            .execute(&mut *db)
            .await?;
    }
    Ok(id)
}

/// The blocks of those documents that are packed, by document.
pub async fn blocks_of(
    db: &mut AnyConnection,
    docs: &[DocumentId],
) -> Result<BTreeMap<DocumentId, u64>, HubError> {
    let keys: Vec<String> = docs.iter().map(ToString::to_string).collect();
    let sql = "SELECT doc, block FROM document WHERE block IS NOT NULL AND doc IN";
    let rows = many::select(db, sql, "", None, &keys).await?;
    rows.iter()
        .map(|row| Ok((parsed(row, "document", "doc")?, unsigned(row, "document", "block")?)))
        .collect()
}

/// Every change of a document that is packed; nothing of one that is not.
pub async fn changes(db: &mut AnyConnection, doc: &DocumentId) -> Result<Vec<Change>, HubError> {
    let Some(id) = blocks_of(db, std::slice::from_ref(doc)).await?.remove(doc) else { return Ok(Vec::new()) };
    let bytes = bytes(db, id).await?;
    Ok(block::find(&bytes, doc)?.into_iter().map(|(_, change)| change).collect())
}

/// A block's bytes.
pub async fn bytes(db: &mut AnyConnection, id: u64) -> Result<Vec<u8>, HubError> {
    let row = sqlx::query("SELECT bytes FROM archive_block WHERE id = $1")
        .bind(signed(id))
        .fetch_optional(db)
        .await?;
    let row = row.ok_or_else(|| HubError::corrupt("archive_block", id, "it is not there"))?;
    column(&row, "archive_block", "bytes")
}

/// Puts a document's changes back where they were; from now on it is not packed. A block of which nothing is left goes.
pub async fn unpack(
    db: &mut AnyConnection,
    (doc, case): (&DocumentId, CaseId),
    site: &SiteId,
    changes: Vec<(Place, ChangeHash, Vec<u8>)>,
) -> Result<(), HubError> {
    let rows = changes
        .into_iter()
        .map(|(place, hash, bytes)| {
            [
                Cell::from(site.as_str()),
                i64::from(place.origin).into(),
                (&place.incarnation.0[..]).into(),
                signed(place.n).into(),
                // It is acknowledged, so nobody is sent it again from the stream: its running hash is not needed.
                (&[][..]).into(),
                doc.as_str().into(),
                (&hash.0[..]).into(),
                bytes.into(),
            ]
        })
        .collect();
    many::insert(
        db,
        "INSERT INTO item (site, origin, incarnation, n, running, doc, hash, bytes)",
        "ON CONFLICT DO NOTHING",
        rows,
    )
    .await?;
    sqlx::query("UPDATE document SET block = NULL WHERE doc = $1")
        .bind(doc.as_str())
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE cases SET archived = 0 WHERE id = $1")
        .bind(case.to_string())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "DELETE FROM archive_block WHERE NOT EXISTS (SELECT 1 FROM document WHERE block = archive_block.id)",
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many documents are packed, and into how many bytes.
pub async fn size(db: &mut AnyConnection) -> Result<(u64, u64), HubError> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(documents), 0) AS BIGINT) AS documents,
                CAST(COALESCE(SUM(LENGTH(bytes)), 0) AS BIGINT) AS bytes FROM archive_block",
    )
    .fetch_one(db)
    .await?;
    Ok((unsigned(&row, "archive_block", "documents")?, unsigned(&row, "archive_block", "bytes")?))
}
