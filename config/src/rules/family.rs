//! Entries that start from a first one: other calendars from the standard one, other classes from the default.

use std::collections::BTreeMap;

use crate::kinds::named;
use crate::place::{Place, Rule};

/// A first entry that is always there, and others by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family<T> {
    first: T,
    others: BTreeMap<String, T>,
}

impl<T> Family<T> {
    /// The entry with a name, or the first one where there is none.
    pub fn get(&self, name: &str) -> &T {
        self.others.get(name).unwrap_or(&self.first)
    }

    /// The entry that is always there.
    pub fn first(&self) -> &T {
        &self.first
    }

    /// The names of the other entries.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.others.keys().map(String::as_str)
    }
}

/// A section of named entries, one of which is the first.
pub(super) fn family<T>(first: &'static str, rule: impl Rule<T>) -> impl Fn(&Place<'_>) -> Option<Family<T>> {
    let entries = named(rule);
    move |place| {
        let mut others = entries.read(place)?;
        match others.remove(first) {
            Some(first) => Some(Family { first, others }),
            None => place.entries()?.at(first).wrong("this section"),
        }
    }
}
