//! The hub asked for something: what can be answered by rule is answered at once, the rest waits for a person.

use outpost_model::answer::answer;
use outpost_model::decide::Book;
use outpost_model::fact::{Effect, SiteFact};
use outpost_model::id::{EventId, Sku};
use outpost_model::intent::HubEvent;
use outpost_model::page::{LedgerFact, SkuQty};

use super::case::context;
use super::pick::book;
use super::{print, room};
use crate::store::case::CaseRow;
use crate::store::past;
use crate::write::{Stop, Unit};

/// Answers what waits and a rule decides. Called whenever the case has moved, on either side: what waited for a person
/// may be settled by what the person did instead, or by the hub itself.
pub fn answer_by_rule(unit: &mut Unit<'_>, row: &mut CaseRow) -> Result<(), Stop> {
    let intents: Vec<EventId> = row.state.pending().collect();
    // The answer may stand in the past that is lost, and come back with it.
    if intents.is_empty() || past::open(unit.tx())?.is_some() {
        return Ok(());
    }
    for intent in intents {
        let policy = unit.site().policy();
        let mut context = context(unit, &policy);
        context.book = amended(row, intent).map_or(Ok(Book::default()), |sku| book(unit, &sku, None))?;
        if let Some(facts) = answer(&row.state, intent, &context) {
            // Without room for it the answer waits.
            if !room::for_answer(row, facts.len()) || adds(row, &facts) && !room::in_ledger(unit)? {
                continue;
            }
            unit.act_by_rule();
            grant_added(unit, row, &facts)?;
            let destroyed = print::destroyed(&facts);
            unit.record(row, facts)?;
            print::withdraw_outdated(unit, row, &destroyed)?;
        }
    }
    Ok(())
}

/// An amendment that is accepted is promised like everything in a case. Its units are granted along with it and ahead
/// of it: else they would be taken from rights that the hub may have promised to somebody else in the meantime.
pub fn grant_added(unit: &mut Unit<'_>, row: &CaseRow, facts: &[SiteFact]) -> Result<(), Stop> {
    let units: Vec<SkuQty> = added(row, facts).collect();
    if !units.is_empty() {
        unit.ledger(LedgerFact::Granted { units })?;
    }
    Ok(())
}

/// Whether facts add units to their case.
pub fn adds(row: &CaseRow, facts: &[SiteFact]) -> bool {
    added(row, facts).next().is_some()
}

fn added(row: &CaseRow, facts: &[SiteFact]) -> impl Iterator<Item = SkuQty> {
    facts.iter().filter_map(|fact| match fact {
        SiteFact::IntentAccepted { effect: Effect::Added { line, qty }, .. } => {
            row.state.header.line(*line).map(|line| SkuQty { sku: line.sku.clone(), qty: *qty })
        }
        _ => None,
    })
}

/// The SKU whose free units an amendment needs.
fn amended(row: &CaseRow, intent: EventId) -> Option<Sku> {
    match row.state.intents.get(&intent)?.asked.as_ref()? {
        HubEvent::AmendRequested { line, .. } => Some(row.state.header.line(*line)?.sku.clone()),
        _ => None,
    }
}
