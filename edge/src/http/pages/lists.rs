//! Lists of what needs somebody: issues and printers.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use rusqlite::Connection;

use super::job_view::{JobView, trouble};
use super::person::Person;
use super::shell::{Frame, Shell, Tab};
use super::{PageError, show};
use crate::device::printer::PrinterState;
use crate::state::AppState;
use crate::store::{StoreResult, exception, print_job};

/// Issues on one screen.
const ISSUES_MAX: u32 = 200;
/// Print jobs that are over and still shown.
const RECENT_MAX: u32 = 20;

#[derive(Template)]
#[template(path = "exceptions.html")]
struct ExceptionsPage {
    shell: Shell,
    exceptions: Vec<ExceptionView>,
}

struct ExceptionView {
    title: String,
    text: String,
    code: String,
    subject: String,
    at: String,
    href: String,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    shell: Shell,
    printers: Vec<PrinterView>,
    asking: Vec<JobView>,
    live: Vec<JobView>,
    recent: Vec<JobView>,
}

struct PrinterView {
    name: String,
    address: String,
    state: &'static str,
    tone: &'static str,
    advice: String,
    since: String,
    waiting: usize,
}

/// `GET /exceptions`
pub async fn exceptions(State(state): State<AppState>, person: Person) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = state.readers.read(move |conn| list_exceptions(conn, &frame)).await?;
    show(&page)
}

/// `GET /devices`
pub async fn devices(State(state): State<AppState>, person: Person) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = state.readers.read(move |conn| list_devices(conn, &frame)).await?;
    show(&page)
}

fn list_exceptions(conn: &Connection, frame: &Frame) -> StoreResult<ExceptionsPage> {
    let exceptions = exception::open(conn, ISSUES_MAX)?
        .into_iter()
        .map(|exception| ExceptionView {
            title: exception.code.replace('_', " "),
            href: href(&exception.subject),
            at: frame.time(outpost_model::time::UtcMillis(exception.raised_at)),
            text: exception.sentence,
            code: exception.code,
            subject: exception.subject,
        })
        .collect();
    Ok(ExceptionsPage { shell: Shell::read(conn, frame, Tab::Exceptions)?, exceptions })
}

/// The page about a subject, where there is one.
fn href(subject: &str) -> String {
    match subject.split_once('/') {
        Some(("case", case)) => format!("/case/{case}"),
        Some(("sku", sku)) => {
            let escaped: String = sku
                .bytes()
                .map(|byte| match byte {
                    byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                    byte => format!("%{byte:02X}"),
                })
                .collect();
            format!("/stock?q={escaped}")
        }
        Some(("device", _)) => "/devices".to_owned(),
        _ => String::new(),
    }
}

fn list_devices(conn: &Connection, frame: &Frame) -> StoreResult<DevicesPage> {
    let jobs = print_job::live(conn)?;
    let printers = frame
        .printers
        .iter()
        .map(|status| PrinterView {
            name: status.name.clone(),
            address: status.address.clone(),
            state: frame.t.s(match status.state {
                PrinterState::NotSeen => "printer.not_seen",
                PrinterState::Ready => "printer.ready",
                PrinterState::NeedsAttention(_) => "printer.needs_attention",
                PrinterState::Offline => "printer.offline",
            }),
            tone: match status.state {
                PrinterState::NotSeen => "quiet",
                PrinterState::Ready => "ok",
                PrinterState::NeedsAttention(_) => "warn",
                PrinterState::Offline => "bad",
            },
            advice: trouble(frame, &status.name).0,
            since: frame.t.f("printer.since", frame.time(status.since)),
            waiting: jobs.iter().filter(|job| job.printer == status.name && job.state.may_be_sent()).count(),
        })
        .collect();
    let (asking, live) = jobs.iter().partition::<Vec<_>, _>(|job| job.state.asks_a_person());
    let recent = print_job::newest(conn, RECENT_MAX)?;
    let view =
        |jobs: Vec<&print_job::PrintJob>| jobs.into_iter().map(|job| JobView::new(frame, job)).collect();
    Ok(DevicesPage {
        shell: Shell::read(conn, frame, Tab::Devices)?,
        printers,
        asking: view(asking),
        live: view(live),
        recent: view(recent.iter().filter(|job| !job.state.is_live()).collect()),
    })
}
