//! Cases: a row is its key, the columns that queries need, and the folded state.

use std::collections::BTreeMap;

use outpost_model::fulfillment::{End, Fulfillment, Milestone};
use outpost_model::id::{CaseId, OrderId, SiteId};
use outpost_model::time::UtcMillis;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::many::{self, Cell};
use super::{column, json, signed, to_json, unsigned};
use crate::error::HubError;

const TABLE: &str = "cases";

/// The position of a case whose header is left for another worker to send.
pub const NOT_SENT: u64 = i64::MAX as u64;

/// A case and where its header stands in the stream to its site.
#[derive(Debug, Clone)]
pub struct Row {
    /// The folded state.
    pub state: Fulfillment,
    /// The position of its founding change: authority covers it from there.
    pub position: u64,
    /// When it last changed here.
    pub updated_at: UtcMillis,
}

/// A milestone's name in columns and interfaces.
pub fn milestone_name(milestone: Milestone) -> &'static str {
    match milestone {
        Milestone::Offered => "offered",
        Milestone::Accepted => "accepted",
        Milestone::Picking => "picking",
        Milestone::Picked => "picked",
        Milestone::Packed => "packed",
        Milestone::Labeled => "labeled",
        Milestone::Staged => "staged",
        Milestone::Ready => "ready",
        Milestone::HandedOver => "handed_over",
        Milestone::Closed => "closed",
    }
}

/// The name of how a case ended.
pub fn end_name(end: &End) -> &'static str {
    match end {
        End::Rejected(_) => "rejected",
        End::Released(_) => "released",
        End::Revoked(_) => "revoked",
        End::Cancelled => "cancelled",
        End::Expired => "expired",
    }
}

/// Writes cases, new or changed.
pub async fn put(db: &mut AnyConnection, cases: &[&Row]) -> Result<(), HubError> {
    let mut rows = Vec::with_capacity(cases.len());
    for Row { state, position, updated_at } in cases {
        let header = &state.header;
        let units: u64 = header.lines.iter().map(|line| u64::from(line.qty.get())).sum();
        rows.push([
            Cell::Text(header.case.to_string()),
            Cell::Text(header.order.to_string()),
            header.site.as_str().into(),
            header.service.as_str().into(),
            Cell::Int(i64::from(header.generation)),
            milestone_name(state.milestone()).into(),
            state.ended().map(|end| end_name(&end).to_owned()).into(),
            Cell::Int(i64::from(!state.is_closed())),
            signed(units).into(),
            header.promise.pick_by.0.into(),
            header.promise.promised_at.0.into(),
            signed(*position).into(),
            header.offered_at.0.into(),
            updated_at.0.into(),
            to_json(state)?.into(),
        ]);
    }
    many::insert(
        db,
        "INSERT INTO cases (id, order_id, site, service, generation, milestone, ended, live, units, pick_by,
                            promised_at, position, offered_at, updated_at, state)",
        "ON CONFLICT (id) DO UPDATE SET milestone = excluded.milestone, ended = excluded.ended,
             live = excluded.live, updated_at = excluded.updated_at, state = excluded.state",
        rows,
    )
    .await?;
    Ok(())
}

/// Notes where a case's header stands in the stream, once it does.
pub async fn place(db: &mut AnyConnection, case: CaseId, position: u64) -> Result<(), HubError> {
    sqlx::query("UPDATE cases SET position = $2 WHERE id = $1")
        .bind(case.to_string())
        .bind(signed(position))
        .execute(db)
        .await?;
    Ok(())
}

/// One case.
pub async fn get(db: &mut AnyConnection, case: CaseId) -> Result<Option<Row>, HubError> {
    Ok(some(db, &[case]).await?.remove(&case))
}

/// Several cases; those that do not exist are missing from the answer.
pub async fn some(db: &mut AnyConnection, cases: &[CaseId]) -> Result<BTreeMap<CaseId, Row>, HubError> {
    let keys: Vec<String> = cases.iter().map(ToString::to_string).collect();
    let rows = many::select(db, "SELECT state, position, updated_at FROM cases WHERE id IN", "", None, &keys)
        .await?;
    rows.iter().map(|row| read(row).map(|row| (row.state.header.case, row))).collect()
}

/// The ids of the cases of several orders, each with its order.
pub async fn ids_of_orders(
    db: &mut AnyConnection,
    orders: &[String],
) -> Result<Vec<(OrderId, CaseId)>, HubError> {
    let rows = many::select(db, "SELECT order_id, id FROM cases WHERE order_id IN", "", None, orders).await?;
    rows.iter()
        .map(|row| Ok((super::parsed(row, TABLE, "order_id")?, super::parsed(row, TABLE, "id")?)))
        .collect()
}

/// The cases of an order, in the order they were offered.
pub async fn of_order(db: &mut AnyConnection, order: OrderId) -> Result<Vec<Row>, HubError> {
    let rows = sqlx::query(
        "SELECT state, position, updated_at FROM cases WHERE order_id = $1 ORDER BY generation, offered_at, id",
    )
    .bind(order.to_string())
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// Cases that somebody should look at, the longest due first.
pub async fn due(
    db: &mut AnyConnection,
    now: UtcMillis,
    limit: i64,
) -> Result<Vec<(CaseId, SiteId)>, HubError> {
    // SQLite plans a statement anew for every limit that it can see.
    let rows = sqlx::query(
        "SELECT id, site FROM cases WHERE due_at <= $1 ORDER BY due_at, id LIMIT CAST($2 AS BIGINT)",
    )
    .bind(now.0)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| Ok((super::parsed(row, TABLE, "id")?, super::parsed(row, TABLE, "site")?)))
        .collect()
}

/// When somebody should look at a case again; never, with nothing.
pub async fn look_at(db: &mut AnyConnection, case: CaseId, at: Option<UtcMillis>) -> Result<(), HubError> {
    sqlx::query("UPDATE cases SET due_at = $2 WHERE id = $1")
        .bind(case.to_string())
        .bind(at.map(|at| at.0))
        .execute(db)
        .await?;
    Ok(())
}

/// Where the header of a case stands now in the stream to its site.
pub async fn put_position(db: &mut AnyConnection, case: CaseId, position: u64) -> Result<(), HubError> {
    sqlx::query("UPDATE cases SET position = $2 WHERE id = $1")
        .bind(case.to_string())
        .bind(signed(position))
        .execute(db)
        .await?;
    Ok(())
}

/// Notes where the site's stream says that a case was taken away.
pub async fn note_revoked(db: &mut AnyConnection, case: CaseId, n: u64) -> Result<(), HubError> {
    sqlx::query("UPDATE cases SET revoked_n = $2 WHERE id = $1")
        .bind(case.to_string())
        .bind(signed(n))
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets where the stream said so: its positions count from the beginning again.
pub async fn forget_revoked(db: &mut AnyConnection, site: &SiteId) -> Result<(), HubError> {
    sqlx::query("UPDATE cases SET revoked_n = NULL WHERE site = $1 AND revoked_n IS NOT NULL")
        .bind(site.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// The first offer up to a position of the site's stream that was taken away beyond it.
pub async fn revoked_beyond(
    db: &mut AnyConnection,
    site: &SiteId,
    through: u64,
) -> Result<Option<u64>, HubError> {
    let row = sqlx::query(
        "SELECT MIN(position) AS position FROM cases WHERE site = $1 AND revoked_n > $2 AND position <= $2",
    )
    .bind(site.as_str())
    .bind(signed(through))
    .fetch_one(db)
    .await?;
    let position: Option<i64> = column(&row, TABLE, "position")?;
    Ok(position.and_then(|position| u64::try_from(position).ok()))
}

/// The cases of a site that are not closed.
pub async fn live(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Row>, HubError> {
    let rows = sqlx::query(
        "SELECT state, position, updated_at FROM cases WHERE site = $1 AND live = 1 ORDER BY pick_by, id",
    )
    .bind(site.as_str())
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

/// How much work each site has: open cases, their units, and cases offered since an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Cases that are not closed.
    pub cases: u32,
    /// Their units.
    pub units: u32,
    /// Cases offered since the instant asked for, open or not.
    pub offered: u32,
}

/// The work of all sites. Two counts, each along an index of its own.
pub async fn loads(db: &mut AnyConnection, since: UtcMillis) -> Result<BTreeMap<SiteId, Load>, HubError> {
    let number = |row: &AnyRow, name| -> Result<u32, HubError> {
        Ok(u32::try_from(unsigned(row, TABLE, name)?).unwrap_or(u32::MAX))
    };
    let mut loads: BTreeMap<SiteId, Load> = BTreeMap::new();
    let live = sqlx::query(
        "SELECT site, COUNT(*) AS cases, CAST(SUM(units) AS BIGINT) AS units FROM cases WHERE live = 1 GROUP BY site",
    )
    .fetch_all(&mut *db)
    .await?;
    for row in &live {
        let load = loads.entry(super::parsed(row, TABLE, "site")?).or_default();
        (load.cases, load.units) = (number(row, "cases")?, number(row, "units")?);
    }
    let offered =
        sqlx::query("SELECT site, COUNT(*) AS offered FROM cases WHERE offered_at >= $1 GROUP BY site")
            .bind(since.0)
            .fetch_all(db)
            .await?;
    for row in &offered {
        loads.entry(super::parsed(row, TABLE, "site")?).or_default().offered = number(row, "offered")?;
    }
    Ok(loads)
}

fn read(row: &AnyRow) -> Result<Row, HubError> {
    Ok(Row {
        state: json(row, TABLE, "state")?,
        position: unsigned(row, TABLE, "position")?,
        updated_at: UtcMillis(column(row, TABLE, "updated_at")?),
    })
}
