//! The journal's tables.

use rusqlite::{Connection, OptionalExtension, params};

use crate::JournalError;

const VERSION: i64 = 5;

/// One step per version of the schema, the first from nothing.
const STEPS: [&str; VERSION as usize] = [FIRST, LEANER, REPAIR, SWEEP, PROOF];

const FIRST: &str = "
    -- One row per incarnation of this replica (no owner) and of each peer (the peer's name).
    -- Own: `last`, `running` is what was written. A peer's: what is stored of it without a gap.
    CREATE TABLE sync_incarnation(
        ord INTEGER PRIMARY KEY,
        owner TEXT NOT NULL DEFAULT '',
        id BLOB NOT NULL CHECK(length(id) = 16),
        parent BLOB,
        parent_last INTEGER,
        last INTEGER NOT NULL DEFAULT 0,
        running BLOB NOT NULL CHECK(length(running) = 32),
        acknowledged INTEGER NOT NULL DEFAULT 0 CHECK(acknowledged <= last),
        UNIQUE(owner, id)
    ) STRICT;
    -- Items of a peer that came before others.
    CREATE TABLE sync_beyond(
        origin INTEGER NOT NULL REFERENCES sync_incarnation(ord),
        n INTEGER NOT NULL,
        digest BLOB NOT NULL CHECK(length(digest) = 32),
        PRIMARY KEY(origin, n)
    ) STRICT, WITHOUT ROWID;
    -- The log: own changes and records (the outbox), and the peers' changes. A record has no document and no hash.
    -- A position is never given twice, not even when the newest rows are gone: `through` refers to it.
    CREATE TABLE sync_change(
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        origin INTEGER NOT NULL REFERENCES sync_incarnation(ord),
        n INTEGER NOT NULL,
        running BLOB,
        doc TEXT,
        hash BLOB,
        kind TEXT,
        key TEXT,
        bytes BLOB NOT NULL,
        written_at INTEGER NOT NULL,
        UNIQUE(origin, n),
        -- Not the hash alone: two documents founded by one author with the same header share their first change.
        UNIQUE(doc, hash),
        CHECK((doc IS NULL) = (hash IS NULL) AND (doc IS NULL) = (kind IS NOT NULL))
    ) STRICT;
    CREATE INDEX sync_change_of_document ON sync_change(doc, position) WHERE doc IS NOT NULL;
    CREATE TABLE sync_document(
        doc TEXT PRIMARY KEY,
        saved BLOB NOT NULL,
        through INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sync_quarantine(
        id INTEGER PRIMARY KEY,
        peer TEXT NOT NULL,
        set_aside_at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        incarnation BLOB,
        n INTEGER,
        doc TEXT,
        bytes BLOB NOT NULL
    ) STRICT;
";

const LEANER: &str = "
    -- Every scan appends a row: without the sequence's own page, and without an index that UNIQUE(doc, hash) already
    -- is. `forget` keeps the newest row of all, so that no position is given twice.
    CREATE TABLE sync_change_2(
        position INTEGER PRIMARY KEY,
        origin INTEGER NOT NULL REFERENCES sync_incarnation(ord),
        n INTEGER NOT NULL,
        running BLOB,
        doc TEXT,
        hash BLOB,
        kind TEXT,
        key TEXT,
        bytes BLOB NOT NULL,
        written_at INTEGER NOT NULL,
        UNIQUE(origin, n),
        UNIQUE(doc, hash),
        CHECK((doc IS NULL) = (hash IS NULL) AND (doc IS NULL) = (kind IS NOT NULL))
    ) STRICT;
    INSERT INTO sync_change_2 SELECT position, origin, n, running, doc, hash, kind, key, bytes, written_at
        FROM sync_change;
    DROP TABLE sync_change;
    ALTER TABLE sync_change_2 RENAME TO sync_change;
";

const REPAIR: &str = "
    -- Every document with what the two sides compare of it. One that was dropped stays here without its heads' weight
    -- in a bucket, so that the peer is told and does not give it back.
    CREATE TABLE sync_heads(
        doc TEXT PRIMARY KEY,
        bucket INTEGER NOT NULL,
        heads BLOB NOT NULL,
        standing INTEGER NOT NULL,
        there INTEGER NOT NULL,
        reason TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sync_heads_of_bucket ON sync_heads(bucket, doc);
    CREATE INDEX sync_heads_held ON sync_heads(doc) WHERE standing = 1 OR there = 1;
    CREATE TABLE sync_bucket(
        bucket INTEGER PRIMARY KEY,
        x INTEGER NOT NULL,
        y INTEGER NOT NULL
    ) STRICT;
    -- Changes that wait for others they build on.
    CREATE TABLE sync_parked(
        id INTEGER PRIMARY KEY,
        peer TEXT NOT NULL,
        doc TEXT NOT NULL,
        hash BLOB NOT NULL,
        bytes BLOB NOT NULL,
        parked_at INTEGER NOT NULL,
        UNIQUE(doc, hash)
    ) STRICT;
    ALTER TABLE sync_quarantine ADD COLUMN hash BLOB;
    CREATE INDEX sync_quarantine_of_document ON sync_quarantine(doc, id) WHERE doc IS NOT NULL;
    -- Incarnations of this site that it does not remember, and that the hub says were its own.
    CREATE TABLE sync_past(id BLOB PRIMARY KEY CHECK(length(id) = 16)) STRICT, WITHOUT ROWID;
";

const SWEEP: &str = "
    -- How far the log was looked through for what can be forgotten.
    CREATE TABLE sync_sweep(
        only INTEGER PRIMARY KEY CHECK(only = 0),
        after INTEGER NOT NULL
    ) STRICT;
    INSERT INTO sync_sweep(only, after) VALUES (0, 0);
";

const PROOF: &str = "
    -- The newest welcome of the hub that says how far the hub has written.
    CREATE TABLE sync_proof(
        only INTEGER PRIMARY KEY CHECK(only = 0),
        frame BLOB NOT NULL
    ) STRICT;
";

/// Brings the journal's tables to this version. Call it inside a transaction; it does nothing when there is
/// nothing to do.
pub fn migrate(conn: &Connection) -> Result<(), JournalError> {
    conn.execute_batch("CREATE TABLE IF NOT EXISTS sync_schema(version INTEGER NOT NULL) STRICT;")?;
    let found: Option<i64> =
        conn.query_row("SELECT version FROM sync_schema", [], |row| row.get(0)).optional()?;
    let at = found.unwrap_or(0);
    if at > VERSION {
        return Err(JournalError::TooNew { found: at, known: VERSION });
    }
    for step in &STEPS[usize::try_from(at).unwrap_or(0)..] {
        conn.execute_batch(step)?;
    }
    if (1..VERSION).contains(&at) {
        crate::repair::enter_all(conn)?;
    }
    if found.is_none() {
        conn.execute("INSERT INTO sync_schema(version) VALUES (?1)", params![VERSION])?;
    } else if at < VERSION {
        conn.execute("UPDATE sync_schema SET version = ?1", params![VERSION])?;
    }
    Ok(())
}
