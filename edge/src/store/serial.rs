//! Blocks of SSCC serials leased from the hub. A serial is taken in the transaction that issues it and never again.

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreResult;

/// The next serial of a block, with what makes it an SSCC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextSerial {
    first: i64,
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
        format!("{}/{}/{}", self.extension, self.company_prefix, self.first)
    }
}

/// What became of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leased {
    /// It is new.
    New,
    /// It is the same block again: nothing has changed.
    Known,
    /// It shares serials with another block of its prefix, and is not used.
    Overlaps,
}

/// Adds a leased block. A serial belongs to one block only, whatever the hub says.
pub fn lease(conn: &Connection, extension: u8, prefix: &str, first: u64, count: u32) -> StoreResult<Leased> {
    let first = i64::try_from(first).unwrap_or(i64::MAX - i64::from(u32::MAX));
    let shared: Option<(i64, u32)> = conn
        .query_row(
            "SELECT first, count FROM serial_block WHERE extension = ?1 AND company_prefix = ?2
                AND first < ?3 + ?4 AND ?3 < first + count ORDER BY first LIMIT 1",
            params![extension, prefix, first, count],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    match shared {
        Some(known) if known == (first, count) => return Ok(Leased::Known),
        Some(_) => return Ok(Leased::Overlaps),
        None => {}
    }
    conn.execute(
        "INSERT INTO serial_block (extension, company_prefix, first, count, next) VALUES (?1, ?2, ?3, ?4, ?3)",
        params![extension, prefix, first, count],
    )?;
    Ok(Leased::New)
}

/// Stops all use of serials, of whatever prefix.
pub fn void(conn: &Connection, first: u64, count: u32) -> StoreResult<()> {
    let first = i64::try_from(first).unwrap_or(i64::MAX - i64::from(u32::MAX));
    conn.execute(
        "UPDATE serial_block SET voided = 1 WHERE first < ?1 + ?2 AND ?1 < first + count",
        params![first, count],
    )?;
    Ok(())
}

/// Stops all use of all blocks: how far they were used is not known any more.
pub fn void_all(conn: &Connection) -> StoreResult<()> {
    conn.execute("UPDATE serial_block SET voided = 1", [])?;
    Ok(())
}

/// The next serial, not taken yet, or nothing when all blocks are used up.
pub fn next(conn: &Connection) -> StoreResult<Option<NextSerial>> {
    let found = conn
        .prepare_cached(
            "SELECT first, next, extension, company_prefix FROM serial_block \
             WHERE voided = 0 AND next < first + count ORDER BY first, extension, company_prefix LIMIT 1",
        )?
        .query_row([], |row| {
            Ok(NextSerial {
                first: row.get(0)?,
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
    let NextSerial { first, extension, company_prefix, .. } = serial;
    conn.prepare_cached(
        "UPDATE serial_block SET next = next + 1 WHERE extension = ?1 AND company_prefix = ?2 AND first = ?3",
    )?
    .execute(params![extension, company_prefix, first])?;
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
        void(&conn, 500, 1).unwrap();
        assert_eq!(serials(&conn), None);
    }

    #[test]
    fn blocks_are_told_apart_by_prefix_and_never_overlap_within_one() {
        let mut conn = Connection::open_in_memory().unwrap();
        crate::store::migrate::migrate(&mut conn, UtcMillis(1)).unwrap();
        let lease = |extension, prefix, first, count| lease(&conn, extension, prefix, first, count).unwrap();
        assert_eq!(lease(3, "4012345", 100, 10), Leased::New);
        assert_eq!(lease(3, "4012345", 100, 10), Leased::Known);
        assert_eq!(lease(4, "4012345", 100, 10), Leased::New, "another extension digit");
        assert_eq!(lease(3, "4099999", 100, 10), Leased::New, "another prefix");
        assert_eq!(lease(3, "4012345", 110, 1), Leased::New, "it begins where the other ends");
        assert_eq!(lease(3, "4012345", 109, 1), Leased::Overlaps);
        assert_eq!(lease(3, "4012345", 91, 10), Leased::Overlaps);
        assert_eq!(lease(3, "4012345", 90, 10), Leased::New);
        assert_eq!(lease(3, "4012345", 100, 9), Leased::Overlaps, "the same block with another length");
        assert_eq!(left(&conn).unwrap(), 41);
        let taken = |serial: NextSerial| {
            take(&conn, &serial).unwrap();
            serial.serial
        };
        void(&conn, 90, 10).unwrap();
        let three: Vec<u64> = (0..3).map(|_| taken(next(&conn).unwrap().unwrap())).collect();
        assert_eq!(three, [100, 101, 102], "one block after the other");
        void(&conn, 109, 1).unwrap();
        assert_eq!(next(&conn).unwrap().map(|serial| serial.serial), Some(110));
        void_all(&conn).unwrap();
        assert_eq!(next(&conn).unwrap(), None);
    }
}
