//! One site's conversation: a task that owns the engine's session and carries out its effects.

use std::collections::VecDeque;
use std::sync::Arc;

use outpost_model::id::SiteId;
use outpost_sync::{
    Effect, Incarnation, Input, Local, Mark, Notice, Now, QuarantineReason, Remote, Schema, Session, Side,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::apply::Applied;
use super::kept::{self, Kept};
use super::{attach, mending, notice, storing};
use crate::Hub;
use crate::app::{authority, succeed};
use crate::error::HubError;
use crate::ids::Ids;
use crate::store::{self, backup, enrollment, inbox, outbox, stream};

/// What is handed to a peer.
#[derive(Debug)]
pub enum Message {
    /// Something that happened.
    Input(Input),
    /// Keys, authority or what copies contain has changed in the database.
    Refresh,
}

/// Messages that may wait for a peer. Frames beyond are dropped; the engine sends them again.
pub const WAITING_MAX: usize = 256;

/// A peer nobody was heard of for this long ends; the next frame starts another one.
const IDLE_MS: u64 = 3_600_000;
/// How often it is noted that a site was heard of, at most.
const NOTED_EVERY_MS: u64 = 5_000;
/// The vocabulary this version reads.
const SCHEMA: Schema = Schema { min: 1, max: 1 };

/// Where frames go.
pub type Publish = Arc<dyn Fn(&SiteId, Vec<u8>) + Send + Sync>;

/// The task's own things.
pub struct Peer {
    hub: Hub,
    site: SiteId,
    session: Session,
    publish: Publish,
    ids: Ids,
    noted_at: Option<u64>,
    storing: Option<Storing>,
    kept: Kept,
    /// The life of the hub's stream that the session speaks of.
    stream: Option<Incarnation>,
    /// What the session was told of the crowd.
    crowded: bool,
    over: bool,
}

/// What is being stored. It ends with the peer.
type Storing = AbortOnDropHandle<Result<Applied, HubError>>;

impl Peer {
    /// A peer whose line is down; nothing when the site has no appliance.
    pub async fn open(hub: Hub, site: SiteId, publish: Publish) -> Result<Option<Self>, HubError> {
        let mut connection = hub.store.read().acquire().await?;
        let keys = enrollment::keys(&mut connection, &site).await?;
        let links = outbox::links(&mut connection, &site).await?;
        if keys.0.is_empty() || links.is_empty() {
            return Ok(None);
        }
        let progress = inbox::progress(&mut connection, &site).await?;
        let contained = backup::contained(&mut connection, &site).await?;
        let lives = enrollment::lives(&mut connection, &site).await?;
        let authority = store::authority::get(&mut connection, &site).await?;
        drop(connection);
        let stream = links.last().map(|link| link.incarnation);
        let local = Local {
            side: Side::Hub,
            site: site.clone(),
            identity: hub.identity.clone(),
            epoch: u64::from(hub.life.epoch),
            links,
            schema: SCHEMA,
            authority: authority
                .map(|authority| store::to_json(&authority))
                .transpose()?
                .unwrap_or_default()
                .into_bytes(),
            backups: hub.settings.backup.are_made(),
            lost: None,
        };
        let ids = hub.ids();
        let session = Session::new(hub.sync_settings(), local, Remote { keys, progress, lives });
        let kept = Kept::default();
        let mut peer = Self {
            hub,
            site,
            session,
            publish,
            ids,
            noted_at: None,
            storing: None,
            kept,
            stream,
            crowded: false,
            over: false,
        };
        peer.tell_contained(contained).await?;
        Ok(Some(peer))
    }

    /// Runs until it is cancelled, idle, or nobody can reach it any more.
    pub async fn run(
        mut self,
        mut messages: mpsc::Receiver<Message>,
        cancel: CancellationToken,
    ) -> Result<(), HubError> {
        let started = self.now().boot_ms;
        loop {
            let now = self.now().boot_ms;
            if now.saturating_sub(self.session.heard_at().unwrap_or(started)) > IDLE_MS {
                return Ok(());
            }
            let wake = self.session.wake_at().map_or(60_000, |at| at.saturating_sub(now)).min(60_000);
            let input = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                stored = answer(&mut self.storing) => {
                    self.settled(stored).await?;
                    self.note_heard().await?;
                    continue;
                },
                message = messages.recv() => match message {
                    None => return Ok(()),
                    Some(Message::Input(input)) => input,
                    Some(Message::Refresh) => {
                        self.refresh().await?;
                        if self.over {
                            return Ok(());
                        }
                        continue;
                    }
                },
                () = tokio::time::sleep(std::time::Duration::from_millis(wake.max(1))) => Input::Tick,
            };
            self.handle(input).await?;
            self.note_heard().await?;
            if self.over {
                return Ok(());
            }
        }
    }

    /// Tells the session what became of what it wanted stored.
    async fn settled(&mut self, stored: Result<Applied, HubError>) -> Result<(), HubError> {
        let input = match stored {
            Ok(Applied::Stored(refused)) => Input::Stored { refused },
            Ok(Applied::StoredBut { refused, later }) => Input::StoredBut { refused, later },
            Ok(Applied::Revoked) => {
                tracing::warn!(site = %self.site, "a frame of an appliance that was replaced is refused");
                self.refresh().await?;
                Input::StoreFailed
            }
            Ok(Applied::NotHeld) => return Err(HubError::NotHeld(self.site.clone())),
            Err(error @ (HubError::Stopping | HubError::FateUnknown(_))) => return Err(error),
            Err(error) => {
                tracing::error!(%error, site = %self.site, "nothing can be stored now");
                Input::StoreFailed
            }
        };
        self.handle(input).await
    }

    fn now(&self) -> Now {
        Now { boot_ms: self.hub.clock.since_boot().as_millis() as u64, wall_ms: self.hub.now().0 }
    }

    /// When [`Input::Tick`] is due, on the boot clock.
    pub fn wake_at(&self) -> Option<u64> {
        self.session.wake_at()
    }

    /// Whether another peer must take its place: the hub's stream to the site was begun anew.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether a batch is being stored.
    pub fn is_storing(&self) -> bool {
        self.storing.is_some()
    }

    /// Waits for what is being stored and tells the session.
    pub async fn settle(&mut self) -> Result<(), HubError> {
        if self.storing.is_none() {
            return Ok(());
        }
        let stored = answer(&mut self.storing).await;
        self.settled(stored).await
    }

    /// Keys, authority or what copies contain has changed in the database: tells the session.
    pub async fn refresh(&mut self) -> Result<(), HubError> {
        let mut connection = self.hub.store.read().acquire().await?;
        let keys = enrollment::keys(&mut connection, &self.site).await?;
        let authority = store::authority::get(&mut connection, &self.site).await?;
        let contained = backup::contained(&mut connection, &self.site).await?;
        let stream = stream::peek(&mut connection, &self.site).await?.map(|head| head.mark.incarnation);
        drop(connection);
        // The stream was begun anew: another session must speak of it. The next frame starts one.
        self.over |= stream != self.stream;
        self.handle(Input::Keys(keys)).await?;
        self.tell_contained(contained).await?;
        if let Some(authority) = authority {
            self.handle(Input::Authority(store::to_json(&authority)?.into_bytes())).await?;
        }
        Ok(())
    }

    /// What copies contain may be forgotten by the site. Where no copies are made, what is committed counts.
    async fn tell_contained(&mut self, contained: Vec<Mark>) -> Result<(), HubError> {
        if !self.hub.settings.backup.are_made() {
            return Ok(());
        }
        self.handle(Input::BackedUp(contained)).await
    }

    /// Notes that the site was heard of, every now and then.
    pub async fn note_heard(&mut self) -> Result<(), HubError> {
        let Some(heard) = self.session.heard_at() else { return Ok(()) };
        if self.noted_at.is_some_and(|noted| heard < noted + NOTED_EVERY_MS) {
            return Ok(());
        }
        self.noted_at = Some(heard);
        self.count_parked().await?;
        let site = self.site.clone();
        self.hub
            .writer
            .run(self.site.clone(), move |unit| {
                let site = site.clone();
                Box::pin(async move { notice::heard(unit, &site, true).await })
            })
            .await
    }

    /// Tells the session how many changes wait for what they build on: after a while it looks for that.
    async fn count_parked(&mut self) -> Result<(), HubError> {
        let mut connection = self.hub.store.read().acquire().await?;
        let waiting = store::parked::waiting(&mut connection, &self.site).await?;
        drop(connection);
        self.handle(Input::Parked(waiting.items)).await
    }

    /// Hands an input to the session and carries out what it asks for, until it asks for nothing more.
    pub async fn handle(&mut self, input: Input) -> Result<(), HubError> {
        let mut inputs = VecDeque::from([input]);
        let crowded = !self.hub.crowd.admits(&self.site);
        if std::mem::replace(&mut self.crowded, crowded) != crowded {
            inputs.push_front(Input::Crowded(crowded));
        }
        while let Some(input) = inputs.pop_front() {
            let now = self.now();
            for effect in self.session.handle(now, self.ids.rng(), input) {
                match effect {
                    Effect::Publish { bytes, .. } => (self.publish)(&self.site, bytes),
                    Effect::Read { query, limit, bytes_max } => {
                        let (store, site) = (&self.hub.store, &self.site);
                        let items = attach::read(store, site, &query, limit, bytes_max).await?;
                        inputs.push_back(Input::Read { query, items });
                    }
                    Effect::Store(batch) => {
                        let storing = tokio::spawn(storing::store(self.hub.clone(), batch));
                        self.storing = Some(AbortOnDropHandle::new(storing));
                    }
                    Effect::Acknowledged(mark) => inputs.extend(self.acknowledged(mark).await?),
                    Effect::Quarantine { bytes, reason } => self.keep(bytes, reason).await?,
                    Effect::Notice(news) => {
                        // Another life takes over: another session must speak of the stream that begins with it.
                        let over = matches!(news, Notice::Past { .. });
                        inputs.extend(self.notice(news).await?);
                        self.over |= over;
                    }
                    Effect::Look(look) => {
                        let mut connection = self.hub.store.read().acquire().await?;
                        let seen = store::repair::look(&mut connection, &self.site, &look).await?;
                        inputs.push_back(Input::Seen(seen));
                    }
                    Effect::Mend(mend) => inputs.push_back(mending::store(&self.hub, mend).await?),
                }
            }
        }
        self.hub.crowd.note(&self.site, self.session.drains());
        Ok(())
    }

    async fn acknowledged(&self, mark: Mark) -> Result<Option<Input>, HubError> {
        let terms = self.hub.authority_terms();
        let site = self.site.clone();
        let given = self
            .hub
            .writer
            .run(self.site.clone(), move |unit| {
                let (site, terms) = (site.clone(), terms.clone());
                Box::pin(async move { authority::acknowledge(unit, &site, mark, &terms).await })
            })
            .await?;
        // Committed before it is sent.
        given.map(|given| Ok(Input::Authority(store::to_json(&given)?.into_bytes()))).transpose()
    }

    /// Keeps a frame for inspection; of a flood only the first of each minute.
    async fn keep(&mut self, bytes: Vec<u8>, reason: QuarantineReason) -> Result<(), HubError> {
        let now = self.now().boot_ms;
        if !self.kept.note(now, &self.site, &reason, bytes.len()) {
            return Ok(());
        }
        let site = self.site.clone();
        let frame = Arc::new((bytes, reason));
        self.hub
            .writer
            .run(self.site.clone(), move |unit| {
                let (site, frame) = (site.clone(), frame.clone());
                Box::pin(async move { kept::keep(unit, &site, &frame.0, &frame.1).await })
            })
            .await
    }

    /// Writes news down; says what the session is told because of it.
    async fn notice(&self, news: Notice) -> Result<Option<Input>, HubError> {
        let site = self.site.clone();
        let news = Arc::new(news);
        let terms = Arc::new(self.hub.enroll_terms());
        let compare = self
            .hub
            .writer
            .run(self.site.clone(), move |unit| {
                let (site, news, terms) = (site.clone(), news.clone(), terms.clone());
                Box::pin(async move {
                    match &*news {
                        Notice::Past { findings, lost } => {
                            succeed::take_over(unit, &site, &notice::retired(findings, lost), &terms).await?;
                            notice::take(unit, &site, &news).await.map(|()| false)
                        }
                        Notice::PeerRetired(life) => {
                            succeed::hold(unit, &site, *life).await?;
                            notice::take(unit, &site, &news).await.map(|()| false)
                        }
                        Notice::Greeted { install, links, .. } => {
                            notice::greeted(unit, &site, *install, links).await
                        }
                        Notice::Silent => notice::heard(unit, &site, false).await.map(|()| false),
                        other => notice::take(unit, &site, other).await.map(|()| false),
                    }
                })
            })
            .await?;
        Ok(compare.then_some(Input::Repair))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.hub.crowd.note(&self.site, false);
    }
}

/// The answer to what is being stored; never, while nothing is.
async fn answer(storing: &mut Option<Storing>) -> Result<Applied, HubError> {
    match storing {
        Some(answer) => {
            let stored = answer.await;
            *storing = None;
            stored.unwrap_or_else(|error| Err(HubError::Invariant(format!("storing crashed: {error}"))))
        }
        None => std::future::pending().await,
    }
}
