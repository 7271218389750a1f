//! What the peer has of one's own stream, as it says, and which lives are named to it.

use super::{PeerHas, Sending, has};
use crate::bytes::{DocumentId, Incarnation};
use crate::frame::body::Applied;
use crate::item::{Link, Position};
use crate::session::effect::{Effect, Notice};

impl Sending {
    /// Takes the peer's word for what it has of one incarnation.
    pub(in crate::session) fn acknowledged(&mut self, applied: &Applied) -> Vec<Effect> {
        let mark = applied.mark;
        let (incarnation, n) = (mark.incarnation, mark.n);
        let link = self.links.iter().find(|link| link.incarnation == incarnation);
        let mut effects = Vec::new();
        if link.is_some() {
            if n > self.written(&incarnation) {
                return self.estrange(incarnation, Notice::RolledBack { incarnation, there: n });
            }
            let ours = self.flights.iter().flat_map(|flight| &flight.items).map(|item| item.mark);
            if ours.into_iter().any(|ours| ours.position() == mark.position() && ours.running != mark.running)
            {
                return self.estrange(incarnation, Notice::Diverged(mark.position()));
            }
        }
        let peer = self.peer.entry(incarnation).or_default();
        if n < peer.through {
            return effects;
        }
        self.pauses = 0;
        let told = self.told.entry(incarnation).or_insert(0);
        let forgettable = applied.forgettable();
        if forgettable.n > *told && link.is_some() {
            *told = forgettable.n;
            effects.push(Effect::Acknowledged(forgettable));
        }
        *peer = PeerHas { through: n, beyond: applied.beyond.clone() };
        let peer = &self.peer;
        let acknowledged = |position: &Position| has(peer, position);
        for flight in &mut self.flights {
            flight.acknowledged(acknowledged);
        }
        let flying = self.flights.len();
        self.flights.retain(|flight| !flight.items.is_empty());
        self.pack.arrived(flying - self.flights.len());
        self.pending.retain(|outgoing| !acknowledged(&outgoing.mark.position()));
        if self.pending.is_empty() {
            self.pending_since = None;
        }
        let flights = &self.flights;
        let waits = |doc: &DocumentId| {
            flights.iter().flat_map(|flight| &flight.items).any(|item| item.item.doc() == Some(doc))
        };
        self.gaps.retain(|position, _| !acknowledged(position));
        self.lanes.acknowledged(acknowledged, waits);
        effects
    }

    /// The peer has something else of an incarnation than this side: what is here of it can never arrive there by
    /// position, and nothing of it is forgotten on the peer's word. What it adds to documents is the affair of repair.
    pub(super) fn estrange(&mut self, incarnation: Incarnation, notice: Notice) -> Vec<Effect> {
        if !self.estranged.insert(incarnation) {
            return Vec::new();
        }
        self.rewind();
        vec![Effect::Notice(notice)]
    }

    /// How far one's own incarnation is written, as far as the session has heard.
    pub(in crate::session) fn written(&self, incarnation: &Incarnation) -> u64 {
        let link = self.links.iter().find(|link| link.incarnation == *incarnation);
        let read = self.read_through.get(incarnation).copied().unwrap_or(0);
        link.map_or(read, |link| link.last.max(read))
    }

    /// The links that a greeting names, at most `max`: first of all those of which the peer lacks something.
    pub(in crate::session) fn name(&mut self, max: usize) -> Vec<Link> {
        let all = self.links.iter().filter(|link| !self.estranged.contains(&link.incarnation));
        let all: Vec<Link> =
            all.map(|link| Link { last: self.written(&link.incarnation), ..*link }).collect();
        let lacking = all.iter().filter(|link| self.lacks(link)).count();
        let (mut first, mut others) = (max, max.saturating_sub(lacking));
        let named = all.into_iter().filter(|link| {
            let room = if self.lacks(link) { &mut first } else { &mut others };
            let fits = *room > 0;
            *room = room.saturating_sub(1);
            fits
        });
        let named: Vec<Link> = named.collect();
        self.named = Some(named.iter().map(|link| link.incarnation).collect());
        named
    }

    /// Whether the peer lacks something of an incarnation, or will: the current one still grows.
    pub(super) fn lacks(&self, link: &Link) -> bool {
        let current = self.links.last().is_some_and(|last| last.incarnation == link.incarnation);
        current || self.peer.get(&link.incarnation).map_or(0, |peer| peer.through) < link.last
    }

    pub(super) fn is_named(&self, incarnation: &Incarnation) -> bool {
        self.named.as_ref().is_none_or(|named| named.contains(incarnation))
    }

    /// Whether all that was named has arrived and there is more to name.
    pub(in crate::session) fn must_name(&self) -> bool {
        let left = self.links.iter().filter(|link| !self.estranged.contains(&link.incarnation));
        let mut left = left.filter(|link| self.lacks(link));
        self.open && left.clone().next().is_some() && left.all(|link| !self.is_named(&link.incarnation))
    }

    pub(in crate::session) fn stored_by_peer(&self) -> Vec<Position> {
        let stored = self.peer.iter().map(|(incarnation, has)| (*incarnation, has.through));
        stored.map(|(incarnation, n)| Position { incarnation, n }).collect()
    }
}
