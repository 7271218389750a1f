//! The writer's thread and the queue before it.

use std::sync::Arc;
use std::time::Duration;

use outpost_daemon::{Clock, Storage};
use outpost_sync::Incarnation;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::bell::Bell;
use super::core::{Committed, Core, FateUnknown};
use super::job::{Answer, Failed, Job, News};
use crate::ids::Ids;
use crate::moment::Moment;

/// News that a slow screen may be behind before it is told to look at everything again.
const NEWS_BEHIND_MAX: usize = 1_024;

/// How long the writer goes on after the daemon was asked to end and nobody asks it for anything.
const LINGER: Duration = Duration::from_millis(250);

/// Jobs after which the log is worth copying into the database: about half of what SQLite would wait for before it
/// does so within a commit, where somebody waits for it.
const CHECKPOINT_JOBS: usize = 50;

/// How long nobody has asked for anything when the log is copied.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(5);

/// How often the writer looks out for a job that was announced before it sleeps again: for some 0.1 ms.
const LOOKS_OUT: u32 = 2_000;

/// Limits of the queue.
#[derive(Debug, Clone, Copy)]
pub struct WriterOptions {
    /// Jobs that share one commit at most.
    pub group_max: usize,
    /// Jobs that may wait; one more is refused.
    pub queue_max: usize,
}

/// The queue is full: nothing was taken, a retry is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the writer's queue is full")]
pub struct Busy;

/// The writer has ended: what became of the job is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the writer has ended")]
pub struct WriterGone;

/// Why a job was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The queue is full.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The writer has ended.
    #[error(transparent)]
    Gone(#[from] WriterGone),
}

struct Request {
    job: Job,
    reply: oneshot::Sender<Answer>,
}

/// The handle everybody else has.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Request>,
    news: broadcast::Sender<News>,
    grown: Arc<Notify>,
    incarnation: watch::Receiver<Incarnation>,
    storage: Storage,
    bell: Arc<Bell>,
}

/// What the thread runs: see [`Writer::new`].
pub struct Work {
    core: Core,
    ids: Ids,
    clock: Clock,
    group_max: usize,
    queue: mpsc::Receiver<Request>,
    news: broadcast::Sender<News>,
    grown: Arc<Notify>,
    incarnation: watch::Sender<Incarnation>,
    storage: Storage,
    on_fate_unknown: fn(&FateUnknown),
    bell: Arc<Bell>,
    /// Jobs since the log was copied in a pause.
    since_checkpoint: usize,
}

impl Writer {
    /// A writer and the work for its thread. `on_fate_unknown` is called before anybody can notice that no answer
    /// comes; the daemon ends its process there.
    pub fn new(
        core: Core,
        ids: Ids,
        clock: Clock,
        options: WriterOptions,
        on_fate_unknown: fn(&FateUnknown),
    ) -> (Self, Work) {
        let (sender, queue) = mpsc::channel(options.queue_max.max(1));
        let (news, _) = broadcast::channel(NEWS_BEHIND_MAX);
        let (minted, incarnation) = watch::channel(core.incarnation());
        let grown = Arc::new(Notify::new());
        let storage = Storage::new();
        let bell = Arc::new(Bell::default());
        let work = Work {
            core,
            ids,
            clock,
            group_max: options.group_max.max(1),
            queue,
            news: news.clone(),
            grown: grown.clone(),
            incarnation: minted,
            storage: storage.clone(),
            on_fate_unknown,
            bell: bell.clone(),
            since_checkpoint: 0,
        };
        (Self { queue: sender, news, grown, incarnation, storage, bell }, work)
    }

    /// Says that a job is about to come: a writer that sleeps wakes up while the job is still being read, and does not
    /// have to be waited for.
    pub fn rouse(&self) {
        self.bell.ring();
    }

    /// Gives jobs to the writer, all or none, and waits for their answers.
    pub async fn submit_all(&self, jobs: Vec<Job>) -> Result<Vec<Answer>, Unanswered> {
        let mut replies = Vec::with_capacity(jobs.len());
        {
            let permits = match self.queue.try_reserve_many(jobs.len()) {
                Ok(permits) => permits,
                Err(mpsc::error::TrySendError::Full(())) => return Err(Busy.into()),
                Err(mpsc::error::TrySendError::Closed(())) => return Err(WriterGone.into()),
            };
            for (permit, job) in permits.zip(jobs) {
                let (reply, answer) = oneshot::channel();
                permit.send(Request { job, reply });
                replies.push(answer);
            }
        }
        let mut answers = Vec::with_capacity(replies.len());
        for reply in replies {
            answers.push(reply.await.map_err(|_| WriterGone)?);
        }
        Ok(answers)
    }

    /// Gives one job to the writer and waits for its answer.
    pub async fn submit(&self, job: Job) -> Result<Answer, Unanswered> {
        let mut answers = self.submit_all(vec![job]).await?;
        answers.pop().ok_or(WriterGone.into())
    }

    /// Gives one job to the writer as soon as there is room, and waits for its answer: for the daemon's own workers,
    /// which slow down instead of being refused.
    pub async fn submit_patiently(&self, job: Job) -> Result<Answer, WriterGone> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Request { job, reply }).await.map_err(|_| WriterGone)?;
        answer.await.map_err(|_| WriterGone)
    }

    /// What changes from now on, for screens.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Tells screens something that no commit tells them.
    pub fn tell(&self, news: News) {
        // Nobody listening is fine.
        let _ = self.news.send(news);
    }

    /// Completes when the journal may have grown since this was last asked.
    pub async fn journal_grown(&self) {
        self.grown.notified().await;
    }

    /// The incarnation that writes, and when another one begins.
    pub fn incarnation(&self) -> watch::Receiver<Incarnation> {
        self.incarnation.clone()
    }

    /// Whether the disk takes what is written.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Jobs that wait now.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

impl Work {
    /// Runs until the token is cancelled; jobs that wait then are still done.
    pub fn run(
        mut self,
        runtime: &tokio::runtime::Handle,
        token: &CancellationToken,
    ) -> Result<(), FateUnknown> {
        let mut requests = Vec::with_capacity(self.group_max);
        loop {
            let Some(first) = runtime.block_on(self.next(token)) else { return Ok(()) };
            requests.push(first);
            while requests.len() < self.group_max
                && let Ok(next) = self.queue.try_recv()
            {
                requests.push(next);
            }
            self.group(&mut requests)?;
        }
    }

    /// The next request; nothing when the daemon ends and nobody has asked for anything for a while.
    async fn next(&mut self, token: &CancellationToken) -> Option<Request> {
        if self.since_checkpoint >= CHECKPOINT_JOBS {
            match tokio::time::timeout(CHECKPOINT_PAUSE, self.queue.recv()).await {
                Ok(request) => return request,
                Err(_) => {
                    self.since_checkpoint = 0;
                    self.core.checkpoint();
                }
            }
        }
        loop {
            self.bell.sleeps();
            tokio::select! {
                biased;
                request = self.queue.recv() => return request,
                () = self.bell.rung() => {}
                () = token.cancelled() => break,
            }
            if let Some(request) = self.look_out() {
                return Some(request);
            }
        }
        // Workers notice the end at their own pace; who is in the middle of a step may still finish it.
        match tokio::time::timeout(LINGER, self.queue.recv()).await {
            Ok(request) => request,
            Err(_) => {
                self.queue.close();
                self.queue.recv().await
            }
        }
    }

    /// A job that was announced is on its way: what a group needs first is fetched into the processor's caches meanwhile.
    fn look_out(&mut self) -> Option<Request> {
        self.core.warm_up();
        for _ in 0..LOOKS_OUT {
            if let Ok(request) = self.queue.try_recv() {
                return Some(request);
            }
            std::hint::spin_loop();
        }
        None
    }

    /// What the hub sends waits there when there is hardly room left: the rest is for what must be written.
    fn refuse_batches(&self, requests: &mut Vec<Request>) {
        let Some(trouble) = self.storage.refuses_batches() else { return };
        for request in requests.extract_if(.., |request| matches!(request.job, Job::Merge(_))) {
            // Who asked may have gone.
            let _ = request.reply.send(Answer::Failed(Failed::of_disk(trouble)));
        }
    }

    fn group(&mut self, requests: &mut Vec<Request>) -> Result<(), FateUnknown> {
        self.refuse_batches(requests);
        if requests.is_empty() {
            return Ok(());
        }
        let probed = requests.iter().any(|request| matches!(request.job, Job::Probe));
        let (jobs, replies): (Vec<Job>, Vec<_>) =
            requests.drain(..).map(|request| (request.job, request.reply)).unzip();
        let started = self.clock.since_boot();
        let committed = self.commit(&jobs).inspect_err(|fate| (self.on_fate_unknown)(fate))?;
        let took = self.clock.since_boot().saturating_sub(started);
        match committed.trouble {
            Some(trouble) => self.storage.met(trouble),
            None if probed || committed.wrote => self.storage.works(),
            None => {}
        }
        for (reply, answer) in replies.into_iter().zip(committed.answers) {
            // Who asked may have gone: the answer is durable all the same.
            let _ = reply.send(answer);
        }
        metrics::histogram!("outpost_edge_commit_seconds").record(took.as_secs_f64());
        metrics::counter!("outpost_edge_commits_total").increment(1);
        metrics::counter!("outpost_edge_jobs_total").increment(jobs.len() as u64);
        self.incarnation.send_if_modified(|known| {
            let changed = *known != self.core.incarnation();
            *known = self.core.incarnation();
            changed
        });
        if committed.wrote {
            self.since_checkpoint += jobs.len();
            self.grown.notify_one();
        }
        for news in committed.news {
            let _ = self.news.send(news);
        }
        Ok(())
    }

    fn commit(&mut self, jobs: &[Job]) -> Result<Committed, FateUnknown> {
        let mut committed = self.core.run(&Moment::read(&self.clock), &mut self.ids, jobs)?;
        self.core.confirm(&Moment::read(&self.clock), &mut committed)?;
        Ok(committed)
    }
}
