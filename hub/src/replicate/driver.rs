//! Spreads what the line brings over the peers, one task a site, started when the site is first heard of.

use std::collections::BTreeMap;
use std::sync::Arc;

use outpost_model::id::SiteId;
use outpost_mqtt::{Line, LineEvent};
use outpost_sync::Input;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::peer::{Message, Peer, Publish, WAITING_MAX};
use crate::Hub;
use crate::error::HubError;

/// The peers and the line.
struct Driver {
    hub: Hub,
    publish: Publish,
    up: bool,
    peers: BTreeMap<SiteId, mpsc::Sender<Message>>,
    tasks: JoinSet<(SiteId, Result<(), HubError>)>,
    cancel: CancellationToken,
}

/// Runs until it is cancelled. Fails only when a commit's fate is unknown.
pub async fn run(hub: Hub, mut line: Line, cancel: CancellationToken) -> Result<(), HubError> {
    let publisher = line.publisher.clone();
    let publish: Publish = Arc::new(move |site: &SiteId, bytes| {
        if !publisher.publish(site, bytes) {
            metrics::counter!("hub_frames_dropped").increment(1);
        }
    });
    let mut streams = hub.wakers.streams.subscribe();
    let mut changed = hub.wakers.authority.subscribe();
    let mut driver = Driver {
        hub,
        publish,
        up: false,
        peers: BTreeMap::new(),
        tasks: JoinSet::new(),
        cancel: cancel.child_token(),
    };
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            event = line.events.recv() => match event {
                Some(event) => driver.event(event).await?,
                None => break,
            },
            woken = streams.recv() => match woken {
                Ok(site) => driver.tell(&site, Message::Input(Input::Woken)),
                Err(RecvError::Lagged(_)) => driver.tell_all(|| Message::Input(Input::Woken)),
                Err(RecvError::Closed) => break,
            },
            woken = changed.recv() => match woken {
                Ok(site) => driver.tell(&site, Message::Refresh),
                Err(RecvError::Lagged(_)) => driver.tell_all(|| Message::Refresh),
                Err(RecvError::Closed) => break,
            },
            Some(ended) = driver.tasks.join_next() => driver.ended(ended)?,
        }
    }
    driver.cancel.cancel();
    while driver.tasks.join_next().await.is_some() {}
    Ok(())
}

impl Driver {
    async fn event(&mut self, event: LineEvent) -> Result<(), HubError> {
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
                if self.reach(&site).await? {
                    self.tell(&site, Message::Input(Input::Received(bytes)));
                }
            }
            LineEvent::TooLarge(site) => self.tell(&site, Message::Input(Input::TooLarge)),
        }
        Ok(())
    }

    /// Starts the site's peer where there is none. Strangers get none, so nothing of them stays in memory.
    async fn reach(&mut self, site: &SiteId) -> Result<bool, HubError> {
        if self.peers.contains_key(site) {
            return Ok(true);
        }
        let peer = match Peer::open(self.hub.clone(), site.clone(), self.publish.clone()).await {
            Ok(Some(peer)) => peer,
            Ok(None) => {
                metrics::counter!("hub_frames_of_strangers").increment(1);
                return Ok(false);
            }
            Err(error) => {
                tracing::error!(%error, %site, "the conversation with a site could not be opened");
                return Ok(false);
            }
        };
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (task, name) = (peer.run(receiver, self.cancel.clone()), site.clone());
        self.tasks.spawn(async move { (name, task.await) });
        self.peers.insert(site.clone(), sender);
        if self.up {
            self.tell(site, Message::Input(Input::LineUp));
        }
        Ok(true)
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
        ended: Result<(SiteId, Result<(), HubError>), tokio::task::JoinError>,
    ) -> Result<(), HubError> {
        match ended {
            Ok((site, Ok(()))) => {
                self.peers.remove(&site);
            }
            Ok((_, Err(error @ HubError::FateUnknown(_)))) => return Err(error),
            Ok((site, Err(error))) => {
                tracing::error!(%error, %site, "the conversation with a site has ended and begins anew");
                self.peers.remove(&site);
            }
            Err(error) => {
                tracing::error!(%error, "a conversation has crashed");
                self.peers.retain(|_, sender| !sender.is_closed());
            }
        }
        Ok(())
    }
}
