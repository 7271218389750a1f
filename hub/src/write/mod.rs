//! The commit queue: groups of use cases in one transaction, answered after its commit.
//!
//! On SQLite there is one lane; on PostgreSQL a few, chosen by the key of the use case (a site or an order), so that
//! use cases about the same thing mostly meet in one lane. Correctness never depends on the lane: rows that matter
//! are locked, in the order of their keys.

mod lane;
mod unit;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::error::HubError;
use crate::site_lease::Leases;
use crate::store::Store;
use crate::wake::Wakers;

pub use lane::Lane;
pub use unit::Unit;

/// Use cases that may wait in one lane. Beyond it, callers wait for room.
const WAITING_MAX: usize = 4_096;

/// Where use cases are handed in. Clones share the lanes.
#[derive(Clone)]
pub struct Writer {
    lanes: Arc<[mpsc::Sender<Box<dyn Job>>]>,
}

/// A use case with a place for its answer, whatever its type.
pub(crate) trait Job: Send {
    /// Runs it in a transaction. It may run again when that transaction is given up.
    fn attempt<'a>(&'a mut self, unit: &'a mut Unit) -> BoxFuture<'a, Result<(), HubError>>;
    /// Answers: the commit holds what the last attempt did, or nothing of it.
    fn answer(self: Box<Self>, fate: Result<(), HubError>);
}

struct Task<T, F> {
    work: F,
    result: Option<T>,
    answer: oneshot::Sender<Result<T, HubError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send + 'static,
    F: for<'a> FnMut(&'a mut Unit) -> BoxFuture<'a, Result<T, HubError>> + Send + 'static,
{
    fn attempt<'a>(&'a mut self, unit: &'a mut Unit) -> BoxFuture<'a, Result<(), HubError>> {
        Box::pin(async move {
            self.result = None;
            self.result = Some((self.work)(unit).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, fate: Result<(), HubError>) {
        let answer = match (fate, self.result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => {
                Err(HubError::Invariant("a use case was committed without a result".to_owned()))
            }
            (Err(error), _) => Err(error),
        };
        // Whoever asked may have gone away; what was committed stays committed.
        let _ = self.answer.send(answer);
    }
}

impl Writer {
    /// The writer of a store and its lanes, each of which must be run as a task.
    pub fn new(
        store: &Store,
        (actor, leases): (outpost_sync::Incarnation, &Leases),
        wakers: &Wakers,
        clock: &outpost_daemon::Clock,
        entropy: &crate::ids::Entropy,
    ) -> (Self, Vec<Lane>) {
        let (senders, lanes) = (0..store.dialect().writers())
            .map(|number| {
                let (sender, receiver) = mpsc::channel(WAITING_MAX);
                let ids = entropy.ids(clock.wall().into());
                (
                    sender,
                    Lane::new(
                        number,
                        store.clone(),
                        (actor, leases.clone()),
                        wakers.clone(),
                        (clock.clone(), ids),
                        receiver,
                    ),
                )
            })
            .unzip::<_, _, Vec<_>, Vec<_>>();
        (Self { lanes: senders.into() }, lanes)
    }

    /// Runs a use case in the next transaction of the lane of `key` and returns what it said, after the commit.
    ///
    /// `work` may be called several times, each time in a transaction in which nothing of an earlier call is left.
    pub async fn run<T, F>(&self, key: impl Hash, work: F) -> Result<T, HubError>
    where
        T: Send + 'static,
        F: for<'a> FnMut(&'a mut Unit) -> BoxFuture<'a, Result<T, HubError>> + Send + 'static,
    {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let lanes = self.lanes.len() as u64;
        self.run_in(usize::try_from(hasher.finish() % lanes).unwrap_or(0), work).await
    }

    /// Runs a use case in the next transaction of a lane, by its number.
    pub async fn run_in<T, F>(&self, lane: usize, work: F) -> Result<T, HubError>
    where
        T: Send + 'static,
        F: for<'a> FnMut(&'a mut Unit) -> BoxFuture<'a, Result<T, HubError>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Task { work, result: None, answer });
        let lane =
            self.lanes.get(lane).ok_or_else(|| HubError::Invariant(format!("there is no lane {lane}")))?;
        lane.send(job).await.map_err(|_| HubError::Stopping)?;
        answered.await.map_err(|_| HubError::Stopping)?
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }
}
