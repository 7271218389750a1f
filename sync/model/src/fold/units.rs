//! Units in containers: where they lie, and which of them are still wanted.
//!
//! What lies in a container and is not wanted any more stands in `to_put_back` too, so that a container's contents
//! are always all that is in it.

use crate::fact::Content;
use crate::fulfillment::Fulfillment;
use crate::id::{ContainerId, LineNo};
use crate::quantity::Quantity;

/// How many units a fact found where it said, by what they were.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn {
    /// Units that somebody wanted.
    pub wanted: Quantity,
    /// Units that were to be put back.
    pub unwanted: Quantity,
    /// Units that were not there.
    pub missing: Quantity,
}

/// Which units to take where both kinds lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Wanted,
    Unwanted,
}

fn same(one: &Content, other: &Content) -> bool {
    one.line == other.line
        && one.sku == other.sku
        && one.from == other.from
        && one.lot == other.lot
        && one.serial == other.serial
}

fn add(list: &mut Vec<Content>, content: Content) {
    match list.iter_mut().find(|entry| same(entry, &content)) {
        Some(entry) => entry.qty = entry.qty + content.qty,
        None => list.push(content),
    }
}

fn subtract(list: &mut Vec<Content>, content: &Content, qty: Quantity) {
    if let Some(entry) = list.iter_mut().find(|entry| same(entry, content)) {
        entry.qty = entry.qty.saturating_sub(qty);
    }
    list.retain(|entry| !entry.qty.is_zero());
}

fn held(list: &[Content], content: &Content) -> Quantity {
    list.iter().find(|entry| same(entry, content)).map_or(Quantity::ZERO, |entry| entry.qty)
}

impl Fulfillment {
    /// Units of this kind in its container that are not wanted any more.
    fn unwanted(&self, content: &Content) -> Quantity {
        held(&self.to_put_back, content)
    }

    /// What lies in a container and is wanted.
    pub fn wanted_in(&self, container: &ContainerId) -> Vec<Content> {
        let contents = self.containers.get(container).map_or(&[][..], |container| &container.contents);
        contents
            .iter()
            .map(|content| Content {
                qty: content.qty.saturating_sub(self.unwanted(content)),
                ..content.clone()
            })
            .filter(|content| !content.qty.is_zero())
            .collect()
    }

    /// What lies in a container and is to be put back.
    pub fn unwanted_in(&self, container: &ContainerId) -> Vec<Content> {
        self.to_put_back.iter().filter(|content| content.from == *container).cloned().collect()
    }

    pub(super) fn put(&mut self, content: Content) {
        let container = self.containers.entry(content.from.clone()).or_default();
        container.gone = false;
        add(&mut container.contents, content);
    }

    /// Takes units out of their container.
    pub(super) fn draw(&mut self, content: &Content, first: First) -> Drawn {
        let there =
            self.containers.get(&content.from).map_or(Quantity::ZERO, |at| held(&at.contents, content));
        let all_unwanted = self.unwanted(content).min(there);
        let all_wanted = there.saturating_sub(all_unwanted);
        let qty = content.qty;
        let (wanted, unwanted) = match first {
            First::Wanted => {
                let wanted = qty.min(all_wanted);
                (wanted, qty.saturating_sub(wanted).min(all_unwanted))
            }
            First::Unwanted => {
                let unwanted = qty.min(all_unwanted);
                (qty.saturating_sub(unwanted).min(all_wanted), unwanted)
            }
        };
        if let Some(container) = self.containers.get_mut(&content.from) {
            subtract(&mut container.contents, content, wanted + unwanted);
        }
        subtract(&mut self.to_put_back, content, unwanted);
        Drawn { wanted, unwanted, missing: qty.saturating_sub(wanted + unwanted) }
    }

    /// Marks units as not wanted any more, where they lie.
    pub(super) fn set_aside(&mut self, content: Content) {
        if !content.qty.is_zero() {
            add(&mut self.to_put_back, content);
        }
    }

    /// Marks up to `qty` units of a line as not wanted any more, open containers first; how many that were.
    pub(super) fn set_aside_of(&mut self, line: LineNo, qty: Quantity) -> Quantity {
        let mut containers: Vec<_> =
            self.containers.iter().map(|(id, container)| (container.packed, id.clone())).collect();
        containers.sort();
        let mut left = qty;
        for (_, container) in containers {
            for content in self.wanted_in(&container) {
                let here = content.qty.min(left);
                if content.line == line && !here.is_zero() {
                    left = left.saturating_sub(here);
                    self.set_aside(Content { qty: here, ..content });
                }
            }
        }
        qty.saturating_sub(left)
    }

    /// Forgets a container that is empty, bears no label and has not left: it is free for other work.
    pub(super) fn tidy(&mut self) {
        self.containers.retain(|_, container| {
            !container.contents.is_empty() || !container.labels.is_empty() || container.gone
        });
    }

    /// Sets the parts of each line's quantities that follow from what lies where.
    pub(super) fn recount(&mut self) {
        for quantities in self.lines.values_mut() {
            (quantities.picked, quantities.staged) = (Quantity::ZERO, Quantity::ZERO);
        }
        for (container, staged) in
            self.containers.iter().map(|(id, at)| (id.clone(), at.staged_at.is_some())).collect::<Vec<_>>()
        {
            for content in self.wanted_in(&container) {
                if let Some(quantities) = self.lines.get_mut(&content.line) {
                    let part = if staged { &mut quantities.staged } else { &mut quantities.picked };
                    *part = *part + content.qty;
                }
            }
        }
    }
}
