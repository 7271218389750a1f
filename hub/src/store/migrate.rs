//! Brings the tables up to date: numbered texts, each applied once, in order.

use sqlx::{AnyPool, AssertSqlSafe, Executor, Row};

use super::Dialect;
use crate::error::HubError;

const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_hub.sql"),
    include_str!("../../migrations/0002_backup.sql"),
    include_str!("../../migrations/0003_epoch.sql"),
    include_str!("../../migrations/0004_succession.sql"),
    include_str!("../../migrations/0005_retired.sql"),
    include_str!("../../migrations/0006_workers.sql"),
    include_str!("../../migrations/0007_repair.sql"),
    include_str!("../../migrations/0008_sealed.sql"),
    include_str!("../../migrations/0009_reference.sql"),
    include_str!("../../migrations/0010_quarantine.sql"),
];

/// The version of the tables that this program writes.
pub(super) fn version() -> u64 {
    MIGRATIONS.len() as u64
}

pub(super) async fn run(pool: &AnyPool, dialect: Dialect) -> Result<(), HubError> {
    let mut tx = pool.begin_with(dialect.begin()).await?;
    if dialect == Dialect::Postgres {
        // Two daemons that start at once must not both migrate: the second waits here and finds nothing to do.
        sqlx::query("SELECT pg_advisory_xact_lock(7310458)").execute(&mut *tx).await?;
    }
    (*tx).execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)").await?;
    let row = (*tx).fetch_one("SELECT COALESCE(MAX(version), 0) AS version FROM schema_version").await?;
    let version = usize::try_from(row.try_get::<i64, _>("version")?).unwrap_or(usize::MAX);
    if version > MIGRATIONS.len() {
        return Err(HubError::Migration(format!(
            "the database has version {version}, this program knows versions up to {}: it is older than the \
             program that wrote the database",
            MIGRATIONS.len()
        )));
    }
    for (index, text) in MIGRATIONS.iter().enumerate().skip(version) {
        sqlx::raw_sql(AssertSqlSafe(spell(text, dialect)))
            .execute(&mut *tx)
            .await
            .map_err(|error| HubError::Migration(format!("version {} was refused: {error}", index + 1)))?;
        sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
            .bind(super::signed(index as u64 + 1))
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The two types whose names differ.
fn spell(text: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => text.to_owned(),
        Dialect::Postgres => text.replace(" BLOB", " BYTEA").replace(" DOUBLE", " DOUBLE PRECISION"),
    }
}
