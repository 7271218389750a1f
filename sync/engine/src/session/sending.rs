//! One's own stream on its way to the peer: reading ahead, cutting frames, sending again, acknowledgements.

mod naming;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::effect::{Effect, Notice, Now, Query};
use super::flight::{Flight, Pack};
use super::lanes::Lanes;
use super::wire::{Turn, jittered};
use crate::bytes::{DocumentId, Incarnation};
use crate::frame::body::Lane;
use crate::frame::memory::Memory;
use crate::item::{Gap, Link, Outgoing, Position};
use crate::progress::Span;
use crate::settings::Settings;

/// Frames of lanes may be on their way beyond the window, so that a full window does not hold them up.
const LANE_FRAMES: usize = 2;

pub(super) struct Sending {
    pub links: Vec<Link>,
    peer: BTreeMap<Incarnation, PeerHas>,
    /// The highest number that was told to be forgettable; a late greeting must not take it back.
    told: BTreeMap<Incarnation, u64>,
    /// The highest number read of each incarnation.
    read_through: BTreeMap<Incarnation, u64>,
    cursor: Option<Position>,
    unanswered: Option<Query>,
    /// The unanswered read belongs to what is over.
    stale: bool,
    more: bool,
    pending: VecDeque<Outgoing>,
    pending_since: Option<u64>,
    /// When the last frame of new items went out.
    sent_at: Option<u64>,
    flights: Vec<Flight>,
    memory: BTreeMap<Incarnation, Memory>,
    lanes: Lanes,
    /// What the journal does not keep any more, by the first item after it.
    gaps: BTreeMap<Position, Gap>,
    /// Incarnations of which the peer has something else than this side: nothing of them is sent to it.
    estranged: BTreeSet<Incarnation>,
    /// The incarnations that the last greeting named; all, before the first.
    named: Option<BTreeSet<Incarnation>>,
    pack: Pack,
    /// Frames cannot get smaller and are still too large: nothing is sent before then.
    paused_until: Option<u64>,
    /// How often that was since the last acknowledgement.
    pauses: u32,
    /// The conversation is open.
    open: bool,
}

#[derive(Default)]
struct PeerHas {
    through: u64,
    beyond: Vec<Span>,
}

impl PeerHas {
    fn contains(&self, n: u64) -> bool {
        n <= self.through || self.beyond.iter().any(|span| span.from <= n && n <= span.through)
    }
}

impl Sending {
    pub(super) fn new(links: Vec<Link>, settings: &Settings) -> Self {
        Self {
            links,
            peer: BTreeMap::new(),
            told: BTreeMap::new(),
            read_through: BTreeMap::new(),
            cursor: None,
            unanswered: None,
            stale: false,
            more: false,
            pending: VecDeque::new(),
            pending_since: None,
            sent_at: None,
            flights: Vec::new(),
            memory: BTreeMap::new(),
            lanes: Lanes::default(),
            gaps: BTreeMap::new(),
            estranged: BTreeSet::new(),
            named: None,
            pack: Pack::new(settings),
            paused_until: None,
            pauses: 0,
            open: false,
        }
    }

    /// The line or the conversation is over: what is on its way may be lost.
    pub(super) fn close(&mut self) {
        self.open = false;
        self.peer.clear();
        self.estranged.clear();
        self.rewind();
    }

    /// The peer has introduced itself and said what it has: sending begins there.
    pub(super) fn open(&mut self) {
        if !self.open {
            self.open = true;
            self.rewind();
        }
    }

    /// Forgets everything read and sent that is not acknowledged, and reads it again. What the peer has acknowledged it
    /// still has.
    pub(super) fn rewind(&mut self) {
        self.pending.clear();
        self.pending_since = None;
        self.sent_at = None;
        self.flights.clear();
        self.memory.values_mut().for_each(|memory| *memory = memory.begun_anew());
        self.lanes.begin();
        self.stale = self.unanswered.is_some();
        self.cursor = self.first_missing();
        self.more = true;
    }

    /// Where the peer stands: before the first item that it lacks.
    fn first_missing(&self) -> Option<Position> {
        let through = |incarnation: &Incarnation| self.peer.get(incarnation).map(|peer| peer.through);
        let current = self.links.last().map(|link| link.incarnation);
        self.links.iter().filter(|link| !self.estranged.contains(&link.incarnation)).find_map(|link| {
            let n = through(&link.incarnation).unwrap_or(0);
            let incomplete = n < link.last || Some(link.incarnation) == current;
            incomplete.then_some(Position { incarnation: link.incarnation, n })
        })
    }

    /// The peer may have lost what it once acknowledged for good. It says so of an incarnation that is no link any
    /// more, but the parent of one: then it becomes a link again. `true` when the peer must be told.
    pub(super) fn relink(&mut self) -> bool {
        let Some(parent) = self.links.first().and_then(|link| link.parent) else { return false };
        let lost = self.peer.get(&parent.incarnation).is_some_and(|peer| peer.through < parent.n);
        if lost {
            self.links.insert(0, Link { incarnation: parent.incarnation, parent: None, last: parent.n });
        }
        lost
    }

    pub(super) fn woken(&mut self) {
        self.more = true;
        self.lanes.look_up_all();
    }

    pub(super) fn promote(&mut self, doc: DocumentId) {
        self.pending.retain(|outgoing| outgoing.item.doc() != Some(&doc));
        self.lanes.promote(doc);
    }

    /// The line refused a packet: frames get smaller and all are cut anew.
    pub(super) fn too_large(&mut self, now: Now, settings: &Settings) -> Option<Notice> {
        let alone = self.flights.iter().find(|flight| flight.items.len() == 1);
        let alone = alone.map(|flight| flight.items[0].mark.position());
        let shrunk = self.pack.halve();
        self.rewind();
        if shrunk {
            return None;
        }
        self.paused_until = Some(now.boot_ms + backoff(settings, self.pauses));
        self.pauses += 1;
        alone.map(Notice::ItemTooLarge)
    }

    /// How long frames may be now.
    pub(super) fn frame_bytes_max(&self) -> usize {
        self.pack.bytes_max()
    }

    /// Whether nothing that is known of one's own stream is still to be acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.open && !self.more && self.pending.is_empty() && self.flights.is_empty() && self.lanes.is_idle()
    }

    /// Takes in what the journal answered.
    pub(super) fn read(&mut self, now: Now, query: Query, items: Vec<Outgoing>) -> Vec<Notice> {
        if self.unanswered.take() != Some(query.clone()) || std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        let (peer, flights, estranged) = (&self.peer, &self.flights, &self.estranged);
        let has = |position: &Position| has(peer, position) || estranged.contains(&position.incarnation);
        let flying = |position: &Position| flights.iter().any(|flight| flight.contains(position));
        let mut notices = Vec::new();
        match query {
            Query::Document { doc, .. } => self.lanes.read(&doc, items, has, flying),
            Query::After { after } => {
                self.more = !items.is_empty();
                let mut before = after;
                for outgoing in items {
                    let position = outgoing.mark.position();
                    let known = before.filter(|before| before.incarnation == position.incarnation);
                    let peer = Position { n: known.map_or(0, |before| before.n), ..position };
                    if position.n > peer.n + 1 {
                        let gap = Gap { from: peer.n + 1, running: outgoing.mark.running };
                        self.gaps.insert(position, gap);
                        notices.push(Notice::Forgotten { peer, next: position });
                    }
                    before = Some(position);
                    self.cursor = Some(position);
                    let highest = self.read_through.entry(position.incarnation).or_insert(0);
                    *highest = position.n.max(*highest);
                    let in_lane = self.lanes.has(&position)
                        || outgoing.item.doc().is_some_and(|doc| self.lanes.is_promoted(doc));
                    if !in_lane && !has(&position) {
                        self.pending.push_back(outgoing);
                        self.pending_since.get_or_insert(now.boot_ms);
                    }
                }
            }
        }
        notices
    }

    /// Sends what is due and what has room, and reads ahead.
    pub(super) fn pump<R: rand::Rng + ?Sized>(&mut self, turn: &mut Turn<'_, R>) {
        if !self.open || self.paused_until.is_some_and(|until| turn.now.boot_ms < until) {
            return;
        }
        self.paused_until = None;
        let window = turn.settings.window_frames;
        self.resend(turn);
        while !self.lanes.pending.is_empty() && self.flights.len() < window + LANE_FRAMES {
            let items = self.lanes.pending.drain(..).map(|(outgoing, lane)| (outgoing, Some(lane)));
            let items = items.collect();
            let left = self.send(turn, items, 0);
            self.lanes.pending =
                left.into_iter().filter_map(|(outgoing, lane)| Some((outgoing, lane?))).collect();
        }
        while self.flights.len() < window && self.is_worth_a_frame(turn.now, turn.settings) {
            let items = self.pending.drain(..).map(|outgoing| (outgoing, None)).collect();
            let left = self.send(turn, items, 0);
            self.pending = left.into_iter().map(|(outgoing, _)| outgoing).collect();
            self.pending_since = (!self.pending.is_empty()).then_some(turn.now.boot_ms);
            self.sent_at = Some(turn.now.boot_ms);
        }
        if let Some(read) = self.read_ahead(turn.settings) {
            turn.effects.push(read);
        }
    }

    /// Flush when a frame is full, when the line is idle, or when the oldest item has waited long enough. A line is idle
    /// when nothing is on its way and the last frame was a while ago: a steady trickle shares frames.
    fn is_worth_a_frame(&self, now: Now, settings: &Settings) -> bool {
        let Some(since) = self.pending_since.filter(|_| !self.pending.is_empty()) else {
            return false;
        };
        // Of what was not named the peer would take nothing yet.
        if self.pending.front().is_some_and(|item| !self.is_named(&item.mark.incarnation)) {
            return false;
        }
        self.flights.is_empty() && self.idle_at(settings).is_none_or(|at| now.boot_ms >= at)
            || self.pack.is_full(&self.pending)
            || now.boot_ms >= since + settings.flush_after_ms
    }

    /// When the line counts as idle, if nothing is on its way then.
    fn idle_at(&self, settings: &Settings) -> Option<u64> {
        self.sent_at.map(|at| at + settings.gather_ms)
    }

    /// Sends one frame of the first items and returns the others.
    fn send<R: rand::Rng + ?Sized>(
        &mut self,
        turn: &mut Turn<'_, R>,
        mut items: Vec<(Outgoing, Option<Lane>)>,
        tries: u32,
    ) -> Vec<(Outgoing, Option<Lane>)> {
        let Some(incarnation) = items.first().map(|(outgoing, _)| outgoing.mark.incarnation) else {
            return items;
        };
        // A frame that is sent again refers to nothing outside it, since what it referred to may be lost as well.
        let known = self.memory.entry(incarnation).or_default();
        let anew = (tries > 0).then(|| known.begun_anew());
        let memory = anew.as_ref().unwrap_or(known);
        let (bytes, count, learned) = self.pack.frame(&items, (memory, &self.gaps), turn.wire);
        let left = items.split_off(count);
        self.memory.entry(incarnation).or_default().learn(learned);
        let wait = jittered(turn.rng, backoff(turn.settings, tries), turn.settings.jitter_percent);
        let due = turn.now.boot_ms + wait;
        self.flights.push(Flight::new(items, due, tries));
        turn.publish(bytes);
        left
    }

    fn resend<R: rand::Rng + ?Sized>(&mut self, turn: &mut Turn<'_, R>) {
        let now = turn.now.boot_ms;
        let due: Vec<Flight> = self.flights.extract_if(.., |flight| flight.due <= now).collect();
        for flight in due {
            let tries = flight.tries + 1;
            let mut items = flight.into_items();
            while !items.is_empty() {
                items = self.send(turn, items, tries);
            }
        }
    }

    fn read_ahead(&mut self, settings: &Settings) -> Option<Effect> {
        if self.unanswered.is_some() {
            return None;
        }
        let limit = settings.frame_items_max * settings.window_frames;
        let bytes_max = settings.inflated_bytes_max * 2;
        let query = match self.lanes.next_look_up() {
            Some((doc, after)) => Query::Document { doc, after: after.or_else(|| self.first_missing()) },
            None if self.more && self.pending.len() < settings.frame_items_max => {
                Query::After { after: self.cursor }
            }
            None => return None,
        };
        self.unanswered = Some(query.clone());
        Some(Effect::Read { query, limit, bytes_max })
    }

    /// When something here is due.
    pub(super) fn wake_at(&self, settings: &Settings) -> Option<u64> {
        let resend = self.flights.iter().map(|flight| flight.due).min();
        let room = self.flights.len() < settings.window_frames;
        let named = self.pending.front().is_some_and(|item| self.is_named(&item.mark.incarnation));
        let flush = self.pending_since.filter(|_| room && named).map(|since| {
            let patience = since + settings.flush_after_ms;
            let idle = self.idle_at(settings).filter(|_| self.flights.is_empty());
            idle.map_or(patience, |idle| patience.min(idle))
        });
        let due = resend.into_iter().chain(flush).min();
        self.paused_until.or(due).filter(|_| self.open)
    }
}

/// How long to wait for an acknowledgement after so many tries.
fn backoff(settings: &Settings, tries: u32) -> u64 {
    settings.resend_after_ms.saturating_mul(1 << tries.min(16)).min(settings.resend_every_ms_max)
}

fn has(peer: &BTreeMap<Incarnation, PeerHas>, position: &Position) -> bool {
    peer.get(&position.incarnation).is_some_and(|peer| peer.contains(position.n))
}
