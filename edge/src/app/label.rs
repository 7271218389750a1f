//! A label is issued for a container: its number and bytes are stored before anything is printed.

use outpost_model::command::CaseCommand;

use super::case::{carry_out, context, other_holder};
use crate::store::case::CaseRow;
use crate::write::{Stop, Unit};

/// Issues a label.
pub fn label(unit: &mut Unit<'_>, row: &mut CaseRow, command: &CaseCommand) -> Result<(), Stop> {
    let CaseCommand::Label { container, .. } = command else {
        return Err(Stop::Broken("not a label".to_owned()));
    };
    let policy = unit.site().policy();
    let mut context = context(unit, row, &policy)?;
    context.container_holder = other_holder(unit, row, container)?;
    carry_out(unit, row, command, &context)
}
