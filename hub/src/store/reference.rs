//! Reference data: sets of items with their versions, and what each site was sent of them.

use std::collections::BTreeMap;

use outpost_model::id::SiteId;
use outpost_sync::Incarnation;
use outpost_sync::reference::{Sum, Version};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::many::{self, Cell};
use super::{column, parsed, signed, unsigned};
use crate::error::HubError;

const SET: &str = "reference_set";
const ITEM: &str = "reference_item";
const SENT: &str = "reference_sent";

/// A set as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Its version within the hub's epoch.
    pub n: u64,
    /// The sum over its items.
    pub sum: Sum,
    /// How many items it has.
    pub count: u64,
}

/// What a site was sent of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The version.
    pub version: Version,
    /// The life of the stream in which it was sent.
    pub incarnation: Incarnation,
    /// The position of its last part.
    pub position: u64,
    /// What the site last said it holds.
    pub held: Version,
}

/// Locks a set to the end of the transaction; founds it when it is new.
pub async fn lock(db: &mut AnyConnection, name: &str) -> Result<Set, HubError> {
    let row = sqlx::query(
        "INSERT INTO reference_set (name, n, sum, count) VALUES ($1, 0, $2, 0)
         ON CONFLICT (name) DO UPDATE SET n = reference_set.n RETURNING n, sum, count",
    )
    .bind(name)
    .bind(&Sum::default().0[..])
    .fetch_one(db)
    .await?;
    let sum: Vec<u8> = column(&row, SET, "sum")?;
    let sum =
        Sum::from_slice(&sum).ok_or_else(|| HubError::corrupt(SET, "sum", "not its number of bytes"))?;
    Ok(Set { n: unsigned(&row, SET, "n")?, sum, count: unsigned(&row, SET, "count")? })
}

/// Writes where a set stands.
pub async fn save(db: &mut AnyConnection, name: &str, set: &Set) -> Result<(), HubError> {
    sqlx::query("UPDATE reference_set SET n = $2, sum = $3, count = $4 WHERE name = $1")
        .bind(name)
        .bind(signed(set.n))
        .bind(&set.sum.0[..])
        .bind(signed(set.count))
        .execute(db)
        .await?;
    Ok(())
}

/// The texts of those of the items that are there.
pub async fn some(
    db: &mut AnyConnection,
    name: &str,
    keys: &[String],
) -> Result<BTreeMap<String, String>, HubError> {
    let sql = "SELECT key, body FROM reference_item WHERE body IS NOT NULL AND name = $1 AND key IN";
    let rows = many::select(db, sql, "", Some(name), keys).await?;
    rows.iter().map(|row| Ok((column(row, ITEM, "key")?, column(row, ITEM, "body")?))).collect()
}

/// Writes items of a version; one without a text is gone.
pub async fn put(
    db: &mut AnyConnection,
    name: &str,
    n: u64,
    items: Vec<(String, Option<String>)>,
) -> Result<(), HubError> {
    let rows = items
        .into_iter()
        .map(|(key, body)| [Cell::from(name), key.into(), signed(n).into(), body.into()])
        .collect();
    many::insert(
        db,
        "INSERT INTO reference_item (name, key, n, body)",
        "ON CONFLICT (name, key) DO UPDATE SET n = excluded.n, body = excluded.body",
        rows,
    )
    .await?;
    Ok(())
}

/// How many items changed after a version.
pub async fn changed(db: &mut AnyConnection, name: &str, after: u64) -> Result<u64, HubError> {
    let row = sqlx::query("SELECT COUNT(*) AS changed FROM reference_item WHERE name = $1 AND n > $2")
        .bind(name)
        .bind(signed(after))
        .fetch_one(db)
        .await?;
    unsigned(&row, ITEM, "changed")
}

/// Items that changed after a version, by key: those that are there with their text, and keys of those that are gone.
pub async fn since(
    db: &mut AnyConnection,
    name: &str,
    after: u64,
) -> Result<(Vec<(String, String)>, Vec<String>), HubError> {
    let rows = sqlx::query("SELECT key, body FROM reference_item WHERE name = $1 AND n > $2 ORDER BY key")
        .bind(name)
        .bind(signed(after))
        .fetch_all(db)
        .await?;
    let (mut put, mut gone) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let key = column(row, ITEM, "key")?;
        match column::<Option<String>>(row, ITEM, "body")? {
            Some(body) => put.push((key, body)),
            None => gone.push(key),
        }
    }
    Ok((put, gone))
}

/// What a site was sent of a set, if anything.
pub async fn sent(db: &mut AnyConnection, site: &SiteId, name: &str) -> Result<Option<Sent>, HubError> {
    let row = sqlx::query(
        "SELECT epoch, n, incarnation, position, held_epoch, held_n FROM reference_sent WHERE site = $1 AND name = $2",
    )
    .bind(site.as_str())
    .bind(name)
    .fetch_optional(db)
    .await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &AnyRow) -> Result<Sent, HubError> {
    let incarnation: Vec<u8> = column(row, SENT, "incarnation")?;
    let wrong = || HubError::corrupt(SENT, "incarnation", "not its number of bytes");
    Ok(Sent {
        version: Version { epoch: unsigned(row, SENT, "epoch")?, n: unsigned(row, SENT, "n")? },
        incarnation: Incarnation::from_slice(&incarnation).ok_or_else(wrong)?,
        position: unsigned(row, SENT, "position")?,
        held: Version { epoch: unsigned(row, SENT, "held_epoch")?, n: unsigned(row, SENT, "held_n")? },
    })
}

/// Notes what a site was sent.
pub async fn save_sent(
    db: &mut AnyConnection,
    site: &SiteId,
    name: &str,
    sent: &Sent,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO reference_sent (site, name, epoch, n, incarnation, position, held_epoch, held_n)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (site, name) DO UPDATE SET epoch = excluded.epoch, n = excluded.n,
             incarnation = excluded.incarnation, position = excluded.position, held_epoch = excluded.held_epoch,
             held_n = excluded.held_n",
    )
    .bind(site.as_str())
    .bind(name)
    .bind(signed(sent.version.epoch))
    .bind(signed(sent.version.n))
    .bind(&sent.incarnation.0[..])
    .bind(signed(sent.position))
    .bind(signed(sent.held.epoch))
    .bind(signed(sent.held.n))
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets what a site was sent: it gets snapshots next.
pub async fn forget_sent(db: &mut AnyConnection, site: &SiteId, name: Option<&str>) -> Result<(), HubError> {
    sqlx::query("DELETE FROM reference_sent WHERE site = $1 AND ($2 = '' OR name = $2)")
        .bind(site.as_str())
        .bind(name.unwrap_or_default())
        .execute(db)
        .await?;
    Ok(())
}

/// Sets that sites in contact have not been sent in their newest version, and nothing of which is still under way: of
/// all sites, or of those that a worker works for.
pub async fn due(
    db: &mut AnyConnection,
    epoch: u32,
    worker: Option<&str>,
    limit: i64,
) -> Result<Vec<(SiteId, String)>, HubError> {
    let rows = sqlx::query(
        "SELECT l.site AS site, s.name AS name FROM reference_set s
         JOIN line l ON l.up = 1
         JOIN install i ON i.site = l.site AND i.revoked_at IS NULL
         LEFT JOIN site_lease h ON h.site = l.site
         LEFT JOIN reference_sent t ON t.site = l.site AND t.name = s.name
         LEFT JOIN cursor c ON c.site = l.site AND c.way = 0 AND c.incarnation = t.incarnation
         WHERE s.n > 0 AND (t.site IS NULL OR t.epoch <> $1 OR (t.n < s.n AND COALESCE(c.n, 0) >= t.position))
           AND ($2 = '' OR h.worker = $2)
         ORDER BY l.site, s.name LIMIT $3",
    )
    .bind(i64::from(epoch))
    .bind(worker.unwrap_or_default())
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| Ok((parsed(row, "line", "site")?, column(row, SET, "name")?))).collect()
}
