//! A small file beside the database that remembers how far this site has answered for its work. A database that was
//! restored from a copy lies behind it, and so the site knows at its start that it has lost something, without the hub.
//!
//! The file is written about once a second by a task of its own and never synced, so no scan waits for it. What it
//! remembers is committed, so it is never ahead of a database that was not tampered with: it raises no false alarm. It
//! may be behind: by a second when the process dies, and by what the system had not written out (half a minute, as
//! systems are set up) when power fails. A loss smaller than that is noticed by the hub, at the first contact.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use outpost_sync::{Incarnation, Position};
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use crate::store::StoreResult;
use crate::store::query::{ReadError, Readers};

/// The file's name in the data folder.
const FILE: &str = "witness";
/// How often it is brought up to date.
const EVERY: Duration = Duration::from_secs(1);
/// Two places are written in turn: a crash in the middle leaves the other.
const PLACE_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"outpost1";

/// The file, and what it says.
#[derive(Debug)]
pub struct Witness {
    file: File,
    turn: u64,
    last: Option<Position>,
}

impl Witness {
    /// Opens the file in the data folder, or makes an empty one.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join(FILE))?;
        let mut newest = None;
        for place in 0..2 {
            let mut bytes = [0; PLACE_BYTES];
            let read = file.read_exact_at(&mut bytes, place * PLACE_BYTES as u64);
            newest = newest.max(read.ok().and_then(|()| decode(&bytes)));
        }
        let (turn, last) = newest.map_or((0, None), |(turn, position)| (turn, Some(position)));
        Ok(Self { file, turn, last })
    }

    /// Remembers how far the site has come.
    pub fn remember(&mut self, position: Position) -> io::Result<()> {
        if self.last == Some(position) {
            return Ok(());
        }
        let turn = self.turn + 1;
        self.file.write_all_at(&encode(turn, position), turn % 2 * PLACE_BYTES as u64)?;
        (self.turn, self.last) = (turn, Some(position));
        Ok(())
    }

    /// What the site had answered for and this database does not hold.
    pub fn lost(&self, conn: &Connection) -> StoreResult<Option<Position>> {
        let Some(position) = self.last else { return Ok(None) };
        Ok((!outpost_journal::holds(conn, &position)?).then_some(position))
    }
}

fn encode(turn: u64, position: Position) -> [u8; PLACE_BYTES] {
    let mut bytes = [0; PLACE_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&turn.to_le_bytes());
    bytes[16..32].copy_from_slice(&position.incarnation.0);
    bytes[32..40].copy_from_slice(&position.n.to_le_bytes());
    let check = blake3::hash(&bytes[..40]);
    bytes[40..].copy_from_slice(&check.as_bytes()[..24]);
    bytes
}

fn decode(bytes: &[u8; PLACE_BYTES]) -> Option<(u64, Position)> {
    let check = blake3::hash(&bytes[..40]);
    if bytes[..8] != MAGIC || bytes[40..] != check.as_bytes()[..24] {
        return None;
    }
    let number = |from: usize| bytes[from..from + 8].try_into().map(u64::from_le_bytes).ok();
    let incarnation = Incarnation::from_slice(&bytes[16..32])?;
    Some((number(8)?, Position { incarnation, n: number(32)? }))
}

/// Keeps the file up to date until the token is cancelled. A file that cannot be written is no reason to stop work.
pub async fn keep(mut witness: Witness, readers: Readers, token: CancellationToken) -> Result<(), ReadError> {
    let mut told = false;
    loop {
        let ending = tokio::select! {
            () = token.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let mark = match readers.read(|conn| Ok(outpost_journal::current(conn)?)).await {
            Err(error) if !ending => return Err(error),
            mark => mark.ok().flatten(),
        };
        // A life in which nothing was written has answered for nothing.
        if let Some(mark) = mark.filter(|mark| mark.n > 0) {
            let written = witness.remember(mark.position());
            if let (Err(error), false) = (&written, told) {
                tracing::warn!(%error, "the witness file cannot be written");
            }
            told = written.is_err();
        }
        if ending {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outpost_sync::{Item, Record};

    fn at(byte: u8, n: u64) -> Position {
        Position { incarnation: Incarnation([byte; 16]), n }
    }

    #[test]
    fn it_remembers_the_last_place_and_survives_a_torn_write() {
        let folder = tempfile::tempdir().unwrap();
        let mut witness = Witness::open(folder.path()).unwrap();
        assert_eq!(witness.last, None);
        for n in 1..=5 {
            witness.remember(at(1, n)).unwrap();
        }
        assert_eq!(Witness::open(folder.path()).unwrap().last, Some(at(1, 5)));
        // The fifth went to the second place.
        witness.file.write_all_at(&[0; 30], PLACE_BYTES as u64 + 20).unwrap();
        let mut witness = Witness::open(folder.path()).unwrap();
        assert_eq!(witness.last, Some(at(1, 4)));
        witness.remember(at(2, 1)).unwrap();
        assert_eq!(Witness::open(folder.path()).unwrap().last, Some(at(2, 1)));
        std::fs::write(folder.path().join(FILE), b"nonsense").unwrap();
        assert_eq!(Witness::open(folder.path()).unwrap().last, None, "a damaged file says nothing");
    }

    #[test]
    fn a_database_behind_it_has_lost_something_and_one_ahead_has_not() {
        let folder = tempfile::tempdir().unwrap();
        let conn = Connection::open_in_memory().unwrap();
        outpost_journal::migrate(&conn).unwrap();
        outpost_journal::mint(&conn, at(1, 0).incarnation).unwrap();
        for _ in 0..3 {
            let record = Record::new("scan", "", Vec::new());
            outpost_journal::append(&conn, 1, &Item::Record(record)).unwrap();
        }
        let mut witness = Witness::open(folder.path()).unwrap();
        assert_eq!(witness.lost(&conn).unwrap(), None);
        for (position, lost) in [(at(1, 2), false), (at(1, 3), false), (at(1, 4), true), (at(2, 1), true)] {
            witness.remember(position).unwrap();
            assert_eq!(witness.lost(&conn).unwrap(), lost.then_some(position));
        }
    }
}
