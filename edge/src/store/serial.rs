//! Blocks of SSCC serials leased from the hub. A serial is taken in the transaction that issues it and never again.

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreResult;

/// The next serial of a block, with what makes it an SSCC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextSerial {
    block: i64,
    /// Extension digit, 0 to 9.
    pub extension: u8,
    /// GS1 company prefix.
    pub company_prefix: String,
    /// The serial reference.
    pub serial: u64,
}

impl NextSerial {
    /// The block it is taken from.
    pub fn block_name(&self) -> String {
        self.block.to_string()
    }
}

/// Adds a leased block; the same block again changes nothing.
pub fn lease(conn: &Connection, extension: u8, prefix: &str, first: u64, count: u32) -> StoreResult<()> {
    let first = i64::try_from(first).unwrap_or(i64::MAX);
    conn.execute(
        "INSERT INTO serial_block (first, count, next, extension, company_prefix) VALUES (?1, ?2, ?1, ?3, ?4)
         ON CONFLICT (first) DO NOTHING",
        params![first, count, extension, prefix],
    )?;
    Ok(())
}

/// Stops all use of a block.
pub fn void(conn: &Connection, first: u64) -> StoreResult<()> {
    let first = i64::try_from(first).unwrap_or(i64::MAX);
    conn.execute("UPDATE serial_block SET voided = 1 WHERE first = ?1", [first])?;
    Ok(())
}

/// The next serial, not taken yet, or nothing when all blocks are used up.
pub fn next(conn: &Connection) -> StoreResult<Option<NextSerial>> {
    let found = conn
        .prepare_cached(
            "SELECT first, next, extension, company_prefix FROM serial_block \
             WHERE voided = 0 AND next < first + count ORDER BY first LIMIT 1",
        )?
        .query_row([], |row| {
            Ok(NextSerial {
                block: row.get(0)?,
                serial: row.get::<_, i64>(1)?.unsigned_abs(),
                extension: row.get(2)?,
                company_prefix: row.get(3)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// Takes the serial: from here on the block goes on behind it.
pub fn take(conn: &Connection, serial: &NextSerial) -> StoreResult<()> {
    conn.prepare_cached("UPDATE serial_block SET next = next + 1 WHERE first = ?1")?
        .execute([serial.block])?;
    Ok(())
}

/// Serials that are left over all blocks.
pub fn left(conn: &Connection) -> StoreResult<u64> {
    let left: i64 = conn.query_row(
        "SELECT coalesce(sum(first + count - next), 0) FROM serial_block WHERE voided = 0",
        [],
        |row| row.get(0),
    )?;
    Ok(left.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use outpost_model::time::UtcMillis;

    #[test]
    fn a_block_ends_at_its_edge_and_a_voided_one_at_once() {
        let mut conn = Connection::open_in_memory().unwrap();
        crate::store::migrate::migrate(&mut conn, UtcMillis(1)).unwrap();
        assert_eq!(next(&conn).unwrap(), None);
        lease(&conn, 3, "4012345", 100, 2).unwrap();
        lease(&conn, 3, "4012345", 100, 2).unwrap();
        lease(&conn, 3, "4012345", 500, 1).unwrap();
        let serials = |conn: &Connection| {
            let serial = next(conn).unwrap()?;
            take(conn, &serial).unwrap();
            Some(serial.serial)
        };
        assert_eq!(serials(&conn), Some(100));
        // The same lease once more, after use: the block must not begin again.
        lease(&conn, 3, "4012345", 100, 2).unwrap();
        assert_eq!(serials(&conn), Some(101));
        assert_eq!(left(&conn).unwrap(), 1);
        void(&conn, 500).unwrap();
        assert_eq!(serials(&conn), None);
    }
}
