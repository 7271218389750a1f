//! Serial numbers of handling labels: blocks leased to sites, never twice.

use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use sqlx::AnyConnection;

use super::{signed, unsigned};
use crate::error::HubError;

/// A block of serials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// GS1 company prefix.
    pub company_prefix: String,
    /// Extension digit.
    pub extension: u8,
    /// First serial.
    pub first: u64,
    /// How many.
    pub count: u32,
}

/// Takes the next block off the counter of a prefix. The counter's row is locked to the end of the transaction.
pub async fn lease(
    db: &mut AnyConnection,
    site: &SiteId,
    (company_prefix, extension): (&str, u8),
    count: u32,
    now: UtcMillis,
) -> Result<Option<Block>, HubError> {
    let row = sqlx::query(
        "INSERT INTO serial (company_prefix, extension, next) VALUES ($1, $2, $3)
         ON CONFLICT (company_prefix, extension) DO UPDATE SET next = serial.next + excluded.next
         RETURNING next",
    )
    .bind(company_prefix)
    .bind(i64::from(extension))
    .bind(i64::from(count))
    .fetch_one(&mut *db)
    .await?;
    let first = unsigned(&row, "serial", "next")? - u64::from(count);
    // 17 digits without the check digit: extension, prefix and serial share them.
    let digits = 16_u32.saturating_sub(u32::try_from(company_prefix.len()).unwrap_or(16));
    if first + u64::from(count) > 10_u64.saturating_pow(digits) {
        return Ok(None);
    }
    sqlx::query(
        "INSERT INTO serial_lease (site, company_prefix, extension, first, count, used, leased_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6)",
    )
    .bind(site.as_str())
    .bind(company_prefix)
    .bind(i64::from(extension))
    .bind(signed(first))
    .bind(i64::from(count))
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(Some(Block { company_prefix: company_prefix.to_owned(), extension, first, count }))
}

/// Goes on with no serial of a series below this one.
pub async fn raise(
    db: &mut AnyConnection,
    (company_prefix, extension): (&str, u8),
    next: u64,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO serial (company_prefix, extension, next) VALUES ($1, $2, $3)
         ON CONFLICT (company_prefix, extension) DO UPDATE SET next = excluded.next
             WHERE serial.next < excluded.next",
    )
    .bind(company_prefix)
    .bind(i64::from(extension))
    .bind(signed(next))
    .execute(db)
    .await?;
    Ok(())
}

/// Leaves out so many serials of every series.
pub async fn skip(db: &mut AnyConnection, serials: u64) -> Result<(), HubError> {
    sqlx::query("UPDATE serial SET next = next + $1").bind(signed(serials)).execute(db).await?;
    Ok(())
}

/// Counts serials as used, as seen in a site's labels, and returns how many the site has left.
pub async fn used(db: &mut AnyConnection, site: &SiteId, labels: u64) -> Result<u64, HubError> {
    sqlx::query(
        "UPDATE serial_lease SET used = used + $2 WHERE site = $1 AND voided_at IS NULL AND first =
             (SELECT MAX(first) FROM serial_lease WHERE site = $1 AND voided_at IS NULL)",
    )
    .bind(site.as_str())
    .bind(signed(labels))
    .execute(&mut *db)
    .await?;
    left(db, site).await
}

/// Serials a site has left, as far as its labels have been seen.
pub async fn left(db: &mut AnyConnection, site: &SiteId) -> Result<u64, HubError> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) AS leased, CAST(COALESCE(SUM(used), 0) AS BIGINT) AS used
         FROM serial_lease WHERE site = $1 AND voided_at IS NULL",
    )
    .bind(site.as_str())
    .fetch_one(db)
    .await?;
    let leased = unsigned(&row, "serial_lease", "leased")?;
    Ok(leased.saturating_sub(unsigned(&row, "serial_lease", "used")?))
}

/// Voids a site's blocks: another appliance takes over, and what of them was used is not known for certain.
pub async fn void(db: &mut AnyConnection, site: &SiteId, now: UtcMillis) -> Result<Vec<Block>, HubError> {
    let rows = sqlx::query(
        "UPDATE serial_lease SET voided_at = $2 WHERE site = $1 AND voided_at IS NULL
         RETURNING company_prefix, extension, first, count",
    )
    .bind(site.as_str())
    .bind(now.0)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let number = |name| unsigned(row, "serial_lease", name);
            let narrow = |error| HubError::corrupt("serial_lease", site, error);
            Ok(Block {
                company_prefix: super::column(row, "serial_lease", "company_prefix")?,
                extension: u8::try_from(number("extension")?).map_err(narrow)?,
                first: number("first")?,
                count: u32::try_from(number("count")?).map_err(narrow)?,
            })
        })
        .collect()
}
