//! From a command to facts: what people and rules may do with a case, and what is written when they do.
//!
//! [`decide`] reads, checks and returns; it changes nothing. Its refusals have stable codes:
//!
//! | code | it means |
//! |---|---|
//! | `finished` | the case is closed |
//! | `rejected`, `released`, `revoked`, `cancelled`, `expired` | the case ended that way |
//! | `on_hold` | the hub asked to wait |
//! | `update_needed` | a later version wrote something critical: nothing irrevocable until the update |
//! | `unknown_line`, `unknown_container` | the case has no such thing |
//! | `no_quantity` | zero units |
//! | `scan_required` | policy wants a scan |
//! | `unknown_barcode`, `wrong_item` | the scan is in no list, or of another product |
//! | `pack_size` | the scanned code stands for several units, and the count is no multiple of it |
//! | `serial_quantity`, `serial_taken` | a serial number is one unit, and only once |
//! | `over_pick` | the line is already full, or nearly |
//! | `over_short` | fewer units are open than are said to be missing |
//! | `not_approved` | the customer has not approved that substitute |
//! | `container_in_use`, `container_closed`, `container_gone` | the container is another case's, packed shut, or has left |
//! | `not_in_container` | fewer units lie there |
//! | `nothing_to_pack`, `nothing_open`, `nothing_here`, `nothing_to_hand_over` | there is nothing to do it with |
//! | `put_back_first` | units in the container are not wanted any more |
//! | `still_wanted` | the units are still to be delivered: unpick instead |
//! | `already_picked`, `still_in_containers`, `destroy_label_first` | must be undone before the case can be given up |
//! | `wrong_service`, `wrong_recipient`, `wrong_proof` | not for this way of delivery |
//! | `label_missing`, `already_labeled`, `label_used`, `no_such_label` | about labels |
//! | `open_units`, `not_staged`, `not_ready`, `not_packed`, `not_labeled`, `not_picked` | a step is missing |
//! | `whole_parcels` | a carrier takes whole parcels |
//! | `group_incomplete`, `all_or_nothing`, `customer_is_asked` | what belongs together does not go in parts |
//! | `payment_lapsed` | the payment does not cover a handover any more |
//! | `wrong_code`, `identify_instead` | the code is wrong, or was wrong too often |
//! | `no_authority`, `override_not_allowed` | not without contact, or a supervisor |
//! | `not_expired`, `customer_is_here`, `not_later`, `bad_time` | about keeping a pickup |
//! | `intent_unknown`, `intent_answered`, `cannot_accept`, `reason_needed` | about an intent's answer |

mod accept;
mod context;
mod counter;
mod guard;
mod handover;
mod label;
mod pack;
mod pick;
mod put_back;
mod short;
mod site;

pub use context::{Book, CodeCheck, Context, Decision, Proposal, Resolved, Scanned, SitePolicy};
pub use site::{UNPLACED, decide_day, sale};

use crate::answer::answer_all;
use crate::command::CaseCommand;
use crate::fulfillment::Fulfillment;
use crate::rejection::Rejection;

/// What a verb's own file returns.
type Decided = Result<Decision, Rejection>;

/// Decides a command about a case: the facts to write, or why nothing changes. Intents that the facts make
/// answerable by rule are answered in the same breath.
pub fn decide(case: &Fulfillment, command: &CaseCommand, ctx: &Context<'_>) -> Decided {
    let mut decision = by_verb(case, command, ctx)?;
    if !decision.facts.is_empty() && case.pending().next().is_some() {
        let answers = answer_all(&case.after(&decision.facts), ctx);
        decision.facts.extend(answers);
    }
    Ok(decision)
}

fn by_verb(case: &Fulfillment, command: &CaseCommand, ctx: &Context<'_>) -> Decided {
    match command {
        CaseCommand::Accept => accept::accept(case),
        CaseCommand::Reject { reason } => accept::reject(case, reason),
        CaseCommand::Release { reason } => accept::release(case, reason),
        CaseCommand::AnswerIntent { intent, accept, reason } => {
            accept::answer_intent(case, *intent, *accept, reason.as_ref(), ctx)
        }
        CaseCommand::Pick { .. } => pick::pick(case, command, ctx),
        CaseCommand::Substitute { line, with, qty, location, container } => {
            pick::substitute(case, *line, with, *qty, location, container, ctx)
        }
        CaseCommand::Unpick { line, qty, container, location } => {
            pick::unpick(case, *line, *qty, container, location)
        }
        CaseCommand::Short { line, qty, reason, location } => {
            short::short(case, *line, *qty, reason, location.as_ref(), ctx)
        }
        CaseCommand::Pack { container, contents, weight_g, dimensions } => {
            pack::pack(case, container, contents, *weight_g, *dimensions, ctx)
        }
        CaseCommand::Unpack { container } => pack::unpack(case, container),
        CaseCommand::Stage { container, location } => pack::stage(case, container, location, ctx),
        CaseCommand::MarkReady => pack::mark_ready(case, ctx),
        CaseCommand::Label { container, label, override_reason } => {
            label::label(case, container, *label, override_reason.as_deref(), ctx)
        }
        CaseCommand::DestroyLabel { container, number } => label::destroy(case, container, number),
        CaseCommand::CustomerArrived { via } => counter::arrived(case, via),
        CaseCommand::Decline { line, qty, reason } => counter::decline(case, *line, *qty, reason),
        CaseCommand::RefuseHandover { reason } => counter::refuse_handover(case, reason),
        CaseCommand::KeepLonger { until } => counter::keep_longer(case, *until, ctx),
        CaseCommand::Expire => counter::expire(case, ctx),
        CaseCommand::PutBack { line, qty, container, location } => {
            put_back::put_back(case, *line, *qty, container, location)
        }
        CaseCommand::HandOver { .. } => handover::hand_over(case, command, ctx),
    }
}
