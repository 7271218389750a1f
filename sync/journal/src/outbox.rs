//! One's own stream: minted incarnations, appended items, what the peer has acknowledged.

use outpost_sync::{
    Change, ChangeHash, DocumentId, Incarnation, Item, Limits, Link, Mark, Outgoing, Position, Query, Record,
    Running,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{JournalError, damaged};

/// Stores a fresh incarnation whose parent is the last one in which anything was written: one in which nothing was
/// has left no trace elsewhere, and would break the chain for who follows it. From now on [`append`] writes with it.
pub fn mint(conn: &Connection, incarnation: Incarnation) -> Result<Link, JournalError> {
    let parent = conn
        .prepare_cached(
            "SELECT id, last FROM sync_incarnation WHERE owner = '' AND last > 0 ORDER BY ord DESC LIMIT 1",
        )?
        .query_row([], |row| {
            Ok(Position { incarnation: Incarnation(row.get(0)?), n: row.get::<_, i64>(1)? as u64 })
        })
        .optional()?;
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
    Ok(tip(conn)?.map(|tip| tip.mark))
}

/// Lives that [`chain`] names although the peer has all of them: more than begin between two copies of the peer's database,
/// since a disk that is full now and then begins one every time.
const NAMED_ANEW: u32 = 32;

/// The own incarnations that a session needs to know, oldest first: those with items that are not acknowledged,
/// and the current one.
pub fn links(conn: &Connection) -> Result<Vec<Link>, JournalError> {
    chain_of(conn, 0)
}

/// The same and the newest of the others: a peer that was restored from a copy may know none of them, and could not tell
/// whose past it hears of.
pub fn chain(conn: &Connection) -> Result<Vec<Link>, JournalError> {
    chain_of(conn, NAMED_ANEW)
}

fn chain_of(conn: &Connection, others: u32) -> Result<Vec<Link>, JournalError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, parent, parent_last, last FROM sync_incarnation WHERE owner = '' AND (acknowledged < last
            OR ord = (SELECT MAX(ord) FROM sync_incarnation WHERE owner = '')
            OR ord IN (SELECT ord FROM sync_incarnation WHERE owner = '' AND last > 0 ORDER BY ord DESC LIMIT ?1))
         ORDER BY ord",
    )?;
    let links = statement.query_map([others], |row| {
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

/// Where the own stream ends, for who alone writes it and need not ask before every item. Whoever keeps one forgets it
/// when a transaction was not committed, and when anything else has written to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    origin: i64,
    mark: Mark,
}

fn tip(conn: &Connection) -> Result<Option<Tip>, JournalError> {
    let tip = conn
        .prepare_cached(
            "SELECT ord, id, last, running FROM sync_incarnation WHERE owner = '' ORDER BY ord DESC LIMIT 1",
        )?
        .query_row([], |row| {
            let n = row.get::<_, i64>(2)? as u64;
            let mark = Mark { incarnation: Incarnation(row.get(1)?), n, running: Running(row.get(3)?) };
            Ok(Tip { origin: row.get(0)?, mark })
        })
        .optional()?;
    Ok(tip)
}

/// Appends one item to the own stream and says where it stands.
pub fn append(conn: &Connection, written_at_ms: i64, item: &Item) -> Result<Mark, JournalError> {
    append_after(conn, &mut None, written_at_ms, item)
}

/// The same where the end of the stream may be known already; it is known afterwards.
pub fn append_after(
    conn: &Connection,
    end: &mut Option<Tip>,
    written_at_ms: i64,
    item: &Item,
) -> Result<Mark, JournalError> {
    let before = end.take().map_or_else(|| tip(conn), |known| Ok(Some(known)))?;
    let Tip { origin, mark } = before.ok_or(JournalError::NoIncarnation)?;
    let mark = mark.next(&item.digest());
    conn.prepare_cached("UPDATE sync_incarnation SET last = ?2, running = ?3 WHERE ord = ?1")?
        .execute(params![origin, mark.n as i64, mark.running.0])?;
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
    *end = Some(Tip { origin, mark });
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
    // A unary plus keeps SQLite from walking the stream for the few changes of one document. The cast keeps it from
    // planning the statement anew for every limit.
    let (filter, order) = match doc {
        Some(_) => ("AND c.doc = ?4", "ORDER BY +c.origin, +c.n LIMIT CAST(?3 AS INTEGER)"),
        None => ("", "ORDER BY c.origin, c.n LIMIT CAST(?3 AS INTEGER)"),
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
        None => Item::Record(Record::new(row.get::<_, String>(5)?, row.get::<_, String>(6)?, row.get(7)?)),
    };
    Ok(Outgoing { mark, item })
}

/// What became of an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// It is noted, or says nothing new.
    Noted,
    /// Its running hash is not the one here: the two streams are not the same, and nothing is forgotten on its word.
    Diverged,
}

/// Notes that the peer has everything through a mark for good. Earlier marks and unknown incarnations change nothing.
/// A mark that says something new is compared with the running hash here: its item is still kept.
pub fn acknowledge(conn: &Connection, mark: &Mark) -> Result<Acknowledged, JournalError> {
    let n = mark.n as i64;
    let known: Option<(i64, Option<[u8; 32]>)> = conn
        .prepare_cached(
            "SELECT s.ord, c.running FROM sync_incarnation s
             LEFT JOIN sync_change c ON c.origin = s.ord AND c.n = ?2
             WHERE s.owner = '' AND s.id = ?1 AND s.acknowledged < ?2",
        )?
        .query_row(params![mark.incarnation.0, n], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((ord, running)) = known else { return Ok(Acknowledged::Noted) };
    // A number beyond the last one, or an item that is gone though nobody had it, is not the same stream either.
    if running != Some(mark.running.0) {
        return Ok(Acknowledged::Diverged);
    }
    conn.prepare_cached("UPDATE sync_incarnation SET acknowledged = ?2 WHERE ord = ?1")?
        .execute(params![ord, n])?;
    Ok(Acknowledged::Noted)
}

/// Notes that the peer has all of an own life, whatever it has acknowledged of it by number.
pub fn acknowledge_rest(conn: &Connection, incarnation: Incarnation) -> Result<(), JournalError> {
    conn.prepare_cached("UPDATE sync_incarnation SET acknowledged = last WHERE owner = '' AND id = ?1")?
        .execute(params![incarnation.0])?;
    Ok(())
}

/// Whether the own stream reaches a position.
pub fn holds(conn: &Connection, position: &Position) -> Result<bool, JournalError> {
    let mut find = conn.prepare_cached(
        "SELECT EXISTS(SELECT 1 FROM sync_incarnation WHERE owner = '' AND id = ?1 AND last >= ?2)",
    )?;
    Ok(find.query_row(params![position.incarnation.0, position.n as i64], |row| row.get(0))?)
}

/// How much waits for the peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Items that the peer has not stored, as far as is known.
    pub unacknowledged: u64,
    /// Items that the peer has not acknowledged for good: these and what is stored there but in no backup yet.
    pub unsaved: u64,
    /// When the oldest that is not stored was written, milliseconds since 1970.
    pub oldest_written_at_ms: Option<i64>,
}

/// Counts what waits for the peer. `stored` is what the session knows the peer to have stored, which may be more than
/// it has acknowledged for good.
pub fn depth(conn: &Connection, stored: &[Position]) -> Result<Depth, JournalError> {
    let mut lives = conn.prepare_cached(
        "SELECT ord, id, last, acknowledged FROM sync_incarnation WHERE owner = '' AND acknowledged < last
         ORDER BY ord",
    )?;
    let mut written_at =
        conn.prepare_cached("SELECT written_at FROM sync_change WHERE origin = ?1 AND n = ?2")?;
    let mut depth = Depth::default();
    let mut rows = lives.query([])?;
    while let Some(row) = rows.next()? {
        let (ord, id): (i64, [u8; 16]) = (row.get(0)?, row.get(1)?);
        let (last, acknowledged) = (row.get::<_, i64>(2)? as u64, row.get::<_, i64>(3)? as u64);
        let there =
            stored.iter().find(|position| position.incarnation.0 == id).map_or(0, |position| position.n);
        let there = there.clamp(acknowledged, last);
        depth.unsaved += last - acknowledged;
        depth.unacknowledged += last - there;
        if there < last && depth.oldest_written_at_ms.is_none() {
            let found = written_at.query_row(params![ord, there as i64 + 1], |row| row.get(0));
            depth.oldest_written_at_ms = found.optional()?;
        }
    }
    Ok(depth)
}
