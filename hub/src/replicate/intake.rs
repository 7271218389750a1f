//! Gathers what sessions want stored, of all sites, into one transaction: what waits while one commits is the next one.
//!
//! One batch that breaks its transaction must not hold up the others: the group is halved until it stands alone, and is
//! then isolated beside the stream of groups ([`storing`](super::storing)).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use outpost_config::SsccSettings;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::apply::{self, Applied};
use super::reading::ReadBatch;
use super::storing;
use crate::error::HubError;
use crate::write::Writer;

/// Batches that may wait at a gate. Beyond it, whoever brings one waits for room.
const WAITING_MAX: usize = 1_024;
/// A group is closed with the batch that brings it to so many items: bounds the memory of a transaction, how long others
/// wait for it, and what one failure repeats.
const GROUP_ITEMS_MAX: usize = 1_500;

/// Where batches are handed in. Clones share the gates.
#[derive(Clone)]
pub struct Intake {
    gates: Arc<[mpsc::Sender<Waiting>]>,
}

/// A batch that waits for its commit.
struct Waiting {
    read: Arc<ReadBatch>,
    answer: oneshot::Sender<Result<Applied, HubError>>,
}

/// One stream of transactions. Run it as a task.
pub struct Gate {
    lane: usize,
    writer: Writer,
    sscc: Arc<SsccSettings>,
    queue: mpsc::Receiver<Waiting>,
}

impl Intake {
    /// The intake of a writer, a gate for each of its lanes, each of which must be run as a task.
    pub fn new(writer: &Writer, sscc: &SsccSettings) -> (Self, Vec<Gate>) {
        let sscc = Arc::new(sscc.clone());
        let gate = |lane| {
            let (sender, queue) = mpsc::channel(WAITING_MAX);
            (sender, Gate { lane, writer: writer.clone(), sscc: sscc.clone(), queue })
        };
        let (senders, gates) = (0..writer.lanes()).map(gate).unzip::<_, _, Vec<_>, Vec<_>>();
        (Self { gates: senders.into() }, gates)
    }

    /// Stores a batch and answers after its commit.
    pub async fn store(&self, read: Arc<ReadBatch>) -> Result<Applied, HubError> {
        let mut hasher = DefaultHasher::new();
        read.batch.site.hash(&mut hasher);
        let gate = usize::try_from(hasher.finish() % self.gates.len() as u64).unwrap_or(0);
        let (answer, answered) = oneshot::channel();
        self.gates[gate].send(Waiting { read, answer }).await.map_err(|_| HubError::Stopping)?;
        answered.await.map_err(|_| HubError::Stopping)?
    }
}

impl Gate {
    /// Works until everybody who could bring something is gone, or the token is cancelled.
    pub async fn run(mut self, token: CancellationToken) -> Result<(), HubError> {
        loop {
            let first = tokio::select! {
                biased;
                first = self.queue.recv() => first,
                () = token.cancelled() => return Ok(()),
            };
            let Some(first) = first else { return Ok(()) };
            let mut items = first.read.batch.items.len();
            let mut group = vec![first];
            while items < GROUP_ITEMS_MAX
                && let Ok(next) = self.queue.try_recv()
            {
                items += next.read.batch.items.len();
                group.push(next);
            }
            metrics::histogram!("hub_intake_group_items").record(items as f64);
            metrics::histogram!("hub_intake_group_batches").record(group.len() as f64);
            self.commit(group).await;
        }
    }

    /// Commits a group, or its halves when that fails.
    fn commit(&self, group: Vec<Waiting>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let batches: Arc<[Arc<ReadBatch>]> = group.iter().map(|waiting| waiting.read.clone()).collect();
            match together(&self.writer, self.lane, &self.sscc, batches).await {
                Ok(answers) => {
                    for (waiting, answer) in group.into_iter().zip(answers) {
                        waiting.answer(Ok(answer));
                    }
                }
                Err(HubError::FateUnknown(reason)) => {
                    group.into_iter().for_each(|it| it.answer(Err(HubError::FateUnknown(reason.clone()))));
                }
                Err(HubError::Stopping) => {
                    group.into_iter().for_each(|waiting| waiting.answer(Err(HubError::Stopping)));
                }
                Err(HubError::Storage(trouble)) => {
                    group.into_iter().for_each(|waiting| waiting.answer(Err(HubError::Storage(trouble))));
                }
                Err(error) if group.len() > 1 => {
                    tracing::warn!(%error, batches = group.len(), "a group was not stored; it is halved");
                    let mut first = group;
                    let second = first.split_off(first.len() / 2);
                    self.commit(first).await;
                    self.commit(second).await;
                }
                Err(error) => group.into_iter().for_each(|waiting| self.isolate(waiting, &error)),
            }
        })
    }

    /// What breaks its transaction alone is taken apart beside the others, who go on.
    fn isolate(&self, waiting: Waiting, error: &HubError) {
        tracing::error!(%error, site = %waiting.read.batch.site, "a batch was not stored; it is taken apart");
        let (writer, lane, sscc) = (self.writer.clone(), self.lane, self.sscc.clone());
        tokio::spawn(async move {
            let stored = storing::apart(&writer, lane, &sscc, &waiting.read.batch).await;
            waiting.answer(stored);
        });
    }
}

impl Waiting {
    fn answer(self, answer: Result<Applied, HubError>) {
        // Whoever asked may have gone away; what was committed stays committed.
        let _ = self.answer.send(answer);
    }
}

/// Applies batches in one transaction of a lane.
pub(super) async fn together(
    writer: &Writer,
    lane: usize,
    sscc: &Arc<SsccSettings>,
    batches: Arc<[Arc<ReadBatch>]>,
) -> Result<Vec<Applied>, HubError> {
    let sscc = sscc.clone();
    writer
        .run_in(lane, move |unit| {
            let (batches, sscc) = (batches.clone(), sscc.clone());
            Box::pin(async move { apply::group(unit, &batches, &sscc).await })
        })
        .await
}
