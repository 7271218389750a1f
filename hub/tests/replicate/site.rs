//! A site as far as the hub can tell: the engine's session, documents, and a journal in memory.

#[path = "site/documents.rs"]
mod documents;
#[path = "site/hidden.rs"]
mod hidden;

use std::collections::{BTreeMap, VecDeque};

use outpost_model::authority::Authority;
use outpost_model::event::{Body, By, Event, Kind};
use outpost_model::id::{CommandId, DocumentKey, EventId, SiteId};
use outpost_model::page::PageHeader;
use outpost_model::time::UtcMillis;
use outpost_sync::repair::Standing;
use outpost_sync::{
    Change, Document, DocumentId, Effect, Entry, Identity, Incarnation, Incoming, Input, Item, Link, Local,
    Mark, Notice, Now, Outgoing, PeerKeys, Progress, PublicIdentity, Query, Refusal, Remote, Running, Schema,
    Session, Settings, Side,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A site.
pub struct SimSite {
    pub id: SiteId,
    pub session: Session,
    pub incarnation: Incarnation,
    /// What the hub has sent.
    pub received: Vec<Incoming>,
    /// The newest authority.
    pub authority: Option<Authority>,
    /// What the hub has refused.
    pub refusals: Vec<Refusal>,
    /// What came by repair, what its disk has lost, what documents are to the hub, and which authors the hub says were
    /// its own.
    pub mended: Vec<Change>,
    lost: Vec<Change>,
    there: BTreeMap<DocumentId, Standing>,
    pub past: Vec<Incarnation>,
    /// What the hub has said of its past: that it lacks something of it, that it is refused.
    pub told: Vec<Notice>,
    identity: Identity,
    documents: BTreeMap<DocumentId, Document>,
    numbers: BTreeMap<DocumentId, u64>,
    log: Vec<Outgoing>,
    acknowledged: u64,
    progress: BTreeMap<Incarnation, Progress>,
    rng: StdRng,
}

impl SimSite {
    pub fn new(id: &str, hub: PublicIdentity) -> Self {
        let mut rng = StdRng::seed_from_u64(rand::random());
        let identity = Identity::generate(&mut rng);
        let incarnation = Incarnation::mint(&mut rng);
        let id: SiteId = id.parse().unwrap();
        let session = session(&id, &identity, incarnation, hub, Vec::new());
        Self {
            id,
            session,
            incarnation,
            received: Vec::new(),
            authority: None,
            refusals: Vec::new(),
            mended: Vec::new(),
            lost: Vec::new(),
            there: BTreeMap::new(),
            past: Vec::new(),
            told: Vec::new(),
            identity,
            documents: BTreeMap::new(),
            numbers: BTreeMap::new(),
            log: Vec::new(),
            acknowledged: 0,
            progress: BTreeMap::new(),
            rng,
        }
    }

    /// The same site when it has learned the hub's key.
    #[allow(dead_code, reason = "only who learns the key later says it")]
    pub fn knowing(mut self, hub: PublicIdentity) -> Self {
        self.session.handle(Now { boot_ms: 0, wall_ms: 0 }, &mut self.rng, Input::Keys(PeerKeys(vec![hub])));
        self
    }

    /// Claims from now on to have received so much of a life of the hub.
    pub fn claim(&mut self, hub: PublicIdentity, incarnation: Incarnation, n: u64) {
        let claimed = Mark { incarnation, n, running: Running([9; 32]) };
        let progress = vec![Progress::restore(claimed, [])];
        self.session = session(&self.id, &self.identity, self.incarnation, hub, progress);
    }

    /// Goes by another name from now on, as if it had minted it.
    pub fn pretend(&mut self, name: Incarnation) {
        self.incarnation = name;
        let links = vec![Link { incarnation: name, parent: None, last: 0 }];
        self.session.handle(Now { boot_ms: 0, wall_ms: 0 }, &mut self.rng, Input::Links(links));
    }

    /// Tells the session how far this life was written, as a daemon does when its line comes up.
    #[allow(dead_code, reason = "only who has written much before the first word says it")]
    pub fn introduce(&mut self) {
        self.introduce_with(self.log.last().map_or(0, |row| row.mark.n));
    }

    /// Says that it has written so much.
    pub fn introduce_with(&mut self, last: u64) {
        let links = vec![Link { incarnation: self.incarnation, parent: None, last }];
        self.session.handle(Now { boot_ms: 0, wall_ms: 0 }, &mut self.rng, Input::Links(links));
    }

    pub fn public(&self) -> PublicIdentity {
        self.identity.public()
    }

    pub fn unacknowledged(&self) -> u64 {
        self.log.len() as u64 - self.acknowledged
    }

    /// How far it has the hub's stream.
    pub fn has_of_hub(&self) -> u64 {
        self.progress.values().map(Progress::through).max().unwrap_or(0)
    }

    pub fn state(&self) -> String {
        format!(
            "{} of {} unacknowledged, {} of the hub's, established {}",
            self.unacknowledged(),
            self.log.len(),
            self.has_of_hub(),
            self.session.is_established()
        )
    }

    /// Founds one of its own pages.
    pub fn found(&mut self, key: &DocumentKey) {
        let page = if let DocumentKey::Ledger(_, page) = key { *page } else { 0 };
        let header = serde_json::to_string(&PageHeader { site: self.id.clone(), page }).unwrap();
        self.found_as(key, self.incarnation, &header);
    }

    /// Founds a document as somebody.
    pub fn found_as(&mut self, key: &DocumentKey, author: Incarnation, header: &str) {
        let id = DocumentId::new(key.to_string()).unwrap();
        let (document, change) = Document::create(id.clone(), author, header).unwrap();
        self.documents.insert(id, document);
        self.journal(Item::Change(change));
    }

    /// Opens the hub's document from what was received, to write into it as somebody.
    pub fn open_as(&mut self, key: &DocumentKey, author: Incarnation) {
        let id = DocumentId::new(key.to_string()).unwrap();
        let changes: Vec<Change> = self
            .received
            .iter()
            .filter_map(|incoming| match &incoming.item {
                Item::Change(change) if change.doc == id => Some(change.clone()),
                _ => None,
            })
            .collect();
        self.documents.insert(id.clone(), Document::open(id, author, None, &changes).unwrap());
    }

    /// Writes one fact, as one change. Returns its id.
    pub fn write<K: Kind>(&mut self, key: &DocumentKey, kind: K) -> EventId {
        self.write_numbered(key, kind, None)
    }

    /// The same with a number of its own choice.
    pub fn write_numbered<K: Kind>(&mut self, key: &DocumentKey, kind: K, n: Option<u64>) -> EventId {
        let id = DocumentId::new(key.to_string()).unwrap();
        let mut command = [0; 16];
        self.rng.fill_bytes(&mut command);
        let event = EventId { command: CommandId(uuid::Uuid::from_bytes(command)), index: 0 };
        let number = self.numbers.entry(id.clone()).or_insert(0);
        *number += 1;
        let event = Event {
            id: event,
            n: n.unwrap_or(*number),
            seen: 0,
            at: UtcMillis(1_763_874_000_000),
            by: By::edge(),
            critical: false,
            body: Body::Known(kind),
        };
        self.write_text(key, event.id, &event.to_text());
        event.id
    }

    /// Writes facts as one change.
    pub fn write_many<K: Kind>(&mut self, key: &DocumentKey, kinds: Vec<K>) {
        let id = DocumentId::new(key.to_string()).unwrap();
        let mut command = [0; 16];
        self.rng.fill_bytes(&mut command);
        let command = CommandId(uuid::Uuid::from_bytes(command));
        let mut entries = Vec::new();
        for (kind, index) in kinds.into_iter().zip(0..) {
            let number = self.numbers.entry(id.clone()).or_insert(0);
            *number += 1;
            let event = Event {
                id: EventId { command, index },
                n: *number,
                seen: 0,
                at: UtcMillis(1_763_874_000_000),
                by: By::edge(),
                critical: false,
                body: Body::Known(kind),
            };
            entries.push(Entry { id: event.id.to_string(), text: event.to_text() });
        }
        let change = self.documents.get_mut(&id).unwrap().append(&entries).unwrap().unwrap();
        self.journal(Item::Change(change));
    }

    /// Writes any text.
    pub fn write_text(&mut self, key: &DocumentKey, event: EventId, text: &str) {
        let id = DocumentId::new(key.to_string()).unwrap();
        let entry = Entry { id: event.to_string(), text: text.to_owned() };
        let change = self.documents.get_mut(&id).unwrap().append(&[entry]).unwrap().unwrap();
        self.journal(Item::Change(change));
    }

    /// The change that was written last.
    pub fn last_change(&self) -> Change {
        let last = self.log.iter().rev().find_map(|row| match &row.item {
            Item::Change(change) => Some(change.clone()),
            Item::Record(_) => None,
        });
        last.unwrap()
    }

    /// Puts an item into the stream, whatever it is.
    pub fn journal(&mut self, item: Item) {
        let last = self.log.last().map_or(Mark::start(self.incarnation), |row| row.mark);
        self.log.push(Outgoing { mark: last.next(&item.digest()), item });
    }

    /// The heads of a document here.
    pub fn heads(&mut self, key: &DocumentKey) -> Vec<String> {
        let id = DocumentId::new(key.to_string()).unwrap();
        self.documents.get_mut(&id).unwrap().heads().iter().map(ToString::to_string).collect()
    }

    /// Takes in everything the hub has said of a document it opened earlier.
    pub fn merge(&mut self, key: &DocumentKey) {
        let id = DocumentId::new(key.to_string()).unwrap();
        let changes = self.received.iter().filter_map(|incoming| match &incoming.item {
            Item::Change(change) if change.doc == id => Some(change.clone()),
            _ => None,
        });
        let changes: Vec<Change> = changes.collect();
        self.documents.get_mut(&id).unwrap().merge(&changes[1..]).unwrap();
    }

    /// Handles one input and everything that follows; returns the frames to send.
    pub fn give(&mut self, now: Now, input: Input) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.session.handle(now, &mut self.rng, input) {
                match effect {
                    Effect::Publish { bytes, .. } => frames.push(bytes),
                    Effect::Read { query, limit, .. } => {
                        let items = self.read(&query, limit);
                        inputs.push_back(Input::Read { query, items });
                    }
                    Effect::Store(batch) => {
                        for incoming in batch.items {
                            let incarnation = incoming.position.incarnation;
                            let progress =
                                self.progress.entry(incarnation).or_insert(Progress::start(incarnation));
                            assert!(progress.take(&incoming), "handed over twice");
                            self.received.push(incoming);
                        }
                        inputs.push_back(Input::Stored { refused: Vec::new() });
                    }
                    Effect::Acknowledged(mark) => self.acknowledged = mark.n,
                    Effect::Quarantine { reason, .. } => panic!("the hub sent nonsense: {reason}"),
                    Effect::Notice(Notice::Authority(bytes)) if !bytes.is_empty() => {
                        self.authority = Some(serde_json::from_slice(&bytes).unwrap());
                    }
                    Effect::Notice(Notice::Refused(refusal)) => self.refusals.push(refusal),
                    Effect::Notice(
                        notice @ (Notice::Behind(_)
                        | Notice::Retired(_)
                        | Notice::Deferred(_)
                        | Notice::Doubted(_)),
                    ) => {
                        if let Notice::Behind(lost) = &notice {
                            inputs.push_back(Input::Lost(lost.last().copied()));
                        }
                        self.told.push(notice);
                    }
                    Effect::Notice(_) => {}
                    Effect::Look(look) => inputs.push_back(self.look(look)),
                    Effect::Mend(mend) => inputs.push_back(self.mend(mend)),
                }
            }
        }
        frames
    }

    fn read(&self, query: &Query, limit: usize) -> Vec<Outgoing> {
        let (doc, after) = match query {
            Query::After { after } => (None, after),
            Query::Document { doc, after } => (Some(doc), after),
        };
        let after = after.map_or(0, |after| after.n);
        let rows = self.log.iter().filter(|row| row.mark.n > after);
        rows.filter(|row| doc.is_none() || row.item.doc() == doc).take(limit).cloned().collect()
    }
}

fn session(
    site: &SiteId,
    identity: &Identity,
    incarnation: Incarnation,
    hub: PublicIdentity,
    progress: Vec<Progress>,
) -> Session {
    let local = Local {
        backups: false,
        lost: None,
        side: Side::Site,
        site: site.clone(),
        identity: identity.clone(),
        epoch: 0,
        links: vec![Link { incarnation, parent: None, last: 0 }],
        schema: Schema { min: 1, max: 1 },
        authority: Vec::new(),
    };
    let remote = Remote { keys: PeerKeys(vec![hub]), progress, lives: Vec::new() };
    let settings = Settings { resend_after_ms: 300, start_spread_ms: 0, ..Settings::default() };
    Session::new(settings, local, remote)
}
