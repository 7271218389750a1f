//! Seals what an earlier version kept in plain: once, before anybody works, and so that the file forgets it.

use outpost_model::time::UtcMillis;
use outpost_sync::seal::{Name, NewKey};
use rusqlite::{Connection, TransactionBehavior, params};

use super::record::{self, CONTACT, LABEL};
use super::vault::Vault;
use super::{StoreResult, print_job, setting};
use crate::ids::Ids;

/// Says that it was sealed, and whether the file has been written anew since.
const SEALED: &str = "earlier_sealed";

/// What stood in plain.
struct Plain {
    kind: &'static str,
    key: String,
    retain_until: UtcMillis,
    content: Vec<u8>,
}

/// Seals contacts, labels and printed labels of an earlier version, and says how many. Labels brought no time with them:
/// they are kept for `labels_ms` from when they came.
pub fn seal_earlier(
    conn: &mut Connection,
    vault: &Vault,
    ids: &mut Ids,
    labels_ms: i64,
) -> StoreResult<usize> {
    let known: Option<bool> = setting::load(conn, SEALED)?;
    let sealed = if known.is_none() { seal(conn, vault, ids, labels_ms)? } else { 0 };
    if setting::load(conn, SEALED)? == Some(false) {
        // Pages that were given up still hold what stood on them, and so does the log.
        conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
        setting::save(conn, SEALED, &true)?;
    }
    Ok(sealed)
}

fn seal(conn: &mut Connection, vault: &Vault, ids: &mut Ids, labels_ms: i64) -> StoreResult<usize> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = found(&tx, labels_ms)?;
    let mut keys = Vec::with_capacity(found.len());
    for plain in &found {
        let name = Name { kind: plain.kind, key: &plain.key };
        let (key, sealed) = NewKey::seal(name, plain.retain_until.0, &plain.content, ids.rng());
        keys.push(key);
        if plain.kind == print_job::SEALED_AS {
            tx.prepare_cached("UPDATE print_job SET bytes = ?2 WHERE original = ?1 AND bytes IS NOT NULL")?
                .execute(params![plain.key, sealed])?;
        } else {
            record::save_sealed(&tx, name, &sealed, plain.retain_until, plain.retain_until)?;
        }
    }
    tx.execute("DELETE FROM contact", [])?;
    tx.execute("DELETE FROM record WHERE kind = ?1", [LABEL])?;
    setting::save(&tx, SEALED, &found.is_empty())?;
    vault.keep(&keys)?;
    tx.commit()?;
    Ok(found.len())
}

fn found(conn: &Connection, labels_ms: i64) -> StoreResult<Vec<Plain>> {
    let mut found = Vec::new();
    let mut take = |kind: &'static str, sql: &str, kept_ms: i64| -> StoreResult<()> {
        let mut statement = conn.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            let from: i64 = row.get(1)?;
            Ok(Plain {
                kind,
                key: row.get(0)?,
                retain_until: UtcMillis(from.saturating_add(kept_ms)),
                content: row.get(2)?,
            })
        })?;
        for row in rows {
            found.push(row?);
        }
        Ok(())
    };
    take(CONTACT, "SELECT record_id, retain_until, CAST(contact AS BLOB) FROM contact", 0)?;
    take(LABEL, "SELECT key, received, bytes FROM record WHERE kind = 'label'", labels_ms)?;
    let printed = "SELECT CAST(original AS TEXT), min(created_at), bytes FROM print_job \
                   WHERE bytes IS NOT NULL GROUP BY original";
    take(print_job::SEALED_AS, printed, labels_ms)?;
    Ok(found)
}
