//! Sites for lists: what each is, how its line stands, and how much lies there.

use outpost_model::authority::Authority;
use outpost_model::id::{SiteId, Sku};
use outpost_model::time::UtcMillis;
use serde::Serialize;
use sqlx::AnyPool;

use crate::error::HubError;
use crate::store::site::Site;
use crate::store::{authority, column, enrollment, line, outbox, rights, site, stock, unsigned};

/// A site with its line and its work.
#[derive(Debug, Clone, Serialize)]
pub struct SiteSummary {
    /// The site as imported.
    #[serde(flatten)]
    pub site: Site,
    /// Whether an appliance is enrolled.
    pub enrolled: bool,
    /// The line; none when the site was never heard of.
    pub line: Option<LineState>,
    /// Cases that are not closed.
    pub open_cases: u64,
    /// Items of the hub's stream the site has not acknowledged.
    pub unacknowledged: u64,
    /// Position of the last item of the hub's stream.
    pub position: u64,
    /// What the site may do without asking.
    pub authority: Option<Authority>,
    /// Items of the site that stand in quarantine.
    pub quarantined: u64,
    /// Exceptions that are open.
    pub exceptions: u64,
    /// Pauses and closings as the site has said today.
    pub day: Option<outpost_model::site_day::SiteDayState>,
}

/// The state of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LineState {
    /// Whether the site is heard of as often as it should be.
    pub up: bool,
    /// Since when.
    pub since: UtcMillis,
    /// When it was last heard of.
    pub last_seen: UtcMillis,
}

/// Stock and rights of one SKU at a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockRow {
    /// What.
    pub sku: String,
    /// Its title.
    pub title: Option<String>,
    /// Units in the site's hands, whatever their status.
    pub on_hand: i64,
    /// Units in sellable status at a location.
    pub sellable: i64,
    /// Rights the site granted.
    pub granted: i64,
    /// Rights the hub promised.
    pub promised: i64,
    /// Rights the hub gave back.
    pub returned: i64,
    /// Rights the hub may still promise.
    pub unused: i64,
}

/// A document as the hub has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentState {
    /// Its id.
    pub document: String,
    /// Its heads, hex, sorted.
    pub heads: Vec<String>,
    /// Its events.
    pub events: u64,
    /// BLAKE3 over the JSON of the case folded from scratch; only for cases, only when verified.
    pub state_hash: Option<String>,
    /// Whether the projection equals the fold from scratch.
    pub projection_ok: bool,
}

/// Sites after one with their lines and their work, by id; at most [`super::PAGE_MAX`].
pub async fn list(pool: &AnyPool, after: Option<&SiteId>, limit: u32) -> Result<Vec<SiteSummary>, HubError> {
    let mut db = pool.acquire().await?;
    let mut list = Vec::new();
    for site in site::page(&mut db, after, limit.clamp(1, super::PAGE_MAX)).await? {
        list.push(summary(&mut db, site).await?);
    }
    Ok(list)
}

/// One site with its line and its work.
pub async fn one(pool: &AnyPool, site: &SiteId) -> Result<Option<SiteSummary>, HubError> {
    let mut db = pool.acquire().await?;
    match site::get(&mut db, site).await? {
        Some(site) => summary(&mut db, site).await.map(Some),
        None => Ok(None),
    }
}

async fn summary(db: &mut sqlx::AnyConnection, site: Site) -> Result<SiteSummary, HubError> {
    let id = site.site.clone();
    let (position, open_cases, quarantined, exceptions) = counts(db, &id).await?;
    let line = line::get(db, &id).await?;
    Ok(SiteSummary {
        enrolled: !enrollment::keys(db, &id).await?.0.is_empty(),
        line: line.map(|line| LineState { up: line.up, since: line.since, last_seen: line.last_seen }),
        open_cases,
        unacknowledged: outbox::unacknowledged(db, &id).await?,
        position,
        authority: authority::get(db, &id).await?,
        quarantined,
        exceptions,
        day: stock::last_day(db, &id).await?,
        site,
    })
}

async fn counts(db: &mut sqlx::AnyConnection, site: &SiteId) -> Result<(u64, u64, u64, u64), HubError> {
    let row = sqlx::query(
        "SELECT COALESCE((SELECT n FROM stream WHERE site = $1), 0) AS position,
                (SELECT COUNT(*) FROM cases WHERE site = $1 AND live = 1) AS open_cases,
                (SELECT COUNT(*) FROM quarantine WHERE site = $1) AS quarantined,
                (SELECT COUNT(*) FROM exception WHERE site = $1 AND resolved_at IS NULL) AS exceptions",
    )
    .bind(site.as_str())
    .fetch_one(db)
    .await?;
    let number = |name| unsigned(&row, "counts", name);
    Ok((number("position")?, number("open_cases")?, number("quarantined")?, number("exceptions")?))
}

/// Stock and rights of a site by SKU, after one; at most [`super::ROWS_MAX`].
pub async fn stock(
    pool: &AnyPool,
    id: &SiteId,
    after: Option<&Sku>,
    limit: u32,
) -> Result<Vec<StockRow>, HubError> {
    let mut db = pool.acquire().await?;
    let found = sqlx::query(
        "SELECT s.sku, p.title FROM
             (SELECT sku FROM stock WHERE site = $1 AND sku > $2
              UNION SELECT sku FROM rights WHERE site = $1 AND sku > $2 ORDER BY sku LIMIT $3) s
         LEFT JOIN product p ON p.sku = s.sku ORDER BY s.sku",
    )
    .bind(id.as_str())
    .bind(after.map(Sku::as_str).unwrap_or_default())
    .bind(i64::from(limit.clamp(1, super::ROWS_MAX)))
    .fetch_all(&mut *db)
    .await?;
    // In the order of the database, whatever that is.
    let mut names: Vec<(String, Option<String>)> = Vec::with_capacity(found.len());
    for row in &found {
        names.push((column(row, "stock", "sku")?, column(row, "product", "title")?));
    }
    let (Some((first, _)), Some((last, _))) = (names.first(), names.last()) else { return Ok(Vec::new()) };
    let stock = stock::of_site(&mut db, id, (first, last)).await?;
    let rights = rights::of_site(&mut db, id, (first, last)).await?;
    Ok(names
        .into_iter()
        .map(|(sku, title)| {
            let [on_hand, sellable] = stock.get(&sku).copied().unwrap_or_default();
            let [granted, promised, returned] = rights.get(&sku).copied().unwrap_or_default();
            StockRow {
                sku,
                title,
                on_hand,
                sellable,
                granted,
                promised,
                returned,
                unused: granted - promised - returned,
            }
        })
        .collect())
}
