//! Supervision: named tasks that live as long as the daemon. One that ends early, fails or panics ends all of it;
//! the service manager starts a clean one.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::server::panic_text;

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a daemon ended otherwise than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A task returned although nobody had asked for shutdown.
    #[error("task {task} ended early")]
    EndedEarly {
        /// Its name.
        task: &'static str,
    },
    /// A task returned an error.
    #[error("task {task} failed")]
    Failed {
        /// Its name.
        task: &'static str,
        /// The error.
        #[source]
        source: BoxError,
    },
    /// A task panicked.
    #[error("task {task} panicked: {message}")]
    Panicked {
        /// Its name.
        task: &'static str,
        /// What the panic said.
        message: String,
    },
    /// Tasks did not end in time after shutdown was asked for.
    #[error("still running after {deadline:?} of shutdown: {}", .tasks.join(", "))]
    Overdue {
        /// The names of the tasks.
        tasks: Vec<&'static str>,
        /// How long they were given.
        deadline: Duration,
    },
}

/// Starts tasks and watches over them. Clones share one set of tasks.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    token: CancellationToken,
    tracker: TaskTracker,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    running: BTreeMap<u64, &'static str>,
    started: u64,
    failure: Option<Failure>,
}

impl Supervisor {
    /// With no tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The token every task watches: cancelled when the daemon shall end.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Starts a task that runs until the token is cancelled.
    pub fn spawn<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let number = self.begin(name);
        let supervisor = self.clone();
        self.tracker.spawn(async move {
            let outcome = AssertUnwindSafe(task).catch_unwind().await;
            let outcome = outcome.map_err(|panic| panic_text(&*panic));
            supervisor.end(number, name, outcome.map(|result| result.map_err(Into::into)));
        });
    }

    /// Starts a thread of its own for work that blocks, such as the one writer of a database.
    pub fn spawn_thread<F, E>(&self, name: &'static str, work: F) -> std::io::Result<()>
    where
        F: FnOnce(CancellationToken) -> Result<(), E> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let (done, ended) = tokio::sync::oneshot::channel();
        let token = self.token();
        std::thread::Builder::new().name(name.into()).spawn(move || {
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| work(token)));
            // Nobody listens any more only when the runtime is gone, and then nobody needs to know.
            let _ = done.send(outcome.map_err(|panic| panic_text(&*panic)).map(|r| r.map_err(Into::into)));
        })?;
        let number = self.begin(name);
        let supervisor = self.clone();
        self.tracker.spawn(async move {
            let outcome = ended.await.unwrap_or_else(|_| Err("the thread vanished".into()));
            supervisor.end(number, name, outcome);
        });
        Ok(())
    }

    /// Asks everything to end.
    pub fn shut_down(&self) {
        self.token.cancel();
    }

    /// Runs until `asked` completes or a task fails, then cancels the token and waits for the rest until the
    /// deadline. The result is the daemon's: an error names the task.
    pub async fn run(self, asked: impl Future<Output = ()>, deadline: Duration) -> Result<(), Failure> {
        tokio::select! {
            () = asked => tracing::info!("shutdown was asked for"),
            () = self.token.cancelled() => {}
        }
        self.token.cancel();
        self.tracker.close();
        let in_time = tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok();
        let mut state = self.state();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        if in_time {
            return Ok(());
        }
        Err(Failure::Overdue { tasks: state.running.values().copied().collect(), deadline })
    }

    fn begin(&self, name: &'static str) -> u64 {
        let mut state = self.state();
        state.started += 1;
        let number = state.started;
        state.running.insert(number, name);
        number
    }

    fn end(&self, number: u64, task: &'static str, outcome: Result<Result<(), BoxError>, String>) {
        let mut state = self.state();
        state.running.remove(&number);
        let failure = match outcome {
            Ok(Ok(())) if self.token.is_cancelled() => return,
            Ok(Ok(())) => Failure::EndedEarly { task },
            Ok(Err(source)) => Failure::Failed { task, source },
            Err(message) => Failure::Panicked { task, message },
        };
        tracing::error!(error = %crate::problem::causes(&failure), "a task ended the daemon");
        // The first failure is the cause; what falls over after it is a consequence.
        state.failure.get_or_insert(failure);
        self.token.cancel();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Completes when the process is asked to end by SIGTERM or SIGINT.
pub async fn asked_to_end() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    async fn until_cancelled(token: CancellationToken) -> Result<(), std::io::Error> {
        token.cancelled().await;
        Ok(())
    }

    #[tokio::test]
    async fn a_daemon_that_is_asked_ends_well() {
        let supervisor = Supervisor::new();
        supervisor.spawn("driver", until_cancelled(supervisor.token()));
        supervisor
            .spawn_thread("writer", |token| {
                while !token.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok::<_, std::io::Error>(())
            })
            .unwrap();
        supervisor.run(async {}, Duration::from_secs(5)).await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_ends_early_ends_the_daemon_by_its_name() {
        let supervisor = Supervisor::new();
        supervisor.spawn("driver", until_cancelled(supervisor.token()));
        supervisor.spawn("printer", async { Ok::<_, std::io::Error>(()) });
        let failure = supervisor.run(std::future::pending(), SOON).await.unwrap_err();
        assert_eq!(failure.to_string(), "task printer ended early");
    }

    #[tokio::test]
    async fn a_panic_in_a_thread_ends_the_daemon_by_its_name() {
        let supervisor = Supervisor::new();
        supervisor
            .spawn_thread("writer", |_| -> Result<(), std::io::Error> { panic!("page {} is torn", 7) })
            .unwrap();
        let failure = supervisor.run(std::future::pending(), SOON).await.unwrap_err();
        assert_eq!(failure.to_string(), "task writer panicked: page 7 is torn");
    }

    #[tokio::test]
    async fn the_first_failure_is_the_one_that_is_told() {
        let supervisor = Supervisor::new();
        let token = supervisor.token();
        supervisor.spawn("driver", async { Err(std::io::Error::other("no route")) });
        supervisor.spawn("screens", async move {
            token.cancelled().await;
            Err(std::io::Error::other("driver is gone"))
        });
        let failure = supervisor.run(std::future::pending(), SOON).await.unwrap_err();
        assert_eq!(crate::problem::causes(&failure), "task driver failed: no route");
    }

    #[tokio::test]
    async fn tasks_that_do_not_end_in_time_are_named() {
        let supervisor = Supervisor::new();
        supervisor.spawn("stuck", std::future::pending::<Result<(), std::io::Error>>());
        supervisor.spawn("driver", until_cancelled(supervisor.token()));
        let failure = supervisor.run(async {}, SOON).await.unwrap_err();
        assert_eq!(failure.to_string(), "still running after 1s of shutdown: stuck");
    }
}
