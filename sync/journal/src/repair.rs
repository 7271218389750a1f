//! What repair compares: the heads of every document and the 256 hashes over them, renewed in the transaction of
//! every change, so that a comparison reads 256 rows however many documents there are.

use std::collections::BTreeMap;

use outpost_sync::repair::{
    BucketSet, Buckets, Digest, Document as Row, Fingerprint, Known, Look, Seen, Standing, Wanted,
};
use outpost_sync::{Change, ChangeHash, Document, DocumentId, Incarnation, Position};
use rusqlite::{Connection, OptionalExtension, params};

use crate::document::load;
use crate::inbox::progress;
use crate::outbox::current;
use crate::{JournalError, Stored, damaged};

/// Whose stream changes that came by repair are filed under: they have no position in any.
const REPAIR: &str = "~repair";
/// Documents are opened to be read only: nothing is ever written as this author.
const READER: Incarnation = Incarnation([0; Incarnation::BYTES]);

/// What is known of a document's place in repair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its heads, sorted.
    pub heads: Vec<ChangeHash>,
    /// What it is here.
    pub standing: Standing,
    /// What it is to the peer.
    pub there: Standing,
    /// Why it is held, here or there.
    pub reason: Option<String>,
}

impl Entry {
    fn counts(&self) -> bool {
        self.standing == Standing::Live && self.there == Standing::Live && !self.heads.is_empty()
    }
}

/// A document's entry; nothing when it was never heard of.
pub fn entry(conn: &Connection, doc: &DocumentId) -> Result<Option<Entry>, JournalError> {
    let row = conn
        .prepare_cached("SELECT heads, standing, there, reason FROM sync_heads WHERE doc = ?1")?
        .query_row(params![doc.as_str()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    row.map(|(heads, standing, there, reason)| read(&heads, standing, there, reason)).transpose()
}

fn read(heads: &[u8], standing: u8, there: u8, reason: Option<String>) -> Result<Entry, JournalError> {
    let (heads, rest) = heads.as_chunks::<{ ChangeHash::BYTES }>();
    damaged(rest.is_empty().then_some(()), "a document's heads")?;
    Ok(Entry {
        heads: heads.iter().map(|head| ChangeHash(*head)).collect(),
        standing: damaged(Standing::of(standing), "a document's standing")?,
        there: damaged(Standing::of(there), "a document's standing there")?,
        reason,
    })
}

/// Changes the hash of a bucket.
fn toggle(conn: &Connection, bucket: u8, delta: (i64, i64)) -> Result<(), JournalError> {
    if delta != (0, 0) {
        // SQLite has no exclusive or: it is what only one of the two has.
        conn.prepare_cached(
            "INSERT INTO sync_bucket(bucket, x, y) VALUES (?1, ?2, ?3) ON CONFLICT(bucket) DO UPDATE SET
                x = (x | excluded.x) - (x & excluded.x), y = (y | excluded.y) - (y & excluded.y)",
        )?
        .execute(params![bucket, delta.0, delta.1])?;
    }
    Ok(())
}

/// Changes a document's entry and the hash of its bucket with it.
fn update(
    conn: &Connection,
    doc: &DocumentId,
    change: impl FnOnce(&mut Entry) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let before = entry(conn, doc)?.unwrap_or_default();
    let mut after = before.clone();
    change(&mut after)?;
    let (old, new) = (Fingerprint::of(doc, &before.heads), Fingerprint::of(doc, &after.heads));
    let mut delta = (0, 0);
    for (entry, fingerprint) in [(&before, &old), (&after, &new)] {
        if entry.counts() {
            let halves = fingerprint.halves();
            delta = (delta.0 ^ halves.0, delta.1 ^ halves.1);
        }
    }
    toggle(conn, new.bucket, delta)?;
    let heads: Vec<u8> = after.heads.iter().flat_map(|head| head.0).collect();
    conn.prepare_cached(
        "INSERT INTO sync_heads(doc, bucket, heads, standing, there, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT(doc) DO UPDATE SET heads = excluded.heads, standing = excluded.standing,
            there = excluded.there, reason = excluded.reason",
    )?
    .execute(params![
        doc.as_str(),
        new.bucket,
        heads,
        after.standing as u8,
        after.there as u8,
        after.reason
    ])?;
    Ok(())
}

/// Takes a change that was just kept into its document's heads.
pub(crate) fn advance(conn: &Connection, change: &Change) -> Result<(), JournalError> {
    let deps = damaged(change.deps().ok(), "a change's dependencies")?;
    update(conn, &change.doc, |entry| {
        entry.heads.retain(|head| !deps.contains(head) && *head != change.hash);
        entry.heads.push(change.hash);
        entry.heads.sort_unstable();
        Ok(())
    })
}

/// Keeps a change that came by repair. It stands in no stream and makes no progress.
pub fn keep(conn: &Connection, written_at_ms: i64, change: &Change) -> Result<Stored, JournalError> {
    let known = conn
        .prepare_cached("SELECT 1 FROM sync_change WHERE doc = ?1 AND hash = ?2")?
        .exists(params![change.doc.as_str(), change.hash.0])?;
    if known {
        return Ok(Stored::Duplicate);
    }
    conn.prepare_cached(
        "INSERT INTO sync_incarnation(owner, id, running) VALUES (?1, zeroblob(16), zeroblob(32))
         ON CONFLICT(owner, id) DO NOTHING",
    )?
    .execute(params![REPAIR])?;
    let (origin, n): (i64, i64) = conn
        .prepare_cached("UPDATE sync_incarnation SET last = last + 1 WHERE owner = ?1 RETURNING ord, last")?
        .query_row(params![REPAIR], |row| Ok((row.get(0)?, row.get(1)?)))?;
    conn.prepare_cached(
        "INSERT INTO sync_change(origin, n, doc, hash, bytes, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![origin, n, change.doc.as_str(), change.hash.0, change.bytes, written_at_ms])?;
    advance(conn, change)?;
    Ok(Stored::New)
}

/// Says what a document is here from now on, and why.
pub fn stand(
    conn: &Connection,
    doc: &DocumentId,
    standing: Standing,
    reason: Option<&str>,
) -> Result<(), JournalError> {
    update(conn, doc, |entry| {
        entry.standing = standing;
        entry.reason = reason.map(str::to_owned);
        Ok(())
    })
}

/// Notes what a document is to the peer, and why if that is known. Documents that are not here are none of its.
pub fn note(
    conn: &Connection,
    doc: &DocumentId,
    there: Standing,
    reason: Option<&str>,
) -> Result<(), JournalError> {
    if entry(conn, doc)?.is_none() {
        return Ok(());
    }
    update(conn, doc, |entry| {
        entry.there = there;
        if entry.standing == Standing::Live {
            let keep = (there == Standing::Held).then(|| entry.reason.take()).flatten();
            entry.reason = reason.map(str::to_owned).or(keep);
        }
        Ok(())
    })
}

/// The peer was restored: what documents were to it says nothing about what they are to it now. All are compared again.
pub fn forget_notes(conn: &Connection) -> Result<(), JournalError> {
    let mut deltas: BTreeMap<u8, (i64, i64)> = BTreeMap::new();
    let mut statement =
        conn.prepare("SELECT doc, heads FROM sync_heads WHERE there != 0 AND standing = 0")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let doc = damaged(DocumentId::new(row.get::<_, String>(0)?).ok(), "a document's name")?;
        let entry = read(&row.get::<_, Vec<u8>>(1)?, Standing::Live as u8, Standing::Live as u8, None)?;
        if entry.counts() {
            let fingerprint = Fingerprint::of(&doc, &entry.heads);
            let (halves, delta) = (fingerprint.halves(), deltas.entry(fingerprint.bucket).or_default());
            *delta = (delta.0 ^ halves.0, delta.1 ^ halves.1);
        }
    }
    for (bucket, delta) in deltas {
        toggle(conn, bucket, delta)?;
    }
    conn.execute(
        "UPDATE sync_heads SET there = 0, reason = CASE standing WHEN 0 THEN NULL ELSE reason END WHERE there != 0",
        [],
    )?;
    Ok(())
}

/// Answers a session's question about the documents here.
pub fn look(conn: &Connection, peer: &str, look: &Look) -> Result<Seen, JournalError> {
    // One snapshot: positions and hashes belong together.
    let snapshot = if conn.is_autocommit() { Some(conn.unchecked_transaction()?) } else { None };
    let seen = match look {
        Look::Digest => Seen::Digest(Box::new(digest(conn, peer)?)),
        Look::List { buckets, after, limit } => Seen::List(list(conn, buckets, after.as_ref(), *limit)?),
        Look::Documents { of, bytes_max } => Seen::Documents(documents(conn, of, *bytes_max)?),
    };
    drop(snapshot);
    Ok(seen)
}

fn digest(conn: &Connection, peer: &str) -> Result<Digest, JournalError> {
    let own = current(conn)?.ok_or(JournalError::NoIncarnation)?.position();
    let whole = progress(conn, peer)?.into_iter().filter(|progress| progress.beyond().len() == 0);
    let applied = whole.map(|progress| progress.mark().position()).collect();
    let mut buckets = Buckets::default();
    let mut statement = conn.prepare_cached("SELECT bucket, x, y FROM sync_bucket")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        buckets.restore(row.get(0)?, (row.get(1)?, row.get(2)?));
    }
    Ok(Digest { own, applied, buckets })
}

fn list(
    conn: &Connection,
    buckets: &BucketSet,
    after: Option<&(u8, DocumentId)>,
    limit: usize,
) -> Result<Vec<Known>, JournalError> {
    let mut statement = conn.prepare_cached(
        "SELECT doc, heads, standing, there FROM sync_heads WHERE bucket = ?1 AND doc > ?2 ORDER BY doc LIMIT ?3",
    )?;
    let mut page = Vec::new();
    let first = after.map_or(0, |(bucket, _)| *bucket);
    for bucket in buckets.iter().filter(|bucket| *bucket >= first) {
        let past = after.filter(|(last, _)| *last == bucket).map_or("", |(_, doc)| doc.as_str());
        let mut rows = statement.query(params![bucket, past, (limit - page.len()) as i64])?;
        while let Some(row) = rows.next()? {
            let doc = damaged(DocumentId::new(row.get::<_, String>(0)?).ok(), "a document's name")?;
            let Entry { heads, standing, there, .. } =
                read(&row.get::<_, Vec<u8>>(1)?, row.get(2)?, row.get(3)?, None)?;
            page.push(Known { doc, standing, there, heads });
        }
        if page.len() == limit {
            break;
        }
    }
    Ok(page)
}

fn documents(conn: &Connection, of: &[Wanted], bytes_max: usize) -> Result<Vec<Row>, JournalError> {
    let mut weight = 0;
    let mut rows = Vec::with_capacity(of.len());
    for Wanted { doc, has } in of {
        let standing = entry(conn, doc)?.unwrap_or_default().standing;
        let (authors, past, changes) = Default::default();
        let mut row = Row { doc: doc.clone(), standing, authors, past, changes };
        let opened = load(conn, doc)?
            .map(|kept| Document::open(doc.clone(), READER, kept.saved.as_deref(), &kept.later));
        // One that cannot be opened any more counts as not here.
        if let Some(Ok(mut document)) = opened {
            row.authors = document.authors();
            if let (Some(has), true) = (has, weight <= bytes_max) {
                row.changes = damaged(document.lacking(has).ok(), "a document")?;
                row.changes.retain(|change| {
                    let fits = weight <= bytes_max;
                    weight += if fits { change.bytes.len() } else { 0 };
                    fits
                });
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The document that an own item at this position changed; nothing for a record or what is forgotten.
pub fn document_at(conn: &Connection, position: Position) -> Result<Option<DocumentId>, JournalError> {
    let doc: Option<Option<String>> = conn
        .prepare_cached(
            "SELECT c.doc FROM sync_change c JOIN sync_incarnation s ON s.ord = c.origin
             WHERE s.owner = '' AND s.id = ?1 AND c.n = ?2",
        )?
        .query_row(params![position.incarnation.0, position.n as i64], |row| row.get(0))
        .optional()?;
    doc.flatten().map(|doc| damaged(DocumentId::new(doc).ok(), "a document's name")).transpose()
}

/// Documents that are held: here, or by the peer.
pub fn held(conn: &Connection, limit: usize) -> Result<Vec<(DocumentId, Entry)>, JournalError> {
    let mut statement = conn.prepare_cached(
        "SELECT doc, heads, standing, there, reason FROM sync_heads WHERE standing = 1 OR there = 1
         ORDER BY doc LIMIT ?1",
    )?;
    let mut rows = statement.query(params![i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        let doc = damaged(DocumentId::new(row.get::<_, String>(0)?).ok(), "a document's name")?;
        held.push((doc, read(&row.get::<_, Vec<u8>>(1)?, row.get(2)?, row.get(3)?, row.get(4)?)?));
    }
    Ok(held)
}

/// Whether a document is held, here or by the peer.
pub fn is_held(conn: &Connection, doc: &str) -> Result<bool, JournalError> {
    let mut statement =
        conn.prepare_cached("SELECT 1 FROM sync_heads WHERE doc = ?1 AND (standing = 1 OR there = 1)")?;
    Ok(statement.exists([doc])?)
}

/// Enters documents that were kept before there were entries.
pub(crate) fn enter_all(conn: &Connection) -> Result<(), JournalError> {
    let docs: Vec<String> = conn
        .prepare("SELECT doc FROM sync_document UNION SELECT doc FROM sync_change WHERE doc IS NOT NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for doc in docs {
        let doc = damaged(DocumentId::new(doc).ok(), "a document's name")?;
        let Some(kept) = load(conn, &doc)? else { continue };
        // What cannot be opened has no heads, and repair brings it anew.
        let Ok(document) = Document::open(doc.clone(), READER, kept.saved.as_deref(), &kept.later) else {
            continue;
        };
        let heads = document.heads();
        update(conn, &doc, |entry| {
            entry.heads = heads;
            Ok(())
        })?;
    }
    Ok(())
}
