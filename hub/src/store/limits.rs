//! How much is written into documents, and how many of them are taken in.

use outpost_config::SyncSettings;

/// Limits from the settings, within what the protocol allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most events in one change of the hub.
    pub change_operations_max: usize,
    /// The most events of a case before nothing more is written into it that nobody waits for.
    pub case_events_max: u64,
    /// The most documents of its own that a site may found.
    pub documents_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { change_operations_max: 256, case_events_max: 4_000, documents_max: 100_000 }
    }
}

impl From<&SyncSettings> for Limits {
    fn from(sync: &SyncSettings) -> Self {
        Self {
            change_operations_max: sync.change_operations_max,
            case_events_max: sync.case_events_max,
            documents_max: sync.documents_max,
        }
    }
}
