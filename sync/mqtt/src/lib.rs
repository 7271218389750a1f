//! The replication engine's frames over MQTT 5.
//!
//! [`Line::start`] runs one connection to a broker in a task: a site's or the hub's. The connection is rebuilt from
//! nothing after any error; MQTT's own sessions, retained messages and shared subscriptions are never relied on.
//! What is in flight when the line breaks is lost here and sent again by the engine.
//!
//! # Order of calls
//!
//! `Line::start` → read [`LineEvent`]s for ever: `Up` (tell every session `LineUp`), `Frame`s, `Down` (tell every
//! session `LineDown`), `Up` again … → cancel the token and wait for the task. [`Publisher::publish`] never waits.
//!
//! Topics are `outpost/v1/{shard}/{site}/up` and `…/down`: a site publishes on its own `up` and listens to its own
//! `down`; the hub publishes on any `down` and listens to the `up` of all sites of its shards.

mod connection;
mod settings;
mod topic;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outpost_model::id::SiteId;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use connection::Connection;
pub use settings::{LineSettings, LineSettingsError};
pub use wire::WireBytes;

/// Whose line it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A site: listens to its own `down`, publishes on its own `up`.
    Site(SiteId),
    /// The hub: listens to every `up` of its shards, publishes on any `down`.
    Hub,
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
pub(crate) struct Outbound {
    pub site: SiteId,
    pub bytes: Vec<u8>,
}

/// The shard each site was last heard in, so that the answer goes there.
pub(crate) type Shards = Arc<Mutex<HashMap<SiteId, String>>>;

/// Where frames are published. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    outgoing: mpsc::Sender<Outbound>,
}

impl Publisher {
    /// Queues a frame. `false` when it was dropped because the queue is full or the line has ended; the engine
    /// will send it again. Frames queued while the line is down are dropped as well.
    pub fn publish(&self, site: &SiteId, bytes: Vec<u8>) -> bool {
        self.outgoing.try_send(Outbound { site: site.clone(), bytes }).is_ok()
    }
}

/// The application's end of a line.
#[derive(Debug)]
pub struct Line {
    /// Frames to publish.
    pub publisher: Publisher,
    /// What happens. Reading too slowly slows the broker down, not the publishing.
    pub events: mpsc::Receiver<LineEvent>,
    /// Counted bytes.
    pub wire: Arc<WireBytes>,
}

/// Frames that may wait to be published.
const OUTGOING_MAX: usize = 4_096;
/// A line that was up for so long was a success.
const STEADY: Duration = Duration::from_secs(5);
/// From so many failed attempts on, the pause is as long as it gets.
const ATTEMPTS_COUNTED: u32 = 30;
/// Events that may wait to be read.
const EVENTS_MAX: usize = 256;

impl Line {
    /// Starts a line; call it inside a Tokio runtime. The task ends when the token is cancelled, or when nobody
    /// reads events any more.
    pub fn start(
        settings: LineSettings,
        role: Role,
        cancel: CancellationToken,
    ) -> Result<(Self, JoinHandle<()>), LineSettingsError> {
        settings.check()?;
        let (outgoing, to_publish) = mpsc::channel(OUTGOING_MAX);
        let (events, for_application) = mpsc::channel(EVENTS_MAX);
        let wire = Arc::new(WireBytes::default());
        let task = run(settings, role, cancel, to_publish, events, wire.clone());
        let line = Self { publisher: Publisher { outgoing }, events: for_application, wire };
        Ok((line, tokio::spawn(task)))
    }
}

/// Connects again and again, each time with a new client.
async fn run(
    settings: LineSettings,
    role: Role,
    cancel: CancellationToken,
    mut outgoing: mpsc::Receiver<Outbound>,
    events: mpsc::Sender<LineEvent>,
    wire: Arc<WireBytes>,
) {
    let shards = Shards::default();
    let mut failures = 0;
    let mut down_told = false;
    loop {
        let mut connection = Connection::new(&settings, &role, &events, &wire, &shards);
        let ended = tokio::select! {
            () = cancel.cancelled() => None,
            ended = connection.run(&mut outgoing) => Some(ended),
        };
        let Some(ended) = ended else {
            connection.close().await;
            return;
        };
        // A line that breaks as soon as it is up is no success. That also keeps two clones, of which each throws
        // the other out, from doing so for ever: few brokers say that a client was taken over.
        if ended.up_for >= STEADY {
            failures = 0;
        }
        down_told &= ended.up_for.is_zero();
        if ended.taken_over {
            failures = ATTEMPTS_COUNTED;
        }
        tracing::debug!(reason = %ended.reason, up_for = ?ended.up_for, "the line is down");
        if !std::mem::replace(&mut down_told, true) {
            let down = LineEvent::Down { reason: ended.reason, taken_over: ended.taken_over };
            if events.send(down).await.is_err() {
                return;
            }
        }
        let pause = tokio::time::sleep(pause(&settings, failures));
        failures = (failures + 1).min(ATTEMPTS_COUNTED);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = &mut pause => break,
                () = events.closed() => return,
                // What is published while the line is down is lost, as it would be in the broker.
                _ = outgoing.recv(), if !outgoing.is_closed() => {}
            }
        }
    }
}

/// The pause before the next attempt: doubled from attempt to attempt up to its limit, then shortened at random by
/// up to a half, so that a fleet does not return at one moment.
fn pause(settings: &LineSettings, failures: u32) -> Duration {
    let longest =
        settings.reconnect_after_ms.saturating_mul(1 << failures).min(settings.reconnect_every_ms_max);
    Duration::from_millis(longest - rand::random::<u64>() % (longest / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_its_limit_and_never_vanishes() {
        let settings = LineSettings::new("127.0.0.1:1883", "edge-1");
        for failures in 0..40 {
            let pause = pause(&settings, failures.min(30)).as_millis() as u64;
            assert!(pause >= settings.reconnect_after_ms / 2, "{failures}: {pause}");
            assert!(pause <= settings.reconnect_every_ms_max, "{failures}: {pause}");
        }
        assert!(super::pause(&settings, 0) <= Duration::from_secs(1), "the first attempt is quick");
    }
}
