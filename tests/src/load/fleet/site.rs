//! A site: session, documents, and its stream in memory.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context, Result, bail};
use outpost_model::event::{Body, By, Event};
use outpost_model::fact::SiteFact;
use outpost_model::header::Header;
use outpost_model::id::{CommandId, DeviceId, EventId, SiteId, StaffId};
use outpost_model::time::UtcMillis;
use outpost_sync::{
    Document, DocumentId, Effect, Entry, Identity, Incarnation, Input, Item, Link, Local, Mark, Outgoing,
    PeerKeys, Progress, PublicIdentity, Query, Remote, Schema, Session, Settings, Side,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Clock, facts};

/// Cases that staff work on at the same time.
const OPEN_CASES: usize = 12;

/// A simulated site.
pub struct SimSite {
    /// Its name.
    pub id: SiteId,
    session: Session,
    identity: Identity,
    incarnation: Incarnation,
    log: VecDeque<Outgoing>,
    last: Mark,
    acknowledged: u64,
    progress: BTreeMap<Incarnation, Progress>,
    cases: VecDeque<Case>,
    at_work: Vec<Case>,
    serial: u64,
    rng: StdRng,
}

/// A case the site has been offered and has not finished.
struct Case {
    document: Document,
    left: VecDeque<SiteFact>,
    n: u64,
}

impl SimSite {
    /// A site whose frames hold at most so many changes.
    pub fn new(id: SiteId, hub: PublicIdentity, settings: Settings, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let identity = Identity::generate(&mut rng);
        let incarnation = Incarnation::mint(&mut rng);
        let local = Local {
            side: Side::Site,
            site: id.clone(),
            identity: identity.clone(),
            epoch: 0,
            links: vec![Link { incarnation, parent: None, last: 0 }],
            schema: Schema { min: 1, max: 1 },
            authority: Vec::new(),
            backups: false,
            lost: None,
        };
        let remote = Remote { keys: PeerKeys(vec![hub]), progress: Vec::new(), lives: Vec::new() };
        Self {
            id,
            session: Session::new(settings, local, remote),
            identity,
            incarnation,
            log: VecDeque::new(),
            last: Mark::start(incarnation),
            acknowledged: 0,
            progress: BTreeMap::new(),
            cases: VecDeque::new(),
            at_work: Vec::new(),
            serial: 0,
            rng,
        }
    }

    /// What the hub must know to believe it.
    pub fn public(&self) -> PublicIdentity {
        self.identity.public()
    }

    /// Changes written so far.
    pub fn written(&self) -> u64 {
        self.last.n
    }

    /// Changes the hub has not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        self.last.n - self.acknowledged
    }

    /// How far it has the hub's stream.
    pub fn has_of_hub(&self) -> u64 {
        self.progress.values().map(Progress::through).max().unwrap_or(0)
    }

    /// When it must be ticked.
    pub fn wake_at(&self) -> Option<u64> {
        self.session.wake_at()
    }

    /// Writes the next fact of some open case, one change; `false` when no work is left.
    pub fn write_one(&mut self, clock: Clock) -> Result<bool> {
        while self.at_work.len() < OPEN_CASES {
            let Some(case) = self.cases.pop_front() else { break };
            self.at_work.push(case);
        }
        if self.at_work.is_empty() {
            return Ok(false);
        }
        let at = (self.rng.next_u64() % self.at_work.len() as u64) as usize;
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        // As handhelds mint them: version 7, the time and randomness.
        bytes[..6].copy_from_slice(&(clock.wall_ms as u64).to_be_bytes()[2..]);
        bytes[6] = 0x70 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        let staff = StaffId::new(format!("s-{}", 10 + self.rng.next_u64() % 14))?;
        let device = DeviceId::new(format!("scan-{}", 1 + self.rng.next_u64() % 8))?;
        let case = &mut self.at_work[at];
        let Some(fact) = case.left.pop_front() else { bail!("a case at work has something left to do") };
        case.n += 1;
        let id = EventId { command: CommandId(uuid::Uuid::from_bytes(bytes)), index: 0 };
        let event = Event {
            id,
            n: case.n,
            seen: 0,
            at: UtcMillis(clock.wall_ms),
            by: By::person(&staff, &device),
            critical: false,
            body: Body::Known(fact),
        };
        let entry = Entry { id: id.to_string(), text: event.to_text() };
        let change = case.document.append(&[entry])?.context("the event is new")?;
        if case.left.is_empty() {
            self.at_work.swap_remove(at);
        }
        let item = Item::Change(change);
        self.last = self.last.next(&item.digest());
        self.log.push_back(Outgoing { mark: self.last, item });
        Ok(true)
    }

    /// Handles one input and all that follows from it; returns the frames to send.
    pub fn give(&mut self, clock: Clock, input: Input) -> Result<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.session.handle(clock.now(), &mut self.rng, input) {
                match effect {
                    Effect::Publish { bytes, .. } => frames.push(bytes),
                    Effect::Read { query, limit, .. } => {
                        let items = self.read(&query, limit);
                        inputs.push_back(Input::Read { query, items });
                    }
                    Effect::Store(batch) => {
                        for incoming in batch.items {
                            let incarnation = incoming.position.incarnation;
                            let progress = self.progress.entry(incarnation);
                            let progress = progress.or_insert_with(|| Progress::start(incarnation));
                            progress.store(incoming.position.n, incoming.digest);
                            self.take(incoming.item)?;
                        }
                        inputs.push_back(Input::Stored { refused: Vec::new() });
                    }
                    Effect::Acknowledged(mark) => {
                        self.acknowledged = mark.n;
                        while self.log.front().is_some_and(|row| row.mark.n <= mark.n) {
                            self.log.pop_front();
                        }
                    }
                    Effect::Quarantine { reason, .. } => bail!("the hub sent nonsense: {reason}"),
                    _ => {}
                }
            }
        }
        Ok(frames)
    }

    /// A case that is offered is work to do; what else the hub says is of no matter here.
    fn take(&mut self, item: Item) -> Result<()> {
        let Item::Change(change) = item else { return Ok(()) };
        if !change.doc.as_str().starts_with("case/") {
            return Ok(());
        }
        let id: DocumentId = change.doc.clone();
        let document = Document::open(id, self.incarnation, None, std::slice::from_ref(&change))?;
        let header: Header = serde_json::from_str(&document.header())?;
        self.serial += 1;
        let left = facts::of(&header, self.serial, &mut self.rng)?.into();
        self.cases.push_back(Case { document, left, n: 0 });
        Ok(())
    }

    fn read(&self, query: &Query, limit: usize) -> Vec<Outgoing> {
        let (doc, after) = match query {
            Query::After { after } => (None, after),
            Query::Document { doc, after } => (Some(doc), after),
        };
        let first = self.log.front().map_or(0, |row| row.mark.n);
        let skip = after.map_or(0, |after| (after.n + 1).saturating_sub(first));
        let rows = self.log.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
        rows.filter(|row| doc.is_none() || row.item.doc() == doc).take(limit).cloned().collect()
    }
}
