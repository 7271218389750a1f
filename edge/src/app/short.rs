//! Units of a line are not to be had here.

use outpost_model::command::CaseCommand;

use super::case::{carry_out, context};
use super::pick::book;
use crate::store::case::CaseRow;
use crate::store::stock;
use crate::write::{Stop, Unit};

/// Books a short pick. Where the person names no place, it is the one the book would have sent them to.
pub fn short(unit: &mut Unit<'_>, row: &mut CaseRow, command: &CaseCommand) -> Result<(), Stop> {
    let policy = unit.site().policy();
    let mut context = context(unit, &policy);
    let mut command = command.clone();
    if let CaseCommand::Short { line, location, .. } = &mut command
        && let Some(sku) = row.state.header.line(*line).map(|line| line.sku.clone())
    {
        if location.is_none() {
            *location = stock::fullest_shelf(unit.tx(), &sku)?;
        }
        context.book = book(unit, &sku, location.as_ref())?;
    }
    carry_out(unit, row, &command, &context)
}
