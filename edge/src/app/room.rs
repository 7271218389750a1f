//! Limits on what this site writes. They are looked at before a command writes anything: after that it cannot be refused.

use outpost_model::command::CaseCommand;
use outpost_model::page::PAGE_ENTRIES_MAX;
use outpost_model::rejection::Rejection;
use outpost_sync::Limits;

use crate::store::case::CaseRow;
use crate::store::{page, past};
use crate::write::{Stop, Unit};

/// No job writes more entries into the ledger than this: a page with so much room is not left by it.
const LEDGER_ENTRIES_OF_A_JOB: u64 = 32;
/// What an exception about too many documents is about.
pub const PAGES: &str = "site/pages";
/// The code of a refusal, and of the exception where nobody asked.
pub const TOO_MANY_DOCUMENTS: &str = "too_many_documents";

/// Refuses a command whose facts its case has no room for. What ends a case has more room than other commands, so that
/// one that is full can always be given back or handed over.
pub fn in_case(unit: &Unit<'_>, row: &CaseRow, command: &CaseCommand, facts: usize) -> Result<(), Stop> {
    let max = if ends(command) { protocol_max() } else { unit.site().limits.case_events_max };
    if written(row) + facts as u64 <= max {
        return Ok(());
    }
    let sentence = "As much as fits was written about this order. Hand it over, or give it back.";
    Err(Rejection::new("case_full", sentence).into())
}

/// Whether a case has room for an answer by rule.
pub fn for_answer(row: &CaseRow, facts: usize) -> bool {
    written(row) + facts as u64 <= protocol_max()
}

fn protocol_max() -> u64 {
    Limits::PROTOCOL.document_entries_max as u64
}

fn written(row: &CaseRow) -> u64 {
    let state = &row.state;
    state.site_n + state.hub_n + (state.waiting_site.len() + state.waiting_hub.len()) as u64
}

fn ends(command: &CaseCommand) -> bool {
    matches!(
        command,
        CaseCommand::Reject { .. }
            | CaseCommand::Release { .. }
            | CaseCommand::HandOver { .. }
            | CaseCommand::Decline { .. }
            | CaseCommand::Expire
            | CaseCommand::PutBack { .. }
            | CaseCommand::AnswerIntent { .. }
    )
}

/// Whether a job can write into the ledger: on the present page, or on one that may still be founded.
pub fn in_ledger(unit: &Unit<'_>) -> Result<bool, Stop> {
    let from = past::pages_from(unit.tx())?;
    match page::last_ledger(unit.tx())? {
        Some((number, entries))
            if number >= from && entries + LEDGER_ENTRIES_OF_A_JOB <= PAGE_ENTRIES_MAX =>
        {
            Ok(true)
        }
        _ => for_page(unit),
    }
}

/// Whether something can be said of today: on its page, or on one that may still be founded.
pub fn in_day(unit: &Unit<'_>) -> Result<bool, Stop> {
    let today = unit.site().date(unit.now()).to_string();
    Ok(page::entries(unit.tx(), page::PageKind::Day, &today)?.is_some() || for_page(unit)?)
}

fn for_page(unit: &Unit<'_>) -> Result<bool, Stop> {
    Ok(page::count(unit.tx())? < unit.site().limits.documents_max)
}

/// The refusal of a command that would found one document too many.
pub fn too_many_documents() -> Stop {
    let sentence =
        "This site has written as many pages as its settings allow. Nothing was saved; call support.";
    Rejection::new(TOO_MANY_DOCUMENTS, sentence).into()
}
