//! The peer's stream: what came, what waits for its turn, what is being stored, what must be acknowledged.

mod acknowledging;
mod numbers;

use std::collections::{BTreeMap, BTreeSet};

use super::effect::{Notice, Refusal};
use crate::bytes::{Digest, Incarnation};
use crate::frame::body::{Batch, Lane};
use crate::frame::columns::Unreadable;
use crate::frame::memory::Memory;
use crate::frame::{packing, reading};
use crate::item::{Gap, Incoming, Link, Mark, Position};
use crate::progress::Progress;
use crate::settings::Settings;
use numbers::numbers;

/// The most items of one incarnation that are stored before a gap; later ones wait for the gap to close.
const BEYOND_MAX: usize = 4_096;
/// The most incarnations one acknowledgement speaks of.
const APPLIED_MAX: usize = 64;
/// The most refusals told in one acknowledgement.
const REFUSED_MAX: usize = 32;

pub(super) struct Receiving {
    links: Vec<Link>,
    progress: BTreeMap<Incarnation, Progress>,
    waiting: BTreeMap<(Incarnation, u64), Waiting>,
    waiting_bytes: usize,
    storing: BTreeMap<Position, (Digest, Option<Gap>)>,
    touched: BTreeSet<Incarnation>,
    /// More is stored than the peer was told.
    further: bool,
    refused: Vec<Refusal>,
    memory: BTreeMap<Incarnation, Memory>,
    /// Whether what is stored is safe only once it is in a backup, and how far each incarnation is.
    backups: bool,
    backed_up: BTreeMap<Incarnation, Mark>,
}

struct Waiting {
    incoming: Incoming,
    /// Set when the item was sent before its turn.
    lane: Option<Lane>,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Its items wait for their turn, or were there already.
    Yes,
    /// It cannot be used now and will come again.
    NotNow,
    /// It makes no sense.
    Malformed(&'static str),
}

impl Receiving {
    pub(super) fn new(progress: Vec<Progress>, backups: bool) -> Self {
        Self {
            backups,
            backed_up: BTreeMap::new(),
            links: Vec::new(),
            progress: progress.into_iter().map(|progress| (progress.incarnation(), progress)).collect(),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            storing: BTreeMap::new(),
            touched: BTreeSet::new(),
            further: false,
            refused: Vec::new(),
            memory: BTreeMap::new(),
        }
    }

    /// Forgets what belongs to the conversation. What is being stored is not: its answer is still to come.
    pub(super) fn begin(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.touched.clear();
        self.further = false;
        self.memory.clear();
    }

    /// Takes the peer's word for which incarnations it still has something of.
    pub(super) fn greet(&mut self, links: &[Link]) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (i, link) in links.iter().enumerate() {
            let sealed =
                (i + 1 < links.len()).then_some(Position { incarnation: link.incarnation, n: link.last });
            for known in [sealed, link.parent].into_iter().flatten() {
                let here = self.progress.get(&known.incarnation).map_or(0, Progress::through);
                if here > known.n {
                    let incarnation = known.incarnation;
                    notices.push(Notice::PeerRolledBack { incarnation, here, there: known.n });
                }
            }
            self.progress.entry(link.incarnation).or_insert_with(|| Progress::start(link.incarnation));
        }
        self.links = links.to_vec();
        let listed: BTreeSet<_> = links.iter().map(|link| link.incarnation).collect();
        self.waiting.retain(|(incarnation, _), _| listed.contains(incarnation));
        self.waiting_bytes = self.waiting.values().map(|waiting| waiting.incoming.item.weight()).sum();
        notices
    }

    pub(super) fn take(&mut self, incarnation: Incarnation, batch: &Batch, settings: &Settings) -> Taken {
        if !self.links.iter().any(|link| link.incarnation == incarnation) {
            return Taken::NotNow;
        }
        let numbers = match numbers(&batch.runs) {
            Some(numbers) if batch.lane.is_empty() || batch.lane.len() == numbers.len() => numbers,
            _ => return Taken::Malformed("its numbers are not ascending, or too many"),
        };
        if batch.gaps.len() > numbers.len()
            || batch.gaps.iter().any(|(n, gap)| gap.from == 0 || gap.from >= *n || !numbers.contains(n))
        {
            return Taken::Malformed("a gap is not before one of its items");
        }
        let columns = match packing::unpack(batch.codec, &batch.columns, Settings::INFLATED_BYTES_LIMIT) {
            Ok(columns) => columns,
            Err(reason) => return Taken::Malformed(reason),
        };
        let memory = self.memory.entry(incarnation).or_default();
        let texts_max = Settings::INFLATED_BYTES_LIMIT;
        let (items, learned) = match reading::decode(&columns, &numbers, incarnation, memory, texts_max) {
            Ok(read) => read,
            Err(Unreadable::Reference) => return Taken::NotNow,
            Err(Unreadable::Malformed(reason)) => return Taken::Malformed(reason),
        };
        let digests: Vec<Digest> = items.iter().map(crate::item::Item::digest).collect();
        if check(&digests) != *batch.check {
            if learned.leans {
                return Taken::NotNow;
            }
            return Taken::Malformed("its items are not the ones that were sent");
        }
        memory.learn(learned);
        self.touched.insert(incarnation);
        for (i, ((item, digest), n)) in items.into_iter().zip(digests).zip(numbers).enumerate() {
            let position = Position { incarnation, n };
            let (weight, lane) = (item.weight(), batch.lane.get(i).copied());
            let gap = batch.gaps.iter().find(|(at, _)| *at == n).map(|(_, gap)| *gap);
            if self.has(position) {
                self.waits_for_what_is_gone(position, gap, lane);
                continue;
            }
            let full = self.waiting.len() >= settings.waiting_items_max
                || self.waiting_bytes + weight > settings.waiting_bytes_max;
            // What is next in its turn always finds a place, or a full room would never empty.
            let closes = gap.is_some_and(|gap| gap.from <= self.through(&incarnation) + 1);
            if full && !closes && !self.is_next(position) {
                continue;
            }
            self.waiting_bytes += weight;
            let incoming = Incoming { position, digest, item, gap };
            self.waiting.insert((incarnation, n), Waiting { incoming, lane });
        }
        Taken::Yes
    }

    /// An item came again with word that what it waits for is gone: its writer did not know that when it came first. Of two
    /// such words the one that leaves less to wait for holds, whichever came later.
    fn waits_for_what_is_gone(&mut self, position: Position, gap: Option<Gap>, lane: Option<Lane>) {
        let (Some(gap), Some(waiting)) = (gap, self.waiting.get_mut(&(position.incarnation, position.n)))
        else {
            return;
        };
        if waiting.incoming.gap.is_none_or(|known| gap.from < known.from) {
            waiting.incoming.gap = Some(gap);
            waiting.lane = lane;
        }
    }

    fn has(&self, position: Position) -> bool {
        self.is_stored(position)
            || self.storing.contains_key(&position)
            || self.waiting.contains_key(&(position.incarnation, position.n))
    }

    fn is_stored(&self, position: Position) -> bool {
        self.progress.get(&position.incarnation).is_some_and(|progress| progress.contains(position.n))
    }

    /// How much of an incarnation is stored without a gap.
    pub(super) fn through(&self, incarnation: &Incarnation) -> u64 {
        self.progress.get(incarnation).map_or(0, Progress::through)
    }

    /// How much of what the peer named is not stored.
    pub(super) fn backlog(&self) -> u64 {
        self.links.iter().map(|link| link.last.saturating_sub(self.through(&link.incarnation))).sum()
    }

    /// Whether it is the turn of this item, or of one that closes a gap.
    fn is_next(&self, position: Position) -> bool {
        position.n == self.through(&position.incarnation) + 1
    }

    /// The items whose turn it is, unless a store is still unanswered.
    pub(super) fn deliver(&mut self, settings: &Settings) -> Vec<Incoming> {
        if !self.storing.is_empty() {
            return Vec::new();
        }
        let mut batch = Vec::new();
        let mut room = (settings.store_items_max, settings.store_bytes_max);
        let mut parents_complete = true;
        for link in self.links.clone() {
            let complete = self.deliver_link(&link, parents_complete, &mut batch, &mut room);
            parents_complete &= complete;
        }
        let stored = |incoming: &Incoming| (incoming.position, (incoming.digest, incoming.gap));
        self.storing = batch.iter().map(stored).collect();
        batch
    }

    /// Delivers from one incarnation and says whether nothing of it is missing then.
    fn deliver_link(
        &mut self,
        link: &Link,
        parents_complete: bool,
        batch: &mut Vec<Incoming>,
        room: &mut (usize, usize),
    ) -> bool {
        let incarnation = link.incarnation;
        let Some(progress) = self.progress.get(&incarnation).cloned() else {
            return link.last == 0;
        };
        let mut delivered = BTreeSet::new();
        let mut through = progress.through();
        if parents_complete {
            loop {
                let next = through + 1;
                if progress.contains(next) {
                    through = next;
                    continue;
                }
                let turn = self.past_gap(incarnation, next).unwrap_or(next);
                let Some(incoming) = self.take_waiting(incarnation, turn, room) else { break };
                delivered.insert(turn);
                batch.push(incoming);
                through = turn;
            }
        }
        let early: Vec<(u64, Lane)> = self
            .waiting
            .range((incarnation, 0)..=(incarnation, u64::MAX))
            .filter_map(|((_, n), waiting)| waiting.lane.map(|lane| (*n, lane)))
            .collect();
        for (n, lane) in early {
            let free = match lane {
                Lane::Free => true,
                Lane::After(before) => progress.contains(before) || delivered.contains(&before),
                Lane::AfterParents => parents_complete,
            };
            let near = progress.beyond().len() + delivered.len() < BEYOND_MAX;
            if free
                && near
                && let Some(incoming) = self.take_waiting(incarnation, n, room)
            {
                delivered.insert(n);
                batch.push(incoming);
            }
        }
        through >= link.last
    }

    /// The item that waits and says that all from `next` to itself is gone, unless `next` itself waits.
    fn past_gap(&self, incarnation: Incarnation, next: u64) -> Option<u64> {
        if self.waiting.contains_key(&(incarnation, next)) {
            return None;
        }
        let mut waiting = self.waiting.range((incarnation, next + 1)..=(incarnation, u64::MAX));
        let past = waiting.find(|(_, waiting)| {
            waiting.lane.is_none() && waiting.incoming.gap.is_some_and(|gap| gap.from <= next)
        });
        past.map(|((_, n), _)| *n)
    }

    fn take_waiting(
        &mut self,
        incarnation: Incarnation,
        n: u64,
        room: &mut (usize, usize),
    ) -> Option<Incoming> {
        let weight = self.waiting.get(&(incarnation, n))?.incoming.item.weight();
        let (items, bytes) = *room;
        // A single item that is longer than the room still gets it alone.
        if items == 0 || bytes == 0 {
            return None;
        }
        *room = (items - 1, bytes.saturating_sub(weight));
        self.waiting_bytes -= weight;
        self.waiting.remove(&(incarnation, n)).map(|waiting| waiting.incoming)
    }

    /// The store was committed, but for what comes again later. What was refused is counted as received.
    pub(super) fn stored(&mut self, refused: Vec<Refusal>, later: &[Position]) {
        if !later.is_empty() {
            // What waits may build on what was not stored: it comes again as well.
            self.waiting.clear();
            self.waiting_bytes = 0;
        }
        for (position, (digest, gap)) in std::mem::take(&mut self.storing) {
            if later.contains(&position) {
                continue;
            }
            let incarnation = position.incarnation;
            let progress = self.progress.entry(incarnation).or_insert_with(|| Progress::start(incarnation));
            progress.store_after(position.n, digest, gap);
            self.touched.insert(incarnation);
            self.further = true;
        }
        self.refused.extend(refused);
    }

    /// The store failed: everything waiting may build on it, so it must all come again.
    pub(super) fn store_failed(&mut self) {
        self.storing.clear();
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// The peer's present incarnation.
    pub(super) fn current(&self) -> Option<Incarnation> {
        self.links.last().map(|link| link.incarnation)
    }

    /// Whether nothing that is known of the peer's stream is still to be stored.
    pub(super) fn is_complete(&self) -> bool {
        let complete = |link: &Link| {
            self.progress
                .get(&link.incarnation)
                .is_some_and(|progress| progress.through() >= link.last && progress.beyond().len() == 0)
        };
        self.waiting.is_empty() && self.storing.is_empty() && self.links.iter().all(complete)
    }
}

/// The first bytes of BLAKE3 over the digests of a frame's items.
pub(crate) fn check(digests: &[Digest]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    digests.iter().for_each(|digest| {
        hasher.update(&digest.0);
    });
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    first
}
