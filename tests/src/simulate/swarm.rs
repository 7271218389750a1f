//! Which faults a seed switches on, and how often: each seed a random subset at random rates, since faults that all
//! happen at once hide each other.

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::plan::{Act, Way};

const MINUTE: u64 = 60_000;
const YEAR: i64 = 365 * 86_400_000;

/// The faults of one seed. A rate of nothing: switched off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Swarm {
    /// How long a frame takes, at least and at most.
    pub latency_ms: (u64, u64),
    /// Frames that are lost.
    pub drop_permille: u32,
    /// Frames that come twice.
    pub duplicate_permille: u32,
    /// Frames that are overtaken by many others.
    pub late_permille: u32,
    /// Commands that handhelds tell late, and how late at most.
    pub late_percent: u32,
    pub late_ms: u64,
    /// Commands that handhelds tell twice.
    pub repeated_percent: u32,
    /// How long the authority of sites lasts.
    pub authority_minutes: u32,
    /// Whether a commit takes so long that the clock is read again after it.
    pub slow_disk_ms: u64,
    /// Whether frames are signed by a keyed hash, which costs less: few mistakes are about how a signature is made.
    pub signed_by_hash: bool,
    /// How many of each fault there are for a hundred actions.
    pub cuts: u32,
    pub one_way: u32,
    pub amnesia: u32,
    pub crashes: u32,
    pub failed_commits: u32,
    pub full_disks: u32,
    pub reboots: u32,
    pub suspends: u32,
    pub stalls: u32,
    pub clock_jumps: u32,
    pub hub_crashes: u32,
    pub hub_pauses: u32,
    pub hub_full_disks: u32,
    pub replays: u32,
    pub forgeries: u32,
    pub betrayals: u32,
    pub hub_restores: u32,
    pub site_restores: u32,
    /// Whether the hub takes cases from sites that are slow or silent.
    pub deadlines: bool,
    /// Whether daemons drop what both sides have, and the hub packs closed cases.
    pub tidy: bool,
}

/// Faults that `--also NAME` switches on in every seed, and planted mistakes that need them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Rare {
    /// The hub's database is replaced by a copy that is up to hours old.
    RestoredHub,
    /// A site's disk is replaced by an image that is up to hours old.
    RestoredSite,
    /// The hub takes cases from sites that are slow or silent.
    Deadlines,
    /// A site's machine sleeps in the middle of a commit of something irrevocable.
    StalledCommit,
    /// The hub's disk is full for a while.
    FullHubDisk,
    /// A site's disk is full for a while.
    FullDisk,
    /// Handhelds tell their commands days late, when cases are packed away.
    LateWords,
}

impl Swarm {
    /// A line without trouble.
    pub fn calm() -> Self {
        Self { latency_ms: (5, 20), authority_minutes: 24 * 60, ..Self::default() }
    }

    /// Draws a seed's faults.
    pub fn choose(rng: &mut StdRng) -> Self {
        let on = |rng: &mut StdRng, percent: u32, max: u32| match rng.random_range(0..100) < percent {
            true => rng.random_range(1..=max),
            false => 0,
        };
        let slow = rng.random_range(0..4) == 0;
        Self {
            latency_ms: if slow { (200, 2_500) } else { (5, 120) },
            drop_permille: on(rng, 40, 250),
            duplicate_permille: on(rng, 40, 200),
            late_permille: on(rng, 40, 150),
            late_percent: on(rng, 35, 30),
            late_ms: if rng.random_range(0..2) == 0 { 48 * 60 * MINUTE } else { 10 * MINUTE },
            repeated_percent: on(rng, 40, 30),
            authority_minutes: [60, 60, 180, 24 * 60][rng.random_range(0..4)],
            slow_disk_ms: u64::from(on(rng, 20, 3_000)),
            cuts: on(rng, 50, 6),
            one_way: on(rng, 30, 4),
            amnesia: on(rng, 20, 3),
            crashes: on(rng, 50, 6),
            failed_commits: on(rng, 30, 6),
            full_disks: on(rng, 30, 3),
            reboots: on(rng, 25, 3),
            suspends: on(rng, 20, 3),
            clock_jumps: on(rng, 25, 4),
            hub_crashes: on(rng, 30, 3),
            hub_pauses: on(rng, 20, 3),
            replays: on(rng, 30, 8),
            forgeries: on(rng, 25, 8),
            betrayals: on(rng, 20, 4),
            tidy: rng.random_range(0..100) < 60,
            deadlines: rng.random_range(0..100) < 33,
            stalls: on(rng, 30, 3),
            hub_full_disks: on(rng, 30, 2),
            ..Self::default()
        }
    }

    /// Switches a fault on.
    pub fn add(&mut self, rare: Rare) {
        match rare {
            Rare::RestoredHub => self.hub_restores = 1,
            Rare::RestoredSite => self.site_restores = 1,
            Rare::Deadlines => self.deadlines = true,
            Rare::StalledCommit => self.stalls = 2,
            Rare::FullHubDisk => self.hub_full_disks = 1,
            Rare::FullDisk => self.full_disks = self.full_disks.max(3),
            Rare::LateWords => {
                (self.tidy, self.late_percent, self.late_ms) = (true, 30, 48 * 60 * MINUTE);
            }
        }
    }

    /// The faults that are planned, for so many actions.
    pub fn faults(&self, rng: &mut StdRng, sites: usize, actions: usize) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut plan = |rate: u32, rng: &mut StdRng, make: &dyn Fn(&mut StdRng, usize) -> Act| {
            // Rates are per hundred actions; what is switched on happens at least once.
            let count = (u64::from(rate) * actions as u64).div_ceil(100);
            for _ in 0..count {
                let site = rng.random_range(0..sites);
                let act = make(rng, site);
                acts.push(act);
            }
        };
        let long = |rng: &mut StdRng| match rng.random_range(0..4) {
            0 => rng.random_range(1_000..10_000),
            1 | 2 => rng.random_range(10_000..20 * MINUTE),
            _ => rng.random_range(20 * MINUTE..100 * MINUTE),
        };
        let jump = |rng: &mut StdRng| match rng.random_range(0..4) {
            0 => YEAR,
            1 => -YEAR,
            2 => rng.random_range(-7_200_000..7_200_000),
            _ => rng.random_range(-60_000..60_000),
        };
        plan(self.cuts, rng, &|rng, site| Act::Cut { site, way: Way::Both, for_ms: long(rng) });
        plan(self.one_way, rng, &|rng, site| {
            let way = if rng.random_range(0..2) == 0 { Way::Up } else { Way::Down };
            Act::Cut { site, way, for_ms: long(rng) }
        });
        plan(self.amnesia, rng, &|_, _| Act::BrokerAmnesia);
        plan(self.crashes, rng, &|rng, site| Act::Crash { site, for_ms: rng.random_range(500..2 * MINUTE) });
        plan(self.failed_commits, rng, &|rng, site| Act::CommitFails {
            site,
            durable: rng.random_range(0..2) == 0,
        });
        plan(self.full_disks, rng, &|rng, site| Act::DiskFull { site, for_ms: long(rng) });
        plan(self.reboots, rng, &|rng, site| {
            let dead_clock = rng.random_range(0..2) == 0;
            Act::Reboot { site, dead_clock, for_ms: rng.random_range(20_000..4 * MINUTE) }
        });
        plan(self.suspends, rng, &|rng, site| Act::Suspend { site, for_ms: long(rng) });
        plan(self.stalls, rng, &|rng, site| Act::Stall { site, for_ms: long(rng) });
        plan(self.clock_jumps, rng, &|rng, site| Act::ClockJump { site, by_ms: jump(rng) });
        plan(self.hub_crashes, rng, &|rng, _| Act::HubCrash { for_ms: rng.random_range(500..3 * MINUTE) });
        plan(self.hub_pauses, rng, &|rng, _| Act::HubPause { for_ms: long(rng) });
        plan(self.hub_full_disks, rng, &|rng, _| Act::HubDiskFull { for_ms: long(rng) });
        plan(self.replays, rng, &|rng, site| Act::Replay { site, pick: rng.next_u64() });
        plan(self.forgeries, rng, &|rng, site| Act::Forge { site, pick: rng.next_u64() });
        plan(self.hub_restores, rng, &|rng, _| Act::RestoreHub {
            pick: rng.next_u64(),
            for_ms: rng.random_range(5_000..10 * MINUTE),
        });
        plan(self.site_restores, rng, &|rng, site| Act::RestoreSite {
            site,
            pick: rng.next_u64(),
            for_ms: rng.random_range(5_000..10 * MINUTE),
        });
        plan(self.betrayals, rng, &|rng, site| Act::Betray { site, pick: rng.next_u64() });
        acts
    }
}
