//! `cargo lab simulate`: the fleet simulator. Sites, hub, line, disks, staff and customers on one queue in virtual time,
//! everything from one seed; the nodes run the product's own code. docs/simulator.md tells how to use it.

mod acts;
mod at_hub;
mod at_site;
mod channel;
mod clock;
mod compare;
mod defects;
mod disk;
mod edge;
mod edge_work;
mod ending;
mod exclusive;
mod granted;
mod hub;
mod hub_look;
mod hub_work;
mod line;
mod morning;
mod plan;
mod queue;
mod report;
mod restore;
mod rogue;
mod shrink;
mod staff;
mod story;
mod swarm;
mod told;
mod truth;
mod world;

use std::panic::AssertUnwindSafe;

use anyhow::Result;

pub use defects::{Defect, plant};
pub use morning::Morning;
pub use plan::Plan;
pub use report::{SEEDS_PER_DEFECT, SimulateArgs, find, run};
pub use truth::Violation;
use world::World;

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// What was wrong, if anything.
    pub violation: Option<Violation>,
    /// The world's time when it ended.
    pub until: u64,
    /// The same plan gives the same.
    pub fingerprint: String,
    /// What happened, when it was to be told.
    pub story: Vec<String>,
}

/// Runs a plan.
pub fn run_plan(morning: &Morning, plan: &Plan, told: bool) -> Result<Ran> {
    defects::sign_by_hash(plan.swarm.signed_by_hash);
    let mut world = World::new(morning, plan.clone(), told)?;
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| world.run()));
    let violation = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(match error.downcast::<Violation>() {
            Ok(violation) => violation,
            Err(error) => Violation { invariant: "failure", what: format!("{error:#}") },
        }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(Violation { invariant: "panic", what: text.unwrap_or_default() })
        }
    };
    let (until, fingerprint) = (world.now, world.story.fingerprint());
    Ok(Ran { violation, until, fingerprint, story: world.story.lines().to_vec() })
}
