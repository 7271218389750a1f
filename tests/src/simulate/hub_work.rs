//! What the hub's daemon does: its conversations and its workers, driven one step at a time.

use std::sync::{Arc, PoisonError};

use anyhow::Result;
use futures_util::FutureExt;
use outpost_hub::app::label::{self, Purchase};
use outpost_hub::replicate::peer::{Peer, Publish};
use outpost_hub::store::label::State;
use outpost_hub::write::Unit;
use outpost_hub::{HubError, store, work};
use outpost_model::id::SiteId;
use outpost_sync::Input;
use rand::Rng;

use super::defects::Defect;
use super::hub::HubNode;

/// The most labels the carrier sells at a time.
const LABELS_MAX: i64 = 8;

impl HubNode {
    /// A frame of a site arrives.
    pub fn receive(&mut self, now: u64, site: &SiteId, frame: Vec<u8>) -> Result<()> {
        self.reach(now, site)?;
        self.give(now, site, Input::Received(frame))
    }

    /// The conversation with a site is woken.
    pub fn tick(&mut self, now: u64, site: &SiteId) -> Result<()> {
        self.give(now, site, Input::Tick)
    }

    /// The line to the broker goes up or down.
    pub fn line(&mut self, now: u64, up: bool) -> Result<()> {
        self.line_up = up;
        let Some(running) = &self.running else { return Ok(()) };
        let sites: Vec<SiteId> = running.peers.keys().cloned().collect();
        for site in sites {
            self.give(now, &site, if up { Input::LineUp } else { Input::LineDown })?;
        }
        Ok(())
    }

    /// Opens the conversation with a site where there is none, as the driver does.
    fn reach(&mut self, now: u64, site: &SiteId) -> Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        if running.peers.contains_key(site) {
            return Ok(());
        }
        self.hands.set(self.clocks.reading(now));
        let frames = running.frames.clone();
        let publish: Publish = Arc::new(move |site: &SiteId, bytes| {
            frames.lock().unwrap_or_else(PoisonError::into_inner).push((site.clone(), bytes));
        });
        let open = Peer::open(running.hub.clone(), site.clone(), publish);
        if let Some(peer) = self.runtime.block_on(open)? {
            running.peers.insert(site.clone(), peer);
            if self.line_up {
                self.give(now, site, Input::LineUp)?;
            }
        }
        Ok(())
    }

    fn give(&mut self, now: u64, site: &SiteId, input: Input) -> Result<()> {
        self.set_hands(now);
        self.press()?;
        let Some(running) = &mut self.running else { return Ok(()) };
        let Some(peer) = running.peers.get_mut(site) else { return Ok(()) };
        let outcome = self.runtime.block_on(async {
            peer.handle(input).await?;
            while peer.is_storing() {
                peer.settle().await?;
            }
            peer.note_heard().await
        });
        // As the driver does: the next frame begins a new conversation.
        if outcome.is_err() || peer.is_over() {
            running.peers.remove(site);
        }
        Ok(outcome?)
    }

    /// Hands on what committed transactions had to say. `true` when orders may be routed or labels bought.
    pub fn wake(&mut self, now: u64) -> Result<bool> {
        let mut work = false;
        loop {
            let Some(running) = &mut self.running else { return Ok(work) };
            work |= running.hub.wakers.routing.notified().now_or_never().is_some();
            work |= running.hub.wakers.labels.notified().now_or_never().is_some();
            if running.hub.wakers.reference.notified().now_or_never().is_some() {
                let hub = running.hub.clone();
                self.hands.set(self.clocks.reading(now));
                self.runtime.block_on(work::reference::pass(&hub))?;
                continue;
            }
            if let Ok(site) = running.streams.try_recv() {
                self.give(now, &site, Input::Woken)?;
                continue;
            }
            let Ok(site) = running.authority.try_recv() else { return Ok(work) };
            if let Some(peer) = running.peers.get_mut(&site) {
                self.hands.set(self.clocks.reading(now));
                self.runtime.block_on(peer.refresh())?;
                // The hub's stream to the site was begun anew: the next frame begins another conversation.
                if peer.is_over() {
                    running.peers.remove(&site);
                }
            }
        }
    }

    /// The workers look for what is due: cases to take back, orders to route, labels to buy and to give back.
    pub fn work(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        self.press()?;
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        let deadlines = self.deadlines;
        self.runtime.block_on(async {
            if deadlines {
                work::deadline::pass(&hub).await?;
            }
            work::routing::all(&hub, true).await
        })?;
        if self.defect == Some(Defect::RightsFromTotals) {
            self.act(now, |unit| Box::pin(lower_promises(unit)))?;
        }
        let due = self.runtime.block_on(store::label::due(hub.store.read(), hub.now(), LABELS_MAX))?;
        for wanted in due {
            let number = format!("TRK{:016x}", self.rng.next_u64());
            self.act(now, move |unit| {
                let (wanted, number) = (wanted.clone(), number.clone());
                Box::pin(async move {
                    if wanted.state == State::VoidWanted {
                        return label::voided(unit, &wanted).await;
                    }
                    let zpl = format!("^XA^FD{number}^FS^XZ").into_bytes();
                    let carrier = "virtual".to_owned();
                    let currency = "EUR".to_owned();
                    label::bought(
                        unit,
                        &wanted,
                        &Purchase { carrier, number, zpl, price_minor: 490, currency },
                    )
                    .await
                })
            })?;
        }
        Ok(())
    }

    /// The passes of the workers for reference data and for authority.
    pub fn renew(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        self.runtime.block_on(work::reference::pass(&hub))?;
        Ok(self.runtime.block_on(work::authority::pass(&hub, true))?)
    }

    /// The archive worker's pass.
    pub fn pack(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        self.runtime.block_on(work::archive::pass(&hub, 1))?;
        Ok(())
    }

    /// Notes how far the database has come, and looks at the sites that a restored hub waits for.
    pub fn rise(&mut self, now: u64) -> Result<()> {
        self.set_hands(now);
        let Some(hub) = self.hub().cloned() else { return Ok(()) };
        self.runtime.block_on(async {
            work::tide::look(&hub).await?;
            work::tide::rise(&hub).await
        })?;
        Ok(())
    }
}

/// A defect: what a case does not need any more is taken from what was promised.
async fn lower_promises(unit: &mut Unit) -> Result<(), HubError> {
    let over = "SELECT 1 FROM cases WHERE cases.site = rights.site AND cases.live = 0";
    let text = format!("UPDATE rights SET promised = promised - 1 WHERE promised > 0 AND EXISTS ({over})");
    sqlx::query(sqlx::AssertSqlSafe(text)).execute(unit.db()).await?;
    Ok(())
}
