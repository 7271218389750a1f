//! People at a site: each looks at what is to be done and does the next thing, mostly the sensible one.

use anyhow::Result;
use outpost_edge::store::case;
use outpost_model::command::{CaseCommand, Command, SiteCommand, Subject};
use outpost_model::decide::SitePolicy;
use outpost_model::fact::{LabelKind, ProofMethod, Recipient};
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::Service;
use outpost_model::id::{CaseId, CommandId, ContainerId, DeviceId, LocationId, ReasonCode, StaffId};
use outpost_model::milestone::Need;
use outpost_model::quantity::Quantity;
use outpost_model::time::UtcMillis;
use rusqlite::Connection;
use uuid::Uuid;

/// Cases that a screen shows at a time.
const SHOWN: u32 = 8;
/// How often somebody clears the desk instead.
const TIDY_ONE_IN: u64 = 16;
/// The one shelf of a site.
pub const SHELF: &str = "R1";

/// Somebody's command, given now.
pub fn command(id: u128, subject: Subject, at: Option<UtcMillis>) -> Result<Command> {
    Ok(Command {
        id: CommandId(Uuid::from_u128(id)),
        staff: StaffId::new("017")?,
        device: DeviceId::new("scan-1")?,
        at,
        subject,
    })
}

/// A sale over the counter.
pub fn sale(sku: &str, qty: u32) -> Result<Subject> {
    Ok(Subject::Site(SiteCommand::Sell {
        sku: sku.parse()?,
        qty: Quantity::new(u64::from(qty))?,
        location: None,
        receipt: None,
    }))
}

/// A pause of the site, or its end.
pub fn pause(resume: bool) -> Result<Subject> {
    Ok(Subject::Site(match resume {
        true => SiteCommand::Resume { services: Vec::new() },
        false => SiteCommand::Pause { services: Vec::new(), until: None, reason: reason("no_capacity")? },
    }))
}

/// What somebody does next about one of the cases on the screen; nothing when there is nothing to do.
pub fn next(database: &Connection, pick: u64) -> Result<Option<Subject>> {
    let mut statement = database.prepare_cached(
        "SELECT case_id FROM fulfillment WHERE needs_work = 1 ORDER BY pick_by, case_id LIMIT ?1",
    )?;
    let shown = statement.query_map([SHOWN], |row| row.get::<_, String>(0))?;
    let shown = shown.collect::<Result<Vec<_>, _>>()?;
    if shown.is_empty() || (pick >> 40).is_multiple_of(TIDY_ONE_IN) {
        return leftover(database);
    }
    let case: CaseId = shown[pick as usize % shown.len()].parse()?;
    let Some(row) = case::load(database, case)? else { return Ok(None) };
    let command = about(&row.state, (pick >> 32) as u32 % 100, pick)?;
    Ok(command.map(|command| Subject::Case { case, command }))
}

/// A label on a box that nobody needs any more: whoever clears the desk tears it off, however long its case is closed.
fn leftover(database: &Connection) -> Result<Option<Subject>> {
    let mut statement =
        database.prepare_cached("SELECT case_id FROM fulfillment WHERE needs_work = 0 ORDER BY case_id")?;
    let closed = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    for name in closed {
        let case: CaseId = name.parse()?;
        let Some(row) = case::load(database, case)? else { continue };
        let labeled = row.state.containers.iter().find_map(|(id, at)| {
            let empty = !at.gone && at.contents.is_empty();
            empty.then(|| at.labels.first()).flatten().map(|label| (id.clone(), label.number.clone()))
        });
        if let Some((container, number)) = labeled {
            return Ok(Some(Subject::Case {
                case,
                command: CaseCommand::DestroyLabel { container, number },
            }));
        }
    }
    Ok(None)
}

/// Answers an intent that waits, as somebody would who clears the list in the evening.
pub fn answers(database: &Connection) -> Result<Vec<Subject>> {
    let mut statement =
        database.prepare_cached("SELECT case_id FROM fulfillment WHERE needs_work = 1 ORDER BY case_id")?;
    let open = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut subjects = Vec::new();
    for name in open {
        let case: CaseId = name.parse()?;
        let Some(row) = case::load(database, case)? else { continue };
        for intent in row.state.pending() {
            let command =
                CaseCommand::AnswerIntent { intent, accept: false, reason: Some(reason("no_capacity")?) };
            subjects.push(Subject::Case { case, command });
        }
    }
    Ok(subjects)
}

fn about(case: &Fulfillment, mood: u32, pick: u64) -> Result<Option<CaseCommand>> {
    let needs = case.needs(&SitePolicy::default());
    if let Some(unusual) = unusual(case, mood)? {
        return Ok(Some(unusual));
    }
    let Some(need) = needs.first() else { return Ok(None) };
    Ok(match need {
        Need::Answer => case.pending().next().map(|intent| CaseCommand::AnswerIntent {
            intent,
            accept: pick & 1 == 0,
            reason: None,
        }),
        Need::Pick => pick_one(case)?,
        Need::Pack => Some(CaseCommand::Pack {
            container: container(case, 'P')?,
            contents: Vec::new(),
            weight_g: None,
            dimensions: None,
        }),
        Need::Label => label(case, pick)?,
        Need::Stage => case
            .waiting_containers()
            .next()
            .map(|(container, _)| CaseCommand::Stage { container: container.clone(), location: place("W1") }),
        Need::Ready => Some(CaseCommand::MarkReady),
        Need::HandOver => Some(hand_over(case, None, false)),
        Need::PutBack => case.to_put_back.first().map(|content| CaseCommand::PutBack {
            line: content.line,
            qty: content.qty,
            container: content.from.clone(),
            location: place(SHELF),
        }),
    })
}

/// What goes otherwise than planned.
fn unusual(case: &Fulfillment, mood: u32) -> Result<Option<CaseCommand>> {
    let open = case.lines.iter().find(|(_, units)| !units.open.is_zero()).map(|(line, _)| *line);
    let inside = case.containers.iter().find_map(|(id, at)| Some((id, at, at.contents.first()?)));
    Ok(match (mood, open, inside) {
        (0..2, Some(_), None) => Some(CaseCommand::Reject { reason: reason("no_capacity")? }),
        (2, _, None) => Some(CaseCommand::Release { reason: reason("no_capacity")? }),
        (3..7, Some(line), _) => Some(CaseCommand::Short {
            line,
            qty: Quantity::ONE,
            reason: reason("not_found")?,
            location: None,
        }),
        (7..9, _, Some((id, at, content))) if !at.packed && !at.gone => Some(CaseCommand::Unpick {
            line: content.line,
            qty: Quantity::ONE,
            container: id.clone(),
            location: place(SHELF),
        }),
        (9, _, Some((id, at, _))) if at.packed && !at.gone => {
            Some(CaseCommand::Unpack { container: id.clone() })
        }
        (10, _, Some((_, at, content))) if !at.gone && case.header.service == Service::Pickup => {
            Some(CaseCommand::Decline {
                line: content.line,
                qty: Quantity::ONE,
                reason: reason("customer_changed_mind")?,
            })
        }
        (11..13, _, Some((_, at, _))) if !at.gone => Some(hand_over(case, Some("the customer waits"), false)),
        (13..15, _, Some((_, at, _))) if !at.gone => Some(hand_over(case, None, true)),
        (15, None, Some((_, at, _))) if !at.gone => Some(CaseCommand::Expire),
        (16..18, _, Some((id, at, _))) => at
            .labels
            .first()
            .map(|label| CaseCommand::DestroyLabel { container: id.clone(), number: label.number.clone() }),
        (18..24, _, Some((id, at, _))) if !at.gone => Some(CaseCommand::Label {
            container: id.clone(),
            label: LabelKind::Handling,
            override_reason: None,
        }),
        _ => None,
    })
}

fn pick_one(case: &Fulfillment) -> Result<Option<CaseCommand>> {
    let Some((line, _)) = case.lines.iter().find(|(_, units)| !units.open.is_zero()) else { return Ok(None) };
    let Some(sku) = case.header.line(*line).map(|line| line.sku.to_string()) else { return Ok(None) };
    Ok(Some(CaseCommand::Pick {
        line: *line,
        qty: Quantity::ONE,
        barcode: Some(sku),
        lot: None,
        serial: None,
        net_weight_g: None,
        location: place(SHELF),
        container: container(case, 'T')?,
    }))
}

fn label(case: &Fulfillment, pick: u64) -> Result<Option<CaseCommand>> {
    let bought = case.bought.iter().rev().find(|label| !label.voided).map(|label| label.container.clone());
    let packed = case.containers.iter().find(|(_, at)| at.packed && !at.gone).map(|(id, _)| id.clone());
    let Some(container) = packed.or(bought) else { return Ok(None) };
    let kind = if pick & 3 == 0 { LabelKind::Handling } else { LabelKind::Carrier };
    Ok(Some(CaseCommand::Label { container, label: kind, override_reason: None }))
}

fn hand_over(case: &Fulfillment, override_reason: Option<&str>, already_done: bool) -> CaseCommand {
    let (to, proof) = match case.header.service {
        Service::Ship => (Recipient::Carrier, ProofMethod::Scan),
        Service::Pickup | Service::ShipToStore => (Recipient::Customer, ProofMethod::Identification),
    };
    CaseCommand::HandOver {
        lines: Vec::new(),
        containers: Vec::new(),
        to,
        proof,
        code: None,
        proof_ref: None,
        manifest: None,
        override_reason: override_reason.map(str::to_owned),
        already_done,
    }
}

/// A case's own tote or parcel. A parcel is the one that its label was bought for.
fn container(case: &Fulfillment, kind: char) -> Result<ContainerId> {
    let bought = case.bought.iter().rev().find(|label| !label.voided);
    if let (Some(label), 'P') = (bought, kind) {
        return Ok(label.container.clone());
    }
    let name = case.header.case.0.simple().to_string();
    Ok(ContainerId::new(format!("{kind}-{}", &name[22..]))?)
}

fn place(name: &str) -> LocationId {
    LocationId::new(name).unwrap_or_else(|error| unreachable!("{name} is a place: {error}"))
}

fn reason(code: &str) -> Result<ReasonCode> {
    Ok(ReasonCode::new(code)?)
}
