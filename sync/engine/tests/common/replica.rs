//! One side: its durable state, its documents, its session, and the loop around them.

mod disk;
mod documents;

use std::collections::{BTreeMap, VecDeque};

use outpost_sync::lineage::{Finding, Life};
use outpost_sync::repair::Standing;
use outpost_sync::{
    Change, ChangeHash, Content, Digest, Document, DocumentId, Effect, Entry, Identity, Incarnation,
    Incoming, Input, Item, Limits, Link, Local, Mark, Notice, Now, Outgoing, PeerKeys, Position, Progress,
    Query, Record, Refusal, Remote, Schema, Session, Settings, Side,
};
use rand::Rng;
use rand::rngs::StdRng;

pub struct Replica {
    pub side: Side,
    pub session: Session,
    pub notices: Vec<Notice>,
    pub quarantined: usize,
    /// Fails the next stores.
    pub failing_stores: usize,
    /// Refuses items of this document.
    pub refused_doc: Option<DocumentId>,
    pub epoch: u64,
    pub authority: Vec<u8>,
    /// Keeps backups apart: what is stored may be forgotten by the other side once it is in one.
    pub backups: bool,
    pub schema: Schema,
    /// What it knows to have lost.
    pub lost: Option<Position>,
    /// At the hub: the site's lives, as they introduced themselves.
    pub lives: Vec<Life>,
    /// At the hub: a life whose past is over is retired as soon as another takes over.
    pub retires: bool,
    /// The stores handed over, by number of items.
    pub stores: Vec<usize>,
    /// What documents are to this side, and to the other as far as this one knows.
    pub standings: BTreeMap<DocumentId, Standing>,
    pub there: BTreeMap<DocumentId, Standing>,
    /// Changes that came by repair and were new, and how often repair looked at the disk.
    pub mended: usize,
    pub looks: usize,
    /// Fails the next mends.
    pub failing_mends: usize,
    /// At a site: the frame that proves how far the hub has come.
    pub proof: Option<Vec<u8>>,
    /// Nothing of this author may be handed over.
    pub foreign: Option<Incarnation>,
    identity: Identity,
    keys: PeerKeys,
    settings: Settings,
    // From here on: what is on the disk.
    pub links: Vec<Link>,
    pub log: Vec<Outgoing>,
    pub acknowledged: BTreeMap<Incarnation, u64>,
    pub progress: BTreeMap<Incarnation, Progress>,
    pub applied: Vec<Incoming>,
    changes: Vec<Change>,
    // And what is in memory only.
    docs: BTreeMap<DocumentId, Document>,
    told: BTreeMap<Incarnation, u64>,
    counter: u64,
}

impl Replica {
    pub fn new(side: Side, identity: Identity, keys: PeerKeys, settings: Settings, rng: &mut StdRng) -> Self {
        let links = vec![Link { incarnation: Incarnation::mint(rng), parent: None, last: 0 }];
        let mut replica = Self {
            side,
            session: session(
                side,
                &identity,
                &keys,
                settings,
                &links,
                Vec::new(),
                (u64::from(side == Side::Hub), &[], false),
                (None, SCHEMA, &[]),
            ),
            notices: Vec::new(),
            quarantined: 0,
            failing_stores: 0,
            refused_doc: None,
            epoch: u64::from(side == Side::Hub),
            authority: Vec::new(),
            backups: false,
            schema: SCHEMA,
            lost: None,
            lives: Vec::new(),
            retires: false,
            stores: Vec::new(),
            standings: BTreeMap::new(),
            there: BTreeMap::new(),
            mended: 0,
            looks: 0,
            failing_mends: 0,
            proof: None,
            foreign: None,
            identity,
            keys,
            settings,
            links,
            log: Vec::new(),
            acknowledged: BTreeMap::new(),
            progress: BTreeMap::new(),
            applied: Vec::new(),
            changes: Vec::new(),
            docs: BTreeMap::new(),
            told: BTreeMap::new(),
            counter: 0,
        };
        replica.open_session();
        replica
    }

    /// Starts the process again without minting an incarnation.
    pub fn reopen(&mut self) {
        self.docs.clear();
        self.told.clear();
        self.open_session();
    }

    fn open_session(&mut self) {
        let progress = self.progress.values().cloned().collect();
        let links = self.open_links();
        let told = (self.epoch, self.authority.as_slice(), self.backups);
        let past = (self.lost, self.schema, self.lives.as_slice());
        let (side, settings) = (self.side, self.settings);
        let session = session(side, &self.identity, &self.keys, settings, &links, progress, told, past);
        self.session = session.with_proof(self.proof.clone());
    }

    /// Own incarnations that are not all acknowledged, and the current one.
    fn open_links(&self) -> Vec<Link> {
        let current = self.links.last().unwrap().incarnation;
        let open = self.links.iter().filter(|link| {
            let acknowledged = self.acknowledged.get(&link.incarnation).copied().unwrap_or(0);
            acknowledged < link.last || link.incarnation == current
        });
        open.copied().collect()
    }

    /// What the session is told before the line comes up, so that the peer hears how much waits for it.
    pub fn told_links(&self) -> Input {
        Input::Links(self.open_links())
    }

    pub fn actor(&self) -> Incarnation {
        self.links.last().unwrap().incarnation
    }

    /// Mints a new incarnation and loses all that is only in memory. The hub keeps its incarnation.
    pub fn restart(&mut self, rng: &mut StdRng) {
        if self.side == Side::Site {
            self.mint(rng);
        }
        self.reopen();
    }

    /// A new incarnation within the running process, as after a failed commit.
    pub fn mint(&mut self, rng: &mut StdRng) -> Input {
        let written = self.links.iter().rev().find(|link| link.last > 0);
        let parent = written.map(|last| Position { incarnation: last.incarnation, n: last.last });
        self.links.push(Link { incarnation: Incarnation::mint(rng), parent, last: 0 });
        self.docs.clear();
        Input::Links(self.open_links())
    }

    pub fn write(&mut self, doc: &str, entries: usize, rng: &mut StdRng) {
        let id = DocumentId::new(doc).unwrap();
        self.found(doc);
        let entries: Vec<Entry> = (0..entries).map(|_| self.entry(rng)).collect();
        self.append(&id, &entries);
    }

    /// Writes one given entry, founding its document if need be.
    pub fn write_entry(&mut self, doc: &str, entry: Entry) {
        self.found(doc);
        self.append(&DocumentId::new(doc).unwrap(), &[entry]);
    }

    /// Founds a document unless it is known.
    pub fn found(&mut self, doc: &str) {
        let id = DocumentId::new(doc).unwrap();
        if !self.knows(doc) {
            let header = format!("{{\"doc\":\"{id}\"}}");
            let (document, change) = Document::create(id.clone(), self.actor(), &header).unwrap();
            self.docs.insert(id.clone(), document);
            self.changes.push(change.clone());
            self.journal(Item::Change(change));
        }
    }

    fn append(&mut self, id: &DocumentId, entries: &[Entry]) {
        if let Some(change) = self.document(id).append(entries).unwrap() {
            self.changes.push(change.clone());
            self.journal(Item::Change(change));
        }
    }

    /// The length of all texts this side wrote.
    pub fn texts(&self) -> usize {
        let texts = self.log.iter().map(|row| match &row.item {
            Item::Change(change) => {
                match outpost_sync::Inspection::of(change, &Limits::PROTOCOL).unwrap().content {
                    Content::Entries { entries, .. } => {
                        entries.iter().map(|entry| entry.text.len() + entry.id.len()).sum()
                    }
                    Content::Header(_) => 0,
                }
            }
            Item::Record(_) => 0,
        });
        texts.sum()
    }

    fn entry(&mut self, rng: &mut StdRng) -> Entry {
        self.counter += 1;
        let mut command = [0; 16];
        rng.fill_bytes(&mut command);
        let id = format!("{}.0", hex(&command));
        Entry { id, text: format!("{{\"n\":{},\"kind\":\"picked\"}}", self.counter) }
    }

    pub fn record(&mut self, key: &str, bytes: Vec<u8>) {
        self.journal(Item::Record(Record::new("person", key, bytes)));
    }

    fn journal(&mut self, item: Item) {
        let actor = self.actor();
        let last = self.log.iter().rev().find(|row| row.mark.incarnation == actor).map(|row| row.mark);
        let mark = last.unwrap_or(Mark::start(actor)).next(&item.digest());
        self.links.last_mut().unwrap().last = mark.n;
        self.log.push(Outgoing { mark, item });
    }

    fn document(&mut self, id: &DocumentId) -> &mut Document {
        let actor = self.actor();
        let changes: Vec<Change> = self.changes.iter().filter(|change| change.doc == *id).cloned().collect();
        self.docs
            .entry(id.clone())
            .or_insert_with(|| Document::open(id.clone(), actor, None, &changes).unwrap())
    }

    /// Handles one input and everything that follows from it; returns the frames to publish.
    pub fn give(&mut self, now: Now, rng: &mut StdRng, input: Input) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.session.handle(now, rng, input) {
                match effect {
                    Effect::Publish { bytes, .. } => frames.push(bytes),
                    Effect::Read { query, limit, bytes_max } => {
                        let items = self.read(&query, limit, bytes_max);
                        inputs.push_back(Input::Read { query, items });
                    }
                    Effect::Store(batch) => inputs.push_back(self.store(batch.items)),
                    Effect::Acknowledged(mark) => {
                        let told = self.told.entry(mark.incarnation).or_insert(0);
                        assert!(mark.n > *told, "a session never takes an acknowledgement back");
                        *told = mark.n;
                        let acknowledged = self.acknowledged.entry(mark.incarnation).or_insert(0);
                        *acknowledged = mark.n.max(*acknowledged);
                    }
                    Effect::Quarantine { .. } => self.quarantined += 1,
                    Effect::Notice(notice) => {
                        inputs.extend(self.note(&notice));
                        self.notices.push(notice);
                    }
                    Effect::Look(look) => inputs.push_back(self.look(look)),
                    Effect::Mend(mend) => inputs.push_back(self.mend(mend)),
                }
            }
        }
        frames
    }

    /// What the applications do with news of a site's past.
    fn note(&mut self, notice: &Notice) -> Option<Input> {
        match notice {
            Notice::Proof(frame) => {
                self.proof = Some(frame.clone());
                None
            }
            Notice::Behind(lost) if self.side == Side::Site => {
                self.lost = lost.last().copied();
                Some(Input::Lost(self.lost))
            }
            _ if self.side == Side::Site => None,
            Notice::Greeted { install, links, .. } => {
                let fresh =
                    links.iter().filter(|link| self.lives.iter().all(|l| l.incarnation != link.incarnation));
                let fresh: Vec<Life> = fresh
                    .map(|link| Life {
                        incarnation: link.incarnation,
                        parent: link.parent,
                        install: *install,
                        retired_beyond: None,
                    })
                    .collect();
                self.lives.extend(fresh);
                None
            }
            Notice::Past { findings, lost } if self.retires => {
                for Position { incarnation, .. } in lost {
                    let kept = findings.iter().find_map(|finding| match finding {
                        Finding::RolledBack { incarnation: life, there, .. } if life == incarnation => {
                            Some(*there)
                        }
                        _ => None,
                    });
                    let life = self.lives.iter_mut().find(|life| life.incarnation == *incarnation);
                    life.expect("registered").retired_beyond = Some(kept.unwrap_or(0));
                }
                Some(Input::Lives(self.lives.clone()))
            }
            _ => None,
        }
    }

    fn read(&self, query: &Query, limit: usize, bytes_max: usize) -> Vec<Outgoing> {
        let (doc, after) = match query {
            Query::After { after } => (None, *after),
            Query::Document { doc, after } => (Some(doc), *after),
        };
        let rank = |position: Position| {
            let link = self.links.iter().position(|link| link.incarnation == position.incarnation);
            (link.expect("a position of ours"), position.n)
        };
        let mut weight = 0;
        let wanted =
            self.log.iter().filter(|row| after.is_none_or(|after| rank(row.mark.position()) > rank(after)));
        wanted
            .filter(|row| doc.is_none() || row.item.doc() == doc)
            .take(limit)
            .take_while(|row| {
                let enough = weight > bytes_max;
                weight += row.item.weight();
                !enough
            })
            .cloned()
            .collect()
    }

    fn store(&mut self, items: Vec<Incoming>) -> Input {
        self.stores.push(items.len());
        if self.failing_stores > 0 {
            self.failing_stores -= 1;
            return Input::StoreFailed;
        }
        let mut refused = Vec::new();
        for incoming in items {
            let Incoming { position, item, .. } = &incoming;
            let progress = self
                .progress
                .entry(position.incarnation)
                .or_insert_with(|| Progress::start(position.incarnation));
            assert!(progress.take(&incoming), "{position:?} was handed over twice");
            if item.doc().is_some() && item.doc() == self.refused_doc.as_ref() {
                refused.push(Refusal { position: *position, reason: "not_yours".to_owned() });
                continue;
            }
            if let Item::Change(change) = item {
                self.merge(change.clone());
            }
            self.applied.push(incoming);
        }
        Input::Stored { refused }
    }

    /// Opening or merging fails when a change comes before what it builds on.
    fn merge(&mut self, change: Change) {
        outpost_sync::Inspection::of(&change, &Limits::PROTOCOL).unwrap();
        if self.has(&change) {
            return;
        }
        let known = self.changes.iter().any(|other| other.doc == change.doc);
        if known {
            let document = self.document(&change.doc.clone());
            document.merge(std::slice::from_ref(&change)).unwrap();
        }
        self.changes.push(change.clone());
        self.document(&change.doc);
    }

    pub fn unacknowledged(&self) -> u64 {
        let open = self
            .links
            .iter()
            .map(|link| link.last - self.acknowledged.get(&link.incarnation).copied().unwrap_or(0));
        open.sum()
    }

    /// What this side sent, in the order of its stream.
    pub fn sent(&self) -> Vec<(Position, Digest)> {
        self.log.iter().map(|row| (row.mark.position(), row.item.digest())).collect()
    }

    /// What this side was handed, in the order in which it was.
    pub fn received(&self) -> Vec<(Position, Digest)> {
        self.applied.iter().map(|incoming| (incoming.position, incoming.digest)).collect()
    }

    pub fn heads(&mut self) -> BTreeMap<DocumentId, Vec<ChangeHash>> {
        let mut ids: Vec<DocumentId> = self.changes.iter().map(|change| change.doc.clone()).collect();
        ids.sort();
        ids.dedup();
        ids.into_iter().map(|id| (id.clone(), self.document(&id).heads())).collect()
    }

    pub fn knows(&self, doc: &str) -> bool {
        self.changes.iter().any(|change| change.doc.as_str() == doc)
    }

    pub fn authority_heard(&self) -> Option<Vec<u8>> {
        self.notices.iter().rev().find_map(|notice| match notice {
            Notice::Authority(authority) => Some(authority.clone()),
            _ => None,
        })
    }

    pub fn entries(&mut self, doc: &str) -> usize {
        self.document(&DocumentId::new(doc).unwrap()).entries().len()
    }
}

const SCHEMA: Schema = Schema { min: 1, max: 1 };

#[allow(clippy::too_many_arguments)]
fn session(
    side: Side,
    identity: &Identity,
    keys: &PeerKeys,
    settings: Settings,
    links: &[Link],
    progress: Vec<Progress>,
    (epoch, authority, backups): (u64, &[u8], bool),
    (lost, schema, lives): (Option<Position>, Schema, &[Life]),
) -> Session {
    let local = Local {
        side,
        backups,
        site: "berlin-1".parse().unwrap(),
        identity: identity.clone(),
        epoch,
        links: links.to_vec(),
        schema,
        authority: authority.to_vec(),
        lost,
    };
    Session::new(settings, local, Remote { keys: keys.clone(), progress, lives: lives.to_vec() })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
