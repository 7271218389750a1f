//! Packing, labeling, staging, and handing parcels to a carrier.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use outpost_daemon::extract::Path;
use outpost_model::fact::LabelKind;
use outpost_model::fulfillment::{Container, Fulfillment};
use outpost_model::header::Service;
use outpost_model::id::ContainerId;
use outpost_model::milestone::Need;
use rusqlite::Connection;

use super::job_view::JobView;
use super::parts::{Products, short_name, why_not};
use super::person::Person;
use super::shell::{Frame, Shell, Tab};
use super::{PageError, read_case, show};
use crate::state::AppState;
use crate::store::StoreResult;
use crate::store::case::CaseRow;
use crate::store::print_job::{self, PrintJob};

#[derive(Template)]
#[template(path = "pack.html")]
struct PackPage {
    shell: Shell,
    case: String,
    order_number: String,
    service: &'static str,
    due: String,
    is_ship: bool,
    stop: bool,
    held: bool,
    open_units: u32,
    steps: Vec<Step>,
    loose: Vec<Loose>,
    next_container: String,
    weigh: bool,
    containers: Vec<ContainerView>,
    may_label: String,
    may_hand_over: String,
    can_ready: bool,
    can_collect: bool,
    collectable: usize,
    counter_href: Option<String>,
}

struct Step {
    label: &'static str,
    tone: &'static str,
    current: bool,
}

struct Loose {
    qty: u32,
    title: String,
    from: String,
}

struct ContainerView {
    id: String,
    name: String,
    state: String,
    tone: &'static str,
    packed: bool,
    may_stage: bool,
    gone: bool,
    contents: Vec<Loose>,
    weight: String,
    place: String,
    labels: Vec<String>,
    jobs: Vec<JobView>,
    needs_carrier_label: bool,
    carrier_bought: bool,
    has_handling: bool,
    collectable: bool,
}

/// `GET /pack/{case}`
pub async fn page(
    State(state): State<AppState>,
    person: Person,
    Path(case): Path<String>,
) -> Result<Response, PageError> {
    let frame = Frame::new(&state, Some(person));
    let page = read_case(&state, &case, move |conn, row| build(conn, &frame, &row)).await?;
    show(&page)
}

fn build(conn: &Connection, frame: &Frame, row: &CaseRow) -> StoreResult<PackPage> {
    let case = &row.state;
    let header = &case.header;
    let is_ship = header.service != Service::Pickup;
    let products = Products::of(conn, case)?;
    let jobs = print_job::of_case(conn, header.case)?;
    let needs = case.needs(&frame.site.policy());
    let permission = why_not(conn, frame, row)?;
    let containers: Vec<ContainerView> = case
        .containers
        .iter()
        .filter(|(_, container)| container.packed || container.gone || !is_ship)
        .map(|(id, container)| view(frame, case, id, container, &products, &jobs))
        .collect();
    let loose = if is_ship { loose(case, &products) } else { Vec::new() };
    let collectable = containers.iter().filter(|container| container.collectable).count();
    let at_counter = !is_ship && needs.contains(&Need::HandOver);
    Ok(PackPage {
        shell: Shell::read(conn, frame, Tab::Queue)?,
        case: header.case.to_string(),
        order_number: header.order_number.clone(),
        service: frame.service(header.service),
        due: frame.distance(header.promise.pick_by),
        is_ship,
        stop: needs.contains(&Need::PutBack),
        held: case.held,
        open_units: if case.ended().is_some() { 0 } else { case.open().get() },
        steps: steps(frame, is_ship, &needs, case),
        loose,
        next_container: next_parcel(case),
        weigh: is_ship,
        can_ready: needs.contains(&Need::Ready),
        can_collect: is_ship && collectable > 0 && !case.held,
        collectable,
        containers,
        may_label: permission.clone(),
        may_hand_over: permission,
        counter_href: at_counter.then(|| format!("/counter/{}", header.case)),
    })
}

fn loose(case: &Fulfillment, products: &Products) -> Vec<Loose> {
    let open = case.waiting_containers().filter(|(_, container)| !container.packed);
    open.flat_map(|(id, _)| case.wanted_in(id))
        .map(|item| Loose {
            qty: item.qty.get(),
            title: products.title(&item.sku),
            from: short_name(&item.from),
        })
        .collect()
}

/// The first parcel of the case that is not in use: the hub buys its label ahead under the same name.
fn next_parcel(case: &Fulfillment) -> String {
    let used = |id: &ContainerId| case.containers.get(id).is_some_and(|at| at.packed || at.gone);
    let free =
        (1..=u16::MAX).map(|k| outpost_model::container::parcel(case.header.case, k)).find(|id| !used(id));
    free.map_or_else(String::new, |id| id.to_string())
}

fn view(
    frame: &Frame,
    case: &Fulfillment,
    id: &ContainerId,
    container: &Container,
    products: &Products,
    jobs: &[PrintJob],
) -> ContainerView {
    let labeled = container.carrier_labeled();
    let is_ship = case.header.service == Service::Ship;
    let (state, tone) = match container {
        at if at.gone => ("container.gone", "quiet"),
        at if at.staged_at.is_some() => ("container.staged", "ok"),
        _ if labeled => ("container.labeled", "ok"),
        at if at.packed => ("container.packed", "info"),
        _ => ("container.open", "quiet"),
    };
    let weight =
        |grams: u32| frame.t.f("container.weight", format!("{}.{:02}", grams / 1000, grams % 1000 / 10));
    let bought = case.bought.iter().any(|label| label.container == *id && !label.voided);
    ContainerView {
        id: id.to_string(),
        name: short_name(id),
        state: frame.t.s(state).to_owned(),
        tone,
        packed: container.packed,
        may_stage: !container.gone && !case.wanted_in(id).is_empty(),
        gone: container.gone,
        contents: container
            .contents
            .iter()
            .map(|item| Loose {
                qty: item.qty.get(),
                title: products.title(&item.sku),
                from: short_name(&item.from),
            })
            .collect(),
        weight: container.weight_g.map_or_else(String::new, weight),
        place: container.staged_at.as_ref().map_or_else(String::new, |at| at.to_string()),
        labels: container.labels.iter().map(|label| label.number.clone()).collect(),
        jobs: jobs.iter().filter(|job| job.container == *id).map(|job| JobView::new(frame, job)).collect(),
        needs_carrier_label: is_ship && container.packed && !labeled,
        carrier_bought: bought,
        has_handling: container.labels.iter().any(|label| label.kind == LabelKind::Handling),
        collectable: is_ship && container.packed && labeled && !container.gone,
    }
}

fn steps(frame: &Frame, is_ship: bool, needs: &[Need], case: &Fulfillment) -> Vec<Step> {
    let ship: &[(Need, &str)] = &[
        (Need::Pick, "step.pick"),
        (Need::Pack, "step.pack"),
        (Need::Label, "step.label"),
        (Need::HandOver, "step.hand_over"),
    ];
    let pickup: &[(Need, &str)] = &[
        (Need::Pick, "step.pick"),
        (Need::Stage, "step.stage"),
        (Need::Ready, "step.ready"),
        (Need::HandOver, "step.hand_over"),
    ];
    let all = if is_ship { ship } else { pickup };
    let current = all.iter().position(|(need, _)| needs.contains(need));
    let before = current.unwrap_or(if case.is_closed() { all.len() } else { 0 });
    all.iter()
        .enumerate()
        .map(|(at, (_, key))| Step {
            label: frame.t.s(key),
            tone: if at < before { "ok" } else { "" },
            current: current == Some(at),
        })
        .collect()
}
