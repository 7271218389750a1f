//! Sections and kinds that edge and hub have in common.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use outpost_model::money::Currency;

use crate::kinds::{duration, number, one_of, optional, path, understood};
use crate::place::{Place, section};
use crate::values::{HostPort, LogFormat};

section! {
    /// An HTTP server.
    pub struct HttpSettings {
        /// Where it listens; port 0 takes any free port.
        listen: SocketAddr = listen(),
        /// The largest request body that is read.
        body_bytes_max: usize = number(16 * 1024..=64 * 1024 * 1024),
        /// How long a client may take to send its headers, and the longest pause within a body.
        header_timeout: Duration = duration("1s", "1m"),
        /// How long a request may take until its answer begins.
        request_timeout: Duration = duration("1s", "5m"),
        /// How long running requests and tasks may take to finish at shutdown.
        shutdown_timeout: Duration = duration("1s", "5m"),
    }
}

section! {
    /// Logs.
    pub struct LogSettings {
        /// What is logged: a level, or directives such as `info,outpost_edge=debug`.
        level: String = log_level(),
        /// How lines are written.
        format: LogFormat = one_of(&[("text", LogFormat::Text), ("json", LogFormat::Json)]),
    }
}

section! {
    /// Timers and limits of replication.
    pub struct SyncSettings {
        /// How often a side says hello on a quiet line.
        hello_interval: Duration = duration("1s", "10m"),
        /// How long a frame may stay unacknowledged before it is sent again.
        resend_after: Duration = duration("200ms", "10m"),
        /// How long changes are gathered into one frame while the line is busy.
        flush_after: Duration = duration("10ms", "1m"),
        /// Frames that may be under way without an acknowledgement.
        window_frames: usize = number(1..=256),
        /// The largest frame in bytes.
        frame_bytes_max: usize = number(4 * 1024..=128 * 1024),
        /// The most changes in one frame.
        frame_changes_max: usize = number(1..=1000),
        /// The most bytes that a frame of one's own unpacks to.
        inflated_bytes_max: usize = number(128 * 1024..=1024 * 1024),
        /// The most events in one change; what is more becomes several changes of one commit.
        change_operations_max: usize = number(1..=256),
        /// The most events of a case before only what ends it is taken. The rest up to 4,096 is kept for that.
        case_events_max: u64 = number(16..=4000),
        /// The most documents (pages of the ledger, days) that a site founds.
        documents_max: u64 = number(16..=1_000_000),
    }
}

/// How much is written into documents and how many there are of a site, within what the protocol allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteLimits {
    /// The most events in one change.
    pub change_operations_max: usize,
    /// The most events of a case before only what ends it is taken.
    pub case_events_max: u64,
    /// The most documents that a site founds.
    pub documents_max: u64,
}

impl Default for WriteLimits {
    fn default() -> Self {
        Self { change_operations_max: 256, case_events_max: 4_000, documents_max: 100_000 }
    }
}

impl SyncSettings {
    /// How much is written.
    pub fn write_limits(&self) -> WriteLimits {
        WriteLimits {
            change_operations_max: self.change_operations_max,
            case_events_max: self.case_events_max,
            documents_max: self.documents_max,
        }
    }
}

section! {
    /// The disk that a daemon writes to.
    pub struct DiskSettings {
        /// Free bytes below which no new work is taken; the rest is kept for what must still be written.
        free_bytes_min: u64 = number(0..=1_125_899_906_842_624),
    }
}

section! {
    /// Business rules.
    pub struct RulesFile {
        /// A file laid over the shipped rules; read again when it changes.
        file: Option<PathBuf> = optional(path()),
    }
}

/// An address to listen on.
pub(crate) fn listen() -> impl Fn(&Place<'_>) -> Option<SocketAddr> {
    understood("address:port such as 127.0.0.1:8700", |text| text.parse().ok())
}

/// An address to connect to.
pub(crate) fn host_port() -> impl Fn(&Place<'_>) -> Option<HostPort> {
    understood("host:port such as hub.example:1883", |text| text.parse().ok())
}

/// An IANA time zone known to this program.
pub(crate) fn time_zone() -> impl Fn(&Place<'_>) -> Option<String> {
    understood("an IANA time zone such as Europe/Berlin", |text| {
        jiff::tz::TimeZone::get(text).ok().map(|_| text.to_string())
    })
}

/// An ISO 4217 currency.
pub(crate) fn currency() -> impl Fn(&Place<'_>) -> Option<Currency> {
    understood("three capital letters such as EUR", |text| text.parse().ok())
}

fn log_level() -> impl Fn(&Place<'_>) -> Option<String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    understood(
        "off, error, warn, info, debug, trace, or directives such as info,outpost_edge=debug",
        |text| {
            let target = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '-';
            let directive = |part: &str| match part.trim().split_once('=') {
                Some((name, level)) => {
                    !name.is_empty() && name.chars().all(target) && LEVELS.contains(&level.trim())
                }
                None => LEVELS.contains(&part.trim()),
            };
            text.split(',').all(directive).then(|| text.to_string())
        },
    )
}
