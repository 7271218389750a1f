//! The use cases, one a file, each a function over a [`Unit`] of work. They read no clock, mint no id and spawn
//! nothing: all of that comes in.

mod answer;
mod case;
mod command;
mod grant;
mod hand_over;
mod housekeep;
mod label;
pub mod opening;
mod pick;
pub mod print;
mod quarantine;
pub mod room;
mod sell;
mod sentence;
mod short;
mod site;
pub mod waiting;

use std::collections::BTreeSet;

use outpost_journal::Acknowledged;
use outpost_model::id::Sku;

pub use answer::answer_by_rule;
pub use sentence::sentence;

use crate::replicate::{apply, reference, restore};
use crate::store::{authority, case as case_rows, identity, setting};
use crate::write::{Answer, Job, News, Stop, Unit};

/// Does one job.
pub fn perform(unit: &mut Unit<'_>, job: &Job) -> Result<Answer, Stop> {
    match job {
        Job::Command(command) => command::command(unit, command),
        Job::Acknowledge(mark) => {
            if outpost_journal::acknowledge(unit.tx(), mark)? == Acknowledged::Diverged {
                restore::leave(unit, mark.position())?;
            }
            Ok(Answer::Done)
        }
        Job::Lost(lost) | Job::Behind(lost) => restore::lose(unit, lost).map(|()| Answer::Done),
        Job::Leave(position) => restore::leave(unit, *position).map(|()| Answer::Done),
        Job::Retired(life) => restore::retire(unit, *life).map(|()| Answer::Done),
        Job::Heard(heard) => {
            if let Some(epoch) = heard.epoch {
                authority::raise_epoch(unit.tx(), epoch)?;
            }
            if let Some(given) = &heard.authority {
                authority::save(unit.tx(), given)?;
            }
            if let Some(time) = &heard.time {
                authority::save_hub_time(unit.tx(), time)?;
                reference::report_once(unit)?;
            }
            unit.tell(News::Sync);
            Ok(Answer::Done)
        }
        Job::Enrolled(enrollment) => {
            identity::save_enrollment(unit.tx(), enrollment)?;
            authority::raise_epoch(unit.tx(), enrollment.epoch)?;
            Ok(Answer::Done)
        }
        Job::Merge(batch) => {
            let room = unit.site().room;
            apply::merge(unit, batch, room).map(merged)
        }
        Job::SetAside(batch, reason) => apply::set_aside(unit, batch, reason).map(merged),
        Job::Mend(mend) => {
            let room = unit.site().room;
            apply::mend(unit, mend, room).map(|()| Answer::Done)
        }
        Job::SetChangesAside(changes, reason) => {
            apply::set_changes_aside(unit, changes, reason).map(|()| Answer::Done)
        }
        Job::Same(level) => {
            if let Some(position) = level {
                case_rows::place_all(unit.tx(), *position)?;
            }
            restore::restored(unit).map(|()| Answer::Done)
        }
        Job::Refused(refusal) => quarantine::refused(unit, refusal),
        Job::Release(doc) => quarantine::release(unit, doc),
        Job::ReleaseAfterUpdate(version) => quarantine::release_after_update(unit, version),
        Job::KeepProof(frame) => {
            outpost_journal::keep_proof(unit.tx(), frame)?;
            Ok(Answer::Done)
        }
        Job::KeepFrame { bytes, reason } => {
            let now = unit.now().0;
            outpost_journal::note_frame(unit.tx(), apply::HUB, now, bytes, reason, apply::FRAMES_KEPT_MAX)?;
            Ok(Answer::Done)
        }
        Job::Device { device, trouble } => {
            site::device(unit, device, trouble.as_deref()).map(|()| Answer::Done)
        }
        Job::Raise { code, subject, event } => {
            unit.raise(code, subject, event, sentence(code))?;
            Ok(Answer::Done)
        }
        Job::Housekeep => {
            housekeep::housekeep(unit).map(|more| if more { Answer::MoreToDo } else { Answer::Done })
        }
        Job::Probe => {
            setting::probe(unit.tx())?;
            Ok(Answer::Done)
        }
        Job::Print(change) => print::perform(unit, change),
    }
}

fn merged(merged: apply::Merged) -> Answer {
    let apply::Merged { refused, later } = merged;
    if later.is_empty() { Answer::Merged(refused) } else { Answer::Deferred { refused, later } }
}

/// Settles what follows from the stock that a group moved, once for all its jobs.
pub fn settle(unit: &mut Unit<'_>, skus: &BTreeSet<Sku>) -> Result<(), Stop> {
    grant::settle(unit, skus)
}
