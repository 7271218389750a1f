//! The audit chain: what was done by whom, each row sealed with the hash of the one before it, so that a row that
//! is changed, removed or slipped in breaks every hash after it.

use outpost_model::id::CommandId;
use outpost_model::time::UtcMillis;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, StoreResult};

/// What is to be remembered. Holds no personal data.
#[derive(Debug, Clone)]
pub struct AuditEntry<'a> {
    /// When.
    pub at: UtcMillis,
    /// Who: `staff@device`, `edge` or `hub`.
    pub actor: &'a str,
    /// By which command, if by one.
    pub command: Option<CommandId>,
    /// About what: a document, a SKU, a device.
    pub subject: &'a str,
    /// What was done, as JSON.
    pub what: &'a str,
}

/// Where the chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Rows.
    pub rows: u64,
    /// The hash of the last one.
    pub hash: [u8; 32],
}

const START: [u8; 32] = [0; 32];

/// Adds a row. Where the chain ends may be known to who alone writes it; it is known afterwards.
pub fn append(conn: &Connection, end: &mut Option<Chain>, entry: &AuditEntry<'_>) -> StoreResult<()> {
    let before = end.take().map_or_else(|| last(conn), Ok)?;
    let rows = before.rows + 1;
    let n = i64::try_from(rows).map_err(|error| StoreError::corrupt("audit", rows, error))?;
    let command = entry.command.map(|id| id.to_string());
    let hash = seal(&before.hash, n, entry.at.0, entry.actor, command.as_deref(), entry.subject, entry.what);
    conn.prepare_cached(
        "INSERT INTO audit (n, at, actor, command, subject, what, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![n, entry.at.0, entry.actor, command, entry.subject, entry.what, hash])?;
    *end = Some(Chain { rows, hash });
    Ok(())
}

fn last(conn: &Connection) -> StoreResult<Chain> {
    let last = conn
        .prepare_cached("SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1")?
        .query_row([], |row| Ok(Chain { rows: row.get::<_, i64>(0)?.unsigned_abs(), hash: row.get(1)? }))
        .optional()?;
    Ok(last.unwrap_or(Chain { rows: 0, hash: START }))
}

/// Checks every row from the first; an error names the first row that does not fit.
pub fn verify(conn: &Connection) -> StoreResult<Chain> {
    let mut statement =
        conn.prepare_cached("SELECT n, at, actor, command, subject, what, hash FROM audit ORDER BY n")?;
    let mut rows = statement.query([])?;
    let mut chain = Chain { rows: 0, hash: START };
    while let Some(row) = rows.next()? {
        chain = check(row, chain)?;
    }
    Ok(chain)
}

fn check(row: &Row<'_>, chain: Chain) -> StoreResult<Chain> {
    let n: i64 = row.get(0)?;
    let command: Option<String> = row.get(3)?;
    let (actor, subject, what): (String, String, String) = (row.get(2)?, row.get(4)?, row.get(5)?);
    let hash = seal(&chain.hash, n, row.get(1)?, &actor, command.as_deref(), &subject, &what);
    if n.unsigned_abs() != chain.rows + 1 || hash != row.get::<_, [u8; 32]>(6)? {
        return Err(StoreError::corrupt("audit", n, "the row does not fit the one before it"));
    }
    Ok(Chain { rows: chain.rows + 1, hash })
}

fn seal(
    before: &[u8; 32],
    n: i64,
    at: i64,
    actor: &str,
    command: Option<&str>,
    subject: &str,
    what: &str,
) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(&n.to_le_bytes()).update(&at.to_le_bytes());
    for text in [actor, command.unwrap_or_default(), subject, what] {
        // Lengths first: no two different rows write the same bytes.
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain_of(rows: i64) -> Connection {
        let mut conn = Connection::open_in_memory().unwrap();
        crate::store::migrate::migrate(&mut conn, UtcMillis(1)).unwrap();
        for at in 1..=rows {
            let entry =
                AuditEntry { at: UtcMillis(at), actor: "edge", command: None, subject: "case/1", what: "{}" };
            append(&conn, &mut None, &entry).unwrap();
        }
        conn
    }

    #[test]
    fn an_untouched_chain_verifies() {
        assert_eq!(verify(&chain_of(0)).unwrap().rows, 0);
        assert_eq!(verify(&chain_of(5)).unwrap().rows, 5);
    }

    #[test]
    fn any_tampering_breaks_the_chain() {
        for tampering in [
            "UPDATE audit SET what = '{\"x\":1}' WHERE n = 2",
            "UPDATE audit SET at = 99 WHERE n = 5",
            "UPDATE audit SET command = 'c' WHERE n = 1",
            "DELETE FROM audit WHERE n = 3",
            "UPDATE audit SET n = n + 1000",
        ] {
            let conn = chain_of(5);
            conn.execute(tampering, []).unwrap();
            assert!(verify(&conn).is_err(), "{tampering}");
        }
    }
}
