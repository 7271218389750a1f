//! The hub's end of a conversation without a database: what it takes in is forgotten at once.

use std::collections::VecDeque;

use anyhow::{Result, bail};
use outpost_model::id::SiteId;
use outpost_sync::{
    Effect, Identity, Incarnation, Input, Link, Local, Outgoing, PeerKeys, PublicIdentity, Query, Remote,
    Schema, Session, Settings, Side,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Clock;

/// The session of one site at a hub that stores in no time.
pub struct HubPeer {
    session: Session,
    stream: Vec<Outgoing>,
    /// The last number of the site's stream that was handed over to be stored.
    pub stored: u64,
    /// A store that waits to be answered: the number of items in it.
    pub storing: Option<usize>,
    rng: StdRng,
}

impl HubPeer {
    /// A peer that speaks as a hub with this identity and sends this stream.
    pub fn new(
        site: SiteId,
        hub: Identity,
        stream: (Incarnation, Vec<Outgoing>),
        peer: PublicIdentity,
        settings: Settings,
    ) -> Self {
        let (incarnation, stream) = stream;
        let last = stream.last().map_or(0, |outgoing| outgoing.mark.n);
        let local = Local {
            side: Side::Hub,
            site,
            identity: hub,
            epoch: 1,
            links: vec![Link { incarnation, parent: None, last }],
            schema: Schema { min: 1, max: 1 },
            authority: Vec::new(),
            backups: false,
            lost: None,
        };
        let remote = Remote { keys: PeerKeys(vec![peer]), progress: Vec::new(), lives: Vec::new() };
        let rng = StdRng::seed_from_u64(9);
        Self { session: Session::new(settings, local, remote), stream, stored: 0, storing: None, rng }
    }

    /// When it must be ticked.
    pub fn wake_at(&self) -> Option<u64> {
        self.session.wake_at()
    }

    /// The last number of its own stream.
    pub fn stream_end(&self) -> u64 {
        self.stream.last().map_or(0, |outgoing| outgoing.mark.n)
    }

    /// Handles one input; stores are left open until [`commit`](Self::commit).
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
                        self.storing = Some(batch.items.len());
                        let last = batch.items.iter().map(|incoming| incoming.position.n).max();
                        self.stored = self.stored.max(last.unwrap_or(0));
                    }
                    Effect::Quarantine { reason, .. } => bail!("the site sent nonsense: {reason}"),
                    _ => {}
                }
            }
        }
        Ok(frames)
    }

    /// Answers the open store, if there is one.
    pub fn commit(&mut self, clock: Clock) -> Result<Vec<Vec<u8>>> {
        match self.storing.take() {
            Some(_) => self.give(clock, Input::Stored { refused: Vec::new() }),
            None => Ok(Vec::new()),
        }
    }

    fn read(&self, query: &Query, limit: usize) -> Vec<Outgoing> {
        let after = match query {
            Query::After { after } | Query::Document { after, .. } => after.map_or(0, |after| after.n),
        };
        let from = self.stream.partition_point(|row| row.mark.n <= after);
        self.stream.iter().skip(from).take(limit).cloned().collect()
    }
}
