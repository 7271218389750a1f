//! The mechanism of the writer, without its thread: a group of jobs in, one commit, answers out.
//!
//! A failure before COMMIT rolls the group back: the documents are ahead of the journal then, so all are closed, a new
//! incarnation is minted and stored, and each job runs alone; where the disk is the cause, all have failed. An error
//! *from* COMMIT, other than a busy database or a full disk, leaves the fate of the group unknown: nobody may be
//! answered, and the process must end. (SQLite says that the disk is full before the last frame of a commit is whole in
//! its log: such a commit is never found by whoever opens the log. The tests of `outpost-disk` hold it to that.)

use outpost_daemon::DiskTrouble;
use outpost_model::command::Outcome;
use outpost_model::defects::{Planted, is_planted};
use outpost_model::rejection::Rejection;
use outpost_sync::Incarnation;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::documents::OpenDocuments;
use super::job::{Answer, Failed, Job, News};
use super::memory::Memory;
use super::permission::{Permit, held};
use super::restoring::Restoring;
use super::unit::{Stop, Traces, Unit};
use crate::app;
use crate::ids::Ids;
use crate::moment::Moment;
use crate::site::Site;
use crate::store::print_job::PrintKind;
use crate::store::{self, StoreError};

/// Limits of the writer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Documents that stay open from one group to the next.
    pub open_documents_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { open_documents_max: 256 }
    }
}

/// The writer's state: the one connection that writes, and the open documents.
pub struct Core {
    conn: Connection,
    site: Site,
    documents: OpenDocuments,
    memory: Memory,
    /// Whether the present incarnation must not be used any more and no new one could be stored since: a rollback left
    /// documents ahead of the journal, or the hub knows this life differently.
    must_mint: bool,
    restoring: Restoring,
}

/// A group that is durable, with its answers; [`Core::confirm`] makes them ready to be given.
#[derive(Debug, Default)]
pub struct Committed {
    /// One for each job, in their order.
    pub answers: Vec<Answer>,
    /// What screens may want to look at.
    pub news: Vec<News>,
    /// Whether the journal may have grown.
    pub wrote: bool,
    /// What the disk did, if it was the cause of a failure.
    pub trouble: Option<DiskTrouble>,
    pub(super) permits: Vec<(usize, Permit)>,
}

/// COMMIT failed in a way that tells nothing about whether the group is durable.
#[derive(Debug, thiserror::Error)]
#[error("COMMIT failed and the fate of its group is unknown")]
pub struct FateUnknown(#[source] pub rusqlite::Error);

pub(super) enum GroupError {
    RolledBack(Stop),
    FateUnknown(FateUnknown),
}

impl From<Stop> for GroupError {
    fn from(stop: Stop) -> Self {
        Self::RolledBack(stop)
    }
}

impl Core {
    /// Takes over a migrated database: mints this life's incarnation and stores it before anything is written.
    pub fn open(mut conn: Connection, site: Site, limits: Limits, ids: &mut Ids) -> Result<Self, StoreError> {
        let before = outpost_journal::current(&conn)?.filter(|_| is_planted(Planted::ReuseTheActor));
        let incarnation = before.map_or_else(|| ids.incarnation(), |mark| mark.incarnation);
        if before.is_none() {
            // Whether it failed before or in COMMIT is all the same here: the process ends, and the next one mints another.
            mint(&mut conn, incarnation).map_err(|error| match error {
                GroupError::RolledBack(Stop::Store(error)) => error,
                GroupError::RolledBack(stop) => StoreError::corrupt("sync_incarnation", incarnation, stop),
                GroupError::FateUnknown(fate) => StoreError::Sql(fate.0),
            })?;
        }
        let operations_max = site.limits.change_operations_max;
        let documents = OpenDocuments::new(incarnation, limits.open_documents_max, operations_max);
        let (memory, restoring) = (Memory::default(), Restoring::default());
        Ok(Self { conn, site, documents, memory, must_mint: false, restoring })
    }

    /// The incarnation that writes now.
    pub fn incarnation(&self) -> Incarnation {
        self.documents.actor()
    }

    /// The site.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The connection that writes, for looking at it between groups.
    pub fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Does what every group begins with, for nothing: a job is about to come, and caches are cold.
    pub fn warm_up(&self) {
        // A database that cannot begin says so to the next group.
        if begin(&self.conn).is_ok() {
            let _ = self.conn.prepare_cached("ROLLBACK").and_then(|mut statement| statement.execute([]));
        }
    }

    /// Copies the log into the database while nobody waits. SQLite does so by itself within a commit when the log has
    /// grown long; done in a pause, no scan waits for it. What fails here is lost by nobody: the log stays whole.
    pub fn checkpoint(&self) {
        let done = self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!(%error, "the log could not be copied into the database; it goes on growing for now");
        }
    }

    /// Runs a group: one commit for all jobs, or each job alone when that fails.
    pub fn run(&mut self, now: &Moment, ids: &mut Ids, jobs: &[Job]) -> Result<Committed, FateUnknown> {
        match self.group(now, ids, jobs) {
            Ok(committed) => return Ok(committed),
            Err(GroupError::FateUnknown(fate)) => return Err(fate),
            Err(GroupError::RolledBack(stop)) if disk_trouble(&stop).is_some() => {
                return Ok(Committed::failed(&stop, jobs.len()));
            }
            Err(GroupError::RolledBack(stop)) => {
                if jobs.len() == 1 {
                    return self.after_failure(now, ids, &jobs[0], &stop);
                }
                tracing::warn!(jobs = jobs.len(), error = %stop, "a group was rolled back; its jobs run alone");
            }
        }
        let mut all = Committed::default();
        for job in jobs {
            let committed = match self.group(now, ids, std::slice::from_ref(job)) {
                Ok(committed) => committed,
                Err(GroupError::FateUnknown(fate)) => return Err(fate),
                Err(GroupError::RolledBack(stop)) => self.after_failure(now, ids, job, &stop)?,
            };
            all.take(committed);
        }
        Ok(all)
    }

    pub(super) fn group(
        &mut self,
        now: &Moment,
        ids: &mut Ids,
        jobs: &[Job],
    ) -> Result<Committed, GroupError> {
        self.mint_if_needed(ids)?;
        let result = self.attempt(now, ids, jobs);
        if !self.conn.is_autocommit() {
            // Where even this fails, what the next group would commit nobody could say.
            self.conn
                .execute_batch("ROLLBACK")
                .map_err(|error| GroupError::FateUnknown(FateUnknown(error)))?;
        }
        if result.is_ok() && self.mint_if_needed(ids).is_err() {
            tracing::error!("a new incarnation could not be stored; the next group tries again");
        }
        if matches!(result, Err(GroupError::RolledBack(_))) && self.documents.are_ahead() {
            if is_planted(Planted::KeepTheActorAfterRollback) {
                self.documents.committed();
                return result;
            }
            self.must_mint = true;
            self.mint_if_needed(ids)?;
        }
        result
    }

    fn mint_if_needed(&mut self, ids: &mut Ids) -> Result<(), GroupError> {
        if !self.must_mint {
            return Ok(());
        }
        let incarnation = ids.incarnation();
        mint(&mut self.conn, incarnation)?;
        self.documents.restart(incarnation);
        self.must_mint = false;
        Ok(())
    }

    fn attempt(&mut self, now: &Moment, ids: &mut Ids, jobs: &[Job]) -> Result<Committed, GroupError> {
        let mut memory = std::mem::take(&mut self.memory).recalled(&self.conn);
        begin(&self.conn)?;
        let tx = &self.conn;
        let mut traces = Traces::default();
        let mut answers = Vec::with_capacity(jobs.len());
        let mut permits = Vec::new();
        for (index, job) in jobs.iter().enumerate() {
            if let Some(failed) = self.restoring.holds(job, now) {
                answers.push(Answer::Failed(failed));
                continue;
            }
            memory.before(job);
            let mut unit =
                Unit::new(tx, &self.site, *now, ids, &mut self.documents, &mut memory, &mut traces);
            answers.push(app::perform(&mut unit, job)?);
            permits.extend(traces.permits.drain(..).map(|permit| (index, permit)));
        }
        let skus = std::mem::take(&mut traces.skus);
        if !skus.is_empty() {
            let mut unit =
                Unit::new(tx, &self.site, *now, ids, &mut self.documents, &mut memory, &mut traces);
            app::settle(&mut unit, &skus)?;
        }
        self.documents.close_some(tx).map_err(Stop::from)?;
        let wrote = self.documents.are_ahead() || traces.sent;
        // Keys first: after a crash in between, a key opens nothing; the other way round nobody could read a record.
        self.site.vault.keep(&traces.keys).map_err(Stop::from)?;
        finish(tx)?;
        self.documents.committed();
        self.memory = memory.committed(&self.conn);
        self.must_mint |= traces.begin_anew;
        for job in jobs {
            if let Err(error) = self.restoring.committed(&self.conn, job, now) {
                tracing::error!(%error, "whether something is missing could not be read; work goes on");
            }
        }
        Ok(Committed { answers, news: traces.news.into_iter().collect(), wrote, trouble: None, permits })
    }

    /// Looks once more at every permission the group gave, at the moment its answers go out: authority may have ended
    /// while the disk was busy. Then the fact stays, counted as an exception, and the person hears no permission.
    pub fn confirm(&mut self, now: &Moment, committed: &mut Committed) -> Result<(), FateUnknown> {
        for (index, permit) in std::mem::take(&mut committed.permits) {
            let still = held(&self.conn, &self.site, now, (permit.case, permit.place), permit.service);
            if matches!(still, Ok(outpost_model::command::Held::Yes)) {
                continue;
            }
            let rejection = Rejection::new(
                "authority_ended",
                "The site's authority ended while this was being saved. Keep the goods and ask a supervisor.",
            );
            match self.withdraw(now, &permit, &rejection) {
                Ok(()) => committed.news.push(News::Exception("outside_authority".to_owned())),
                Err(GroupError::FateUnknown(fate)) => return Err(fate),
                Err(GroupError::RolledBack(stop)) => {
                    tracing::error!(error = %stop, "a withdrawn permission could not be written down");
                }
            }
            if let Some(answer) = committed.answers.get_mut(index) {
                *answer = Answer::Rejected(rejection);
            }
        }
        Ok(())
    }

    fn withdraw(&mut self, now: &Moment, permit: &Permit, why: &Rejection) -> Result<(), GroupError> {
        let open = self.conn.transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = open.map_err(|error| Stop::from(StoreError::from(error)))?;
        let outcome = Outcome::Rejected { rejection: why.clone() };
        store::outcome::replace(&tx, permit.command, &outcome).map_err(Stop::from)?;
        store::exception::raise(
            &tx,
            now.wall,
            "outside_authority",
            &outpost_model::id::DocumentKey::Case(permit.case).to_string(),
            &permit.event.to_string(),
            app::sentence("outside_authority"),
        )
        .map_err(Stop::from)?;
        // Its label must not come out of a printer after the person was told that it may not.
        app::print::withdraw(&tx, now.wall, permit.case, |job| job.kind == PrintKind::Carrier)
            .map_err(Stop::from)?;
        commit(tx)
    }
}

impl Committed {
    pub(super) fn failed(stop: &Stop, jobs: usize) -> Self {
        tracing::error!(error = %outpost_daemon::causes(stop), jobs, "a group failed");
        let answers = vec![Answer::Failed(failed(stop)); jobs];
        Self { answers, trouble: disk_trouble(stop), ..Self::default() }
    }

    pub(super) fn take(&mut self, one: Self) {
        let index = self.answers.len();
        self.answers.extend(one.answers);
        self.news.extend(one.news);
        self.wrote |= one.wrote;
        self.trouble = one.trouble.or(self.trouble);
        self.permits.extend(one.permits.into_iter().map(|(_, permit)| (index, permit)));
    }
}

fn mint(conn: &mut Connection, incarnation: Incarnation) -> Result<(), GroupError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Stop::from)?;
    outpost_journal::mint(&tx, incarnation).map_err(Stop::from)?;
    commit(tx)
}

fn commit(tx: Transaction<'_>) -> Result<(), GroupError> {
    tx.commit().map_err(not_committed)
}

/// Begins a group: like a [`Transaction`], with a statement that is kept. Its end is [`finish`], or the rollback of
/// [`Core::group`].
fn begin(conn: &Connection) -> Result<(), GroupError> {
    let begun = conn.prepare_cached("BEGIN IMMEDIATE").and_then(|mut statement| statement.execute([]));
    begun.map_err(|error| GroupError::RolledBack(error.into()))?;
    Ok(())
}

/// Commits a group.
fn finish(conn: &Connection) -> Result<(), GroupError> {
    // While it is prepared nothing is written yet.
    let mut statement =
        conn.prepare_cached("COMMIT").map_err(|error| GroupError::RolledBack(error.into()))?;
    statement.execute([]).map_err(not_committed)?;
    Ok(())
}

fn not_committed(error: rusqlite::Error) -> GroupError {
    match error.sqlite_error_code() {
        // These say that nothing of it was written; all others leave it open.
        Some(ErrorCode::DatabaseBusy | ErrorCode::DiskFull) => {
            GroupError::RolledBack(StoreError::from(error).into())
        }
        _ => GroupError::FateUnknown(FateUnknown(error)),
    }
}

fn failed(stop: &Stop) -> Failed {
    if let Some(trouble) = disk_trouble(stop) {
        return Failed::of_disk(trouble);
    }
    match sqlite_code(stop) {
        Some(_) => Failed {
            code: "storage_failed",
            sentence: "The site's computer could not save this. Nothing has changed; try again.",
        },
        None => Failed {
            code: "damaged_record",
            sentence: "What is stored for this cannot be read. Nothing has changed; call support.",
        },
    }
}

/// Whether it was the disk, and how.
fn disk_trouble(stop: &Stop) -> Option<DiskTrouble> {
    match sqlite_code(stop)? {
        ErrorCode::DiskFull => Some(DiskTrouble::Full),
        ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase => Some(DiskTrouble::Failed),
        _ => None,
    }
}

/// Whether the same may succeed another time. A value that a table does not take is the fault of who sent it, and
/// would fail for ever.
pub(super) fn is_fault_of_storage(stop: &Stop) -> bool {
    let of_value = [ErrorCode::ConstraintViolation, ErrorCode::TypeMismatch, ErrorCode::TooBig];
    sqlite_code(stop).is_some_and(|code| !of_value.contains(&code))
}

fn sqlite_code(stop: &Stop) -> Option<ErrorCode> {
    let mut error: Option<&(dyn std::error::Error + 'static)> = Some(stop);
    while let Some(current) = error {
        if let Some(sqlite) = current.downcast_ref::<rusqlite::Error>() {
            return sqlite.sqlite_error_code();
        }
        error = current.source();
    }
    None
}
