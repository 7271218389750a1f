//! One lane of the commit queue.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use outpost_daemon::{Clock, DiskTrouble};
use outpost_model::time::UtcMillis;
use outpost_sync::Incarnation;
use sqlx::{Any, Transaction};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Job, Unit};
use crate::error::HubError;
use crate::ids::Ids;
use crate::site_lease::Leases;
use crate::store::{Dialect, Store};
use crate::wake::Wakers;

/// The most use cases in one transaction: bounds the work that one failure repeats.
const GROUP_MAX: usize = 128;
/// Attempts of a use case alone, when it failed for a reason that may pass.
const ATTEMPTS_MAX: u32 = 5;

/// A lane: takes what has queued since its last commit as one group. Run it as a task until its queue is closed.
pub struct Lane {
    number: u32,
    store: Store,
    actor: Incarnation,
    leases: Leases,
    wakers: Wakers,
    queue: mpsc::Receiver<Box<dyn Job>>,
    clock: Clock,
    ids: Ids,
}

/// Runs a use case. One that panics has failed like any other: the lane and the others go on, its transaction does
/// not.
async fn attempt(job: &mut Box<dyn Job>, unit: &mut Unit) -> Result<(), HubError> {
    let outcome = AssertUnwindSafe(job.attempt(unit)).catch_unwind().await;
    outcome.unwrap_or_else(|_| Err(HubError::Invariant("a use case panicked".to_owned())))
}

impl Lane {
    pub(super) fn new(
        number: u32,
        store: Store,
        (actor, leases): (Incarnation, Leases),
        wakers: Wakers,
        (clock, ids): (Clock, Ids),
        queue: mpsc::Receiver<Box<dyn Job>>,
    ) -> Self {
        Self { number, store, actor, leases, wakers, queue, clock, ids }
    }

    /// Works until every writer is gone or the token is cancelled and nothing is left in the queue; fails when a
    /// commit's fate is unknown on a database where only a new start can find out.
    pub async fn run(mut self, token: CancellationToken) -> Result<(), HubError> {
        let mut group = Vec::with_capacity(GROUP_MAX);
        loop {
            let taken = tokio::select! {
                biased;
                taken = self.queue.recv_many(&mut group, GROUP_MAX) => taken,
                () = token.cancelled() => return Ok(()),
            };
            if taken == 0 {
                return Ok(());
            }
            metrics::histogram!("hub_commit_group_size").record(group.len() as f64);
            self.commit(&mut group).await?;
        }
    }

    async fn commit(&mut self, group: &mut Vec<Box<dyn Job>>) -> Result<(), HubError> {
        let fate = match group.as_mut_slice() {
            [job] => self.alone(job).await,
            jobs => self.together(jobs).await,
        };
        match fate {
            Ok(()) => {
                group.drain(..).for_each(|job| job.answer(Ok(())));
                Ok(())
            }
            Err(HubError::FateUnknown(reason)) => self.unknown(group, reason),
            Err(error) if error.disk_trouble().is_some() => {
                self.no_disk(group, &error).await;
                Ok(())
            }
            Err(error) if group.len() == 1 => {
                tracing::error!(%error, "a use case failed");
                group.drain(..).for_each(|job| job.answer(Err(HubError::Failed(error.to_string()))));
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, jobs = group.len(), "a group was rolled back; its use cases run alone");
                for job in std::mem::take(group) {
                    Box::pin(self.commit(&mut vec![job])).await?;
                }
                Ok(())
            }
        }
    }

    /// No use case of the group is at fault, so none is tried alone.
    async fn no_disk(&self, group: &mut Vec<Box<dyn Job>>, error: &HubError) {
        tracing::error!(%error, jobs = group.len(), "the disk takes nothing");
        let trouble = error.disk_trouble().unwrap_or(DiskTrouble::Failed);
        self.store.storage().met(trouble);
        self.store.renew_writer().await;
        group.drain(..).for_each(|job| job.answer(Err(HubError::Storage(trouble))));
    }

    /// Nobody is told that it happened. SQLite is one file of this process: only a new start finds out what is in
    /// it. PostgreSQL decides by itself, and whoever asks again finds out.
    fn unknown(&self, group: &mut Vec<Box<dyn Job>>, reason: String) -> Result<(), HubError> {
        let fate = HubError::FateUnknown(reason.clone());
        match self.store.dialect() {
            Dialect::Sqlite => {
                group.drain(..).for_each(|job| job.answer(Err(HubError::FateUnknown(reason.clone()))));
                Err(fate)
            }
            Dialect::Postgres => {
                tracing::error!(%reason, "whether a commit has happened is not known");
                group.drain(..).for_each(|job| job.answer(Err(HubError::Failed(fate.to_string()))));
                Ok(())
            }
        }
    }

    async fn together(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), HubError> {
        let mut unit = self.unit().await?;
        for job in jobs {
            attempt(job, &mut unit).await?;
        }
        self.close(unit).await
    }

    async fn alone(&mut self, job: &mut Box<dyn Job>) -> Result<(), HubError> {
        let mut attempt = 1;
        loop {
            match self.once(job).await {
                Err(error) if error.is_transient() && attempt < ATTEMPTS_MAX => {
                    tracing::warn!(%error, attempt, "a use case is tried again");
                    tokio::time::sleep(std::time::Duration::from_millis(20 << attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn once(&mut self, job: &mut Box<dyn Job>) -> Result<(), HubError> {
        let mut unit = self.unit().await?;
        attempt(job, &mut unit).await?;
        self.close(unit).await
    }

    async fn unit(&mut self) -> Result<Unit, HubError> {
        let tx: Transaction<'static, Any> =
            self.store.write().begin_with(self.store.dialect().begin()).await?;
        let now = UtcMillis::from(self.clock.wall());
        self.ids.set_now(now);
        let (witness, vault) = (self.store.witness().clone(), self.store.vault().clone());
        let apart = (self.leases.clone(), witness, vault);
        let unit = Unit::new(tx, self.number, now, self.ids.fork(), self.actor, apart);
        Ok(unit.with_limits(self.store.limits()))
    }

    async fn close(&mut self, unit: Unit) -> Result<(), HubError> {
        let wakes = unit.commit().await?;
        self.wakers.wake(&wakes);
        Ok(())
    }
}
