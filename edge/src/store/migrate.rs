//! Brings the schema up to date: numbered steps, each in a transaction of its own, each remembered with the hash of
//! its text. A database of a later version is refused rather than misread.

use outpost_model::time::UtcMillis;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{StoreError, StoreResult};

struct Step {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

const STEPS: &[Step] = &[
    Step { version: 1, name: "site", sql: include_str!("migrations/0001_site.sql") },
    Step { version: 2, name: "print_job", sql: include_str!("migrations/0002_print_job.sql") },
    Step { version: 3, name: "label_retention", sql: include_str!("migrations/0003_label_retention.sql") },
    Step { version: 4, name: "outcome_age", sql: include_str!("migrations/0004_outcome_age.sql") },
    Step { version: 5, name: "place", sql: include_str!("migrations/0005_place.sql") },
    Step { version: 6, name: "serial_block", sql: include_str!("migrations/0006_serial_block.sql") },
    Step { version: 7, name: "sealed", sql: include_str!("migrations/0007_sealed.sql") },
    Step { version: 8, name: "reference", sql: include_str!("migrations/0008_reference.sql") },
];

/// The version this program works with.
pub fn latest() -> i64 {
    STEPS.last().map_or(0, |step| step.version)
}

/// Runs the steps that have not run yet.
pub fn migrate(conn: &mut Connection, now: UtcMillis) -> StoreResult<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    outpost_journal::migrate(&tx)?;
    tx.commit()?;
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (
             version    INTEGER PRIMARY KEY NOT NULL,
             name       TEXT NOT NULL,
             hash       TEXT NOT NULL,
             applied_at INTEGER NOT NULL
         ) STRICT",
    )?;
    let found: Option<i64> = conn.query_row("SELECT max(version) FROM migration", [], |row| row.get(0))?;
    if found.is_some_and(|found| found > latest()) {
        return Err(StoreError::Migration(format!(
            "it has schema version {}, this program knows {} at most",
            found.unwrap_or_default(),
            latest()
        )));
    }
    for step in STEPS {
        run(conn, step, now)?;
    }
    Ok(())
}

fn run(conn: &mut Connection, step: &Step, now: UtcMillis) -> StoreResult<()> {
    let hash = blake3::hash(step.sql.as_bytes()).to_hex().to_string();
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known: Option<String> = tx
        .query_row("SELECT hash FROM migration WHERE version = ?1", [step.version], |row| row.get(0))
        .optional()?;
    match known {
        Some(known) if known == hash => return Ok(()),
        Some(_) => {
            return Err(StoreError::Migration(format!("step {} ({}) has changed", step.version, step.name)));
        }
        None => {}
    }
    tx.execute_batch(step.sql)?;
    tx.execute(
        "INSERT INTO migration (version, name, hash, applied_at) VALUES (?1, ?2, ?3, ?4)",
        params![step.version, step.name, hash, now.0],
    )?;
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, UtcMillis(1)).unwrap();
        let schema = |conn: &Connection| -> Vec<String> {
            let mut all =
                conn.prepare("SELECT coalesce(sql, name) FROM sqlite_master ORDER BY name").unwrap();
            all.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let before = schema(&conn);
        migrate(&mut conn, UtcMillis(2)).unwrap();
        assert_eq!(schema(&conn), before);
        let applied: i64 =
            conn.query_row("SELECT max(applied_at) FROM migration", [], |row| row.get(0)).unwrap();
        assert_eq!(applied, 1);
    }

    #[test]
    fn a_later_or_changed_schema_is_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, UtcMillis(1)).unwrap();
        conn.execute("UPDATE migration SET hash = 'x' WHERE version = 1", []).unwrap();
        assert!(matches!(migrate(&mut conn, UtcMillis(1)), Err(StoreError::Migration(_))));
        conn.execute("INSERT INTO migration VALUES (?1, 'later', 'y', 1)", [latest() + 1]).unwrap();
        let error = migrate(&mut conn, UtcMillis(1)).unwrap_err();
        assert!(error.to_string().contains("at most"), "{error}");
    }
}
