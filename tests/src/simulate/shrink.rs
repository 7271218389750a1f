//! Cuts a failing plan down while it still fails in the same way, so that its story can be read.

use std::time::Duration;

use anyhow::Result;

use super::morning::Morning;
use super::plan::Plan;
use super::report::processor_time;
use super::run_plan;
use super::swarm::Swarm;

/// How much processor time it may take: a person waits for the story. What else the machine does changes nothing.
const PATIENCE: Duration = Duration::from_secs(90);

/// The smallest plan that was found to fail by the same invariant.
pub fn shrink(morning: &Morning, plan: &Plan, invariant: &str, failed_at: u64) -> Result<Plan> {
    let until = processor_time()? + PATIENCE;
    let fails = |plan: &Plan| -> Result<bool> {
        let violation = run_plan(morning, plan, false)?.violation;
        Ok(violation.is_some_and(|violation| violation.invariant == invariant))
    };
    let mut best = plan.clone();
    let mut early = best.clone();
    early.acts.retain(|planned| planned.at <= failed_at);
    if early.acts.len() < best.acts.len() && fails(&early)? {
        best = early;
    }
    for calmer in calmer(&best.swarm) {
        let candidate = Plan { swarm: calmer(&best.swarm), ..best.clone() };
        if processor_time()? < until && candidate.swarm != best.swarm && fails(&candidate)? {
            best = candidate;
        }
    }
    let mut size = best.acts.len().div_ceil(2).max(1);
    loop {
        let mut removed = false;
        let mut start = 0;
        while start < best.acts.len() {
            if processor_time()? >= until {
                return Ok(best);
            }
            let mut candidate = best.clone();
            let end = (start + size).min(candidate.acts.len());
            candidate.acts.drain(start..end);
            if fails(&candidate)? {
                best = candidate;
                removed = true;
            } else {
                start += size;
            }
        }
        match (size, removed) {
            (1, false) => return Ok(best),
            (1, true) => {}
            _ => size = size.div_ceil(2),
        }
    }
}

type Calm = Box<dyn Fn(&Swarm) -> Swarm>;

/// Ways to make the line and the disks better, one at a time.
fn calmer(_: &Swarm) -> Vec<Calm> {
    vec![
        Box::new(|swarm| Swarm { latency_ms: (5, 20), ..swarm.clone() }),
        Box::new(|swarm| Swarm { drop_permille: 0, ..swarm.clone() }),
        Box::new(|swarm| Swarm { duplicate_permille: 0, ..swarm.clone() }),
        Box::new(|swarm| Swarm { late_permille: 0, ..swarm.clone() }),
        Box::new(|swarm| Swarm { slow_disk_ms: 0, ..swarm.clone() }),
    ]
}
