//! One's own stream: minted incarnations, appended items, what the peer has acknowledged.

use outpost_sync::{
    Change, ChangeHash, DocumentId, Incarnation, Item, Limits, Link, Mark, Outgoing, Position, Query, Record,
    Running,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{JournalError, damaged};

/// Stores a fresh incarnation whose parent is the current one. From now on [`append`] writes with it.
pub fn mint(conn: &Connection, incarnation: Incarnation) -> Result<Link, JournalError> {
    let parent = current(conn)?.map(|mark| mark.position());
    let start = Mark::start(incarnation);
    let inserted = conn.execute(
        "INSERT INTO sync_incarnation(id, parent, parent_last, running) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT(owner, id) DO NOTHING",
        params![
            incarnation.0,
            parent.map(|parent| parent.incarnation.0),
            parent.map(|parent| parent.n as i64),
            start.running.0
        ],
    )?;
    if inserted == 0 {
        return Err(JournalError::Used(incarnation));
    }
    Ok(Link { incarnation, parent, last: 0 })
}

/// The current incarnation and how far it was written; nothing before the first [`mint`].
pub fn current(conn: &Connection) -> Result<Option<Mark>, JournalError> {
    let row = conn
        .prepare_cached(
            "SELECT id, last, running FROM sync_incarnation WHERE owner = '' ORDER BY ord DESC LIMIT 1",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get(2)?)))
        .optional()?;
    Ok(row.map(|(id, last, running)| Mark {
        incarnation: Incarnation(id),
        n: last as u64,
        running: Running(running),
    }))
}

/// The own incarnations that a session needs to know, oldest first: those with items that are not acknowledged,
/// and the current one.
pub fn links(conn: &Connection) -> Result<Vec<Link>, JournalError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, parent, parent_last, last FROM sync_incarnation WHERE owner = '' AND (acknowledged < last
            OR ord = (SELECT MAX(ord) FROM sync_incarnation WHERE owner = '')) ORDER BY ord",
    )?;
    let links = statement.query_map([], |row| {
        let parent: Option<[u8; 16]> = row.get(1)?;
        let parent_last: Option<i64> = row.get(2)?;
        Ok(Link {
            incarnation: Incarnation(row.get(0)?),
            parent: parent.map(|parent| Position {
                incarnation: Incarnation(parent),
                n: parent_last.unwrap_or(0) as u64,
            }),
            last: row.get::<_, i64>(3)? as u64,
        })
    })?;
    Ok(links.collect::<Result<_, _>>()?)
}

/// Appends one item to the own stream and says where it stands.
pub fn append(conn: &Connection, written_at_ms: i64, item: &Item) -> Result<Mark, JournalError> {
    let mark = current(conn)?.ok_or(JournalError::NoIncarnation)?.next(&item.digest());
    let origin: i64 = conn
        .prepare_cached(
            "UPDATE sync_incarnation SET last = ?2, running = ?3 WHERE owner = '' AND id = ?1 RETURNING ord",
        )?
        .query_row(params![mark.incarnation.0, mark.n as i64, mark.running.0], |row| row.get(0))?;
    let mut insert = conn.prepare_cached(
        "INSERT INTO sync_change(origin, n, running, doc, hash, kind, key, bytes, written_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let n = mark.n as i64;
    match item {
        Item::Change(change) => {
            let (doc, hash) = (change.doc.as_str(), change.hash.0);
            insert.execute(params![
                origin,
                n,
                mark.running.0,
                doc,
                hash,
                None::<&str>,
                None::<&str>,
                change.bytes,
                written_at_ms
            ])?;
            crate::repair::advance(conn, change)?;
        }
        Item::Record(record) => {
            record.check(&Limits::PROTOCOL)?;
            let (doc, hash) = (None::<&str>, None::<&[u8]>);
            insert.execute(params![
                origin,
                n,
                mark.running.0,
                doc,
                hash,
                record.kind,
                record.key,
                record.bytes,
                written_at_ms
            ])?;
        }
    }
    Ok(mark)
}

/// Answers a session's question: items of the own stream in its order, at most `limit`, and none after those with
/// which they weigh more than `bytes_max`.
pub fn read(
    conn: &Connection,
    query: &Query,
    limit: usize,
    bytes_max: usize,
) -> Result<Vec<Outgoing>, JournalError> {
    let (doc, after) = match query {
        Query::After { after } => (None, after),
        Query::Document { doc, after } => (Some(doc.as_str()), after),
    };
    let (ord, n) = match after {
        Some(position) => (ord(conn, position.incarnation)?, position.n as i64),
        None => (0, 0),
    };
    let select = "SELECT s.id, c.n, c.running, c.doc, c.hash, c.kind, c.key, c.bytes
                  FROM sync_change c JOIN sync_incarnation s ON s.ord = c.origin AND s.owner = ''
                  WHERE (c.origin, c.n) > (?1, ?2)";
    // A unary plus keeps SQLite from walking the stream for the few changes of one document.
    let (filter, order) = match doc {
        Some(_) => ("AND c.doc = ?4", "ORDER BY +c.origin, +c.n LIMIT ?3"),
        None => ("", "ORDER BY c.origin, c.n LIMIT ?3"),
    };
    let mut statement = conn.prepare_cached(&format!("{select} {filter} {order}"))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = match doc {
        Some(doc) => statement.query(params![ord, n, limit, doc])?,
        None => statement.query(params![ord, n, limit])?,
    };
    let mut items = Vec::new();
    let mut weight = 0;
    while weight <= bytes_max
        && let Some(row) = rows.next()?
    {
        let item = outgoing(row)?;
        weight += item.item.weight();
        items.push(item);
    }
    Ok(items)
}

fn ord(conn: &Connection, incarnation: Incarnation) -> Result<i64, JournalError> {
    let ord = conn
        .prepare_cached("SELECT ord FROM sync_incarnation WHERE owner = '' AND id = ?1")?
        .query_row(params![incarnation.0], |row| row.get(0))
        .optional()?;
    damaged(ord, "a position of an incarnation that was never minted")
}

fn outgoing(row: &Row<'_>) -> Result<Outgoing, JournalError> {
    let running: Option<[u8; 32]> = row.get(2)?;
    let running = damaged(running, "an own item without its running hash")?;
    let mark = Mark {
        incarnation: Incarnation(row.get(0)?),
        n: row.get::<_, i64>(1)? as u64,
        running: Running(running),
    };
    let item = match row.get::<_, Option<String>>(3)? {
        Some(doc) => {
            let doc = damaged(DocumentId::new(doc).ok(), "a document's name")?;
            Item::Change(Change { doc, hash: ChangeHash(row.get(4)?), bytes: row.get(7)? })
        }
        None => Item::Record(Record { kind: row.get(5)?, key: row.get(6)?, bytes: row.get(7)? }),
    };
    Ok(Outgoing { mark, item })
}

/// Notes that the peer has everything through a mark. Earlier marks and unknown incarnations change nothing.
pub fn acknowledge(conn: &Connection, mark: &Mark) -> Result<(), JournalError> {
    conn.prepare_cached(
        "UPDATE sync_incarnation SET acknowledged = MAX(acknowledged, MIN(?2, last))
         WHERE owner = '' AND id = ?1",
    )?
    .execute(params![mark.incarnation.0, mark.n as i64])?;
    Ok(())
}

/// How much waits for the peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Items that are not acknowledged.
    pub unacknowledged: u64,
    /// When the oldest of them was written, milliseconds since 1970.
    pub oldest_written_at_ms: Option<i64>,
}

/// Counts what waits for the peer.
pub fn depth(conn: &Connection) -> Result<Depth, JournalError> {
    let waiting: i64 = conn
        .prepare_cached(
            "SELECT COALESCE(SUM(last - acknowledged), 0) FROM sync_incarnation WHERE owner = ''",
        )?
        .query_row([], |row| row.get(0))?;
    let oldest = conn
        .prepare_cached(
            "SELECT c.written_at FROM sync_incarnation s JOIN sync_change c ON c.origin = s.ord
                AND c.n = s.acknowledged + 1
             WHERE s.owner = '' AND s.acknowledged < s.last ORDER BY s.ord LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(Depth { unacknowledged: waiting as u64, oldest_written_at_ms: oldest })
}
