//! Changes of print jobs: the worker's steps and what people ask for. Runs inside the writer's transaction.

use outpost_model::fact::SiteFact;
use outpost_model::id::CaseId;
use outpost_model::rejection::Rejection;
use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;
use rusqlite::Connection;

use crate::device::job::{JobInput, JobState};
use crate::store::StoreResult;
use crate::store::case::CaseRow;
use crate::store::print_job::{self, LABEL_BYTES_MAX, NewCopy, NewPrintJob, PrintJob, PrintJobId};
use crate::write::{Answer, News, Stop, Unit};

/// Longest reason for another copy, in bytes.
pub const REASON_BYTES_MAX: usize = 200;
/// The reason that says that the copy before never came out.
pub const NOT_PRINTED: &str = "not_printed";

/// A change of print jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrintChange {
    /// A new label.
    Queue(Box<NewPrintJob>),
    /// One step of one job.
    Step {
        /// The job.
        job: PrintJobId,
        /// What happened.
        input: JobInput,
        /// The printer's count, as read before the first byte.
        odometer: Option<u64>,
        /// Not to be sent again before this instant.
        not_before: Option<UtcMillis>,
        /// A new time to live, for a job that a person brings back.
        expires_at: Option<UtcMillis>,
    },
    /// Another copy.
    Reprint {
        /// A job whose label is wanted again.
        job: PrintJobId,
        /// Why.
        reason: String,
        /// The id of the request; asked again it makes no other copy.
        request: Option<String>,
        /// Who asks.
        asked_by: String,
        /// When the copy is no longer worth printing.
        expires_at: UtcMillis,
    },
    /// The daemon starts: what was being sent may have come out.
    Restart,
}

impl PrintChange {
    /// A step that needs nothing but its input.
    pub fn step(job: PrintJobId, input: JobInput) -> Self {
        Self::Step { job, input, odometer: None, not_before: None, expires_at: None }
    }
}

/// What a change came to: the job as it is now, where the change was about one.
pub type PrintResult = Result<Option<PrintJob>, Rejection>;

/// Seals a label's bytes under the number of its job.
pub type Seal<'a> = &'a mut dyn FnMut(PrintJobId, &[u8]) -> Vec<u8>;

/// Stores a label to be printed; refuses one without bytes or with too many.
pub fn queue(
    conn: &Connection,
    now: UtcMillis,
    job: &NewPrintJob,
    seal: Seal<'_>,
) -> StoreResult<Result<PrintJobId, Rejection>> {
    if let Err(rejection) = fits(&job.bytes) {
        return Ok(Err(rejection));
    }
    let id = print_job::next_id(conn)?;
    print_job::insert(conn, id, now, job, &seal(id, &job.bytes))?;
    Ok(Ok(id))
}

/// Seals with a key of the unit's, for as long as labels are kept.
fn seal_of<'u>(unit: &'u mut Unit<'_>) -> impl FnMut(PrintJobId, &[u8]) -> Vec<u8> + 'u {
    let retain_until = unit.now() + unit.site().retention.labels_ms;
    move |id, bytes| {
        let name = Name { kind: print_job::SEALED_AS, key: &id.to_string() };
        unit.seal(name, retain_until, bytes)
    }
}

/// Refuses a label without bytes or with too many.
pub fn fits(label: &[u8]) -> Result<(), Rejection> {
    match label.len() {
        1..=LABEL_BYTES_MAX => Ok(()),
        bytes => Err(Rejection::new(
            "label_size",
            format!(
                "The label has {bytes} bytes; a printer gets 1 to {LABEL_BYTES_MAX}. Ask for a new label."
            ),
        )),
    }
}

/// Makes the change.
pub fn change(
    conn: &Connection,
    now: UtcMillis,
    change: &PrintChange,
    seal: Seal<'_>,
) -> StoreResult<PrintResult> {
    match change {
        PrintChange::Queue(job) => {
            if let Some(request) = &job.request
                && let Some(made) = print_job::of_request(conn, request)?
            {
                return Ok(Ok(Some(made)));
            }
            match queue(conn, now, job, seal)? {
                Ok(id) => Ok(Ok(print_job::find(conn, id)?)),
                Err(rejection) => Ok(Err(rejection)),
            }
        }
        PrintChange::Step { job, input, odometer, not_before, expires_at } => {
            let Some(mut job) = print_job::find(conn, *job)? else { return Ok(Err(no_such_job())) };
            job.odometer = odometer.or(job.odometer);
            job.not_before = not_before.unwrap_or(job.not_before);
            job.expires_at = expires_at.unwrap_or(job.expires_at);
            step(conn, now, job, *input)
        }
        PrintChange::Reprint { job, reason, request, asked_by, expires_at } => {
            if let Some(request) = request
                && let Some(made) = print_job::of_request(conn, request)?
            {
                return Ok(Ok(Some(made)));
            }
            let Some(job) = print_job::find(conn, *job)? else { return Ok(Err(no_such_job())) };
            let copy = NewCopy { reason, request: request.as_deref(), asked_by, expires_at: *expires_at };
            reprint(conn, now, &job, copy)
        }
        PrintChange::Restart => {
            for job in print_job::live(conn)? {
                if job.state == JobState::Sending {
                    // A restart is an input that every state takes.
                    if let Err(rejection) = step(conn, now, job, JobInput::Restarted)? {
                        return Ok(Err(rejection));
                    }
                }
            }
            Ok(Ok(None))
        }
    }
}

fn step(conn: &Connection, now: UtcMillis, mut job: PrintJob, input: JobInput) -> StoreResult<PrintResult> {
    // The last look at the clock is inside the transaction that precedes the first byte.
    let overdue = now >= job.expires_at;
    let input = if input == JobInput::SendBegun && overdue { JobInput::Overdue } else { input };
    let next = match job.state.after(input) {
        Ok(next) => next,
        Err(rejection) => return Ok(Err(rejection)),
    };
    if input == JobInput::Retry && !job.kept {
        return Ok(Err(forgotten()));
    }
    if input == JobInput::NothingSent {
        job.attempts = job.attempts.saturating_add(1);
    }
    if next != job.state {
        job.state = next;
        job.changed_at = now;
        print_job::update(conn, now, &job)?;
    }
    Ok(Ok(Some(job)))
}

fn reprint(conn: &Connection, now: UtcMillis, job: &PrintJob, copy: NewCopy<'_>) -> StoreResult<PrintResult> {
    let plain = copy.reason.trim();
    if plain.is_empty() || plain.len() > REASON_BYTES_MAX {
        return Ok(Err(Rejection::new(
            "reason_needed",
            format!("Say in 1 to {REASON_BYTES_MAX} bytes why another copy is needed."),
        )));
    }
    if !job.kept {
        return Ok(Err(forgotten()));
    }
    if let Some(before) = print_job::live_copy(conn, job.original)? {
        match before.state {
            // Whoever says why another copy is needed has looked at this one.
            JobState::SentUnconfirmed | JobState::Unknown => {
                let word = if plain == NOT_PRINTED { JobInput::Cancel } else { JobInput::Confirm };
                if let Err(rejection) = step(conn, now, before, word)? {
                    return Ok(Err(rejection));
                }
            }
            _ => {
                return Ok(Err(Rejection::new(
                    "copy_waiting",
                    format!("Copy {} of this label still waits for the printer.", before.copy),
                )));
            }
        }
    }
    let id = print_job::insert_copy(conn, now, job, NewCopy { reason: plain, ..copy })?;
    Ok(Ok(print_job::find(conn, id)?))
}

fn no_such_job() -> Rejection {
    Rejection::new("no_such_print_job", "There is no print job with this number.")
}

fn forgotten() -> Rejection {
    Rejection::new("label_forgotten", "The label is too old: its bytes are no longer kept. Make a new label.")
}

/// Stores a label of a command to be printed, or refuses the command.
pub fn queue_for_command(unit: &mut Unit<'_>, job: &NewPrintJob) -> Result<PrintJobId, Stop> {
    let (tx, now) = (unit.tx(), unit.now());
    let id = queue(tx, now, job, &mut seal_of(unit))??;
    unit.tell(News::Device(job.printer.clone()));
    Ok(id)
}

/// Takes back labels of a case that no printer has begun: what they say is no longer so. Tells which printers had them.
pub fn withdraw(
    conn: &Connection,
    now: UtcMillis,
    case: CaseId,
    wanted: impl Fn(&PrintJob) -> bool,
) -> StoreResult<Vec<String>> {
    let mut printers = Vec::new();
    for job in print_job::of_case(conn, case)? {
        if matches!(job.state, JobState::Queued | JobState::FailedBeforeFirstByte) && wanted(&job) {
            let printer = job.printer.clone();
            // Every state before the first byte can be cancelled.
            if step(conn, now, job, JobInput::Cancel)?.is_ok() {
                printers.push(printer);
            }
        }
    }
    Ok(printers)
}

/// Numbers of the labels that these facts destroy.
pub fn destroyed(facts: &[SiteFact]) -> Vec<String> {
    let numbers = facts.iter().filter_map(|fact| match fact {
        SiteFact::LabelDestroyed { number, .. } => Some(number.clone()),
        _ => None,
    });
    numbers.collect()
}

/// Takes back labels that wait for a printer and were destroyed, or whose case has ended otherwise than by handover.
pub fn withdraw_outdated(unit: &mut Unit<'_>, row: &CaseRow, destroyed: &[String]) -> Result<(), Stop> {
    let ended = row.state.ended().is_some();
    if destroyed.is_empty() && !ended {
        return Ok(());
    }
    let case = row.state.header.case;
    let printers = withdraw(unit.tx(), unit.now(), case, |job| ended || destroyed.contains(&job.number))?;
    printers.into_iter().for_each(|printer| unit.tell(News::Device(printer)));
    Ok(())
}

/// Makes the change within a unit of work and tells the screens.
pub fn perform(unit: &mut Unit<'_>, wanted: &PrintChange) -> Result<Answer, Stop> {
    let (tx, now) = (unit.tx(), unit.now());
    let result = change(tx, now, wanted, &mut seal_of(unit))?;
    if let Ok(Some(job)) = &result {
        unit.tell(News::Device(job.printer.clone()));
    }
    Ok(Answer::Printed(result))
}
