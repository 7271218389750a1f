//! The replication engine's frames over MQTT 5.
//!
//! [`Line::start`] runs one connection to a broker in a task: a site's or the hub's. The connection is rebuilt from
//! nothing after any error; MQTT's own sessions, retained messages and shared subscriptions are never relied on.
//! What is in flight when the line breaks is lost here and sent again by the engine.
//!
//! # Order of calls
//!
//! `Line::start` → read [`LineEvent`]s for ever: `Up` (tell every session [`LineUp`](outpost_sync::Input::LineUp)),
//! `Frame`s, `Down` (tell every session), `Up` again … → cancel the token and wait for the task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use outpost_model::id::SiteId;
use tokio::sync::mpsc;

/// Whose line it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A site: listens to its own `down`, publishes on its own `up`.
    Site(SiteId),
    /// The hub: listens to every `up` of its shards, publishes on any `down`.
    Hub,
}

/// How to reach the broker.
#[derive(Clone, PartialEq, Eq)]
pub struct LineSettings {
    /// `host:port`.
    pub broker: String,
    /// User name, if the broker asks for one.
    pub username: Option<String>,
    /// Password, if the broker asks for one.
    pub password: Option<String>,
    /// Unique among all clients of the broker; should end in the incarnation, so that a clone takes over instead
    /// of fighting.
    pub client_id: String,
    /// The shard in the topic: a site's own; at the hub those it listens to, all when empty.
    pub shards: Vec<String>,
    /// Seconds between signs of life; the line counts as down after one and a half of them without an answer.
    pub keep_alive_s: u16,
    /// The largest packet sent or accepted, in bytes.
    pub packet_bytes_max: u32,
    /// The pause before the first attempt to reconnect; doubled every time after.
    pub reconnect_after_ms: u64,
    /// The longest pause between attempts.
    pub reconnect_every_ms_max: u64,
}

/// What happens on a line, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEvent {
    /// Connected and subscribed.
    Up,
    /// Broken; the task is trying to connect again. Also said once when the first attempt fails.
    Down {
        /// What is known about it.
        reason: String,
        /// Another client with the same id took over: a clone is alive.
        taken_over: bool,
    },
    /// A frame for this side. The site is the one in the topic and proves nothing.
    Frame {
        /// The site of the conversation.
        site: SiteId,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A frame to this site was longer than the line takes.
    TooLarge(SiteId),
}

/// A frame to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// The site of the conversation.
    pub site: SiteId,
    /// The frame.
    pub bytes: Vec<u8>,
}

/// Bytes on the wire since the start, MQTT's own packets included, TCP's not.
#[derive(Debug, Default)]
pub struct WireBytes {
    sent: AtomicU64,
    received: AtomicU64,
}

impl WireBytes {
    /// Sent, in bytes.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Received, in bytes.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// The application's end of a line.
pub struct Line {
    /// Frames to publish. They are dropped while the line is down.
    pub outgoing: mpsc::Sender<Outbound>,
    /// What happens.
    pub events: mpsc::Receiver<LineEvent>,
    /// Counted bytes.
    pub wire: Arc<WireBytes>,
}
