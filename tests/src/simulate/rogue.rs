//! Somebody who has stolen a site's key: speaks to the hub as that site, beside the real one, and writes what no site
//! may write. Nothing of it may be taken.

use std::collections::VecDeque;

use anyhow::Result;
use outpost_model::event::{Body, By, Event};
use outpost_model::id::{CommandId, DocumentKey, EventId, SiteId};
use outpost_model::page::{LedgerFact, PageHeader, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_model::time::UtcMillis;
use outpost_sync::{
    Document, DocumentId, Effect, Entry, Identity, Incarnation, Input, Item, Link, Local, Mark, Now,
    Outgoing, PeerKeys, PublicIdentity, Query, Remote, Schema, Session, Side,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use super::channel::sku;
use super::clock::MORNING;
use super::edge::settings;
use super::world::{Happening, World};

/// How long a stranger tries.
const TRIES_FOR_MS: u64 = 30_000;
/// Pages that no honest site reaches.
const FAR_PAGE: u32 = 9_000;
/// Units that were never there.
const UNITS: u64 = 500;

/// A stranger with a site's key.
pub struct Rogue {
    /// Until when it tries.
    pub until: u64,
    /// The document it writes into.
    pub document: String,
    session: Session,
    log: Vec<Outgoing>,
    rng: StdRng,
}

impl Rogue {
    /// One that tries one of the things no site may do.
    pub fn new(
        site: &SiteId,
        identity: &Identity,
        (hub, hub_actor): (PublicIdentity, Incarnation),
        pick: u64,
        until: u64,
    ) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(pick);
        let name = Incarnation::mint(&mut rng);
        let stranger = Incarnation::mint(&mut rng);
        let page = FAR_PAGE + rng.next_u32() % 500;
        // Whoever has not the site's key itself writes what the site could write.
        let identity = match pick % 6 {
            5 => forged(identity, &mut rng)?,
            _ => identity.clone(),
        };
        let (key, owner, author) = match pick % 6 {
            0 => (DocumentKey::Ledger(SiteId::new("store-other")?, page), site.clone(), name),
            1 => (DocumentKey::HubPage(site.clone(), page), site.clone(), name),
            2 => (DocumentKey::Ledger(site.clone(), page), site.clone(), hub_actor),
            3 => (DocumentKey::Ledger(site.clone(), page), site.clone(), stranger),
            4 => (DocumentKey::Ledger(site.clone(), page), SiteId::new("store-other")?, name),
            _ => (DocumentKey::Ledger(site.clone(), page), site.clone(), name),
        };
        let id = DocumentId::new(key.to_string())?;
        let header = serde_json::to_string(&PageHeader { site: owner, page })?;
        let (mut document, founding) = Document::create(id.clone(), author, &header)?;
        let units = vec![SkuQty { sku: sku(0).parse()?, qty: Quantity::new(UNITS)? }];
        let event = Event {
            id: EventId { command: CommandId(Uuid::from_u64_pair(pick, page.into())), index: 0 },
            n: 1,
            seen: 0,
            at: UtcMillis(MORNING),
            by: By::edge(),
            critical: false,
            body: Body::Known(LedgerFact::Granted { units }),
        };
        let entry = Entry { id: event.id.to_string(), text: event.to_text() };
        let granted = document.append(&[entry])?;
        let mut log = Vec::new();
        let mut mark = Mark::start(name);
        for change in [Some(founding), granted].into_iter().flatten() {
            let item = Item::Change(change);
            mark = mark.next(&item.digest());
            log.push(Outgoing { mark, item });
        }
        let local = Local {
            side: Side::Site,
            site: site.clone(),
            identity,
            epoch: 0,
            links: vec![Link { incarnation: name, parent: None, last: log.len() as u64 }],
            schema: Schema { min: 1, max: 1 },
            authority: Vec::new(),
            backups: false,
            lost: None,
        };
        let hub = Remote { keys: PeerKeys(vec![hub]), progress: Vec::new(), lives: Vec::new() };
        let session = Session::new(settings(), local, hub);
        Ok(Self { until, document: id.to_string(), session, log, rng })
    }

    /// Hands it an input; the frames it sends.
    pub fn give(&mut self, now: Now, input: Input) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.session.handle(now, &mut self.rng, input) {
                match effect {
                    Effect::Publish { bytes, .. } => frames.push(bytes),
                    Effect::Read { query, .. } => {
                        let after = match &query {
                            Query::After { after } | Query::Document { after, .. } => {
                                after.map_or(0, |after| after.n)
                            }
                        };
                        let items = self.log.iter().filter(|row| row.mark.n > after).cloned().collect();
                        inputs.push_back(Input::Read { query, items });
                    }
                    // It acknowledges nothing that the hub would then believe to be at the site.
                    Effect::Store(_) => inputs.push_back(Input::StoreFailed),
                    _ => {}
                }
            }
        }
        frames
    }
}

/// The site's install id with another key.
fn forged(identity: &Identity, rng: &mut StdRng) -> Result<Identity> {
    let mut bytes = Identity::generate(rng).to_bytes();
    bytes[..16].copy_from_slice(&identity.to_bytes()[..16]);
    Ok(Identity::from_bytes(&bytes)?)
}

impl World {
    /// Somebody begins to speak as a site.
    pub fn let_rogue_in(&mut self, site: usize, pick: u64) -> Result<()> {
        let Some(hub) = self.hub.hub() else { return Ok(()) };
        let actor = (hub.identity.public(), hub.life.incarnation);
        let edge = &self.edges[site];
        let rogue = Rogue::new(&edge.id, &edge.identity, actor, pick, self.now + TRIES_FOR_MS)?;
        self.truth.sites[site].betrayed.insert(rogue.document.clone());
        self.story.tell(self.now, &edge.id, || format!("has a double that writes {}", rogue.document));
        self.rogues.insert(site, rogue);
        self.rogue_takes(site, Input::LineUp);
        self.queue.plan(self.now + 1_000, Happening::Rogue(site));
        Ok(())
    }

    /// A stranger tries again, or gives up.
    pub fn rogue_tick(&mut self, site: usize) -> Result<()> {
        match self.rogues.get(&site) {
            Some(rogue) if self.now >= rogue.until => {
                self.rogues.remove(&site);
            }
            Some(_) => {
                self.rogue_takes(site, Input::Tick);
                self.queue.plan(self.now + 1_000, Happening::Rogue(site));
            }
            None => {}
        }
        Ok(())
    }

    /// Whatever the hub says to the site, the stranger hears too.
    pub fn rogue_hears(&mut self, site: usize, frame: &[u8]) {
        if self.rogues.contains_key(&site) {
            self.rogue_takes(site, Input::Received(frame.to_vec()));
        }
    }

    fn rogue_takes(&mut self, site: usize, input: Input) {
        let now = self.edges[site].clocks.now(self.now);
        let Some(rogue) = self.rogues.get_mut(&site) else { return };
        for frame in rogue.give(now, input) {
            for arrival in self.line.send(self.now, site, true, frame) {
                self.queue.plan(arrival.at, Happening::Up(site, arrival.frame));
            }
        }
    }
}
