//! While the hub gives back what this replica has lost, nobody works on cases: what is written into one before its lost
//! part has come back collides with that, and goods that were handed over in the lost past could be handed over again.

use outpost_model::command::Subject;
use rusqlite::Connection;

use super::job::{Failed, Job};
use crate::moment::Moment;
use crate::store::{StoreResult, past};

/// The longest pause without a sign of the hub that it goes on. People are not kept from working by a line that is gone.
pub const HELD_MS_MAX: u64 = 60_000;

/// Until when work on cases is held back, by the boot clock; only the hub's own word begins it.
#[derive(Debug, Default)]
pub(super) struct Restoring {
    until: Option<u64>,
}

impl Restoring {
    /// Why a job cannot be done now.
    pub(super) fn holds(&self, job: &Job, now: &Moment) -> Option<Failed> {
        let Job::Command(command) = job else { return None };
        let held = matches!(command.subject, Subject::Case { .. })
            && self.until.is_some_and(|until| now.boot_ms < until);
        held.then_some(Failed {
            code: "restoring",
            sentence: "The hub is giving back what this site's computer has lost. Try again in a moment.",
        })
    }

    /// A group with this job was committed.
    pub(super) fn committed(&mut self, conn: &Connection, job: &Job, now: &Moment) -> StoreResult<()> {
        let begins = matches!(job, Job::Behind(_));
        let goes_on = matches!(job, Job::Mend(_) | Job::Same(_)) && self.until.is_some();
        if begins || goes_on {
            self.until = past::open(conn)?.map(|_| now.boot_ms + HELD_MS_MAX);
        }
        Ok(())
    }
}
