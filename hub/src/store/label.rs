//! Carrier labels to be bought and given back: jobs of the label worker.

use std::collections::BTreeMap;

use outpost_model::id::{CaseId, ContainerId, SiteId};
use outpost_model::time::UtcMillis;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};

use super::{column, parsed, unsigned};
use crate::error::HubError;

const TABLE: &str = "label";

/// How far a label is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// To be bought.
    Wanted,
    /// Bought, and its site was told.
    Bought,
    /// To be given back to the carrier.
    VoidWanted,
    /// The carrier has taken it back.
    Voided,
    /// Not wanted any more before it was bought.
    Dropped,
    /// The carrier will not sell it; a person must look.
    Refused,
}

impl State {
    const ALL: [Self; 6] =
        [Self::Wanted, Self::Bought, Self::VoidWanted, Self::Voided, Self::Dropped, Self::Refused];

    /// The name in columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Bought => "bought",
            Self::VoidWanted => "void_wanted",
            Self::Voided => "voided",
            Self::Dropped => "dropped",
            Self::Refused => "refused",
        }
    }
}

/// A label of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// `case/parcel/generation`: what the carrier knows the purchase by, so that a repeated one is the same.
    pub key: String,
    /// The case.
    pub case: CaseId,
    /// Its site.
    pub site: SiteId,
    /// The parcel.
    pub container: ContainerId,
    /// How far it is.
    pub state: State,
    /// Attempts at what is to be done.
    pub attempts: u32,
    /// Tracking number, once bought.
    pub number: Option<String>,
}

/// Wants a label.
pub async fn want(db: &mut AnyConnection, label: &Label, due_at: UtcMillis) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO label (key, case_id, site, container, state, attempts, due_at)
         VALUES ($1, $2, $3, $4, 'wanted', 0, $5) ON CONFLICT (key) DO NOTHING",
    )
    .bind(&label.key)
    .bind(label.case.to_string())
    .bind(label.site.as_str())
    .bind(label.container.as_str())
    .bind(due_at.0)
    .execute(db)
    .await?;
    Ok(())
}

/// A case is over: labels that were not bought are not wanted any more, bought ones are to be given back. Returns
/// whether there is something to give back.
pub async fn give_up(db: &mut AnyConnection, case: CaseId, now: UtcMillis) -> Result<bool, HubError> {
    sqlx::query("UPDATE label SET state = 'dropped' WHERE case_id = $1 AND state = 'wanted'")
        .bind(case.to_string())
        .execute(&mut *db)
        .await?;
    let done = sqlx::query(
        "UPDATE label SET state = 'void_wanted', attempts = 0, due_at = $2
         WHERE case_id = $1 AND state = 'bought'",
    )
    .bind(case.to_string())
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought<'a> {
    /// The carrier.
    pub carrier: &'a str,
    /// Tracking number.
    pub number: &'a str,
    /// Price in minor units.
    pub price_minor: i64,
    /// Its currency.
    pub currency: &'a str,
}

/// Notes a purchase. A label whose case is over by now is to be given back at once: the state afterwards.
pub async fn bought(
    db: &mut AnyConnection,
    key: &str,
    bought: &Bought<'_>,
    now: UtcMillis,
) -> Result<Option<State>, HubError> {
    let row = sqlx::query(
        "UPDATE label SET state = CASE WHEN state = 'dropped' THEN 'void_wanted' ELSE 'bought' END,
             attempts = 0, due_at = $6, carrier = $2, number = $3, price_minor = $4, currency = $5, error = NULL
         WHERE key = $1 AND state IN ('wanted', 'dropped') RETURNING state",
    )
    .bind(key)
    .bind(bought.carrier)
    .bind(bought.number)
    .bind(bought.price_minor)
    .bind(bought.currency)
    .bind(now.0)
    .fetch_optional(db)
    .await?;
    row.map(|row| state(&row)).transpose()
}

/// Notes that the carrier has taken a label back; `false` when that was known.
pub async fn voided(db: &mut AnyConnection, key: &str) -> Result<bool, HubError> {
    let done = sqlx::query(
        "UPDATE label SET state = 'voided', error = NULL WHERE key = $1 AND state = 'void_wanted'",
    )
    .bind(key)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes a failed attempt: try again at `due_at`, or never when nothing.
pub async fn failed(
    db: &mut AnyConnection,
    key: &str,
    error: &str,
    due_at: Option<UtcMillis>,
) -> Result<(), HubError> {
    sqlx::query(
        "UPDATE label SET attempts = attempts + 1, error = $2, due_at = $3,
             state = CASE WHEN $4 = 1 AND state = 'wanted' THEN 'refused' ELSE state END
         WHERE key = $1",
    )
    .bind(key)
    .bind(error)
    .bind(due_at.map_or(i64::MAX, |at| at.0))
    .bind(i64::from(due_at.is_none()))
    .execute(db)
    .await?;
    Ok(())
}

/// Labels that the worker should look at now.
pub async fn due(pool: &AnyPool, now: UtcMillis, limit: i64) -> Result<Vec<Label>, HubError> {
    // SQLite plans a statement anew for every limit that it can see.
    let rows = sqlx::query(
        "SELECT * FROM label WHERE state IN ('wanted', 'void_wanted') AND due_at <= $1
             AND site NOT IN (SELECT site FROM recovery WHERE settled_at IS NULL)
         ORDER BY due_at, key LIMIT CAST($2 AS BIGINT)",
    )
    .bind(now.0)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.iter().map(read).collect()
}

/// The label with a tracking number.
pub async fn by_number(db: &mut AnyConnection, number: &str) -> Result<Option<Label>, HubError> {
    let row = sqlx::query("SELECT * FROM label WHERE number = $1").bind(number).fetch_optional(db).await?;
    row.map(|row| read(&row)).transpose()
}

/// Labels by state.
pub async fn count(pool: &AnyPool) -> Result<BTreeMap<String, i64>, HubError> {
    let rows = sqlx::query("SELECT state, COUNT(*) AS n FROM label GROUP BY state").fetch_all(pool).await?;
    rows.iter().map(|row| Ok((column(row, TABLE, "state")?, column(row, TABLE, "n")?))).collect()
}

fn state(row: &AnyRow) -> Result<State, HubError> {
    let name: &str = column(row, TABLE, "state")?;
    let known = State::ALL.into_iter().find(|state| state.as_str() == name);
    known.ok_or_else(|| HubError::corrupt(TABLE, "state", name))
}

fn read(row: &AnyRow) -> Result<Label, HubError> {
    Ok(Label {
        key: column(row, TABLE, "key")?,
        case: parsed(row, TABLE, "case_id")?,
        site: parsed(row, TABLE, "site")?,
        container: parsed(row, TABLE, "container")?,
        state: state(row)?,
        attempts: u32::try_from(unsigned(row, TABLE, "attempts")?).unwrap_or(u32::MAX),
        number: column(row, TABLE, "number")?,
    })
}
