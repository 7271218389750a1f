//! Calls that fail on purpose.

use rusqlite::ffi;

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The device reports an error.
    Io,
    /// There is no room.
    Full,
    /// There is room for a part of what is written.
    Short,
}

/// What SQLite asks of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Opening a file.
    Open,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Cutting a file.
    Truncate,
    /// Making what was written durable.
    Sync,
    /// Deleting a file.
    Delete,
    /// Mapping the memory that connections share.
    Share,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Open, Self::Read, Self::Write, Self::Truncate, Self::Sync, Self::Delete, Self::Share];
}

/// Which of SQLite's files it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The database itself.
    Database,
    /// Its write-ahead log.
    Log,
    /// Its rollback journal.
    Journal,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Database, Self::Log, Self::Journal];

    pub(crate) fn of(name: &str) -> Self {
        if name.ends_with("-wal") {
            Self::Log
        } else if name.ends_with("-journal") {
            Self::Journal
        } else {
            Self::Database
        }
    }
}

/// A plan: which calls fail and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// How.
    pub trouble: Trouble,
    /// Only these calls; all when absent.
    pub call: Option<Call>,
    /// Only on this file; on all when absent.
    pub kind: Option<Kind>,
    /// The first that fails, counted from 1 among the calls that match.
    pub nth: u64,
    /// How many fail from there on.
    pub times: u64,
}

impl Fault {
    /// One call fails.
    pub fn once(trouble: Trouble, call: Call, kind: Option<Kind>, nth: u64) -> Self {
        Self { trouble, call: Some(call), kind, nth, times: 1 }
    }

    /// Calls fail until the disk is healed.
    pub fn lasting(trouble: Trouble, call: Call, kind: Option<Kind>, nth: u64) -> Self {
        Self { times: u64::MAX, ..Self::once(trouble, call, kind, nth) }
    }
}

/// The plan in force and how far it has come.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    plan: Option<Fault>,
    seen: u64,
    struck: u64,
}

impl Faults {
    pub fn set(&mut self, plan: Option<Fault>) {
        *self = Self { plan, seen: 0, struck: 0 };
    }

    /// Calls that were failed since the plan was set.
    pub fn struck(&self) -> u64 {
        self.struck
    }

    /// Counts a call; whether it is one that fails.
    pub fn strike(&mut self, call: Call, kind: Kind) -> Option<Trouble> {
        let plan = self.plan.as_ref()?;
        if plan.call.is_some_and(|only| only != call) || plan.kind.is_some_and(|only| only != kind) {
            return None;
        }
        self.seen += 1;
        if self.seen < plan.nth || self.seen - plan.nth >= plan.times {
            return None;
        }
        self.struck += 1;
        Some(plan.trouble)
    }
}

/// The code by which SQLite's own Unix layer would report this trouble.
pub(crate) fn code(trouble: Trouble, call: Call) -> i32 {
    match (call, trouble) {
        (Call::Open, _) => ffi::SQLITE_CANTOPEN,
        (Call::Read, _) => ffi::SQLITE_IOERR_READ,
        (Call::Write, Trouble::Io) => ffi::SQLITE_IOERR_WRITE,
        (Call::Write, Trouble::Full | Trouble::Short) => ffi::SQLITE_FULL,
        (Call::Truncate, _) => ffi::SQLITE_IOERR_TRUNCATE,
        (Call::Sync, _) => ffi::SQLITE_IOERR_FSYNC,
        (Call::Delete, _) => ffi::SQLITE_IOERR_DELETE,
        (Call::Share, _) => ffi::SQLITE_IOERR_SHMSIZE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_strikes_from_its_first_call_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.set(Some(Fault { times: 2, ..Fault::once(Trouble::Io, Call::Write, Some(Kind::Log), 2) }));
        assert_eq!(faults.strike(Call::Write, Kind::Database), None, "another file is not counted");
        assert_eq!(faults.strike(Call::Sync, Kind::Log), None, "another call is not counted");
        let struck: Vec<bool> = (0..5).map(|_| faults.strike(Call::Write, Kind::Log).is_some()).collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert_eq!(faults.struck(), 2);
    }
}
