//! The site's own answers to the hub's intents.

use crate::decide::Context;
use crate::fact::SiteFact;
use crate::fulfillment::Fulfillment;
use crate::id::EventId;

/// The facts that answer a pending intent by rule; nothing when it is answered already, not known, or a person has
/// to decide. The daemon calls it when an intent arrives; `decide` calls it for what is still pending after its
/// own facts.
pub fn answer(case: &Fulfillment, intent: EventId, ctx: &Context<'_>) -> Option<Vec<SiteFact>> {
    let _ = (case, intent, ctx);
    None
}
