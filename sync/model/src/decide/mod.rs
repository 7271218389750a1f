//! From a command to facts: what people and rules may do with a case, and what is written when they do.

mod context;

pub use context::{Book, CodeCheck, Context, Decision, Proposal, Resolved, Scanned, SitePolicy};

use crate::command::CaseCommand;
use crate::fulfillment::Fulfillment;
use crate::rejection::Rejection;

/// Decides a command about a case: the facts to write, or why nothing changes.
pub fn decide(case: &Fulfillment, command: &CaseCommand, ctx: &Context<'_>) -> Result<Decision, Rejection> {
    let _ = (case, command, ctx);
    Err(Rejection::new("update_needed", "This device needs an update before it can do that."))
}
