//! What a site ever granted. As long as it keeps its disk its own sum says that; a disk that was put back knows less than
//! was granted, and then every grant that is written from there on counts on top.

use std::collections::BTreeMap;

use anyhow::Result;
use outpost_model::event::Event;
use outpost_model::page::LedgerFact;
use outpost_sync::{Change, ChangeHash, Content, DocumentId, Inspection, Limits};
use rusqlite::Connection;

use super::edge::last;
use super::truth::rights;

/// Units that a site granted, by SKU.
#[derive(Debug, Default)]
pub struct Granted {
    units: BTreeMap<String, i64>,
    /// After the disk was put back: through where in its log grants are counted.
    counted: Option<i64>,
}

impl Granted {
    /// The most units of a SKU that it ever granted.
    pub fn of(&self, sku: &str) -> i64 {
        self.units.get(sku).copied().unwrap_or(0)
    }

    /// The disk was put back: what it holds now was counted before.
    pub fn put_back(&mut self, database: &Connection) -> Result<()> {
        self.counted = Some(last(database)?);
        Ok(())
    }

    /// Something was committed.
    pub fn look(&mut self, database: &Connection) -> Result<()> {
        let Some(counted) = self.counted else {
            for (sku, [granted, ..]) in rights(database)? {
                let most = self.units.entry(sku).or_insert(0);
                *most = granted.max(*most);
            }
            return Ok(());
        };
        // Only what it writes itself: what comes back of its lost past was counted when it was written.
        let mut statement = database.prepare_cached(
            "SELECT c.doc, c.hash, c.bytes FROM sync_change c JOIN sync_incarnation s ON s.ord = c.origin
             WHERE c.position > ?1 AND s.owner = '' AND c.doc LIKE 'ledger/%'",
        )?;
        let mut rows = statement.query([counted])?;
        while let Some(row) = rows.next()? {
            let doc = DocumentId::new(row.get::<_, String>(0)?)?;
            let change = Change { doc, hash: ChangeHash(row.get(1)?), bytes: row.get(2)? };
            if let Content::Entries { entries, .. } = Inspection::of(&change, &Limits::PROTOCOL)?.content {
                for entry in entries {
                    let event = Event::<LedgerFact>::parse(entry.id.parse()?, &entry.text)?;
                    self.add(&event);
                }
            }
        }
        self.counted = Some(last(database)?);
        Ok(())
    }

    fn add(&mut self, event: &Event<LedgerFact>) {
        if let Some(LedgerFact::Granted { units }) = event.known() {
            for unit in units {
                *self.units.entry(unit.sku.to_string()).or_insert(0) += unit.qty.delta();
            }
        }
    }
}
