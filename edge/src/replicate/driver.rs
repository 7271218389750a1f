//! The driver owns the engine's session and moves frames. It is woken by signal and by timer and told nothing: it
//! looks in the journal for what the hub has not acknowledged.

use std::collections::VecDeque;
use std::time::Duration;

use outpost_daemon::Repeats;
use outpost_mqtt::{Line, LineEvent, LineSettings, LineSettingsError, Role};
use outpost_sync::{Effect, Identity, Input, Notice, Position, PublicIdentity, Session};
use rand::rngs::StdRng;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::acknowledged::Acknowledged;
use super::apply::HUB;
use super::conversation;
use super::enroll::enrolled;
use crate::state::AppState;
use crate::store::identity::Enrollment;
use crate::store::past;
use crate::store::query::ReadError;
use crate::write::{Answer, Job, News, WriterGone};

/// A pause of the driver that needs no answer to why: the session always wakes earlier.
const IDLE: Duration = Duration::from_secs(60);
/// A hub that is not heard for this many hellos counts as silent.
const HELLOS_UNTIL_SILENT: u64 = 3;

/// How long acknowledgements are gathered before they are written down. Each costs a commit that scans would wait
/// for, and one that is lost costs no more than sending again.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_millis(500);
/// A journal that grows all the time is looked at no more often than this: a steady trickle shares frames in any case,
/// and who looks has threads woken and caches emptied that the next scan needs.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long what could not be written down waits, mostly for room on the disk.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// Why the driver cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The writer has ended.
    #[error(transparent)]
    Writer(#[from] WriterGone),
    /// The line's settings cannot work.
    #[error(transparent)]
    Line(#[from] LineSettingsError),
    /// The session's settings cannot work.
    #[error(transparent)]
    Session(#[from] outpost_sync::SettingsError),
    /// The line's task has ended.
    #[error("the line has ended")]
    LineEnded,
    /// What the hub has said could not be written down.
    #[error("what the hub has said could not be written down: {0}")]
    NotWritten(&'static str),
}

/// Runs until the token is cancelled. A site that is not enrolled waits here and works all the same.
pub async fn run(state: AppState, identity: Identity, token: CancellationToken) -> Result<(), DriverError> {
    loop {
        match converse(state.clone(), identity.clone(), &token).await {
            // The writer and the line end with the daemon, perhaps before the driver has noticed.
            Err(error) if token.is_cancelled() => {
                tracing::debug!(%error, "the driver ended with the daemon");
                return Ok(());
            }
            // The session knows what the database does not: another one begins from the database, and is told again.
            Err(error @ DriverError::NotWritten(_)) => {
                tracing::warn!(%error, "the conversation begins anew");
                tokio::select! {
                    () = token.cancelled() => return Ok(()),
                    () = tokio::time::sleep(WRITE_AGAIN) => {}
                }
            }
            result => return result,
        }
    }
}

async fn converse(state: AppState, identity: Identity, token: &CancellationToken) -> Result<(), DriverError> {
    let Some((enrollment, hub)) = enrolled(&state, &identity, token).await? else { return Ok(()) };
    Driver::start(state, identity, &enrollment, hub, token).await?.run(token).await
}

struct Driver {
    state: AppState,
    session: Session,
    line: Line,
    rng: StdRng,
    inputs: VecDeque<Input>,
    acknowledged: Acknowledged,
    acknowledge_at: Option<Instant>,
    /// When the journal, which has grown, may be looked at.
    look_at: Option<Instant>,
    looked_at: Option<Instant>,
    /// What the session was told that this site has lost.
    lost: Option<Position>,
    /// Lines of the log about frames that cannot be accepted.
    set_aside: Repeats,
}

impl Driver {
    async fn start(
        state: AppState,
        identity: Identity,
        enrollment: &Enrollment,
        hub: PublicIdentity,
        token: &CancellationToken,
    ) -> Result<Self, DriverError> {
        let settings = session_settings(&state);
        settings.check()?;
        let (site, key) = (state.site.id.clone(), identity);
        let session =
            state.readers.read(move |conn| conversation::open(conn, settings, site, key, hub)).await?;
        let (line, _task) = Line::start(
            line_settings(&state, &enrollment.shard),
            Role::Site(state.site.id.clone()),
            token.clone(),
        )?;
        let mut driver = Self {
            state,
            session,
            line,
            rng: rand::make_rng(),
            inputs: VecDeque::new(),
            acknowledged: Acknowledged::default(),
            acknowledge_at: None,
            look_at: None,
            looked_at: None,
            lost: None,
            set_aside: Repeats::default(),
        };
        driver.tell_loss().await?;
        Ok(driver)
    }

    async fn run(mut self, token: &CancellationToken) -> Result<(), DriverError> {
        let mut incarnation = self.state.writer.incarnation();
        self.count_parked().await?;
        loop {
            while let Some(input) = self.inputs.pop_front() {
                self.take(input).await?;
            }
            let sleep = self.until_wake();
            let (due, look) = (self.acknowledge_at, self.look_at);
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                event = self.line.events.recv() => self.line_event(event.ok_or(DriverError::LineEnded)?).await?,
                () = self.state.writer.journal_grown(), if look.is_none() => self.journal_has_grown(),
                () = at(look), if look.is_some() => self.look(),
                changed = incarnation.changed() => {
                    changed.map_err(|_| WriterGone)?;
                    self.tell_links().await?;
                }
                () = tokio::time::sleep(sleep) => self.inputs.push_back(Input::Tick),
                () = at(due), if due.is_some() => {
                    self.write_acknowledgements().await?;
                }
            }
        }
    }

    /// At once when that was long ago, so that who sells now is heard now.
    fn journal_has_grown(&mut self) {
        match self.looked_at.map(|looked| looked + LOOK_EVERY).filter(|free| *free > Instant::now()) {
            Some(free) => self.look_at = Some(free),
            None => self.look(),
        }
    }

    fn look(&mut self) {
        self.look_at = None;
        self.looked_at = Some(Instant::now());
        self.inputs.push_back(Input::Woken);
    }

    async fn tell_links(&mut self) -> Result<(), DriverError> {
        let links = self.state.readers.read(|conn| Ok(outpost_journal::chain(conn)?)).await?;
        self.inputs.push_back(Input::Links(links));
        Ok(())
    }

    /// Tells the session what this site has lost, when that has changed.
    async fn tell_loss(&mut self) -> Result<(), DriverError> {
        let loss = self.state.readers.read(past::open).await?;
        let lost = loss.and_then(|loss| loss.lost.last().copied());
        if lost != self.lost {
            self.lost = lost;
            self.inputs.push_back(Input::Lost(lost));
        }
        Ok(())
    }

    fn until_wake(&self) -> Duration {
        let now = self.state.now().boot_ms;
        let wake = self.session.wake_at().map(|at| Duration::from_millis(at.saturating_sub(now)));
        wake.unwrap_or(IDLE).min(IDLE)
    }

    async fn line_event(&mut self, event: LineEvent) -> Result<(), DriverError> {
        let now = self.state.now().wall;
        match event {
            LineEvent::Up => {
                self.tell_links().await?;
                self.inputs.push_back(Input::LineUp);
            }
            LineEvent::Down { reason, taken_over } => {
                self.inputs.push_back(Input::LineDown);
                if self.state.line.note(false, now, Some(reason), taken_over) {
                    self.state.writer.tell(News::Sync);
                }
                if taken_over {
                    self.raise("clone_alive", "site/line", String::new()).await?;
                }
            }
            LineEvent::Frame { bytes, .. } => self.inputs.push_back(Input::Received(bytes)),
            LineEvent::TooLarge(_) => self.inputs.push_back(Input::TooLarge),
        }
        Ok(())
    }

    async fn take(&mut self, input: Input) -> Result<(), DriverError> {
        let received = matches!(input, Input::Received(_));
        let before = self.session.heard_at();
        let now = self.state.now();
        let effects = self.session.handle(now.for_engine(), &mut self.rng, input);
        let heard = received && self.session.heard_at() != before;
        if heard {
            self.state.line.stored(self.session.stored_by_peer());
        }
        if heard && self.state.line.heard(now.wall) {
            tracing::info!("the hub answers again");
            self.state.writer.tell(News::Sync);
        }
        for effect in effects {
            match effect {
                Effect::Acknowledged(mark) => {
                    self.acknowledged.hear(mark);
                    self.acknowledge_at.get_or_insert_with(|| Instant::now() + ACKNOWLEDGE_EVERY);
                }
                effect => self.carry_out(effect).await?,
            }
        }
        Ok(())
    }

    async fn write_acknowledgements(&mut self) -> Result<(), DriverError> {
        self.acknowledge_at = None;
        for mark in self.acknowledged.take() {
            let answer = self.state.writer.submit_patiently(Job::Acknowledge(mark)).await?;
            if self.acknowledged.answered(mark, Some(&answer)) {
                self.state.writer.tell(News::Sync);
            } else {
                self.acknowledge_at.get_or_insert_with(|| Instant::now() + WRITE_AGAIN);
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self, effect: Effect) -> Result<(), DriverError> {
        match effect {
            Effect::Publish { bytes, .. } => {
                self.line.publisher.publish(&self.state.site.id, bytes);
            }
            Effect::Read { query, limit, bytes_max } => {
                let asked = query.clone();
                let read = move |conn: &rusqlite::Connection| {
                    Ok(outpost_journal::read(conn, &asked, limit, bytes_max)?)
                };
                let items = self.state.readers.read(read).await?;
                self.inputs.push_back(Input::Read { query, items });
            }
            Effect::Store(batch) => {
                let stored = match self.state.writer.submit_patiently(Job::Merge(batch)).await? {
                    Answer::Merged(refused) => Input::Stored { refused },
                    Answer::Deferred { refused, later } => Input::StoredBut { refused, later },
                    _ => Input::StoreFailed,
                };
                self.inputs.push_back(stored);
                if self.lost.is_some() {
                    self.tell_loss().await?;
                }
                self.count_parked().await?;
            }
            Effect::Look(look) => {
                let seen = move |conn: &rusqlite::Connection| Ok(outpost_journal::look(conn, HUB, &look)?);
                let seen = self.state.readers.read(seen).await?;
                self.inputs.push_back(Input::Seen(seen));
            }
            Effect::Mend(mend) => {
                let mended = match self.state.writer.submit_patiently(Job::Mend(mend)).await? {
                    Answer::Done => Input::Mended,
                    _ => Input::MendFailed,
                };
                self.inputs.push_back(mended);
                self.count_parked().await?;
            }
            Effect::Quarantine { bytes, reason } => {
                if let Some(times) = self.set_aside.note(self.state.now().boot_ms, reason.kind()) {
                    tracing::warn!(%reason, times, "a frame was set aside");
                }
                let reason = reason.to_string();
                self.state.writer.submit_patiently(Job::KeepFrame { bytes, reason }).await?;
            }
            Effect::Notice(notice) => self.notice(notice).await?,
            Effect::Acknowledged(_) => {}
        }
        Ok(())
    }

    async fn notice(&mut self, notice: Notice) -> Result<(), DriverError> {
        let now = self.state.now();
        if let Some(job) = conversation::job_of(&notice, &now, self.state.site.clock_error_max_ms) {
            let concerns_loss = matches!(job, Job::Behind(_) | Job::Same(_));
            let kept = conversation::must_be_kept(&job);
            let answer = self.state.writer.submit_patiently(job).await?;
            if let Answer::Failed(failed) = answer
                && kept
            {
                return Err(DriverError::NotWritten(failed.code));
            }
            if concerns_loss {
                self.tell_loss().await?;
            }
        }
        match notice {
            Notice::Greeted { .. } => {
                if self.state.line.note(true, now.wall, None, false) {
                    tracing::info!("the hub answers");
                    self.state.writer.tell(News::Sync);
                }
            }
            Notice::Silent | Notice::Retired(_) | Notice::SchemaApart { .. } | Notice::Deferred(_) => {
                let trouble = conversation::trouble(&notice);
                let taken_over = matches!(notice, Notice::Retired(_));
                if self.state.line.note(false, now.wall, trouble.map(str::to_owned), taken_over) {
                    tracing::warn!(trouble, "the line to the hub");
                    self.state.writer.tell(News::Sync);
                }
            }
            Notice::Authority(bytes) if !conversation::is_understood(&bytes) => {
                tracing::warn!("the hub's authority cannot be read");
            }
            other => tracing::debug!(notice = ?other, "replication"),
        }
        Ok(())
    }

    /// Tells the session how many changes wait for what they build on.
    async fn count_parked(&mut self) -> Result<(), DriverError> {
        let (items, _) = self.state.readers.read(|conn| Ok(outpost_journal::parked(conn)?)).await?;
        self.inputs.push_back(Input::Parked(items));
        Ok(())
    }

    async fn raise(&self, code: &'static str, subject: &str, event: String) -> Result<(), DriverError> {
        let job = Job::Raise { code, subject: subject.to_owned(), event };
        self.state.writer.submit_patiently(job).await?;
        Ok(())
    }
}

async fn at(due: Option<Instant>) {
    tokio::time::sleep_until(due.unwrap_or_else(Instant::now)).await;
}

fn session_settings(state: &AppState) -> outpost_sync::Settings {
    let sync = &state.settings.sync;
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let shipped = outpost_sync::Settings::default();
    let hello_every_ms = millis(sync.hello_interval);
    let resend_after_ms = millis(sync.resend_after);
    outpost_sync::Settings {
        hello_every_ms,
        hello_retry_ms: shipped.hello_retry_ms.min(hello_every_ms),
        silent_after_ms: hello_every_ms.saturating_mul(HELLOS_UNTIL_SILENT),
        flush_after_ms: millis(sync.flush_after),
        flush_items: shipped.flush_items.min(sync.frame_changes_max),
        window_frames: sync.window_frames,
        resend_after_ms,
        resend_every_ms_max: shipped.resend_every_ms_max.max(resend_after_ms),
        frame_bytes_max: sync.frame_bytes_max,
        frame_items_max: sync.frame_changes_max,
        ..shipped.with_inflated_bytes_max(sync.inflated_bytes_max)
    }
}

fn line_settings(state: &AppState, shard: &str) -> LineSettings {
    let broker = &state.settings.broker;
    let incarnation = *state.writer.incarnation().borrow();
    LineSettings {
        username: broker.username.clone(),
        password: broker.password.as_ref().map(|password| password.expose().to_owned()),
        shards: vec![shard.to_owned()],
        ..LineSettings::new(broker.address.to_string(), format!("outpost-{}-{incarnation}", state.site.id))
    }
}
