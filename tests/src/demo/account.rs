//! The demo's account of itself: a readable story on standard error, one line of JSON at the end.

use std::time::{Duration, Instant};

use serde::Serialize;

/// The last line of the demo.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Account {
    /// Orders the hub holds.
    pub orders_captured: u64,
    /// Deliveries of an order the hub had already.
    pub duplicates_refused: u64,
    /// Payloads that could not be understood and were kept whole.
    pub malformed_kept: u64,
    /// Cases of which something left a site.
    pub fulfillments_handed_over: u64,
    /// Cases that exist because another site could not do them.
    pub fulfillments_rerouted: u64,
    /// Cancellations that sites carried out.
    pub cancels_accepted: u64,
    /// Cancellations that sites refused, since the goods were gone.
    pub cancels_refused: u64,
    /// Labels that came out of the printers.
    pub labels_printed: u64,
    /// Labels that came out more than once.
    pub labels_duplicated: u64,
    /// Events of sites that reached the hub.
    pub events_synced: u64,
    /// Bytes on the lines between sites and broker, both ways.
    pub wire_bytes: u64,
    /// How long the store's line was cut, in seconds.
    pub offline_seconds: f64,
    /// Exceptions a person has to look at, by the end.
    pub exceptions: u64,
    /// Invariants found broken.
    pub invariants_broken: u64,
}

/// Tells the story as it goes.
pub struct Narrator {
    begun: Instant,
}

impl Narrator {
    /// Starts the clock.
    pub fn new() -> Self {
        Self { begun: Instant::now() }
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// A new act of the story.
    pub fn act(&self, title: &str) {
        eprintln!("\n[{:5.1}s] {title}", self.begun.elapsed().as_secs_f64());
    }

    /// Something that happened.
    pub fn say(&self, sentence: impl AsRef<str>) {
        eprintln!("[{:5.1}s]   {}", self.begun.elapsed().as_secs_f64(), sentence.as_ref());
    }
}

impl Default for Narrator {
    fn default() -> Self {
        Self::new()
    }
}
