//! `GET /v1/devices`, `POST /v1/print-jobs`, `POST /v1/print-jobs/{id}/{retry|confirm|cancel}`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use outpost_daemon::Problem;
use outpost_daemon::extract::{Json, Path};
use outpost_model::event::By;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::id::{CaseId, ContainerId, DeviceId, StaffId};
use outpost_model::rejection::Rejection;
use outpost_model::time::UtcMillis;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::ApiError;
use crate::app::print::{PrintChange, PrintResult};
use crate::device::DeskError;
use crate::device::job::{JobInput, JobState};
use crate::device::label::{Labels, Written, media_of};
use crate::device::printer::PrinterStatus;
use crate::state::AppState;
use crate::store::print_job::{self, NewPrintJob, PrintJob, PrintJobId, PrintKind};
use crate::store::{StoreResult, case, product};

/// Jobs that are over and still listed.
const RECENT_MAX: u32 = 50;

/// The site's devices and their jobs.
#[derive(Debug, Serialize)]
pub struct Devices {
    printers: Vec<PrinterStatus>,
    /// Jobs that are not over, oldest first.
    live: Vec<PrintJob>,
    /// The newest jobs, live ones included.
    recent: Vec<PrintJob>,
    as_of: UtcMillis,
}

/// What is to be printed.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Wanted {
    /// Another copy of a job's label.
    Copy {
        /// A job whose label is wanted again.
        job: PrintJobId,
        /// Why.
        reason: String,
        /// Who asks.
        #[serde(flatten)]
        asking: Asking,
    },
    /// A label that needs no number: of a bag, or a packing slip.
    Label {
        /// The case.
        case: CaseId,
        /// What it goes on.
        container: ContainerId,
        /// `pickup` or `packing_slip`.
        kind: PrintKind,
        /// Who asks.
        #[serde(flatten)]
        asking: Asking,
    },
}

/// Who asks, and under which id: asked again under the same id, nothing is printed twice.
#[derive(Debug, Deserialize)]
pub struct Asking {
    staff: StaffId,
    device: DeviceId,
    #[serde(default)]
    request: Option<uuid::Uuid>,
}

/// What a person decides about a job.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Print it after all: it expired, or its line failed before anything was sent.
    Retry,
    /// It came out.
    Confirm,
    /// It is not needed.
    Cancel,
}

/// `GET /v1/devices`
pub async fn devices(State(state): State<AppState>) -> Result<Json<Devices>, ApiError> {
    let (live, recent) =
        state.readers.read(|conn| Ok((print_job::live(conn)?, print_job::newest(conn, RECENT_MAX)?))).await?;
    Ok(Json(Devices { printers: state.desk.board().all(), live, recent, as_of: state.now().wall }))
}

/// `POST /v1/print-jobs`
pub async fn create(State(state): State<AppState>, Json(wanted): Json<Wanted>) -> Result<Response, ApiError> {
    let change = match wanted {
        Wanted::Copy { job, reason, asking } => copy(&state, job, reason, &asking).await?,
        Wanted::Label { case, container, kind, asking } => {
            label(&state, case, container, kind, &asking).await?
        }
    };
    let job = done(state.desk.ask(change).await?)?;
    Ok((StatusCode::CREATED, Json(job)).into_response())
}

/// `POST /v1/print-jobs/{id}/{retry|confirm|cancel}`
pub async fn decide(
    State(state): State<AppState>,
    Path((id, decision)): Path<(i64, Decision)>,
    Json(asking): Json<Asking>,
) -> Result<Json<PrintJob>, ApiError> {
    let job = find(&state, PrintJobId(id)).await?;
    let (input, expires_at) = match decision {
        Decision::Retry => (JobInput::Retry, Some(expiry(&state, &job.printer))),
        Decision::Confirm => (JobInput::Confirm, None),
        Decision::Cancel => (JobInput::Cancel, None),
    };
    if input == JobInput::Cancel {
        refuse_while_held(&state, &job)?;
    }
    let change = PrintChange::Step { job: job.id, input, odometer: None, not_before: None, expires_at };
    let job = done(state.desk.ask(change).await?)?;
    tracing::info!(job = id, ?decision, by = %asking.by(), state = %job.state, "a person decided about a label");
    Ok(Json(job))
}

impl Asking {
    fn by(&self) -> By {
        By::person(&self.staff, &self.device)
    }
}

async fn copy(
    state: &AppState,
    job: PrintJobId,
    reason: String,
    asking: &Asking,
) -> Result<PrintChange, ApiError> {
    let job = find(state, job).await?;
    refuse_while_held(state, &job)?;
    Ok(PrintChange::Reprint {
        job: job.id,
        reason,
        request: asking.request.map(|id| id.to_string()),
        asked_by: asking.by().to_string(),
        expires_at: expiry(state, &job.printer),
    })
}

async fn label(
    state: &AppState,
    case: CaseId,
    container: ContainerId,
    kind: PrintKind,
    asking: &Asking,
) -> Result<PrintChange, ApiError> {
    let Some((printer, settings)) = state.settings.printers.iter().next() else {
        return Err(Problem::conflict("no_printer", "No printer is set up at this site.").into());
    };
    let (site, now, media) = (state.site.clone(), state.now().wall, media_of(settings));
    let on = container.clone();
    let written = state
        .readers
        .read(move |conn| {
            let Some(row) = case::load(conn, case)? else { return Ok(None) };
            let labels = Labels { media, site: &site.name, zone: &site.zone };
            Ok(Some((write(conn, &labels, &row.state, &on, kind, now)?, row.state.header.order_number)))
        })
        .await?;
    let Some((written, number)) = written else {
        return Err(Problem::not_found("no_such_case", "This order is not at this site.").into());
    };
    let Written { bytes, labels } = written.map_err(|why| Problem::unprocessable("label", why))?;
    Ok(PrintChange::Queue(Box::new(NewPrintJob {
        printer: printer.clone(),
        kind,
        case: Some(case),
        container,
        number,
        bytes,
        labels,
        request: asking.request.map(|id| id.to_string()),
        asked_by: asking.by().to_string(),
        expires_at: expiry(state, printer),
    })))
}

/// The bytes of a label, or in a sentence why there are none.
fn write(
    conn: &Connection,
    labels: &Labels<'_>,
    case: &Fulfillment,
    container: &ContainerId,
    kind: PrintKind,
    now: UtcMillis,
) -> StoreResult<Result<Written, String>> {
    if !case.containers.contains_key(container) {
        return Ok(Err("Nothing of this order lies in that container.".to_owned()));
    }
    let mut titles = std::collections::BTreeMap::new();
    for item in case.containers.values().flat_map(|container| &container.contents) {
        if let Some(product) = product::load(conn, &item.sku)? {
            titles.insert(item.sku.clone(), product.title);
        }
    }
    let written = match kind {
        PrintKind::Pickup => labels.pickup(case, container),
        PrintKind::PackingSlip => labels.packing_slip(case, container, now, |sku| titles.get(sku).cloned()),
        PrintKind::Handling | PrintKind::Carrier => {
            return Ok(Err("This label has a number: ask for it by the command `label`.".to_owned()));
        }
    };
    Ok(written.map_err(|error| error.to_string()))
}

async fn find(state: &AppState, id: PrintJobId) -> Result<PrintJob, ApiError> {
    let found = state.readers.read(move |conn| print_job::find(conn, id)).await?;
    let missing = || Problem::not_found("no_such_print_job", "There is no print job with this number.");
    found.ok_or_else(|| missing().into())
}

/// A printer that stands with a complaint still holds what it was sent and prints it once that is seen to: another
/// copy now would be one too many.
fn refuse_while_held(state: &AppState, job: &PrintJob) -> Result<(), ApiError> {
    if job.state == JobState::SentUnconfirmed && state.desk.board().holds_its_work(&job.printer) {
        let problem = Problem::conflict("printer_holds_job", "The printer still holds this label.");
        return Err(problem.detail("See to the printer first: the label comes out by itself then.").into());
    }
    Ok(())
}

fn expiry(state: &AppState, printer: &str) -> UtcMillis {
    let settings = state.settings.printers.get(printer).or_else(|| state.settings.printers.values().next());
    let wait = settings.map_or(0, |settings| settings.job_expiry.as_millis());
    state.now().wall + i64::try_from(wait).unwrap_or(i64::MAX)
}

fn done(result: Result<PrintResult, DeskError>) -> Result<PrintJob, ApiError> {
    match result.map_err(Problem::internal)? {
        Ok(Some(job)) => Ok(job),
        Ok(None) => Err(Problem::internal("a change of a print job has no job").into()),
        Err(rejection) => Err(refused(rejection).into()),
    }
}

fn refused(rejection: Rejection) -> Problem {
    let status = if rejection.code == "reason_needed" {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::CONFLICT
    };
    Problem::new(status, rejection.code, rejection.sentence)
}
