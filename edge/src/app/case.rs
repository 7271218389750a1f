//! The way of every command about a case: load, look up what the decision needs, decide, record.

use outpost_model::authority::NoAuthority;
use outpost_model::command::{CaseCommand, Held};
use outpost_model::decide::{Context, Proposal, SitePolicy, decide};
use outpost_model::fact::{LabelKind, Permission, SiteFact};
use outpost_model::id::{CaseId, ContainerId};

use super::{answer, hand_over, label, pick, print, room, short};
use crate::store::case::{self, CaseRow};
use crate::write::{Stop, Unit, held};

/// Does a command about a case.
pub fn case(unit: &mut Unit<'_>, id: CaseId, command: &CaseCommand) -> Result<(), Stop> {
    let mut row = unit.case(id)?;
    by_verb(unit, &mut row, command)?;
    answer::answer_by_rule(unit, &mut row)?;
    unit.remember(row);
    Ok(())
}

fn by_verb(unit: &mut Unit<'_>, row: &mut CaseRow, command: &CaseCommand) -> Result<(), Stop> {
    match command {
        CaseCommand::Pick { .. } => pick::pick(unit, row, command),
        CaseCommand::Short { .. } => short::short(unit, row, command),
        CaseCommand::Label { .. } => label::label(unit, row, command),
        CaseCommand::HandOver { .. } => hand_over::hand_over(unit, row, command),
        CaseCommand::Pack { container, .. } | CaseCommand::Substitute { container, .. } => {
            let policy = unit.site().policy();
            let mut context = context(unit, &policy);
            context.container_holder = other_holder(unit, row, container)?;
            carry_out(unit, row, command, &context)
        }
        _ => {
            let policy = unit.site().policy();
            let context = context(unit, &policy);
            carry_out(unit, row, command, &context)
        }
    }
}

/// What every decision about a case needs. It holds no permission: what can be undone needs none, and a scan does
/// not wait for it to be looked up.
pub fn context<'p>(unit: &Unit<'_>, policy: &'p SitePolicy) -> Context<'p> {
    Context::new(unit.now(), Held::No(NoAuthority::None), policy)
}

/// The same for an act that cannot be undone: with the permission the site holds now.
pub fn context_with_permission<'p>(
    unit: &Unit<'_>,
    row: &CaseRow,
    policy: &'p SitePolicy,
) -> Result<Context<'p>, Stop> {
    let service = row.state.header.service;
    let permission =
        held(unit.tx(), unit.site(), unit.moment(), (row.state.header.case, row.place), service)?;
    Ok(Context { permission, ..context(unit, policy) })
}

/// Decides and records; remembers a permission that was given, so that it is looked at again after the commit.
pub fn carry_out(
    unit: &mut Unit<'_>,
    row: &mut CaseRow,
    command: &CaseCommand,
    context: &Context<'_>,
) -> Result<(), Stop> {
    let decision = decide(&row.state, command, context)?;
    room::in_case(unit, row, command, decision.facts.len())?;
    if answer::adds(row, &decision.facts) && !room::in_ledger(unit)? {
        return Err(room::too_many_documents());
    }
    answer::grant_added(unit, row, &decision.facts)?;
    let destroyed = print::destroyed(&decision.facts);
    let first = unit.events().len();
    let permitted: Vec<usize> = decision
        .facts
        .iter()
        .enumerate()
        .filter(|(_, fact)| needs_permission(fact))
        .map(|(i, _)| i)
        .collect();
    unit.record(row, decision.facts)?;
    print::withdraw_outdated(unit, row, &destroyed)?;
    for proposal in &decision.proposals {
        if let (Proposal::Count { sku, location }, Some(event)) = (proposal, unit.events().last().copied()) {
            let subject = format!("sku/{sku} at {location}");
            unit.raise("count_needed", &subject, &event.to_string(), super::sentence("count_needed"))?;
        }
    }
    for index in permitted {
        if let Some(event) = unit.events().get(first + index).copied() {
            unit.permitted(row, event);
        }
    }
    Ok(())
}

/// Whether a fact stands on the site's authority.
fn needs_permission(fact: &SiteFact) -> bool {
    match fact {
        SiteFact::Labeled { label: LabelKind::Carrier, permission, .. } => *permission == Permission::Granted,
        SiteFact::HandedOver { permission, .. } => *permission == Permission::Granted,
        _ => false,
    }
}

/// Another case whose goods lie in the container.
pub fn other_holder(unit: &Unit<'_>, row: &CaseRow, container: &ContainerId) -> Result<Option<CaseId>, Stop> {
    let holder = case::holder(unit.tx(), container)?;
    Ok(holder.filter(|holder| *holder != row.state.header.case))
}
