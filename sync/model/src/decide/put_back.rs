//! Back to the shelf.

use super::guard::{container, draw, facts, line, refuse, some};
use super::{Decided, Decision};
use crate::fact::SiteFact;
use crate::fulfillment::Fulfillment;
use crate::id::{ContainerId, LineNo, LocationId};
use crate::quantity::Quantity;

/// Puts back what is not wanted any more; once the case has ended that is everything. A closed parcel is opened.
pub(super) fn put_back(
    case: &Fulfillment,
    number: LineNo,
    qty: Quantity,
    from: &ContainerId,
    location: &LocationId,
) -> Decided {
    some(qty)?;
    line(case, number)?;
    let at = container(case, from)?;
    let ended = case.ended().is_some();
    if ended && at.carrier_labeled() {
        return refuse("destroy_label_first", format!("Destroy the carrier's label on {from} first."));
    }
    let mut contents = case.unwanted_in(from);
    if ended {
        contents.extend(case.wanted_in(from));
    }
    let drawn = match draw(contents, number, qty) {
        Ok(drawn) => drawn,
        Err(there) if draw(at.contents.iter().cloned(), number, qty).is_ok() => {
            return refuse(
                "still_wanted",
                format!(
                    "Only {there} units of line {number} in {from} are to be put back; the rest is wanted."
                ),
            );
        }
        Err(_) => {
            return refuse(
                "not_in_container",
                format!("Container {from} does not hold so many of line {number}."),
            );
        }
    };
    let mut decision = Decision::default();
    if at.packed {
        decision.facts.push(SiteFact::Unpacked { container: from.clone() });
    }
    let back = drawn.into_iter().map(|content| SiteFact::PutBack { content, location: location.clone() });
    facts(decision.facts.into_iter().chain(back).collect())
}
