//! Goods leave the site in somebody's hands.

use outpost_daemon::short_code::is_code;
use outpost_model::command::CaseCommand;
use outpost_model::decide::CodeCheck;
use outpost_model::id::CaseId;

use super::case::{carry_out, context_with_permission};
use crate::store::case::CaseRow;
use crate::store::{code_try, identity};
use crate::write::{Stop, Unit};

/// What the short code of a pickup is computed for, on both sides.
const PURPOSE: &str = "pickup";

/// Hands goods over. A wrong code is counted for good, also when nothing else is written.
pub fn hand_over(unit: &mut Unit<'_>, row: &mut CaseRow, command: &CaseCommand) -> Result<(), Stop> {
    let policy = unit.site().policy();
    let mut context = context_with_permission(unit, row, &policy)?;
    if let CaseCommand::HandOver { code: Some(code), .. } = command {
        context.code = check(unit, row.state.header.case, code)?;
    }
    carry_out(unit, row, command, &context)
}

fn check(unit: &Unit<'_>, case: CaseId, said: &str) -> Result<CodeCheck, Stop> {
    let tries_max = unit.site().rules.current().rules.pickup.code_tries_max;
    if code_try::wrong(unit.tx(), case)? >= tries_max {
        return Ok(CodeCheck::TooManyTries);
    }
    let secret = identity::enrollment(unit.tx())?.and_then(|enrollment| enrollment.secret());
    if secret.is_some_and(|secret| is_code(&secret, PURPOSE, &case.to_string(), said)) {
        return Ok(CodeCheck::Right);
    }
    code_try::count(unit.tx(), case)?;
    Ok(CodeCheck::Wrong)
}
