//! The hub's own stream to each site: where it stands, and how it grows.

use outpost_model::id::SiteId;
use outpost_sync::{Change, Incarnation, Item, Limits, Mark, Running};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::many::{self, Cell};
use super::{column, signed, unsigned};
use crate::error::HubError;

const TABLE: &str = "stream";

/// Where a site's stream stands. Whoever holds it holds the lock on the stream's row.
#[derive(Debug, Clone)]
pub struct Head {
    /// The last position and the running hash there.
    pub mark: Mark,
    /// The number of the hub page that is written now.
    pub page: u32,
    /// Events on that page; 0 when it has not been founded.
    pub page_n: u64,
}

/// Founds a site's stream; does nothing when there is one.
pub async fn found(db: &mut AnyConnection, site: &SiteId, incarnation: Incarnation) -> Result<(), HubError> {
    let start = Mark::start(incarnation);
    sqlx::query(
        "INSERT INTO stream (site, incarnation, n, running, page, page_n) VALUES ($1, $2, 0, $3, 0, 0)
         ON CONFLICT (site) DO NOTHING",
    )
    .bind(site.as_str())
    .bind(&incarnation.0[..])
    .bind(&start.running.0[..])
    .execute(db)
    .await?;
    Ok(())
}

/// Locks the stream's row to the end of the transaction, so that the order of commits is the order of positions.
pub async fn lock(db: &mut AnyConnection, site: &SiteId) -> Result<Option<Head>, HubError> {
    let row = sqlx::query(
        "UPDATE stream SET n = n WHERE site = $1 RETURNING incarnation, n, running, page, page_n",
    )
    .bind(site.as_str())
    .fetch_optional(db)
    .await?;
    row.map(|row| head(&row)).transpose()
}

/// Where the stream stands, without a lock.
pub async fn peek(db: &mut AnyConnection, site: &SiteId) -> Result<Option<Head>, HubError> {
    let row = sqlx::query("SELECT incarnation, n, running, page, page_n FROM stream WHERE site = $1")
        .bind(site.as_str())
        .fetch_optional(db)
        .await?;
    row.map(|row| head(&row)).transpose()
}

/// Every site that has a stream.
pub async fn sites(db: &mut AnyConnection) -> Result<Vec<SiteId>, HubError> {
    let rows = sqlx::query("SELECT site FROM stream ORDER BY site").fetch_all(db).await?;
    rows.iter().map(|row| super::parsed(row, TABLE, "site")).collect()
}

/// The next word on a page of the hub opens page `first`, or the one after the present one where that is later.
pub async fn turn_page(db: &mut AnyConnection, site: &SiteId, first: u32) -> Result<(), HubError> {
    sqlx::query(
        "UPDATE stream SET page = CASE WHEN page < $2 THEN $2 ELSE page + 1 END, page_n = 0 WHERE site = $1",
    )
    .bind(site.as_str())
    .bind(i64::from(first))
    .execute(db)
    .await?;
    Ok(())
}

fn head(row: &AnyRow) -> Result<Head, HubError> {
    let bytes = |name| column::<Vec<u8>>(row, TABLE, name);
    let wrong = |name| HubError::corrupt(TABLE, name, "not its number of bytes");
    let incarnation = Incarnation::from_slice(&bytes("incarnation")?).ok_or_else(|| wrong("incarnation"))?;
    let running = Running::from_slice(&bytes("running")?).ok_or_else(|| wrong("running"))?;
    let mark = Mark { incarnation, n: unsigned(row, TABLE, "n")?, running };
    let page = unsigned(row, TABLE, "page")?;
    let page = u32::try_from(page).map_err(|error| HubError::corrupt(TABLE, "page", error))?;
    Ok(Head { mark, page, page_n: unsigned(row, TABLE, "page_n")? })
}

/// Writes where the stream stands now.
pub async fn save(db: &mut AnyConnection, site: &SiteId, head: &Head) -> Result<(), HubError> {
    sqlx::query("UPDATE stream SET n = $2, running = $3, page = $4, page_n = $5 WHERE site = $1")
        .bind(site.as_str())
        .bind(signed(head.mark.n))
        .bind(&head.mark.running.0[..])
        .bind(i64::from(head.page))
        .bind(signed(head.page_n))
        .execute(db)
        .await?;
    Ok(())
}

impl Head {
    /// Appends items and returns the position of the last.
    pub async fn append(
        &mut self,
        db: &mut AnyConnection,
        site: &SiteId,
        items: &[Item],
    ) -> Result<u64, HubError> {
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            self.mark = self.mark.next(&item.digest());
            rows.push(row(site, &self.mark, item)?);
        }
        let rows_count = rows.len() as u64;
        let written = many::insert(db, INSERT, "", rows).await?;
        if written != rows_count {
            return Err(HubError::Invariant(format!(
                "{written} of {rows_count} items were appended to {site}"
            )));
        }
        Ok(self.mark.n)
    }
}

impl Head {
    /// Moves changes that stand earlier in the stream to its end, and returns the position of the last.
    pub async fn append_again(
        &mut self,
        db: &mut AnyConnection,
        site: &SiteId,
        changes: &[Change],
    ) -> Result<u64, HubError> {
        for change in changes {
            self.mark = self.mark.next(&Item::Change(change.clone()).digest());
            sqlx::query(
                "UPDATE item SET origin = 0, incarnation = $4, n = $5, running = $6
                 WHERE site = $1 AND doc = $2 AND hash = $3",
            )
            .bind(site.as_str())
            .bind(change.doc.as_str())
            .bind(&change.hash.0[..])
            .bind(&self.mark.incarnation.0[..])
            .bind(signed(self.mark.n))
            .bind(&self.mark.running.0[..])
            .execute(&mut *db)
            .await?;
        }
        Ok(self.mark.n)
    }
}

const INSERT: &str = "INSERT INTO item (site, origin, incarnation, n, running, doc, hash, kind, key, bytes)";

fn row(site: &SiteId, mark: &Mark, item: &Item) -> Result<[Cell; 10], HubError> {
    let (doc, hash, kind, key, bytes) = match item {
        Item::Change(change) => {
            (Some(change.doc.to_string()), Some(change.hash.0.to_vec()), None, None, change.bytes.clone())
        }
        Item::Record(record) => {
            record.check(&Limits::PROTOCOL).map_err(|error| HubError::Invariant(error.to_string()))?;
            (None, None, Some(record.kind.clone()), Some(record.key.clone()), record.bytes.clone())
        }
    };
    Ok([
        site.as_str().into(),
        Cell::Int(0),
        (&mark.incarnation.0[..]).into(),
        signed(mark.n).into(),
        (&mark.running.0[..]).into(),
        doc.into(),
        hash.into(),
        kind.into(),
        key.into(),
        bytes.into(),
    ])
}
