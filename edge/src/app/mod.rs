//! The use cases, one a file, each a function over a [`Unit`] of work. They read no clock, mint no id and spawn
//! nothing: all of that comes in.

mod command;
mod grant;
mod sentence;

use std::collections::BTreeSet;

use outpost_model::id::Sku;

pub use sentence::sentence;

use crate::store::{authority, identity};
use crate::write::{Answer, Job, News, Stop, Unit};

/// Does one job.
pub fn perform(unit: &mut Unit<'_>, job: &Job) -> Result<Answer, Stop> {
    match job {
        Job::Command(command) => command::command(unit, command),
        Job::Acknowledge(mark) => {
            outpost_journal::acknowledge(unit.tx(), mark)?;
            Ok(Answer::Done)
        }
        Job::Heard(heard) => {
            if let Some(epoch) = heard.epoch {
                authority::raise_epoch(unit.tx(), epoch)?;
            }
            if let Some(given) = &heard.authority {
                authority::save(unit.tx(), given)?;
            }
            if let Some(time) = &heard.time {
                authority::save_hub_time(unit.tx(), time)?;
            }
            unit.tell(News::Sync);
            Ok(Answer::Done)
        }
        Job::Enrolled(enrollment) => {
            identity::save_enrollment(unit.tx(), enrollment)?;
            authority::raise_epoch(unit.tx(), enrollment.epoch)?;
            Ok(Answer::Done)
        }
        _ => Ok(Answer::Done),
    }
}

/// Settles what follows from the stock that a group moved, once for all its jobs.
pub fn settle(unit: &mut Unit<'_>, skus: &BTreeSet<Sku>) -> Result<(), Stop> {
    grant::settle(unit, skus)
}
