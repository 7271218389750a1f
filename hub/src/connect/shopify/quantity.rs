//! How many units of a line are still ours to deliver.
//!
//! A line is told about in up to four ways: its own counters, the order's fulfillments, its refunds, and two status
//! words. They are not always of the same age, and only their agreement can be acted on without a person.

use std::collections::BTreeMap;

use outpost_model::quantity::Quantity;

use super::super::Unreadable;
use super::super::json::Node;
use super::super::text::Notes;

/// What fulfillments and refunds say, by line id.
#[derive(Debug, Default)]
pub struct Progress {
    fulfilled: BTreeMap<String, u64>,
    refunded: BTreeMap<String, u64>,
    /// Of the refunded ones: units that had been delivered and came back.
    came_back: BTreeMap<String, u64>,
}

impl Progress {
    /// Adds up what has happened to every line.
    pub fn of(root: &Node<'_>) -> Result<Self, Unreadable> {
        let mut progress = Self::default();
        for fulfillment in root.get("fulfillments").items() {
            // A fulfillment that failed or was called off has delivered nothing.
            let failed = ["cancelled", "error", "failure"];
            if fulfillment.get("status").text().is_some_and(|status| failed.contains(&status)) {
                continue;
            }
            for line in fulfillment.get("line_items").items() {
                count(&mut progress.fulfilled, &line.first(&["id", "line_item_id"]), &line.get("quantity"))?;
            }
        }
        for refund in root.get("refunds").items() {
            for line in refund.get("refund_line_items").items() {
                let id = match line.get("line_item_id") {
                    id if !id.is_empty() => id,
                    _ => line.get("line_item").get("id"),
                };
                count(&mut progress.refunded, &id, &line.get("quantity"))?;
                if line.get("restock_type").text() == Some("return") {
                    count(&mut progress.came_back, &id, &line.get("quantity"))?;
                }
            }
        }
        Ok(progress)
    }
}

fn count(sums: &mut BTreeMap<String, u64>, id: &Node<'_>, units: &Node<'_>) -> Result<(), Unreadable> {
    if let (Some(id), Some(units)) = (id.id(), units.whole()?) {
        let sum = sums.entry(id.into_owned()).or_default();
        *sum = sum.saturating_add(units);
    }
    Ok(())
}

/// What is left of a line, and what was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// Ordered in the first place.
    pub ordered: Quantity,
    /// Still wanted: not removed, not paid back.
    pub current: Quantity,
    /// Still to be delivered.
    pub left: Quantity,
}

/// Works out a line's units.
pub fn units(
    line: &Node<'_>,
    order: &Node<'_>,
    progress: &Progress,
    notes: &mut Notes,
) -> Result<Units, Unreadable> {
    let id = line.get("id").id().unwrap_or_default();
    let sum = |sums: &BTreeMap<String, u64>| sums.get(id.as_ref()).copied().unwrap_or(0);
    let (fulfilled, refunded, came_back) =
        (sum(&progress.fulfilled), sum(&progress.refunded), sum(&progress.came_back));

    let current_stated = line.get("current_quantity").whole()?;
    let fulfillable = line.get("fulfillable_quantity").whole()?;
    let ordered = match line.get("quantity").whole()?.or(current_stated).or(fulfillable) {
        Some(ordered) => ordered,
        None => {
            let at = line.get("quantity");
            let sentence = "The line has no quantity: allowed are whole numbers from 0.";
            return Err(Unreadable::new("quantity_missing", at.path(), sentence));
        }
    };
    let current = match current_stated {
        Some(current) if current > ordered => {
            let sentence = "A line has more units now than were ordered: the smaller number is taken";
            notes.find("quantity_disagrees", line.get("current_quantity").path(), sentence);
            ordered
        }
        Some(current) => current,
        None => ordered.saturating_sub(refunded),
    };

    // A unit that came back had been delivered: it is gone from `current` and must not be subtracted again.
    let worked_out = current.min(current.saturating_add(came_back).saturating_sub(fulfilled));
    let says_done = |node: &Node<'_>| matches!(node.text(), Some("fulfilled" | "restocked"));
    let done = says_done(&line.get("fulfillment_status"))
        || (fulfillable.is_none() && says_done(&order.get("fulfillment_status")));
    let most = if done { 0 } else { worked_out };
    let left = match fulfillable {
        Some(stated) if stated > most => {
            let sentence = "The counters of a line and its fulfillments or refunds disagree: the smaller number is taken";
            notes.find("quantity_disagrees", line.get("fulfillable_quantity").path(), sentence);
            most
        }
        Some(stated) => stated,
        None => most,
    };
    let quantity = |units: u64, key: &str| {
        Quantity::new(units).map_err(|error| {
            let at = line.get(key);
            let sentence = format!("A line is too large: {error}.");
            Unreadable::new("quantity_too_large", at.path(), sentence)
        })
    };
    Ok(Units {
        ordered: quantity(ordered, "quantity")?,
        current: quantity(current, "current_quantity")?,
        left: quantity(left, "fulfillable_quantity")?,
    })
}
