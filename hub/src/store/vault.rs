//! The key store: the keys of what concerns a person, in a database of their own that no ordinary backup copies.
//! Deleting a key closes its record everywhere, in every copy of the hub's database and at no cost in size.
//!
//! A key is durable before what it seals is: a crash in between leaves a key that opens nothing, never a record that
//! nobody can open.

mod slots;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outpost_model::retention::RetentionClock;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::{Name, NewKey, RecordKey};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Executor};

use super::many::{self, Cell};
use super::{Dialect, column, json, to_json};
use crate::error::HubError;

const TABLE: &str = "record_key";
const CONNECTIONS_MAX: u32 = 4;

const RETENTION: &str = "CREATE INDEX IF NOT EXISTS record_key_retention ON record_key (retain_until)";
const CLOCK: &str =
    "CREATE TABLE IF NOT EXISTS retention_clock (singleton BIGINT PRIMARY KEY, reading TEXT NOT NULL)";
/// On PostgreSQL a key stands with its record; old versions of a row are its own to clean up.
const KEYS: &str = "CREATE TABLE IF NOT EXISTS record_key (
         kind TEXT NOT NULL, key TEXT NOT NULL, secret BYTEA NOT NULL, retain_until BIGINT NOT NULL,
         PRIMARY KEY (kind, key))";

/// How long what is kept, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Names and addresses.
    pub contacts_ms: i64,
    /// Payloads as channels sent them.
    pub payloads_ms: i64,
    /// Carrier labels.
    pub labels_ms: i64,
    /// Frames and records that were set aside.
    pub set_aside_ms: i64,
}

/// The key store, open. Clones share it.
#[derive(Debug, Clone)]
pub struct Vault(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: AnyPool,
    dialect: Dialect,
    kept: Kept,
}

impl Vault {
    /// Opens the key store and makes its tables.
    pub async fn open(url: &str, kept: Kept) -> Result<Self, HubError> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(url)?;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |connection, _| Box::pin(prepare(dialect, connection)))
            .connect_with(url.parse::<AnyConnectOptions>()?)
            .await?;
        let tables: &[&str] = match dialect {
            Dialect::Sqlite => &slots::SCHEMA,
            Dialect::Postgres => &[KEYS],
        };
        for text in tables.iter().copied().chain([RETENTION, CLOCK]) {
            sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&pool).await?;
        }
        Ok(Self(Arc::new(Inner { pool, dialect, kept })))
    }

    /// How long what is kept.
    pub fn kept(&self) -> Kept {
        self.0.kept
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.0.pool.close().await;
    }

    /// Keeps keys, in one commit. A record that is sealed anew has the new key.
    pub async fn keep(&self, keys: &[NewKey]) -> Result<(), HubError> {
        // A statement may touch a row once only: of several keys of one record the last counts.
        let latest: BTreeMap<(&str, &str), &NewKey> =
            keys.iter().map(|new| ((new.kind.as_str(), new.key.as_str()), new)).collect();
        if latest.is_empty() {
            return Ok(());
        }
        let mut tx = self.0.pool.begin_with(self.0.dialect.begin()).await?;
        if self.0.dialect == Dialect::Sqlite {
            for new in latest.into_values() {
                slots::keep(&mut tx, new).await?;
            }
            return Ok(tx.commit().await?);
        }
        let rows = latest.into_values().map(|new| {
            [
                Cell::from(new.kind.as_str()),
                new.key.as_str().into(),
                (&new.secret.as_bytes()[..]).into(),
                new.retain_until_ms.into(),
            ]
        });
        many::insert(
            &mut tx,
            "INSERT INTO record_key (kind, key, secret, retain_until)",
            "ON CONFLICT (kind, key) DO UPDATE SET secret = excluded.secret, retain_until = excluded.retain_until",
            rows.collect(),
        )
        .await?;
        Ok(tx.commit().await?)
    }

    /// The keys of records of one kind, of those that are kept.
    pub async fn some(&self, kind: &str, keys: &[String]) -> Result<BTreeMap<String, RecordKey>, HubError> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut connection = self.0.pool.acquire().await?;
        let sql = match self.0.dialect {
            Dialect::Sqlite => slots::SOME,
            Dialect::Postgres => "SELECT key, secret FROM record_key WHERE kind = $1 AND key IN",
        };
        let rows = many::select(&mut connection, sql, "", Some(kind), keys).await?;
        rows.iter()
            .map(|row| {
                let secret: Vec<u8> = column(row, TABLE, "secret")?;
                let secret = RecordKey::from_slice(&secret)
                    .ok_or_else(|| HubError::corrupt(TABLE, "secret", "not its number of bytes"))?;
                Ok((column(row, TABLE, "key")?, secret))
            })
            .collect()
    }

    /// Opens something sealed; nothing when its key is gone.
    pub async fn unseal(&self, name: Name<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, HubError> {
        let Some(secret) = self.some(name.kind, &[name.key.to_owned()]).await?.remove(name.key) else {
            return Ok(None);
        };
        let content = secret.open(name, sealed);
        Ok(Some(content.map_err(|error| HubError::corrupt("sealed", name.key, error))?))
    }

    /// Deletes at most `limit` keys whose time is over, and wipes them: on SQLite the pages they lay on are overwritten
    /// and the log is emptied.
    pub async fn expire(&self, now: UtcMillis, limit: i64) -> Result<u64, HubError> {
        let due = sqlx::query(
            "SELECT kind, key FROM record_key WHERE retain_until < $1 ORDER BY retain_until LIMIT $2",
        )
        .bind(now.0)
        .bind(limit)
        .fetch_all(&self.0.pool)
        .await?;
        if due.is_empty() {
            return Ok(0);
        }
        let mut tx = self.0.pool.begin_with(self.0.dialect.begin()).await?;
        for row in &due {
            let (kind, key): (String, String) = (column(row, TABLE, "kind")?, column(row, TABLE, "key")?);
            if self.0.dialect == Dialect::Sqlite {
                slots::wipe(&mut tx, (&kind, &key), now).await?;
                continue;
            }
            sqlx::query("DELETE FROM record_key WHERE kind = $1 AND key = $2 AND retain_until < $3")
                .bind(kind)
                .bind(key)
                .bind(now.0)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        if self.0.dialect == Dialect::Sqlite {
            let mut connection = self.0.pool.acquire().await?;
            (*connection).execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        }
        Ok(due.len() as u64)
    }

    /// The time for deleting, after a reading of the clocks.
    pub async fn time(
        &self,
        wall: UtcMillis,
        boot_ms: u64,
        boot_id: uuid::Uuid,
    ) -> Result<UtcMillis, HubError> {
        let mut tx = self.0.pool.begin_with(self.0.dialect.begin()).await?;
        let kept = sqlx::query("SELECT reading FROM retention_clock").fetch_optional(&mut *tx).await?;
        let kept = kept.map(|row| json(&row, "retention_clock", "reading")).transpose()?;
        let mut clock = kept.unwrap_or_else(|| RetentionClock::start(wall, boot_ms, boot_id));
        let now = clock.read(wall, boot_ms, boot_id);
        sqlx::query(
            "INSERT INTO retention_clock (singleton, reading) VALUES (1, $1)
             ON CONFLICT (singleton) DO UPDATE SET reading = excluded.reading",
        )
        .bind(to_json(&clock)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(now)
    }
}

async fn prepare(dialect: Dialect, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if dialect == Dialect::Sqlite {
        for pragma in [
            "PRAGMA busy_timeout = 5000",
            "PRAGMA secure_delete = ON",
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
        ] {
            connection.execute(pragma).await?;
        }
    }
    Ok(())
}
