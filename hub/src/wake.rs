//! Signals between the hub's parts: a worker is woken and told nothing, it looks for itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use outpost_model::id::{CaseId, OrderId, SiteId};
use tokio::sync::{Notify, broadcast};

/// What a transaction has to say once it is committed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Wakes {
    /// An order may be routed.
    pub routing: bool,
    /// A label is to be bought or voided.
    pub labels: bool,
    /// The hub must end and begin anew.
    pub end: bool,
    /// Sites may have to be told of products or rules.
    pub reference: bool,
    /// Sites whose stream has grown.
    pub streams: BTreeSet<SiteId>,
    /// Sites whose authority may be raised.
    pub authority: BTreeSet<SiteId>,
    /// What screens may want to read again.
    pub news: BTreeSet<News>,
}

/// Something screens may want to read again: ids only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// An order.
    Order(OrderId),
    /// A case.
    Case(CaseId),
    /// A site's line, stock or day.
    Site(SiteId),
    /// The list of exceptions.
    Exceptions,
}

/// The ends that are woken. Clones share them.
#[derive(Clone)]
pub struct Wakers {
    /// Wakes the routing worker.
    pub routing: Arc<Notify>,
    /// Wakes the label worker.
    pub labels: Arc<Notify>,
    /// Ends the hub, to begin anew.
    pub end: Arc<Notify>,
    /// Wakes the worker that tells sites of products and rules.
    pub reference: Arc<Notify>,
    /// Sites whose stream has grown, for the replication driver.
    pub streams: broadcast::Sender<SiteId>,
    /// Sites whose authority may be raised, for the authority worker.
    pub authority: broadcast::Sender<SiteId>,
    /// News for screens. A receiver that is too slow is told how many it missed and reads all again.
    pub news: broadcast::Sender<News>,
}

impl Default for Wakers {
    fn default() -> Self {
        Self {
            routing: Arc::default(),
            labels: Arc::default(),
            end: Arc::default(),
            reference: Arc::default(),
            streams: broadcast::channel(4_096).0,
            authority: broadcast::channel(4_096).0,
            news: broadcast::channel(4_096).0,
        }
    }
}

impl Wakers {
    /// Says what a committed transaction had to say. Nobody listening is fine: every worker looks by itself, too.
    pub fn wake(&self, wakes: &Wakes) {
        if wakes.routing {
            self.routing.notify_one();
        }
        if wakes.labels {
            self.labels.notify_one();
        }
        if wakes.end {
            self.end.notify_one();
        }
        if wakes.reference {
            self.reference.notify_one();
        }
        for site in &wakes.streams {
            let _ = self.streams.send(site.clone());
        }
        for site in &wakes.authority {
            let _ = self.authority.send(site.clone());
        }
        for news in &wakes.news {
            let _ = self.news.send(news.clone());
        }
    }
}
