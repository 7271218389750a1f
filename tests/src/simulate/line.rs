//! The line between the sites and the hub: it may lose, repeat, delay and reorder frames, be cut one way or both, and
//! somebody may send what nobody signed.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::plan::Way;
use super::swarm::Swarm;

/// Old frames that are remembered for replays, by site and way.
const REMEMBERED: usize = 48;

/// The line of a chain.
pub struct Line {
    /// How it behaves.
    pub swarm: Swarm,
    rng: StdRng,
    sites: Vec<SiteLine>,
}

#[derive(Default)]
struct SiteLine {
    up_cut_until: u64,
    down_cut_until: u64,
    past: VecDeque<(bool, Vec<u8>)>,
}

/// A frame that will arrive.
pub struct Arrival {
    /// When.
    pub at: u64,
    /// What.
    pub frame: Vec<u8>,
}

impl Line {
    /// A line to so many sites.
    pub fn new(swarm: Swarm, sites: usize, seed: u64) -> Self {
        let sites = (0..sites).map(|_| SiteLine::default()).collect();
        Self { swarm, rng: StdRng::seed_from_u64(seed ^ 0x4c49_4e45), sites }
    }

    /// Cuts a site's line until then.
    pub fn cut(&mut self, site: usize, way: Way, until: u64) {
        let line = &mut self.sites[site];
        if way != Way::Down {
            line.up_cut_until = until.max(line.up_cut_until);
        }
        if way != Way::Up {
            line.down_cut_until = until.max(line.down_cut_until);
        }
    }

    /// Whether a site's line is cut in both ways.
    pub fn is_cut(&self, site: usize, now: u64) -> bool {
        self.sites[site].up_cut_until > now && self.sites[site].down_cut_until > now
    }

    /// Mends everything.
    pub fn mend(&mut self) {
        self.swarm = Swarm { latency_ms: self.swarm.latency_ms, ..Swarm::calm() };
        for line in &mut self.sites {
            (line.up_cut_until, line.down_cut_until) = (0, 0);
        }
    }

    /// Sends a frame: when it arrives, as often as it does.
    pub fn send(&mut self, now: u64, site: usize, up: bool, frame: Vec<u8>) -> Vec<Arrival> {
        let line = &mut self.sites[site];
        line.past.push_back((up, frame.clone()));
        if line.past.len() > REMEMBERED {
            line.past.pop_front();
        }
        if now < (if up { line.up_cut_until } else { line.down_cut_until }) {
            return Vec::new();
        }
        let mut arrivals = Vec::with_capacity(1);
        let copies = 1 + u32::from(self.happens(self.swarm.duplicate_permille));
        for _ in 0..copies {
            if self.happens(self.swarm.drop_permille) {
                continue;
            }
            let (least, most) = self.swarm.latency_ms;
            let mut takes = self.rng.random_range(least..=most);
            if self.happens(self.swarm.late_permille) {
                takes += self.rng.random_range(500..90_000);
            }
            arrivals.push(Arrival { at: now + takes.max(1), frame: frame.clone() });
        }
        arrivals
    }

    fn happens(&mut self, permille: u32) -> bool {
        permille > 0 && self.rng.random_range(0..1_000) < permille
    }

    /// A frame of the past and its way.
    pub fn old_frame(&self, site: usize, pick: u64) -> Option<(bool, Vec<u8>)> {
        let past = &self.sites[site].past;
        (!past.is_empty()).then(|| past[pick as usize % past.len()].clone())
    }

    /// Bytes that nobody signed: noise, or a frame with a few bits changed.
    pub fn forged(&mut self, site: usize, pick: u64) -> (bool, Vec<u8>) {
        let mut rng = StdRng::seed_from_u64(pick);
        match self.old_frame(site, pick >> 8) {
            Some((up, mut frame)) if pick & 1 == 0 && !frame.is_empty() => {
                for _ in 0..rng.random_range(1..4) {
                    let place = rng.random_range(0..frame.len());
                    frame[place] ^= 1 << rng.random_range(0..8);
                }
                (up, frame)
            }
            _ => {
                let mut frame = vec![0; rng.random_range(0..400)];
                rng.fill_bytes(&mut frame);
                (pick & 2 == 0, frame)
            }
        }
    }
}
