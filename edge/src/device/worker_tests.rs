//! The worker against a printer that misbehaves: nothing lost, nothing twice.

use std::sync::Arc;
use std::time::Duration;

use outpost_config::{PrinterLanguage, PrinterSettings};
use outpost_model::id::ContainerId;
use outpost_model::time::UtcMillis;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::job::{JobInput, JobState};
use super::line::Patience;
use super::printer::{Cause, PrinterState};
use super::scripted::{Script, ScriptedPrinter};
use super::worker::{Timing, Worker};
use crate::app::print::{self, NOT_PRINTED, PrintChange};
use crate::rig::Rig;
use crate::store::print_job::{LABEL_BYTES_MAX, NewPrintJob, PrintJob, PrintJobId, PrintKind};

const LABEL: &[u8] = b"^XA^FO20,20^A0N,40^FDone label^FS^XZ";
/// Long after every test.
const EXPIRES: UtcMillis = UtcMillis(i64::MAX);

struct Room {
    _rig: Arc<Rig>,
    desk: Desk,
    printer: ScriptedPrinter,
    token: CancellationToken,
    worker: Option<JoinHandle<()>>,
}

fn timing() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        patience: Patience { connect: ms(500), answer: ms(60), progress: ms(100) },
        retry_min: ms(10),
        retry_max: ms(40),
        idle: ms(30),
        confirm: ms(10),
        settle: ms(120),
        stall_max: ms(500),
    }
}

impl Room {
    fn new(script: Script) -> Self {
        let rig = Arc::new(Rig::new());
        let desk = rig.state.desk.clone();
        let printer = ScriptedPrinter::start(script);
        Self { _rig: rig, desk, printer, token: CancellationToken::new(), worker: None }
    }

    fn work(mut self) -> Self {
        let worker = Worker {
            name: "packing".into(),
            settings: PrinterSettings {
                address: self.printer.address.to_string().parse().unwrap(),
                language: PrinterLanguage::Zpl,
                dpi: 203,
                label_width_mm: 102,
                label_height_mm: 152,
                job_expiry: Duration::from_secs(1800),
            },
            desk: self.desk.clone(),
            timing: timing(),
        };
        let token = self.token.clone();
        self.worker = Some(tokio::spawn(async move { worker.run(token).await.unwrap() }));
        self
    }

    /// The same site after the daemon has started again.
    fn restarted(&self) -> Self {
        Self {
            _rig: self._rig.clone(),
            desk: self.desk.clone(),
            printer: self.printer.clone(),
            token: CancellationToken::new(),
            worker: None,
        }
    }

    async fn queue(&self) -> PrintJobId {
        self.queue_until(EXPIRES, LABEL).await
    }

    async fn queue_until(&self, expires_at: UtcMillis, bytes: &[u8]) -> PrintJobId {
        let job = NewPrintJob {
            printer: "packing".into(),
            kind: PrintKind::Handling,
            case: None,
            container: ContainerId::new("parcel-1").unwrap(),
            number: "340123450000000017".into(),
            bytes: bytes.to_vec(),
            labels: 1,
            request: None,
            asked_by: "s-1@scan-1".into(),
            expires_at,
        };
        let queued = self.desk.change(PrintChange::Queue(Box::new(job))).await.unwrap().unwrap();
        queued.unwrap().id
    }

    async fn job(&self, id: PrintJobId) -> PrintJob {
        self.desk.find(id).await.unwrap().unwrap()
    }

    async fn until(&self, id: PrintJobId, state: JobState) {
        for _ in 0..400 {
            if self.job(id).await.state == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("job {id} is {} and not {state}", self.job(id).await.state);
    }

    async fn until_printer(&self, state: PrinterState) {
        for _ in 0..400 {
            if self.desk.board().get("packing").unwrap().state == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the printer is {:?}", self.desk.board().get("packing"));
    }

    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

fn counting() -> Script {
    Script { counts: true, odometer_start: 700, ..Script::default() }
}

#[tokio::test]
async fn a_label_is_printed_once_and_confirmed_by_the_counter() {
    let room = Room::new(counting()).work();
    let (first, second) = (room.queue().await, room.queue().await);
    room.until(second, JobState::Printed).await;
    assert_eq!(room.job(first).await.state, JobState::Printed);
    assert_eq!(room.job(first).await.odometer, Some(700));
    assert_eq!(room.job(second).await.odometer, Some(701), "one job at a time");
    room.pause().await;
    assert_eq!(room.printer.script().printed, [LABEL, LABEL]);
}

#[tokio::test]
async fn without_paper_the_job_stays_queued_until_there_is_some() {
    let room = Room::new(Script { paper_out: true, ..counting() }).work();
    let job = room.queue().await;
    room.until_printer(PrinterState::NeedsAttention(Cause::PaperOut)).await;
    room.pause().await;
    assert_eq!(room.job(job).await.state, JobState::Queued);
    room.printer.release();
    room.until(job, JobState::Printed).await;
    assert_eq!(room.printer.script().printed.len(), 1);
}

#[tokio::test]
async fn a_silent_printer_needs_attention_and_gets_nothing() {
    let room = Room::new(Script { silent: true, ..counting() }).work();
    let job = room.queue().await;
    room.until_printer(PrinterState::NeedsAttention(Cause::Silent)).await;
    room.pause().await;
    assert_eq!(room.job(job).await.state, JobState::Queued);
    let polls = room.printer.script().connections;
    assert!(polls < 12, "{polls} questions in a moment are not backing off");
    room.printer.release();
    room.until(job, JobState::Printed).await;
}

#[tokio::test]
async fn a_refused_connection_is_offline_and_keeps_the_job() {
    let mut room = Room::new(counting());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let printing = std::mem::replace(&mut room.printer.address, closed);
    let room = room.work();
    let job = room.queue().await;
    room.until_printer(PrinterState::Offline).await;
    assert_eq!(room.job(job).await.state, JobState::Queued);
    room.token.cancel();
    let mut room = room.restarted();
    room.printer.address = printing;
    let room = room.work();
    room.until(job, JobState::Printed).await;
}

#[tokio::test]
async fn a_line_cut_after_the_first_byte_is_for_a_person_and_never_sent_again() {
    // Large enough that the system cannot swallow all of it before the printer hangs up.
    let room = Room::new(Script { cut_after: Some(10), ..counting() });
    let mut long = LABEL[..LABEL.len() - 3].to_vec();
    long.resize(900 * 1024, b' ');
    long.extend(b"^XZ");
    let job = room.queue_until(EXPIRES, &long).await;
    let room = room.work();
    room.until(job, JobState::Unknown).await;
    room.printer.script().cut_after = None;
    room.pause().await;
    assert_eq!(room.job(job).await.state, JobState::Unknown);
    assert!(room.printer.script().printed.is_empty(), "nothing was sent again");
    let next = room.queue().await;
    room.until(next, JobState::Printed).await;
}

#[tokio::test]
async fn paper_that_runs_out_in_between_is_waited_for_without_sending_again() {
    let room = Room::new(Script { holds: true, ..counting() }).work();
    let job = room.queue().await;
    room.until(job, JobState::SentUnconfirmed).await;
    room.printer.script().silent = true;
    room.until_printer(PrinterState::NeedsAttention(Cause::Silent)).await;
    room.pause().await;
    assert_eq!(room.job(job).await.state, JobState::SentUnconfirmed);
    room.printer.release();
    room.until(job, JobState::Printed).await;
    assert_eq!(room.printer.script().printed.len(), 1);
}

#[tokio::test]
async fn a_printer_that_lost_its_buffer_leaves_the_question_to_a_person() {
    let room = Room::new(Script { holds: true, ..counting() }).work();
    let job = room.queue().await;
    room.until(job, JobState::SentUnconfirmed).await;
    room.printer.script().buffer.clear();
    room.until(job, JobState::Unknown).await;
    room.pause().await;
    assert!(room.printer.script().printed.is_empty());

    room.printer.script().holds = false;
    let copy = room.desk.change(reprint(job, NOT_PRINTED, None)).await.unwrap().unwrap().unwrap();
    room.until(copy.id, JobState::Printed).await;
    assert_eq!((copy.copy, room.job(job).await.state), (2, JobState::Cancelled));
    assert_eq!(room.printer.script().printed.len(), 1);
}

#[tokio::test]
async fn a_printer_that_does_not_count_is_believed_when_it_was_seen_printing() {
    let room = Room::new(Script { holds: true, ..Script::default() }).work();
    let seen = room.queue().await;
    room.until(seen, JobState::SentUnconfirmed).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    room.printer.release();
    room.until(seen, JobState::Printed).await;
    let unseen = room.queue().await;
    room.until(unseen, JobState::SentUnconfirmed).await;
    let after = room.queue().await;
    room.until(after, JobState::SentUnconfirmed).await;
    assert_eq!(room.job(unseen).await.state, JobState::SentUnconfirmed, "nobody can tell, nobody is blocked");
    // The worker is done when the bytes are on their way; the printer reads them in its own time.
    tokio::time::timeout(Duration::from_secs(10), async {
        while room.printer.script().printed.len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_daemon_killed_while_sending_never_sends_again() {
    let room = Room::new(counting());
    let job = room.queue().await;
    room.desk.change(PrintChange::step(job, JobInput::SendBegun)).await.unwrap().unwrap();
    // The process ends here; another one starts on the same store.
    room.desk.change(PrintChange::Restart).await.unwrap().unwrap();
    let room = room.work();
    room.pause().await;
    assert_eq!(room.job(job).await.state, JobState::Unknown);
    assert!(room.printer.script().printed.is_empty());
    room.desk.change(PrintChange::step(job, JobInput::Confirm)).await.unwrap().unwrap();
    assert_eq!(room.job(job).await.state, JobState::Printed);
}

#[tokio::test]
async fn a_daemon_killed_after_sending_still_finds_out_by_the_counter() {
    let room = Room::new(Script { holds: true, ..counting() }).work();
    let job = room.queue().await;
    room.until(job, JobState::SentUnconfirmed).await;
    room.token.cancel();
    room.pause().await;
    room.desk.change(PrintChange::Restart).await.unwrap().unwrap();
    room.printer.release();
    let room = room.restarted().work();
    room.until(job, JobState::Printed).await;
    assert_eq!(room.printer.script().printed.len(), 1);
}

#[tokio::test]
async fn a_stale_job_expires_instead_of_coming_out_later() {
    let room = Room::new(Script { paper_out: true, ..counting() }).work();
    let job = room.queue_until(room.desk.now() + 300, LABEL).await;
    room.until_printer(PrinterState::NeedsAttention(Cause::PaperOut)).await;
    assert_eq!(room.job(job).await.state, JobState::Queued);
    room.until(job, JobState::Expired).await;
    room.printer.release();
    room.pause().await;
    assert!(room.printer.script().printed.is_empty(), "a label of yesterday must not come out today");
}

#[test]
fn the_last_look_at_the_clock_is_in_the_transaction_before_the_first_byte() {
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    conn.execute_batch(include_str!("../store/migrations/0002_print_job.sql")).unwrap();
    let begin = |now: i64| {
        let job = NewPrintJob {
            printer: "packing".into(),
            kind: PrintKind::Handling,
            case: None,
            container: ContainerId::new("parcel-1").unwrap(),
            number: "1".into(),
            bytes: LABEL.to_vec(),
            labels: 1,
            request: None,
            asked_by: "s-1@scan-1".into(),
            expires_at: UtcMillis(1_000),
        };
        let id = print::queue(&conn, UtcMillis(1), &job, &mut |_, bytes| bytes.to_vec()).unwrap().unwrap();
        let begun = PrintChange::step(id, JobInput::SendBegun);
        print::change(&conn, UtcMillis(now), &begun, &mut |_, bytes| bytes.to_vec())
            .unwrap()
            .unwrap()
            .unwrap()
            .state
    };
    assert_eq!(begin(999), JobState::Sending);
    assert_eq!(begin(1_000), JobState::Expired);
}

#[test]
fn a_label_has_bytes_and_not_too_many() {
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    conn.execute_batch(include_str!("../store/migrations/0002_print_job.sql")).unwrap();
    let queue = |bytes: usize| {
        let job = NewPrintJob {
            printer: "packing".into(),
            kind: PrintKind::Carrier,
            case: None,
            container: ContainerId::new("parcel-1").unwrap(),
            number: "1".into(),
            bytes: vec![b' '; bytes],
            labels: 1,
            request: None,
            asked_by: "s-1@scan-1".into(),
            expires_at: EXPIRES,
        };
        print::queue(&conn, UtcMillis(1), &job, &mut |_, bytes| bytes.to_vec()).unwrap()
    };
    assert!(queue(LABEL_BYTES_MAX).is_ok());
    assert_eq!(queue(LABEL_BYTES_MAX + 1).unwrap_err().code, "label_size");
    assert_eq!(queue(0).unwrap_err().code, "label_size");
}

fn reprint(job: PrintJobId, reason: &str, request: Option<&str>) -> PrintChange {
    PrintChange::Reprint {
        job,
        reason: reason.into(),
        request: request.map(Into::into),
        asked_by: "s-2@scan-2".into(),
        expires_at: EXPIRES,
    }
}

#[tokio::test]
async fn one_copy_at_a_time_each_with_its_reason_and_number() {
    let room = Room::new(counting());
    let job = room.queue().await;
    let refused = room.desk.change(reprint(job, "damaged", None)).await.unwrap().unwrap_err();
    assert_eq!(refused.code, "copy_waiting");
    let room = room.work();
    room.until(job, JobState::Printed).await;
    room.token.cancel();
    room.pause().await;

    let second = room.desk.change(reprint(job, "damaged", Some("r-1"))).await.unwrap().unwrap().unwrap();
    assert_eq!((second.copy, second.reason.as_deref(), second.original), (2, Some("damaged"), job));
    assert_eq!(second.hash, room.job(job).await.hash, "a copy is made from the stored bytes");
    let again = room.desk.change(reprint(job, "damaged", Some("r-1"))).await.unwrap().unwrap().unwrap();
    assert_eq!(again.id, second.id, "the same request is the same copy");
    let refused = room.desk.change(reprint(job, "damaged", Some("r-2"))).await.unwrap().unwrap_err();
    assert_eq!(refused.code, "copy_waiting");
    let refused = room.desk.change(reprint(job, "  ", None)).await.unwrap().unwrap_err();
    assert_eq!(refused.code, "reason_needed");

    room.desk.change(PrintChange::step(second.id, JobInput::Cancel)).await.unwrap().unwrap();
    let third = room.desk.change(reprint(second.id, "lost", None)).await.unwrap().unwrap().unwrap();
    assert_eq!((third.copy, third.original), (3, job));
}
