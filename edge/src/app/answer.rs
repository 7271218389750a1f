//! The hub asked for something: what can be answered by rule is answered at once, the rest waits for a person.

use outpost_model::answer::answer;
use outpost_model::decide::Book;
use outpost_model::id::{EventId, Sku};
use outpost_model::intent::HubEvent;

use super::case::context;
use super::pick::book;
use crate::store::case::CaseRow;
use crate::write::{Stop, Unit};

/// Answers an intent by rule, if one decides it.
pub fn answer_by_rule(unit: &mut Unit<'_>, row: &mut CaseRow, intent: EventId) -> Result<(), Stop> {
    let policy = unit.site().policy();
    let mut context = context(unit, row, &policy)?;
    context.book = amended(row, intent).map_or(Ok(Book::default()), |sku| book(unit, &sku, None))?;
    if let Some(facts) = answer(&row.state, intent, &context) {
        unit.act_by_rule();
        unit.record(row, facts)?;
    }
    Ok(())
}

/// The SKU whose free units an amendment needs.
fn amended(row: &CaseRow, intent: EventId) -> Option<Sku> {
    match row.state.intents.get(&intent)?.asked.as_ref()? {
        HubEvent::AmendRequested { line, .. } => Some(row.state.header.line(*line)?.sku.clone()),
        _ => None,
    }
}
