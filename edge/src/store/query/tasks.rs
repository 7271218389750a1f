//! What is to be done, soonest first.

use outpost_model::decide::SitePolicy;
use outpost_model::fulfillment::{Fulfillment, Milestone};
use outpost_model::header::Service;
use outpost_model::id::CaseId;
use outpost_model::milestone::Need;
use outpost_model::quantity::Quantity;
use outpost_model::time::UtcMillis;
use rusqlite::{Connection, params};
use serde::Serialize;

use crate::store::{StoreResult, case};

/// The most tasks in one answer.
pub const TASKS_MAX: u32 = 1_000;

/// Which tasks.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Of one service.
    pub service: Option<Service>,
    /// In one milestone.
    pub state: Option<Milestone>,
    /// At most this many, up to [`TASKS_MAX`].
    pub limit: Option<u32>,
}

/// A case with something to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Task {
    /// The case.
    pub case: CaseId,
    /// The number people know it by.
    pub order_number: String,
    /// How the customer gets it.
    pub service: Service,
    /// How far it is.
    pub milestone: Milestone,
    /// When picking must be done.
    pub pick_by: UtcMillis,
    /// What the customer was told.
    pub promised_at: UtcMillis,
    /// When the carrier's truck closes.
    pub cutoff_at: Option<UtcMillis>,
    /// Whether it is behind.
    pub late: bool,
    /// Units by what became of them.
    pub units: Units,
    /// Lines.
    pub lines: usize,
    /// What has to be done, the most urgent first.
    pub needs: Vec<Need>,
    /// Whether it is on hold.
    pub held: bool,
    /// Codes of its exceptions.
    pub exceptions: Vec<String>,
}

/// Units of a case by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Units {
    /// All of them.
    pub ordered: Quantity,
    /// Still to be picked.
    pub open: Quantity,
    /// In a container.
    pub picked: Quantity,
    /// In a staged container.
    pub staged: Quantity,
    /// Gone.
    pub handed_over: Quantity,
    /// Not to be had here.
    pub short: Quantity,
    /// Cancelled.
    pub cancelled: Quantity,
    /// Declined or never fetched.
    pub declined: Quantity,
}

impl Units {
    /// Sums over the lines of a case.
    pub fn of(state: &Fulfillment) -> Self {
        state.lines.values().fold(Self::default(), |sums, line| Self {
            ordered: sums.ordered + line.sum(),
            open: sums.open + line.open,
            picked: sums.picked + line.picked,
            staged: sums.staged + line.staged,
            handed_over: sums.handed_over + line.handed_over,
            short: sums.short + line.short,
            cancelled: sums.cancelled + line.cancelled,
            declined: sums.declined + line.declined,
        })
    }
}

/// Cases with something to do, by the time they must be picked.
pub fn list(
    conn: &Connection,
    filter: &TaskFilter,
    policy: &SitePolicy,
    now: UtcMillis,
) -> StoreResult<Vec<Task>> {
    let mut statement = conn.prepare_cached(
        "SELECT case_id, state FROM fulfillment
         WHERE needs_work = 1 AND (?1 IS NULL OR service = ?1) AND (?2 IS NULL OR milestone = ?2)
         ORDER BY pick_by, case_id LIMIT ?3",
    )?;
    let limit = filter.limit.unwrap_or(TASKS_MAX).min(TASKS_MAX);
    let service = filter.service.map(Service::as_str);
    let mut rows = statement.query(params![service, filter.state.map(case::milestone_name), limit])?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let state = case::parse(&id, row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        tasks.push(Task::of(&state, policy, now));
    }
    Ok(tasks)
}

impl Task {
    /// A case as a task.
    pub fn of(state: &Fulfillment, policy: &SitePolicy, now: UtcMillis) -> Self {
        let header = &state.header;
        Self {
            case: header.case,
            order_number: header.order_number.clone(),
            service: header.service,
            milestone: state.milestone(),
            pick_by: header.promise.pick_by,
            promised_at: header.promise.promised_at,
            cutoff_at: header.promise.cutoff_at,
            late: is_late(state, now),
            units: Units::of(state),
            lines: header.lines.len(),
            needs: state.needs(policy),
            held: state.held,
            exceptions: state.exceptions.iter().map(|exception| exception.code.clone()).collect(),
        }
    }
}

/// Whether something should have been done by now: picked, or ready or gone.
fn is_late(state: &Fulfillment, now: UtcMillis) -> bool {
    let promise = &state.header.promise;
    let kept = match state.header.service {
        Service::Pickup => state.ready,
        Service::Ship | Service::ShipToStore => state.here().is_zero(),
    };
    let picking_is_late = !state.open().is_zero() && now > promise.pick_by;
    let goods_wait = !(state.open() + state.here()).is_zero();
    picking_is_late || (goods_wait && !kept && now > promise.promised_at)
}
