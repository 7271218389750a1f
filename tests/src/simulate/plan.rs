//! What a seed brings: the faults it switches on, and everything people, channels and the world will try to do. A plan
//! is plain data: it can be kept in a file, cut down, and run again.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::defects::Defect;
use super::swarm::{Rare, Swarm};

/// A run, wholly determined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What all randomness begins with.
    pub seed: u64,
    /// Stores.
    pub sites: usize,
    /// Faults that happen by themselves, and how often.
    pub swarm: Swarm,
    /// A mistake that is planted in the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<Defect>,
    /// What happens when.
    pub acts: Vec<Planned>,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Milliseconds after the beginning.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub act: Act,
}

/// Which way of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the site.
    Up,
    /// To the site.
    Down,
    /// Both.
    Both,
}

/// What somebody or something does. `pick` chooses among what there is when it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// A channel delivers a new order; `site` for a pickup.
    Order { number: u32, site: Option<usize>, lines: Vec<(usize, u32)> },
    /// A channel delivers an order once more.
    OrderAgain { pick: u64 },
    /// A channel or an agent cancels an order.
    Cancel { pick: u64 },
    /// An operator holds an order.
    Hold { pick: u64 },
    /// An operator approves an order.
    Approve { pick: u64 },
    /// An agent asks a site for something about a case.
    Ask { pick: u64 },
    /// Somebody at a site does the next thing for a case. `late`: the handheld is out of reach and tells it later.
    /// `again`: it tells it a second time.
    Staff { site: usize, pick: u64, late: Option<u64>, again: Option<u64> },
    /// A sale over the counter.
    Sell { site: usize, sku: usize, qty: u32, again: Option<u64> },
    /// A manager pauses or resumes the site.
    Pause { site: usize, resume: bool },
    /// The line of a site is cut.
    Cut { site: usize, way: Way, for_ms: u64 },
    /// The broker restarts and forgets everything.
    BrokerAmnesia,
    /// A site's daemon dies.
    Crash { site: usize, for_ms: u64 },
    /// The next commit at a site fails; `durable` says whether it reached the disk all the same.
    CommitFails { site: usize, durable: bool },
    /// A site's disk is full for a while.
    DiskFull { site: usize, for_ms: u64 },
    /// A site's appliance is switched off and on; its wall clock may be dead.
    Reboot { site: usize, dead_clock: bool, for_ms: u64 },
    /// A site's machine sleeps.
    Suspend { site: usize, for_ms: u64 },
    /// A site's machine sleeps in the middle of its next commit of something irrevocable.
    Stall { site: usize, for_ms: u64 },
    /// A site's wall clock jumps.
    ClockJump { site: usize, by_ms: i64 },
    /// The hub dies.
    HubCrash { for_ms: u64 },
    /// The hub's workers stand still.
    HubPause { for_ms: u64 },
    /// The hub's wall clock jumps.
    HubClockJump { by_ms: i64 },
    /// The hub's disk is full for a while.
    HubDiskFull { for_ms: u64 },
    /// The hub's database is replaced by a copy of it.
    RestoreHub { pick: u64, for_ms: u64 },
    /// A site's disk is replaced by an image of it.
    RestoreSite { site: usize, pick: u64, for_ms: u64 },
    /// Old frames of a site's line are sent again.
    Replay { site: usize, pick: u64 },
    /// Somebody who can reach the broker sends what nobody signed.
    Forge { site: usize, pick: u64 },
    /// An appliance with a valid key writes what it may not.
    Betray { site: usize, pick: u64 },
}

/// How long the acts of a plan take, per action: a store is not a load test.
const MS_PER_ACT: u64 = 40_000;
/// Products in the chain.
pub const SKUS: usize = 5;

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64, sites: usize, actions: usize, defect: Option<Defect>) -> Self {
        Self::with(seed, sites, actions, defect, &[])
    }

    /// The same with faults that no seed draws by itself.
    pub fn with(seed: u64, sites: usize, actions: usize, defect: Option<Defect>, also: &[Rare]) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut swarm = Swarm::choose(&mut rng);
        swarm.signed_by_hash = !seed.is_multiple_of(4);
        also.iter().for_each(|rare| swarm.add(*rare));
        defect.map_or(&[][..], Defect::needs).iter().for_each(|rare| swarm.add(*rare));
        let length = MS_PER_ACT * actions as u64;
        let mut acts = Vec::with_capacity(actions);
        let mut orders = 0;
        for _ in 0..actions {
            let at = 1_000 + rng.random_range(0..length);
            let act = act(&mut rng, &swarm, sites, &mut orders);
            acts.push(Planned { at, act });
        }
        for act in swarm.faults(&mut rng, sites, actions) {
            acts.push(Planned { at: 1_000 + rng.random_range(0..length), act });
        }
        acts.sort_by_key(|planned| planned.at);
        Self { seed, sites, swarm, defect, acts }
    }

    /// When the last act has happened.
    pub fn length(&self) -> u64 {
        self.acts.last().map_or(0, |planned| planned.at) + 1_000
    }
}

fn act(rng: &mut StdRng, swarm: &Swarm, sites: usize, orders: &mut u32) -> Act {
    let site = rng.random_range(0..sites);
    let pick = rng.next_u64();
    let later = |rng: &mut StdRng, percent: u32, max: u64| {
        (rng.random_range(0..100) < percent).then(|| rng.random_range(100..max))
    };
    match rng.random_range(0..100) {
        0..16 => {
            *orders += 1;
            let lines = (0..rng.random_range(1..=3))
                .map(|_| (rng.random_range(0..SKUS), rng.random_range(1..=2)))
                .collect();
            let site = rng.random_range(0..100) < 50;
            let site = site.then(|| rng.random_range(0..sites));
            Act::Order { number: *orders, site, lines }
        }
        16..18 => Act::OrderAgain { pick },
        18..21 => Act::Cancel { pick },
        21 => Act::Hold { pick },
        22 => Act::Approve { pick },
        23..26 => Act::Ask { pick },
        26..32 => {
            let again = later(rng, swarm.repeated_percent, 60_000);
            Act::Sell { site, sku: rng.random_range(0..SKUS), qty: rng.random_range(1..=2), again }
        }
        32 => Act::Pause { site, resume: rng.random_range(0..3) > 0 },
        _ => {
            let late = later(rng, swarm.late_percent, swarm.late_ms);
            let again = later(rng, swarm.repeated_percent, 120_000);
            Act::Staff { site, pick, late, again }
        }
    }
}
