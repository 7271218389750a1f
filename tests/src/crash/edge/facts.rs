//! What one state of the edge's database says, read once for all images that hold it.

use std::collections::{BTreeMap, BTreeSet};

use outpost_edge::store::{audit, query::verify};
use outpost_journal::{Kept, links, progress, read};
use outpost_model::command::Outcome;
use outpost_model::event::By;
use outpost_model::id::{CommandId, EventId};
use outpost_sync::{Document, DocumentId, Incarnation, Mark, Outgoing, Position, Query, Running};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// The peer's name in the journal.
const HUB: &str = outpost_edge::replicate::apply::HUB;

/// What one state says.
#[derive(Debug, Default)]
pub struct Facts {
    /// What came of each command.
    pub outcomes: BTreeMap<CommandId, Outcome>,
    /// What was journaled and is not forgotten, with what stands there.
    pub outbox: BTreeMap<Position, Running>,
    /// Where the journal ends: an incarnation in which nothing was written is nobody's parent.
    pub ended: Option<Position>,
    /// How far the hub's stream was taken.
    pub taken: BTreeMap<Incarnation, u64>,
    /// What contradicts itself.
    pub broken: Vec<String>,
}

/// A hash over every row of every table.
pub fn digest(conn: &Connection) -> rusqlite::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let tables: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for table in tables {
        hasher.update(table.as_bytes());
        let mut statement = conn.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                let part = |hasher: &mut blake3::Hasher, kind: u8, bytes: &[u8]| {
                    hasher.update(&[kind]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
                };
                match row.get_ref(column)? {
                    ValueRef::Null => part(&mut hasher, 0, &[]),
                    ValueRef::Integer(number) => part(&mut hasher, 1, &number.to_le_bytes()),
                    ValueRef::Real(number) => part(&mut hasher, 2, &number.to_le_bytes()),
                    ValueRef::Text(bytes) => part(&mut hasher, 3, bytes),
                    ValueRef::Blob(bytes) => part(&mut hasher, 4, bytes),
                }
            }
        }
    }
    Ok(*hasher.finalize().as_bytes())
}

impl Facts {
    /// Reads a state and checks it against itself. An error says that it cannot even be read.
    pub fn read(conn: &Connection) -> Result<Self, String> {
        let mut facts = Self { outcomes: outcomes(conn)?, ..Self::default() };
        facts.journal(conn)?;
        facts.projections(conn)?;
        facts.events(conn)?;
        if let Err(error) = audit::verify(conn) {
            facts.broken.push(format!("the audit chain: {error}"));
        }
        Ok(facts)
    }

    fn wrong(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(what());
        }
    }

    /// The journal is dense beyond what the hub has, its running hash is right, and each incarnation ends where its row
    /// says.
    fn journal(&mut self, conn: &Connection) -> Result<(), String> {
        let forgettable = acknowledged(conn).map_err(said)?;
        let items = read(conn, &Query::After { after: None }, usize::MAX >> 1, usize::MAX).map_err(said)?;
        let mut before: Option<Mark> = None;
        for Outgoing { mark, item } in &items {
            let start = Mark::start(mark.incarnation);
            let last = before.filter(|before| before.incarnation == mark.incarnation);
            let last = last.unwrap_or(start);
            let may_be_gone = forgettable.get(&mark.incarnation).copied().unwrap_or(0);
            if mark.n == last.n + 1 {
                let right = last.next(&item.digest()) == *mark;
                self.wrong(right, || format!("the running hash at {}", mark.n));
            } else {
                self.wrong(mark.n > last.n && mark.n <= may_be_gone + 1, || {
                    format!(
                        "{} follows {} in the journal, and {may_be_gone} are acknowledged",
                        mark.n, last.n
                    )
                });
            }
            self.outbox.insert(mark.position(), mark.running);
            before = Some(*mark);
        }
        for link in links(conn).map_err(said)? {
            let written = self.outbox.keys().rev().find(|position| position.incarnation == link.incarnation);
            let ends = written.is_none_or(|position| position.n == link.last);
            self.wrong(ends, || format!("an incarnation is said to end at {}", link.last));
            self.ended = match link.last {
                0 => link.parent,
                n => Some(Position { incarnation: link.incarnation, n }),
            };
        }
        for progress in progress(conn, HUB).map_err(said)? {
            self.taken.insert(progress.incarnation(), progress.through());
        }
        Ok(())
    }

    /// Cases, stock and rights are what a fold from scratch gives, and no right is below zero.
    fn projections(&mut self, conn: &Connection) -> Result<(), String> {
        for view in verify::documents(conn, true).map_err(said)? {
            self.wrong(view.projection_ok == Some(true), || {
                format!("{} is not what a fold gives", view.document)
            });
        }
        Ok(())
    }

    /// A person's event stands in a document exactly when its command has an outcome that names it.
    fn events(&mut self, conn: &Connection) -> Result<(), String> {
        let mut statement = conn
            .prepare("SELECT doc FROM sync_document UNION SELECT doc FROM sync_change WHERE doc IS NOT NULL")
            .map_err(said)?;
        let names = statement.query_map([], |row| row.get::<_, String>(0)).map_err(said)?;
        let mut by_people: BTreeSet<EventId> = BTreeSet::new();
        let mut all: BTreeSet<EventId> = BTreeSet::new();
        for name in names {
            let id = DocumentId::new(name.map_err(said)?).map_err(said)?;
            let Kept { saved, later } = outpost_journal::load(conn, &id).map_err(said)?.unwrap_or_default();
            let document =
                Document::open(id, Incarnation([0; 16]), saved.as_deref(), &later).map_err(said)?;
            for entry in document.entries() {
                let event: EventId = entry.id.parse().map_err(said)?;
                let text: serde_json::Value = serde_json::from_str(&entry.text).map_err(said)?;
                let by = text["by"].as_str().unwrap_or_default();
                all.insert(event);
                if by != By::edge().as_str() && by != By::hub().as_str() {
                    by_people.insert(event);
                }
            }
        }
        let mut named: BTreeSet<EventId> = BTreeSet::new();
        for outcome in self.outcomes.values() {
            if let Outcome::Applied { events } = outcome {
                named.extend(events.iter().copied());
            }
        }
        let lost = named.difference(&all).count();
        self.wrong(lost == 0, || format!("{lost} events of answered commands are in no document"));
        let unanswered = by_people.difference(&named).count();
        self.wrong(unanswered == 0, || format!("{unanswered} events have no outcome"));
        Ok(())
    }
}

/// How much of each own incarnation the hub has for good.
fn acknowledged(conn: &Connection) -> rusqlite::Result<BTreeMap<Incarnation, u64>> {
    let mut statement = conn.prepare("SELECT id, acknowledged FROM sync_incarnation WHERE owner = ''")?;
    let rows = statement
        .query_map([], |row| Ok((Incarnation(row.get(0)?), row.get::<_, i64>(1)?.unsigned_abs())))?;
    rows.collect()
}

fn outcomes(conn: &Connection) -> Result<BTreeMap<CommandId, Outcome>, String> {
    let mut statement = conn.prepare("SELECT command_id, outcome FROM outcome").map_err(said)?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .map_err(said)?;
    rows.map(|row| {
        let (id, outcome) = row.map_err(said)?;
        Ok((id.parse().map_err(said)?, serde_json::from_str(&outcome).map_err(said)?))
    })
    .collect()
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
