//! A unit of work: what a use case may do within the group's transaction.

use std::collections::BTreeSet;

use outpost_model::event::{Body, By, Event, tag_and_data};
use outpost_model::fact::SiteFact;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::id::{CaseId, CommandId, DocumentKey, EventId, Sku};
use outpost_model::movements::movements;
use outpost_model::rejection::Rejection;
use outpost_model::stock::Movement;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::{Name, NewKey, RecordKey};
use outpost_sync::{Change, Entry, Item, Record};
use rusqlite::Connection;

use super::documents::{DocumentsError, OpenDocuments};
use super::job::News;
use super::memory::Memory;
use super::permission::Permit;
use crate::ids::Ids;
use crate::moment::Moment;
use crate::site::Site;
use crate::store::{self, StoreError, StoreResult, audit, case, exception};

/// Why a use case ends early.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The command is refused; it must not have written anything.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document failed.
    #[error(transparent)]
    Documents(#[from] DocumentsError),
    /// What is stored contradicts itself.
    #[error("{0}")]
    Broken(String),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<outpost_journal::JournalError> for Stop {
    fn from(error: outpost_journal::JournalError) -> Self {
        Self::Store(error.into())
    }
}

/// What the jobs of a group leave behind for its end.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// SKUs whose stock or rights moved.
    pub skus: BTreeSet<Sku>,
    /// What screens may want to look at.
    pub news: BTreeSet<News>,
    /// Permissions that were given.
    pub permits: Vec<Permit>,
    /// The present life must end with the group.
    pub begin_anew: bool,
    /// Whether records were written for the hub.
    pub sent: bool,
    /// Keys of what was sealed, to be kept before the group is.
    pub keys: Vec<NewKey>,
}

/// Who does what is written from now on.
#[derive(Debug, Clone)]
struct Origin {
    command: CommandId,
    by: By,
    at: UtcMillis,
    next: u16,
}

/// A unit of work.
pub struct Unit<'a> {
    tx: &'a Connection,
    site: &'a Site,
    now: Moment,
    ids: &'a mut Ids,
    documents: &'a mut OpenDocuments,
    memory: &'a mut Memory,
    traces: &'a mut Traces,
    origin: Origin,
    events: Vec<EventId>,
}

impl<'a> Unit<'a> {
    pub(super) fn new(
        tx: &'a Connection,
        site: &'a Site,
        now: Moment,
        ids: &'a mut Ids,
        documents: &'a mut OpenDocuments,
        memory: &'a mut Memory,
        traces: &'a mut Traces,
    ) -> Self {
        let origin = Origin { command: ids.command(now.wall), by: By::edge(), at: now.wall, next: 0 };
        Self { tx, site, now, ids, documents, memory, traces, origin, events: Vec::new() }
    }

    /// The wall clock.
    pub fn now(&self) -> UtcMillis {
        self.now.wall
    }

    /// All clocks.
    pub fn moment(&self) -> &Moment {
        &self.now
    }

    /// The site.
    pub fn site(&self) -> &'a Site {
        self.site
    }

    /// The transaction, for functions of the store.
    pub fn tx(&self) -> &'a Connection {
        self.tx
    }

    /// Seals a content with a key of its own, which is durable before the group is.
    pub fn seal(&mut self, name: Name<'_>, retain_until: UtcMillis, content: &[u8]) -> Vec<u8> {
        let (key, sealed) = NewKey::seal(name, retain_until.0, content, self.ids.rng());
        self.traces.keys.push(key);
        sealed
    }

    /// Keeps the key of a record that came sealed.
    pub fn keep_key(&mut self, name: Name<'_>, secret: RecordKey, retain_until: UtcMillis) {
        self.traces.keys.push(NewKey::of(name, secret, retain_until.0));
    }

    /// Writes a record for the hub.
    pub fn send(&mut self, record: Record) -> Result<(), Stop> {
        let item = Item::Record(record);
        outpost_journal::append_after(self.tx, &mut self.memory.stream, self.now.wall.0, &item)?;
        self.traces.sent = true;
        Ok(())
    }

    /// The content of a sealed record, while its key is kept.
    pub fn open_record(&self, name: Name<'_>) -> StoreResult<Option<Vec<u8>>> {
        let fresh = |new: &&NewKey| new.kind == name.kind && new.key == name.key;
        match self.traces.keys.iter().rev().find(fresh) {
            Some(new) => {
                let sealed = store::record::sealed(self.tx, name)?;
                Ok(sealed.and_then(|sealed| new.secret.open(name, &sealed).ok()))
            }
            None => store::record::open(self.tx, &self.site.vault, name),
        }
    }

    /// The open documents, for merging.
    pub fn documents(&mut self) -> &mut OpenDocuments {
        self.documents
    }

    /// Whether a change is in its document already.
    pub fn knows(&mut self, change: &Change) -> Result<bool, Stop> {
        Ok(self.documents.contains(self.tx, change)?)
    }

    /// Folds facts of an earlier life of this site, as they were folded when they were written.
    pub fn facts_taken_back(
        &mut self,
        mut row: case::CaseRow,
        events: &[Event<SiteFact>],
    ) -> Result<(), Stop> {
        let before = row.state.clone();
        for event in events {
            row.state.apply_site(event);
            self.book(&movements(&row.state.header, event, event.at))?;
        }
        self.save_case(Some(&before), &row)
    }

    /// Events written so far.
    pub fn events(&self) -> &[EventId] {
        &self.events
    }

    /// What follows is done by this person's command. Its own time counts only when it lies in the past.
    pub fn act_for(&mut self, command: CommandId, by: By, at: Option<UtcMillis>) {
        let at = at.map_or(self.now.wall, |at| at.min(self.now.wall));
        self.origin = Origin { command, by, at, next: 0 };
    }

    /// What follows is done by the daemon itself, under a new id.
    pub fn act_by_rule(&mut self) {
        let command = self.ids.command(self.now.wall);
        self.origin = Origin { command, by: By::edge(), at: self.now.wall, next: 0 };
    }

    /// Who acts, as `staff@device`.
    pub fn by(&self) -> &By {
        &self.origin.by
    }

    /// When it happened, by the clock of who acts.
    pub fn at(&self) -> UtcMillis {
        self.origin.at
    }

    /// The case, or a refusal that says that it is not here.
    pub fn case(&mut self, id: CaseId) -> Result<case::CaseRow, Stop> {
        if let Some(row) = self.memory.take_case(id) {
            return Ok(row);
        }
        case::load(self.tx, id)?.ok_or_else(|| {
            Stop::Rejected(Rejection::new("no_such_case", "This order is not at this site, or not here yet."))
        })
    }

    /// Remembers a case as it was recorded: its next scan need not read it.
    pub fn remember(&mut self, row: case::CaseRow) {
        self.memory.keep_case(row);
    }

    /// Writes facts about a case: document, journal, stock, projection and audit.
    pub fn record(&mut self, row: &mut case::CaseRow, facts: Vec<SiteFact>) -> Result<(), Stop> {
        if facts.is_empty() {
            return Ok(());
        }
        let key = DocumentKey::Case(row.state.header.case);
        let before = row.state.clone();
        let mut entries = Vec::with_capacity(facts.len());
        let mut said = Vec::with_capacity(facts.len());
        let mut moved = Vec::new();
        for fact in facts {
            let event = self.event(row.state.site_n + 1, row.state.hub_n, fact);
            row.state.apply_site(&event);
            if row.state.site_n != event.n {
                return Err(Stop::Broken(format!(
                    "event {} of {key} does not follow the one before it",
                    event.n
                )));
            }
            moved.extend(movements(&row.state.header, &event, self.now.wall));
            said.push(describe(&event));
            entries.push(entry_of(&event));
        }
        self.append(&key, &entries)?;
        self.book(&moved)?;
        self.save_case(Some(&before), row)?;
        self.audit(&key.to_string(), &said)
    }

    /// Founds a document of this site.
    pub(super) fn create(&mut self, key: &DocumentKey, header: &str) -> Result<(), Stop> {
        Ok(self.documents.create(self.tx, &mut self.memory.stream, self.now.wall.0, key, header)?)
    }

    /// Adds entries to a document of this site.
    pub(super) fn append(&mut self, key: &DocumentKey, entries: &[Entry]) -> Result<(), Stop> {
        Ok(self.documents.append(self.tx, &mut self.memory.stream, self.now.wall.0, key, entries)?)
    }

    /// The next event of whoever acts.
    pub fn event<K>(&mut self, n: u64, seen: u64, kind: K) -> Event<K> {
        let Origin { command, by, at, next } = &mut self.origin;
        let id = EventId { command: *command, index: *next };
        *next += 1;
        self.events.push(id);
        Event { id, n, seen, at: *at, by: by.clone(), critical: false, body: Body::Known(kind) }
    }

    /// Adds movements to the balances.
    pub fn book(&mut self, movements: &[Movement]) -> StoreResult<()> {
        for movement in movements {
            store::stock::apply(self.tx, movement)?;
            self.touch_stock(&movement.key.sku);
        }
        Ok(())
    }

    /// Writes a case's row, counts what is promised by it, and raises what its fold found.
    pub fn save_case(&mut self, before: Option<&Fulfillment>, row: &case::CaseRow) -> Result<(), Stop> {
        let state = &row.state;
        let id = state.header.case;
        for (sku, units) in promised_delta(before, state) {
            let delta = store::right::RightsDelta { promised: units, ..Default::default() };
            store::right::add(self.tx, &sku, delta)?;
            self.touch_stock(&sku);
        }
        for sku in reserved_anew(before, state) {
            self.touch_stock(&sku);
        }
        case::save(self.tx, before, row, self.now.wall)?;
        let subject = DocumentKey::Case(id).to_string();
        for found in &state.exceptions {
            if before.is_some_and(|before| before.exceptions.contains(found)) {
                continue;
            }
            self.raise(&found.code, &subject, &found.event.to_string(), crate::app::sentence(&found.code))?;
        }
        self.tell(News::Case(id));
        Ok(())
    }

    /// Raises an exception once per code, subject and event.
    pub fn raise(&mut self, code: &str, subject: &str, event: &str, sentence: &str) -> StoreResult<()> {
        if exception::raise(self.tx, self.now.wall, code, subject, event, sentence)? {
            metrics::counter!("outpost_edge_exceptions_total", "code" => code.to_owned()).increment(1);
            self.tell(News::Exception(code.to_owned()));
        }
        Ok(())
    }

    /// Adds a row to the audit chain.
    pub fn audit(&mut self, subject: &str, said: &[String]) -> Result<(), Stop> {
        let what = said.join(" ");
        let command = Some(self.origin.command);
        let actor = self.origin.by.as_str();
        let entry = audit::AuditEntry { at: self.now.wall, actor, command, subject, what: &what };
        Ok(audit::append(self.tx, &mut self.memory.chain, &entry)?)
    }

    /// Marks a SKU whose stock or rights moved: its grants are settled at the end of the group.
    pub fn touch_stock(&mut self, sku: &Sku) {
        if !self.traces.skus.contains(sku) {
            self.traces.skus.insert(sku.clone());
            self.tell(News::Stock(sku.clone()));
        }
    }

    /// The present incarnation ends with this group: the next thing is written by another.
    pub fn begin_anew(&mut self) {
        self.traces.begin_anew = true;
    }

    /// Tells screens, after the commit.
    pub fn tell(&mut self, news: News) {
        self.traces.news.insert(news);
    }

    /// Remembers a permission that was given, to be looked at once more after the commit.
    pub fn permitted(&mut self, row: &case::CaseRow, event: EventId) {
        self.traces.permits.push(Permit {
            command: self.origin.command,
            case: row.state.header.case,
            service: row.state.header.service,
            place: row.place,
            event,
        });
    }
}

/// An event as its document keeps it.
pub fn entry_of<K: outpost_model::event::Kind>(event: &Event<K>) -> Entry {
    Entry { id: event.id.to_string(), text: event.to_text() }
}

/// An event in one word for the audit: its kind.
pub fn describe<K: serde::Serialize>(event: &Event<K>) -> String {
    match &event.body {
        Body::Known(known) => tag_and_data(known).0,
        Body::Unknown { kind, .. } => kind.clone(),
    }
}

/// SKUs of which a case waits for other numbers of units than before.
fn reserved_anew(before: Option<&Fulfillment>, after: &Fulfillment) -> BTreeSet<Sku> {
    let known = before.map(Fulfillment::reserved).unwrap_or_default();
    let now = after.reserved();
    let skus = known.keys().chain(now.keys());
    skus.filter(|sku| known.get(*sku) != now.get(*sku)).cloned().collect()
}

/// What a case promises more than before, by SKU.
fn promised_delta(before: Option<&Fulfillment>, after: &Fulfillment) -> Vec<(Sku, i64)> {
    let known = before.map(Fulfillment::promised).unwrap_or_default();
    let now = after.promised().into_iter();
    now.map(|(sku, units)| {
        let more = units.delta() - known.get(&sku).map_or(0, |units| units.delta());
        (sku, more)
    })
    .filter(|(_, more)| *more != 0)
    .collect()
}
