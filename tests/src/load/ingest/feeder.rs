//! Hands a site's frames to the hub's driver, as many at a time as the engine's window allows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result};
use outpost_hub::replicate::peer::Publish;
use outpost_model::id::SiteId;
use outpost_mqtt::LineEvent;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::{mpsc, watch};

/// Frames that a site has unacknowledged at most: the engine's own window.
const WINDOW: usize = 8;
/// The kind byte of a batch and of an acknowledgement.
const BATCH: u8 = 3;
const ACKNOWLEDGEMENT: u8 = 4;
const ENVELOPE_BYTES: usize = 7;
const SIGNATURE_BYTES: usize = 64;

/// A frame a site has made.
#[derive(Debug, Clone)]
pub struct Frame {
    /// As it goes over the line.
    pub bytes: Vec<u8>,
    /// The last number of the site's stream that it brings.
    pub through: u64,
}

impl Frame {
    /// Whether it carries changes.
    pub fn is_batch(&self) -> bool {
        self.bytes.get(1) == Some(&BATCH)
    }
}

/// Where the hub's frames go: each site learns how far it was acknowledged.
#[derive(Clone)]
pub struct Sink {
    marks: Arc<BTreeMap<SiteId, watch::Sender<u64>>>,
}

impl Sink {
    /// A sink for these sites.
    pub fn new(sites: impl Iterator<Item = SiteId>) -> Self {
        Self { marks: Arc::new(sites.map(|site| (site, watch::Sender::new(0))).collect()) }
    }

    /// What the driver publishes with.
    pub fn publish(self) -> Publish {
        Arc::new(move |site: &SiteId, frame: Vec<u8>| {
            if let (Some(mark), Some(through)) = (self.marks.get(site), acknowledged(&frame)) {
                mark.send_if_modified(|known| {
                    let further = through > *known;
                    *known = through.max(*known);
                    further
                });
            }
        })
    }

    fn mark(&self, site: &SiteId) -> Result<watch::Receiver<u64>> {
        Ok(self.marks.get(site).context("a site of this run")?.subscribe())
    }
}

/// How far a frame of the hub acknowledges; nothing when it is of another kind.
fn acknowledged(frame: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Content {
        a: Vec<Applied>,
    }
    /// Incarnation, number, running hash, spans, backup.
    type Applied = (IgnoredAny, u64, IgnoredAny, IgnoredAny, IgnoredAny);
    if frame.get(1) != Some(&ACKNOWLEDGEMENT) {
        return None;
    }
    let body = frame.get(ENVELOPE_BYTES..frame.len().checked_sub(SIGNATURE_BYTES)?)?;
    let (_, content): (IgnoredAny, Content) = ciborium::from_reader(body).ok()?;
    content.a.iter().map(|applied| applied.1).max()
}

/// One site's frames, to be fed.
pub struct Feeder {
    site: SiteId,
    greeting: Vec<Vec<u8>>,
    frames: VecDeque<Frame>,
}

impl Feeder {
    /// A site that greets with some frames and then sends others.
    pub fn new(site: SiteId, greeting: Vec<Vec<u8>>, frames: VecDeque<Frame>) -> Self {
        Self { site, greeting, frames }
    }

    /// The site.
    pub fn site(&self) -> SiteId {
        self.site.clone()
    }

    /// Introduces the site and acknowledges what the hub had for it.
    pub async fn greet(&mut self, line: &mpsc::Sender<LineEvent>) -> Result<()> {
        for bytes in self.greeting.drain(..) {
            line.send(LineEvent::Frame { site: self.site.clone(), bytes }).await?;
        }
        Ok(())
    }

    /// Sends everything, and returns when everything is acknowledged.
    pub async fn run(mut self, line: mpsc::Sender<LineEvent>, sink: Sink) -> Result<()> {
        let mut mark = sink.mark(&self.site)?;
        let mut flying: VecDeque<u64> = VecDeque::with_capacity(WINDOW);
        loop {
            let through = *mark.borrow_and_update();
            while flying.front().is_some_and(|last| *last <= through) {
                flying.pop_front();
            }
            while flying.len() < WINDOW {
                let Some(frame) = self.frames.pop_front() else { break };
                flying.push_back(frame.through);
                line.send(LineEvent::Frame { site: self.site.clone(), bytes: frame.bytes }).await?;
            }
            if flying.is_empty() {
                return Ok(());
            }
            mark.changed().await?;
        }
    }
}
