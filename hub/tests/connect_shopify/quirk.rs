//! One row of the tables: a quirk, how it is made, and what becomes of it.

use outpost_hub::connect::{Captured, NothingToDo};
use serde_json::Value;

/// What a quirk leads to.
pub enum Leads {
    /// An order that this looks at.
    To(fn(&Captured)),
    /// An order that waits for a person, for this reason.
    Held(&'static str),
    /// An order with nothing to do.
    Nothing(NothingToDo),
    /// An error with this code at this place.
    Unreadable(&'static str, &'static str),
}

pub type Quirk = (&'static str, fn(&mut Value), Leads);

/// The first line of an order.
pub fn line(order: &mut Value) -> &mut Value {
    &mut order["line_items"][0]
}
