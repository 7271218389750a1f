//! Copies of the database, and how far each site's stream is contained in one: what lies below may be forgotten by
//! the site for good.

use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::{Incarnation, Mark, Running};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};
use uuid::Uuid;

use super::many::{self, Cell};
use super::{column, cursor, parsed, signed, unsigned};
use crate::error::HubError;

const TABLE: &str = "backup";

/// Copies that are remembered; files are kept by their own number.
const REMEMBERED_MAX: i64 = 1_000;

/// A copy of the database.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Backup {
    /// Its id.
    pub id: Uuid,
    /// When it was begun: it contains what was committed before.
    pub begun_at: UtcMillis,
    /// When it was known to be whole; nothing while it is not.
    pub done_at: Option<UtcMillis>,
    /// The file, when the hub has made it.
    pub file: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
}

/// A site's stream up to a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteMark {
    /// The site.
    pub site: SiteId,
    /// How far its stream is stored.
    pub mark: Mark,
}

/// How far the streams of all sites are stored in this database.
pub async fn stored(db: &mut AnyConnection) -> Result<Vec<SiteMark>, HubError> {
    let rows = sqlx::query("SELECT * FROM cursor WHERE way = $1 AND n > 0 ORDER BY site, incarnation")
        .bind(cursor::UP)
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| Ok(SiteMark { site: parsed(row, "cursor", "site")?, mark: cursor::mark(row)? }))
        .collect()
}

/// How far a site's stream is contained in a copy, by incarnation.
pub async fn contained(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Mark>, HubError> {
    let rows = cursor::all(db, site, cursor::IN_BACKUP).await?;
    rows.iter().map(cursor::mark).collect()
}

/// Notes that a copy contains these streams; returns the sites of which more is contained than before.
pub async fn contain(db: &mut AnyConnection, marks: &[SiteMark]) -> Result<Vec<SiteId>, HubError> {
    let known = sqlx::query("SELECT site, incarnation, n FROM cursor WHERE way = $1")
        .bind(cursor::IN_BACKUP)
        .fetch_all(&mut *db)
        .await?;
    let mut before = std::collections::BTreeMap::new();
    for row in &known {
        let incarnation: Vec<u8> = column(row, "cursor", "incarnation")?;
        let site: SiteId = parsed(row, "cursor", "site")?;
        before.insert((site, incarnation), unsigned(row, "cursor", "n")?);
    }
    let mut grown: Vec<SiteId> = Vec::new();
    let mut rows = Vec::new();
    for SiteMark { site, mark } in marks {
        let key = (site.clone(), mark.incarnation.0.to_vec());
        if before.get(&key).is_some_and(|n| *n >= mark.n) {
            continue;
        }
        rows.push([
            Cell::from(site.as_str()),
            cursor::IN_BACKUP.into(),
            (&mark.incarnation.0[..]).into(),
            signed(mark.n).into(),
            (&mark.running.0[..]).into(),
            (&[][..]).into(),
        ]);
        grown.push(site.clone());
    }
    many::insert(
        db,
        "INSERT INTO cursor (site, way, incarnation, n, running, beyond)",
        "ON CONFLICT (site, way, incarnation) DO UPDATE SET n = excluded.n, running = excluded.running
             WHERE cursor.n < excluded.n",
        rows,
    )
    .await?;
    grown.dedup();
    Ok(grown)
}

/// Writes a copy down that is whole.
pub async fn put(db: &mut AnyConnection, backup: &Backup) -> Result<(), HubError> {
    sqlx::query("INSERT INTO backup (id, begun_at, done_at, file, bytes) VALUES ($1, $2, $3, $4, $5)")
        .bind(backup.id.to_string())
        .bind(backup.begun_at.0)
        .bind(backup.done_at.map(|at| at.0))
        .bind(backup.file.as_deref())
        .bind(backup.bytes.map(signed))
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "DELETE FROM backup WHERE id NOT IN (SELECT id FROM backup ORDER BY begun_at DESC, id DESC LIMIT $1)",
    )
    .bind(REMEMBERED_MAX)
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM backup_mark WHERE backup NOT IN (SELECT id FROM backup)").execute(db).await?;
    Ok(())
}

/// Keeps what a copy contains at least that is begun now and not whole yet.
pub async fn keep_marks(db: &mut AnyConnection, id: Uuid, marks: &[SiteMark]) -> Result<(), HubError> {
    let rows = marks
        .iter()
        .map(|SiteMark { site, mark }| {
            [
                Cell::from(id.to_string()),
                site.as_str().into(),
                (&mark.incarnation.0[..]).into(),
                signed(mark.n).into(),
                (&mark.running.0[..]).into(),
            ]
        })
        .collect();
    many::insert(db, "INSERT INTO backup_mark (backup, site, incarnation, n, running)", "", rows).await?;
    Ok(())
}

/// Takes what was kept of a copy that is whole now.
pub async fn take_marks(db: &mut AnyConnection, id: Uuid) -> Result<Vec<SiteMark>, HubError> {
    let rows =
        sqlx::query("DELETE FROM backup_mark WHERE backup = $1 RETURNING site, incarnation, n, running")
            .bind(id.to_string())
            .fetch_all(db)
            .await?;
    rows.iter()
        .map(|row| {
            let wrong = |name| HubError::corrupt("backup_mark", name, "not its number of bytes");
            let incarnation: Vec<u8> = column(row, "backup_mark", "incarnation")?;
            let running: Vec<u8> = column(row, "backup_mark", "running")?;
            let mark = Mark {
                incarnation: Incarnation::from_slice(&incarnation).ok_or_else(|| wrong("incarnation"))?,
                n: unsigned(row, "backup_mark", "n")?,
                running: Running::from_slice(&running).ok_or_else(|| wrong("running"))?,
            };
            Ok(SiteMark { site: parsed(row, "backup_mark", "site")?, mark })
        })
        .collect()
}

/// Marks a copy as whole; nothing when it is not known or was whole before.
pub async fn done(db: &mut AnyConnection, id: Uuid, now: UtcMillis) -> Result<Option<Backup>, HubError> {
    let row = sqlx::query("UPDATE backup SET done_at = $2 WHERE id = $1 AND done_at IS NULL RETURNING *")
        .bind(id.to_string())
        .bind(now.0)
        .fetch_optional(db)
        .await?;
    row.map(|row| read(&row)).transpose()
}

/// One copy.
pub async fn get(db: &mut AnyConnection, id: Uuid) -> Result<Option<Backup>, HubError> {
    let row =
        sqlx::query("SELECT * FROM backup WHERE id = $1").bind(id.to_string()).fetch_optional(db).await?;
    row.map(|row| read(&row)).transpose()
}

/// The newest copies, the newest first.
pub async fn newest(pool: &AnyPool, limit: i64) -> Result<Vec<Backup>, HubError> {
    let rows = sqlx::query("SELECT * FROM backup ORDER BY begun_at DESC, id DESC LIMIT $1")
        .bind(limit)
        .fetch_all(pool)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Backup, HubError> {
    let bytes: Option<i64> = column(row, TABLE, "bytes")?;
    Ok(Backup {
        id: parsed(row, TABLE, "id")?,
        begun_at: UtcMillis(column(row, TABLE, "begun_at")?),
        done_at: column::<Option<i64>>(row, TABLE, "done_at")?.map(UtcMillis),
        file: column(row, TABLE, "file")?,
        bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
    })
}
