//! Two replicas in one process: durable state in memory, documents for real, a line that can be made bad, and a
//! virtual clock.
#![allow(dead_code)]

mod replica;

use std::collections::BTreeMap;

use outpost_sync::{Identity, Input, Now, PeerKeys, Settings, Side};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
pub use replica::Replica;

/// How bad the line is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    pub drop_percent: u64,
    pub double_percent: u64,
    /// Frames arrive after up to so many milliseconds, so they overtake each other.
    pub delay_ms_max: u64,
}

/// Alice is the edge of a store, bob is the hub.
pub struct World {
    pub alice: Replica,
    pub bob: Replica,
    pub faults: Faults,
    pub up: bool,
    pub now_ms: u64,
    /// Frames longer than this do not pass the broker.
    pub packet_max: usize,
    pub frames_sent: usize,
    pub bytes_sent: usize,
    /// All frames sent, for replaying them.
    pub tape: Vec<(Side, Vec<u8>)>,
    /// The kinds of the frames sent, as their second byte says it.
    pub kinds: Vec<u8>,
    rng: StdRng,
    pipe: BTreeMap<(u64, u64), (Side, Vec<u8>)>,
    counter: u64,
}

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::with(seed, Settings::default())
    }

    pub fn with(seed: u64, settings: Settings) -> Self {
        Self::with_each(seed, settings, settings)
    }

    /// With other settings at the site than at the hub.
    pub fn with_each(seed: u64, at_site: Settings, at_hub: Settings) -> Self {
        at_site.check().unwrap();
        at_hub.check().unwrap();
        let mut rng = rng(seed);
        let (edge, hub) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        let (edge_keys, hub_keys) = (PeerKeys(vec![edge.public()]), PeerKeys(vec![hub.public()]));
        let alice = Replica::new(Side::Site, edge, hub_keys, at_site, &mut rng);
        let bob = Replica::new(Side::Hub, hub, edge_keys, at_hub, &mut rng);
        let faults = Faults::default();
        let pipe = BTreeMap::new();
        let packet_max = usize::MAX;
        let (frames_sent, bytes_sent) = (0, 0);
        Self {
            alice,
            bob,
            faults,
            up: false,
            now_ms: 1_000,
            packet_max,
            frames_sent,
            bytes_sent,
            kinds: Vec::new(),
            tape: Vec::new(),
            rng,
            pipe,
            counter: 0,
        }
    }

    pub fn now(&self) -> Now {
        Now { boot_ms: self.now_ms, wall_ms: 1_763_874_000_000 + self.now_ms as i64 }
    }

    pub fn replica(&mut self, side: Side) -> &mut Replica {
        match side {
            Side::Site => &mut self.alice,
            Side::Hub => &mut self.bob,
        }
    }

    fn both(&mut self, side: Side) -> (&mut Replica, &mut StdRng) {
        match side {
            Side::Site => (&mut self.alice, &mut self.rng),
            Side::Hub => (&mut self.bob, &mut self.rng),
        }
    }

    pub fn give(&mut self, side: Side, input: Input) {
        let now = self.now();
        let (replica, rng) = self.both(side);
        let frames = replica.give(now, rng, input);
        for frame in frames {
            self.send(side, frame);
        }
    }

    fn send(&mut self, from: Side, frame: Vec<u8>) {
        if !self.up {
            return;
        }
        self.frames_sent += 1;
        self.kinds.push(frame[1]);
        self.tape.push((from, frame.clone()));
        self.bytes_sent += frame.len();
        if frame.len() > self.packet_max {
            return self.give(from, Input::TooLarge);
        }
        let copies = 1 + u64::from(self.rng.next_u64() % 100 < self.faults.double_percent);
        for _ in 0..copies {
            if self.rng.next_u64() % 100 < self.faults.drop_percent {
                continue;
            }
            let delay = 1 + self.rng.next_u64() % (self.faults.delay_ms_max + 1);
            self.counter += 1;
            self.pipe.insert((self.now_ms + delay, self.counter), (from, frame.clone()));
        }
    }

    pub fn connect(&mut self) {
        if !self.up {
            self.up = true;
            self.give(Side::Hub, Input::LineUp);
            let links = self.alice.told_links();
            self.give(Side::Site, links);
            self.give(Side::Site, Input::LineUp);
        }
    }

    pub fn cut(&mut self) {
        if self.up {
            self.up = false;
            self.pipe.clear();
            self.give(Side::Site, Input::LineDown);
            self.give(Side::Hub, Input::LineDown);
        }
    }

    /// A process ends and starts anew with what its disk holds. The other side's line holds.
    pub fn restart(&mut self, side: Side) {
        let (replica, rng) = self.both(side);
        replica.restart(rng);
        if self.up {
            self.give(side, Input::LineUp);
        }
    }

    /// The store mints a new incarnation without a restart.
    pub fn mint(&mut self) -> Input {
        self.alice.mint(&mut self.rng)
    }

    pub fn write(&mut self, side: Side, doc: &str, entries: usize) {
        let (replica, rng) = self.both(side);
        replica.write(doc, entries, rng);
        self.give(side, Input::Woken);
    }

    pub fn send_record(&mut self, side: Side, key: &str, len: usize) {
        let mut bytes = vec![0; len];
        self.rng.fill_bytes(&mut bytes);
        self.replica(side).record(key, bytes);
        self.give(side, Input::Woken);
    }

    /// Lets time pass: frames arrive, timers fire.
    pub fn run(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while self.step(end) {}
        self.now_ms = end;
    }

    /// Lets time pass until all is quiet: nothing unacknowledged, nothing on its way. Fails after an hour.
    pub fn run_until_quiet(&mut self) -> u64 {
        let start = self.now_ms;
        while !self.is_quiet() {
            assert!(self.now_ms < start + 3_600_000, "not quiet after an hour: {}", self.state());
            assert!(self.step(start + 3_600_000), "nothing more will happen: {}", self.state());
        }
        self.now_ms - start
    }

    pub fn is_quiet(&self) -> bool {
        let settled = self.alice.unacknowledged() == 0 && self.bob.unacknowledged() == 0;
        settled && self.pipe.is_empty() && self.alice.session.is_established()
    }

    fn state(&self) -> String {
        let waiting = [self.alice.unacknowledged(), self.bob.unacknowledged()];
        format!("unacknowledged {waiting:?}, {} frames in the pipe, up {}", self.pipe.len(), self.up)
    }

    fn step(&mut self, end: u64) -> bool {
        let frame = self.pipe.first_key_value().map(|((at, _), _)| *at);
        let wakes = [self.alice.session.wake_at(), self.bob.session.wake_at()];
        let next = frame.into_iter().chain(wakes.into_iter().flatten()).min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now_ms = self.now_ms.max(next);
        if frame == Some(next)
            && let Some((_, (from, bytes))) = self.pipe.pop_first()
        {
            let to = if from == Side::Site { Side::Hub } else { Side::Site };
            self.give(to, Input::Received(bytes));
            return true;
        }
        for (side, wake) in [Side::Site, Side::Hub].into_iter().zip(wakes) {
            if wake.is_some_and(|at| at <= self.now_ms) {
                self.give(side, Input::Tick);
                let again = self.replica(side).session.wake_at();
                assert!(again.is_none_or(|at| at > self.now_ms), "{side:?} would spin at {}", self.now_ms);
            }
        }
        true
    }

    /// What must hold once the line is good and all is quiet.
    pub fn assert_healed(&mut self) {
        assert_eq!(sorted(self.bob.received()), sorted(self.alice.sent()), "what the store sent");
        assert_eq!(sorted(self.alice.received()), sorted(self.bob.sent()), "what the hub sent");
        assert_eq!(self.alice.heads(), self.bob.heads());
        assert_eq!(self.alice.quarantined, 0);
        assert_eq!(self.bob.quarantined, 0);
    }
}

/// Lanes may change the order between documents; that of one document is checked by merging.
fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}
