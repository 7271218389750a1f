//! Spreads what the line brings over the peers, one task a site, started when the site is first heard of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use outpost_model::id::SiteId;
use outpost_mqtt::{LineEvent, Publisher};
use outpost_sync::Input;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::peer::{Message, Peer, Publish, WAITING_MAX};
use crate::Hub;
use crate::error::HubError;

/// Peers that may be opened at the same time. Frames of further sites are dropped meanwhile; they come again.
const OPENING_MAX: usize = 64;
/// Names without an appliance that are remembered, so that strangers do not keep the database busy.
const STRANGERS_MAX: usize = 1_024;
/// How long one is remembered.
const STRANGER_FOR: Duration = Duration::from_secs(10);

/// The peers and the line.
struct Driver {
    hub: Hub,
    publish: Publish,
    up: bool,
    peers: BTreeMap<SiteId, mpsc::Sender<Message>>,
    /// Sites whose peers are being opened; their messages wait.
    opening: BTreeSet<SiteId>,
    strangers: BTreeMap<SiteId, Duration>,
    tasks: JoinSet<(SiteId, Result<Ended, HubError>)>,
    opened: mpsc::UnboundedSender<SiteId>,
    cancel: CancellationToken,
}

/// How a peer has ended.
enum Ended {
    /// Nobody was heard of, or the hub stops.
    Idle,
    /// It never began: the site has no appliance.
    Stranger,
}

/// Runs until it is cancelled. Fails only when a commit's fate is unknown.
pub async fn run(
    hub: Hub,
    mut line: mpsc::Receiver<LineEvent>,
    publish: Publish,
    cancel: CancellationToken,
) -> Result<(), HubError> {
    let mut streams = hub.wakers.streams.subscribe();
    let mut changed = hub.wakers.authority.subscribe();
    let (opened, mut openings) = mpsc::unbounded_channel();
    let mut driver = Driver {
        hub,
        publish,
        up: false,
        peers: BTreeMap::new(),
        opening: BTreeSet::new(),
        strangers: BTreeMap::new(),
        tasks: JoinSet::new(),
        opened,
        cancel: cancel.child_token(),
    };
    let changed_hands = driver.hub.leases.changed.clone();
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            event = line.recv() => match event {
                Some(event) => driver.event(event),
                None => break,
            },
            woken = streams.recv() => match woken {
                Ok(site) => driver.tell(&site, Message::Input(Input::Woken)),
                Err(RecvError::Lagged(_)) => driver.tell_all(|| Message::Input(Input::Woken)),
                Err(RecvError::Closed) => break,
            },
            woken = changed.recv() => match woken {
                Ok(site) => {
                    driver.strangers.remove(&site);
                    driver.tell(&site, Message::Refresh);
                }
                Err(RecvError::Lagged(_)) => driver.tell_all(|| Message::Refresh),
                Err(RecvError::Closed) => break,
            },
            () = changed_hands.notified() => driver.give_up(),
            Some(site) = openings.recv() => drop(driver.opening.remove(&site)),
            Some(ended) = driver.tasks.join_next() => driver.ended(ended)?,
        }
    }
    driver.cancel.cancel();
    while driver.tasks.join_next().await.is_some() {}
    Ok(())
}

/// Publishes on a line. What it cannot take now, the engine sends again.
pub fn publishing(publisher: Publisher) -> Publish {
    Arc::new(move |site: &SiteId, bytes| {
        if !publisher.publish(site, bytes) {
            metrics::counter!("hub_frames_dropped").increment(1);
        }
    })
}

impl Driver {
    fn event(&mut self, event: LineEvent) {
        match event {
            LineEvent::Up => {
                tracing::info!("the line to the broker is up");
                self.up = true;
                self.tell_all(|| Message::Input(Input::LineUp));
            }
            LineEvent::Down { reason, .. } => {
                tracing::warn!(%reason, "the line to the broker is down");
                self.up = false;
                self.tell_all(|| Message::Input(Input::LineDown));
            }
            LineEvent::Frame { site, bytes } => {
                if self.reach(&site) {
                    self.tell(&site, Message::Input(Input::Received(bytes)));
                }
            }
            LineEvent::TooLarge(site) => self.tell(&site, Message::Input(Input::TooLarge)),
        }
    }

    /// Starts the site's peer where there is none, in a task of its own: a slow database delays nobody else. Strangers
    /// get none, and of their names only some are remembered.
    fn reach(&mut self, site: &SiteId) -> bool {
        if self.peers.contains_key(site) {
            return true;
        }
        if !self.hub.leases.serves(site) {
            metrics::counter!("hub_frames_of_other_workers").increment(1);
            return false;
        }
        let now = self.hub.clock.since_boot();
        self.strangers.retain(|_, until| *until > now);
        if self.strangers.contains_key(site) || self.opening.len() >= OPENING_MAX {
            metrics::counter!("hub_frames_of_strangers").increment(1);
            return false;
        }
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (hub, publish, cancel) = (self.hub.clone(), self.publish.clone(), self.cancel.clone());
        let (name, opened) = (site.clone(), self.opened.clone());
        self.tasks.spawn(async move {
            let peer = Peer::open(hub, name.clone(), publish).await;
            // The driver may have ended.
            let _ = opened.send(name.clone());
            let ended = match peer {
                Ok(Some(peer)) => peer.run(receiver, cancel).await.map(|()| Ended::Idle),
                Ok(None) => Ok(Ended::Stranger),
                Err(error) => Err(error),
            };
            (name, ended)
        });
        self.opening.insert(site.clone());
        self.peers.insert(site.clone(), sender);
        if self.up {
            self.tell(site, Message::Input(Input::LineUp));
        }
        true
    }

    /// Ends the conversations of sites that another worker works for now.
    fn give_up(&mut self) {
        self.peers.retain(|site, _| self.hub.leases.serves(site));
    }

    fn tell(&self, site: &SiteId, message: Message) {
        if let Some(peer) = self.peers.get(site)
            && peer.try_send(message).is_err()
        {
            metrics::counter!("hub_peer_queue_full").increment(1);
        }
    }

    fn tell_all(&self, message: impl Fn() -> Message) {
        for site in self.peers.keys() {
            self.tell(site, message());
        }
    }

    /// A peer that failed is dropped; the next frame starts another one from what the database holds.
    fn ended(
        &mut self,
        ended: Result<(SiteId, Result<Ended, HubError>), tokio::task::JoinError>,
    ) -> Result<(), HubError> {
        match ended {
            Ok((site, Ok(Ended::Idle))) => drop(self.peers.remove(&site)),
            Ok((site, Ok(Ended::Stranger))) => {
                self.peers.remove(&site);
                if self.strangers.len() < STRANGERS_MAX {
                    self.strangers.insert(site, self.hub.clock.since_boot() + STRANGER_FOR);
                }
            }
            Ok((_, Err(error @ HubError::FateUnknown(_)))) => return Err(error),
            Ok((site, Err(HubError::NotHeld(_)))) => drop(self.peers.remove(&site)),
            Ok((site, Err(error))) => {
                tracing::error!(%error, %site, "the conversation with a site has ended and begins anew");
                self.peers.remove(&site);
            }
            Err(error) => {
                tracing::error!(%error, "a conversation has crashed");
                self.peers.retain(|_, sender| !sender.is_closed());
                self.opening.retain(|site| self.peers.contains_key(site));
            }
        }
        Ok(())
    }
}
