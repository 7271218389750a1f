//! The queue: what is to be done, by the time it must be picked by, late first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_daemon::extract::Query;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::Service;
use outpost_model::milestone::Need;
use rusqlite::Connection;
use serde::Deserialize;

use super::parts::{first_need, need_key};
use super::person::Person;
use super::shell::{Frame, Shell, Tab};
use super::{PageError, show};
use crate::state::AppState;
use crate::store::{StoreError, StoreResult, case};

/// Cases on one screen; nobody works through more at once.
const CASES_MAX: u32 = 200;

/// What is asked for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    service: Option<Service>,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    shell: Shell,
    filters: Vec<Filter>,
    tasks: Vec<Task>,
    waiting: Vec<Task>,
}

struct Filter {
    href: String,
    label: String,
    count: usize,
    current: bool,
}

struct Badge {
    label: String,
    tone: &'static str,
}

struct Task {
    service_kind: Service,
    href: String,
    order_number: String,
    service: &'static str,
    due: String,
    due_in: String,
    late: bool,
    stop: bool,
    cutoff: String,
    done: u32,
    units: u32,
    percent: u32,
    needs: Vec<Badge>,
    place: String,
    hold_until: String,
    for_customer: bool,
}

/// `GET /queue`
pub async fn page(
    State(state): State<AppState>,
    person: Person,
    Query(wanted): Query<Wanted>,
) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = state.readers.read(move |conn| build(conn, &frame, wanted.service)).await?;
    show(&page)
}

fn build(conn: &Connection, frame: &Frame, service: Option<Service>) -> StoreResult<QueuePage> {
    let policy = frame.site.policy();
    let mut tasks = Vec::new();
    for state in open_cases(conn)? {
        let needs = state.needs(&policy);
        // A case that only waits for a closed day or its retention needs nobody.
        if !needs.is_empty() || state.held {
            tasks.push(task(frame, &state, &needs));
        }
    }
    let count = |wanted: Option<Service>| {
        tasks
            .iter()
            .filter(|task| !task.for_customer && wanted.is_none_or(|s| task.service_kind == s))
            .count()
    };
    let mut filters = vec![Filter {
        href: "/queue".to_owned(),
        label: frame.t.s("queue.all").to_owned(),
        count: count(None),
        current: service.is_none(),
    }];
    filters.extend(Service::ALL.into_iter().filter(|s| count(Some(*s)) > 0 || service == Some(*s)).map(
        |s| Filter {
            href: format!("/queue?service={s}"),
            label: frame.service(s).to_owned(),
            count: count(Some(s)),
            current: service == Some(s),
        },
    ));
    tasks.retain(|task| service.is_none_or(|wanted| task.service_kind == wanted));
    let (waiting, tasks) = tasks.into_iter().partition(|task| task.for_customer);
    Ok(QueuePage { shell: Shell::read(conn, frame, Tab::Queue)?, filters, tasks, waiting })
}

fn open_cases(conn: &Connection) -> StoreResult<Vec<Fulfillment>> {
    let mut statement = conn.prepare_cached(
        "SELECT case_id, state FROM fulfillment WHERE needs_work = 1 ORDER BY pick_by, case_id LIMIT ?1",
    )?;
    let rows =
        statement.query_map([CASES_MAX], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    rows.map(|row| {
        let (id, state) = row.map_err(StoreError::from)?;
        case::parse(id, &state)
    })
    .collect()
}

fn task(frame: &Frame, case: &Fulfillment, needs: &[Need]) -> Task {
    let header = &case.header;
    let due = header.promise.pick_by;
    let ordered: u32 = case.lines.values().map(|line| line.sum().get()).sum();
    let open = case.open().get();
    let done = ordered.saturating_sub(open);
    let late = frame.wall() > due && open > 0;
    let mut badges: Vec<Badge> = needs
        .iter()
        .map(|need| Badge {
            label: frame.t.s(need_key(*need)).to_owned(),
            tone: match need {
                Need::PutBack | Need::Answer => "bad",
                _ => "info",
            },
        })
        .collect();
    if case.held {
        badges.push(Badge { label: frame.t.s("need.held").to_owned(), tone: "warn" });
    }
    if !case.exceptions.is_empty() {
        badges.push(Badge { label: frame.t.s("need.exception").to_owned(), tone: "warn" });
    }
    let places: Vec<&str> =
        case.waiting_containers().filter_map(|(_, at)| at.staged_at.as_ref()).map(|at| at.as_str()).collect();
    Task {
        service_kind: header.service,
        href: first_need(case, needs).1,
        order_number: header.order_number.clone(),
        service: frame.service(header.service),
        due: frame.time(due),
        due_in: frame.distance(due),
        late,
        stop: needs.contains(&Need::PutBack) || needs.contains(&Need::Answer),
        cutoff: header.promise.cutoff_at.map_or_else(String::new, |at| frame.time(at)),
        done,
        units: ordered,
        percent: (100 * done).checked_div(ordered).unwrap_or(100),
        needs: badges,
        place: places.join(", "),
        hold_until: case.hold_until.or(header.hold_until).map_or_else(String::new, |at| frame.time(at)),
        for_customer: header.service == Service::Pickup && needs == [Need::HandOver],
    }
}
