//! Takes in what somebody else says of a parcel. It overwrites no fact; a contradiction is an exception.

use outpost_model::intent::HubEvent;
use outpost_model::rejection::Rejection;

use super::{documents, settle};
use crate::error::{HubError, Verdict};
use crate::store::{case, label, recovery};
use crate::wake::News;
use crate::write::Unit;

/// The longest name of a fact, in bytes.
const FACT_BYTES_MAX: usize = 40;

/// A carrier's word about a parcel.
pub async fn observe(unit: &mut Unit, tracking: &str, fact: &str) -> Result<Verdict<()>, HubError> {
    let plain = fact.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if fact.is_empty() || fact.len() > FACT_BYTES_MAX || !plain {
        let sentence = format!("A fact is a name of 1 to {FACT_BYTES_MAX} small letters and underscores.");
        return Ok(Err(Rejection::new("fact_malformed", sentence)));
    }
    let Some(label) = label::by_number(unit.db(), tracking).await? else {
        return Ok(Err(Rejection::new("unknown_tracking", "No label with this number was bought here.")));
    };
    let Some(mut row) = case::get(unit.db(), label.case).await? else {
        return Err(HubError::Invariant(format!("label {} of a case that does not exist", label.key)));
    };
    if recovery::waits(unit.db(), &label.site).await? {
        let sentence = "The hub was restored and the site has not shown yet what it has. Ask again later.";
        return Ok(Err(Rejection::new("site_recovering", sentence)));
    }
    let source = "carrier".to_owned();
    if row.state.observed.iter().any(|known| known.source == source && known.fact == fact) {
        return Ok(Ok(()));
    }
    // What the site and its customer wait for must still fit.
    if row.state.site_n + row.state.hub_n >= unit.limits().case_events_max {
        let sentence = "As much as fits was written about this part of the order.";
        return Ok(Err(Rejection::new("case_full", sentence)));
    }
    let before = row.state.exceptions.clone();
    let event = HubEvent::Observed { source, fact: fact.to_owned() };
    documents::say(unit, &mut row, Vec::new(), vec![event]).await?;
    unit.wakes.news.insert(News::Case(label.case));
    // A contradiction between the carrier's word and the site's facts is seen by the fold.
    settle::raise_new(unit, &row, &before).await?;
    Ok(Ok(()))
}
