//! What the writer is asked and what it answers.

use outpost_daemon::DiskTrouble;
use outpost_model::authority::Authority;
use outpost_model::command::{Command, Outcome};
use outpost_model::id::{CaseId, EventId, Sku};
use outpost_model::rejection::Rejection;
use outpost_model::time::UtcMillis;
use outpost_sync::repair::Mend;
use outpost_sync::{Batch, Change, DocumentId, Incarnation, Mark, Position, Refusal};

use crate::app::print::{PrintChange, PrintResult};
use crate::store::identity::Enrollment;

/// One thing to do, all of it or nothing.
#[derive(Debug, Clone)]
pub enum Job {
    /// A command of a person.
    Command(Box<Command>),
    /// Items of the hub's stream.
    Merge(Batch),
    /// Items of the hub's stream that cannot be applied, to be kept aside for this reason.
    SetAside(Batch, String),
    /// What repair brought.
    Mend(Mend),
    /// Changes that came by repair and cannot be applied, to be kept aside for this reason.
    SetChangesAside(Vec<Change>, String),
    /// The hub has set aside something of this site's stream.
    Refused(Refusal),
    /// Both sides have the same documents: what was lost is here again. With a position they are compared with the hub's
    /// stream there: what came by repair was sent before.
    Same(Option<Position>),
    /// Try the changes of a held document again.
    Release(DocumentId),
    /// The same for all held documents, once after every update of the program: this is its version.
    ReleaseAfterUpdate(&'static str),
    /// The hub has everything through here for good.
    Acknowledge(Mark),
    /// What the hub said about itself and about this site's authority.
    Heard(Heard),
    /// This replica was answered for more than its database holds, as was written down beside it.
    Lost(Vec<Position>),
    /// The hub has more of this replica's lives than its database holds, and gives it back from now on.
    Behind(Vec<Position>),
    /// The hub has something else of this life than this replica: it ends here.
    Leave(Position),
    /// The hub talks with another computer in this site's name, and refuses this life.
    Retired(Incarnation),
    /// A frame that was not the hub's or could not be understood.
    KeepFrame {
        /// All of it.
        bytes: Vec<u8>,
        /// What is wrong with it.
        reason: String,
    },
    /// A frame that proves how far the hub has come.
    KeepProof(Vec<u8>),
    /// The hub has let this appliance in.
    Enrolled(Enrollment),
    /// A change of print jobs.
    Print(PrintChange),
    /// A device of the site failed or came back: for the site's day and its exceptions.
    Device {
        /// Its name.
        device: String,
        /// What is wrong with it; nothing when it works again.
        trouble: Option<String>,
    },
    /// Something a person must look at, that no command or item of the hub brought about.
    Raise {
        /// Stable code.
        code: &'static str,
        /// What it is about.
        subject: String,
        /// What tells it from others of its kind.
        event: String,
    },
    /// Prune what is past its retention and what everybody has.
    Housekeep,
    /// Write something of no meaning, to see whether the disk takes it.
    Probe,
}

/// What the hub said about itself and about this site's authority.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// The authority it gives.
    pub authority: Option<Authority>,
    /// Its time.
    pub time: Option<HubTime>,
    /// A later epoch.
    pub epoch: Option<u64>,
}

/// A reading of the hub's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HubTime {
    /// The hub's wall clock when it answered.
    pub hub_wall: UtcMillis,
    /// This appliance's boot clock when it had asked.
    pub asked_boot_ms: u64,
    /// The boot that clock belongs to.
    pub boot_id: uuid::Uuid,
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The command is done: the events it wrote.
    Applied(Vec<EventId>),
    /// The command came before: what came of it then.
    Repeated(Outcome),
    /// The command is refused; nothing has changed.
    Rejected(Rejection),
    /// The daemon could not do it; nothing has changed, and the same job may be given again.
    Failed(Failed),
    /// The items are stored, all but those that are named.
    Merged(Vec<Refusal>),
    /// The same, but some items found no room to wait for what they build on: they must come again.
    Deferred {
        /// Items that were set aside.
        refused: Vec<Refusal>,
        /// Items without room.
        later: Vec<Position>,
    },
    /// The print job is as it says, or the change is refused.
    Printed(PrintResult),
    /// Done.
    Done,
    /// Done as far as it goes in one job; the same job again goes on.
    MoreToDo,
}

/// Why a job could not be done, in a stable code and a sentence for staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Stable, snake case: `storage_full`, `storage_failed`, `damaged_record`, `restoring`.
    pub code: &'static str,
    /// What to tell the person.
    pub sentence: &'static str,
}

impl Failed {
    /// The disk was the cause.
    pub fn of_disk(trouble: DiskTrouble) -> Self {
        Self { code: trouble.code(), sentence: trouble.sentence() }
    }

    /// What was wrong with the storage, if it was that.
    pub fn disk(&self) -> Option<DiskTrouble> {
        [DiskTrouble::Full, DiskTrouble::Failed].into_iter().find(|trouble| trouble.code() == self.code)
    }
}

/// What screens may want to look at again: ids only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// A case changed.
    Case(CaseId),
    /// A SKU's stock changed.
    Stock(Sku),
    /// A device or one of its jobs changed.
    Device(String),
    /// Something was raised or settled.
    Exception(String),
    /// The site's day changed.
    Day,
    /// What is known of the line or the hub changed.
    Sync,
}
