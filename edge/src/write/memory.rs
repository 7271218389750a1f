//! What the writer remembers from one group to the next, so that no scan asks for what the one before it wrote.
//!
//! A group takes the memory and gives it back when it is committed: what is not given back is forgotten. So is all of
//! it when the connection has written anything since that no group gave back: a group that was rolled back, a new
//! incarnation, a permission that was withdrawn.

use std::collections::BTreeMap;

use outpost_journal::Tip;
use outpost_model::id::CaseId;
use rusqlite::Connection;

use super::job::Job;
use crate::store::audit::Chain;
use crate::store::case::CaseRow;

/// Cases that are remembered at most.
const CASES_MAX: usize = 128;

/// What the writer remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Where the site's own stream ends.
    pub stream: Option<Tip>,
    /// Where the audit chain ends.
    pub chain: Option<Chain>,
    /// Cases as their last commands left them.
    cases: BTreeMap<CaseId, CaseRow>,
    /// Rows the connection had written when this was true.
    rows: u64,
}

impl Memory {
    /// What may be believed at the beginning of a group.
    pub fn recalled(self, conn: &Connection) -> Self {
        if self.rows == conn.total_changes() { self } else { Self::default() }
    }

    /// Only commands say what they leave behind: before any other job that may change a case, all are forgotten.
    pub fn before(&mut self, job: &Job) {
        if !matches!(job, Job::Command(_) | Job::Acknowledge(_) | Job::KeepProof(_)) {
            self.cases.clear();
        }
    }

    /// A case, to be worked on; whoever has changed it gives it back by [`Memory::keep_case`].
    pub fn take_case(&mut self, id: CaseId) -> Option<CaseRow> {
        self.cases.remove(&id)
    }

    /// Remembers a case as it is stored.
    pub fn keep_case(&mut self, row: CaseRow) {
        if self.cases.len() >= CASES_MAX {
            self.cases.clear();
        }
        self.cases.insert(row.state.header.case, row);
    }

    /// What may be remembered of a group that is committed.
    pub fn committed(self, conn: &Connection) -> Self {
        Self { rows: conn.total_changes(), ..self }
    }
}
