//! Keys on SQLite lie in slots: rows of one size that are only ever appended or overwritten in place, never deleted.
//! SQLite moves the cells of a page when it splits or joins pages, and leaves what it moved where it was, even with
//! `secure_delete`; a row that never moves has no second copy to be forgotten.

use outpost_model::time::UtcMillis;
use outpost_sync::seal::NewKey;
use sqlx::AnyConnection;

use super::TABLE;
use crate::error::HubError;
use crate::store::column;

/// The tables. A slot has its number from SQLite.
pub(super) const SCHEMA: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS record_key (
         kind TEXT NOT NULL, key TEXT NOT NULL, slot INTEGER NOT NULL, retain_until BIGINT NOT NULL,
         PRIMARY KEY (kind, key))",
    "CREATE TABLE IF NOT EXISTS slot (id INTEGER PRIMARY KEY NOT NULL, secret BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS free_slot (id INTEGER PRIMARY KEY NOT NULL)",
];

/// Keys by kind, to be ended with keys.
pub(super) const SOME: &str =
    "SELECT key, secret FROM record_key JOIN slot ON id = slot WHERE kind = $1 AND key IN";

/// Keeps a key in the slot its record has, one that is free, or a new one.
pub(super) async fn keep(db: &mut AnyConnection, new: &NewKey) -> Result<(), HubError> {
    let slot = match own_or_free(db, new).await? {
        Some(slot) => {
            sqlx::query("UPDATE slot SET secret = $2 WHERE id = $1")
                .bind(slot)
                .bind(&new.secret.as_bytes()[..])
                .execute(&mut *db)
                .await?;
            slot
        }
        None => {
            let row = sqlx::query("INSERT INTO slot (secret) VALUES ($1) RETURNING id")
                .bind(&new.secret.as_bytes()[..])
                .fetch_one(&mut *db)
                .await?;
            column(&row, "slot", "id")?
        }
    };
    sqlx::query(
        "INSERT INTO record_key (kind, key, slot, retain_until) VALUES ($1, $2, $3, $4)
         ON CONFLICT (kind, key) DO UPDATE SET retain_until = excluded.retain_until",
    )
    .bind(&new.kind)
    .bind(&new.key)
    .bind(slot)
    .bind(new.retain_until_ms)
    .execute(db)
    .await?;
    Ok(())
}

async fn own_or_free(db: &mut AnyConnection, new: &NewKey) -> Result<Option<i64>, HubError> {
    let own = sqlx::query("SELECT slot FROM record_key WHERE kind = $1 AND key = $2")
        .bind(&new.kind)
        .bind(&new.key)
        .fetch_optional(&mut *db)
        .await?;
    if let Some(row) = own {
        return column(&row, TABLE, "slot").map(Some);
    }
    let free = "DELETE FROM free_slot WHERE id = (SELECT min(id) FROM free_slot) RETURNING id";
    let row = sqlx::query(free).fetch_optional(db).await?;
    row.map(|row| column(&row, "free_slot", "id")).transpose()
}

/// Deletes a key whose time is over: its slot is overwritten and free for another one.
pub(super) async fn wipe(
    db: &mut AnyConnection,
    (kind, key): (&str, &str),
    now: UtcMillis,
) -> Result<(), HubError> {
    let gone = sqlx::query(
        "DELETE FROM record_key WHERE kind = $1 AND key = $2 AND retain_until < $3 RETURNING slot",
    )
    .bind(kind)
    .bind(key)
    .bind(now.0)
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = gone else { return Ok(()) };
    let slot: i64 = column(&row, TABLE, "slot")?;
    sqlx::query("UPDATE slot SET secret = zeroblob(32) WHERE id = $1").bind(slot).execute(&mut *db).await?;
    sqlx::query("INSERT INTO free_slot (id) VALUES ($1)").bind(slot).execute(db).await?;
    Ok(())
}
