//! The contract script on real SQLite files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use outpost_journal as journal;
use outpost_journal::JournalError;
use outpost_sync::contract::{self, JournalUnderTest};
use outpost_sync::{Incarnation, Incoming, Item, Link, Mark, Outgoing, Progress, Query};
use rusqlite::{Connection, Transaction};
use tempfile::TempDir;

struct File {
    dir: TempDir,
    conn: Connection,
}

impl File {
    fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir);
        Self { dir, conn }
    }

    fn write<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let tx = self.conn.transaction()?;
        let done = act(&tx)?;
        tx.commit()?;
        Ok(done)
    }
}

fn open(dir: &TempDir) -> Connection {
    let mut conn = Connection::open(dir.path().join("edge.db")).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.pragma_update(None, "foreign_keys", true).unwrap();
    let tx = conn.transaction().unwrap();
    journal::migrate(&tx).unwrap();
    tx.commit().unwrap();
    conn
}

impl JournalUnderTest for File {
    type Error = JournalError;

    fn mint(&mut self, incarnation: Incarnation) -> Result<Link, JournalError> {
        self.write(|tx| journal::mint(tx, incarnation))
    }

    fn append(&mut self, item: &Item) -> Result<Mark, JournalError> {
        self.write(|tx| journal::append(tx, 1, item))
    }

    fn read(&mut self, query: &Query, limit: usize, bytes_max: usize) -> Result<Vec<Outgoing>, JournalError> {
        journal::read(&self.conn, query, limit, bytes_max)
    }

    fn acknowledge(&mut self, mark: &Mark) -> Result<(), JournalError> {
        self.write(|tx| journal::acknowledge(tx, mark).map(|_| ()))
    }

    fn links(&mut self) -> Result<Vec<Link>, JournalError> {
        journal::links(&self.conn)
    }

    fn unacknowledged(&mut self) -> Result<u64, JournalError> {
        Ok(journal::depth(&self.conn, &[])?.unacknowledged)
    }

    fn store(&mut self, incoming: &Incoming) -> Result<bool, JournalError> {
        self.write(|tx| Ok(journal::store(tx, "hub", 1, incoming)? == journal::Stored::New))
    }

    fn progress(&mut self) -> Result<Vec<Progress>, JournalError> {
        journal::progress(&self.conn, "hub")
    }

    fn reopen(&mut self) {
        self.conn = open(&self.dir);
    }
}

#[test]
fn the_journal_keeps_the_contract() {
    contract::run(File::fresh);
}
