//! Folding the site's facts. A fact is always booked; where it contradicts what was known, an exception says so.

use super::units::First;
use crate::fact::{CancelledLine, Content, Effect, Permission, SiteFact};
use crate::fulfillment::{Answer, End, Fulfillment, Intent, Label, LineQuantities};
use crate::id::{EventId, LineNo};
use crate::quantity::Quantity;

const CONTRADICTION: &str = "contradiction";

/// Moves up to `qty` units from one part of a line to another; how many that were.
fn shift(from: &mut Quantity, to: &mut Quantity, qty: Quantity) -> Quantity {
    let moved = qty.min(*from);
    *from = from.saturating_sub(moved);
    *to = *to + moved;
    moved
}

impl Fulfillment {
    /// Takes in one fact; sequence numbers are the caller's business.
    pub(crate) fn take_fact(&mut self, id: EventId, fact: &SiteFact) {
        match fact {
            SiteFact::Accepted => self.accepted = true,
            SiteFact::Rejected { reason } => {
                self.give_up_open(|line| &mut line.short);
                self.end.get_or_insert(End::Rejected(reason.clone()));
            }
            SiteFact::Released { reason } => {
                self.give_up_open(|line| &mut line.short);
                self.set_all_aside();
                self.end.get_or_insert(End::Released(reason.clone()));
            }
            SiteFact::IntentAccepted { intent, effect } => {
                if self.answered(*intent, Answer::Accepted) {
                    self.take_effect(id, effect);
                }
            }
            SiteFact::IntentRefused { intent, reason } => {
                self.answered(*intent, Answer::Refused(reason.clone()));
            }
            SiteFact::Picked { line, sku, qty, lot, serial, container, .. } => {
                let (lot, serial) = (lot.clone(), serial.clone());
                let content = Content {
                    line: *line,
                    sku: sku.clone(),
                    qty: *qty,
                    from: container.clone(),
                    lot,
                    serial,
                };
                self.picked(id, content);
            }
            SiteFact::Substituted { line, with, qty, container, .. } => {
                let (lot, serial) = (None, None);
                let content = Content {
                    line: *line,
                    sku: with.clone(),
                    qty: *qty,
                    from: container.clone(),
                    lot,
                    serial,
                };
                self.picked(id, content);
            }
            SiteFact::Unpicked { content, .. } => self.unpicked(id, content),
            SiteFact::Shorted { line, qty, .. } => {
                self.accepted = true;
                let short = self.lines.get_mut(line).map(|line| shift(&mut line.open, &mut line.short, *qty));
                if short != Some(*qty) {
                    self.raise(CONTRADICTION, id);
                }
            }
            SiteFact::Packed { container, contents, weight_g, .. } => {
                for content in contents.iter().filter(|content| content.from != *container) {
                    let drawn = self.draw(content, First::Wanted);
                    let moved = |qty| Content { qty, from: container.clone(), ..content.clone() };
                    // What was not there before is in the parcel all the same.
                    self.put(moved(content.qty));
                    self.set_aside(moved(drawn.unwanted + drawn.missing));
                    if !drawn.missing.is_zero() {
                        self.raise(CONTRADICTION, id);
                    }
                }
                let container = self.containers.entry(container.clone()).or_default();
                (container.packed, container.weight_g) = (true, *weight_g);
            }
            SiteFact::Unpacked { container } => {
                if let Some(container) = self.containers.get_mut(container) {
                    (container.packed, container.weight_g) = (false, None);
                }
            }
            SiteFact::Staged { container, location } | SiteFact::Sorted { container, cage: location } => {
                if let Some(container) = self.containers.get_mut(container) {
                    container.staged_at = Some(location.clone());
                }
            }
            SiteFact::Ready => self.ready = true,
            SiteFact::Labeled { container, label, number, permission, .. } => {
                let labels = &mut self.containers.entry(container.clone()).or_default().labels;
                labels.push(Label { kind: *label, number: number.clone() });
                self.permitted(id, permission);
            }
            SiteFact::LabelDestroyed { container, number } => {
                if let Some(container) = self.containers.get_mut(container) {
                    container.labels.retain(|label| label.number != *number);
                }
            }
            SiteFact::CustomerArrived { .. } => self.arrived = true,
            SiteFact::HandoverRefused { .. } => self.arrived = false,
            SiteFact::Declined { content, .. } => self.declined(id, content),
            SiteFact::KeptLonger { until } => self.keep_until(*until),
            SiteFact::PickupExpired => {
                self.give_up_open(|line| &mut line.declined);
                (self.ready, self.arrived) = (false, false);
                self.end.get_or_insert(End::Expired);
            }
            SiteFact::PutBack { content, .. } => self.put_back(id, content),
            SiteFact::HandedOver { items, permission, .. } => {
                for item in items {
                    self.item_left(id, item);
                }
                self.handovers.push(id);
                self.arrived = false;
                if self.held {
                    self.raise("handed_over_on_hold", id);
                }
                if self.end.is_some() {
                    self.raise("handed_over_after_end", id);
                }
                self.permitted(id, permission);
            }
            SiteFact::AgeVerified { .. } | SiteFact::Collected { .. } => {}
        }
        self.tidy();
        self.recount();
        self.see_cancelled();
    }

    fn permitted(&mut self, id: EventId, permission: &Permission) {
        match permission {
            Permission::Granted => {}
            Permission::Override { .. } => self.raise("authority_override", id),
            Permission::AfterTheFact => self.raise("outside_authority", id),
        }
    }

    /// Records an answer; whether it is the first one.
    fn answered(&mut self, intent: EventId, answer: Answer) -> bool {
        let entry = self.intents.entry(intent).or_insert_with(Intent::unseen);
        let first = entry.answer == Answer::Pending;
        if first {
            entry.answer = answer;
        }
        first
    }

    fn take_effect(&mut self, id: EventId, effect: &Effect) {
        match effect {
            Effect::Nothing => {}
            Effect::Cancelled { lines } => {
                for line in lines {
                    self.cancelled(id, line);
                }
            }
            Effect::Added { line, qty } => {
                if let Some(quantities) = self.lines.get_mut(line) {
                    quantities.open = quantities.open + *qty;
                    let added = self.added.entry(*line).or_default();
                    *added = *added + *qty;
                    self.ready = false;
                }
            }
            Effect::Held => self.held = true,
            Effect::Unheld => self.held = false,
            Effect::Extended { until } => self.keep_until(*until),
        }
    }

    fn keep_until(&mut self, until: crate::time::UtcMillis) {
        self.hold_until = Some(until);
        // Goods that were set aside since nobody came are waiting again.
        if self.end == Some(End::Expired) {
            self.end = None;
        }
    }

    fn cancelled(&mut self, id: EventId, taken: &CancelledLine) {
        let set_aside = self.set_aside_of(taken.line, taken.to_put_back);
        let Some(line) = self.lines.get_mut(&taken.line) else {
            return self.raise(CONTRADICTION, id);
        };
        let open = shift(&mut line.open, &mut line.cancelled, taken.open);
        line.cancelled = line.cancelled + set_aside;
        if open != taken.open || set_aside != taken.to_put_back {
            self.raise(CONTRADICTION, id);
        }
    }

    fn picked(&mut self, id: EventId, content: Content) {
        self.accepted = true;
        let other_sku = self.header.line(content.line).is_some_and(|line| line.sku != content.sku);
        let mut wanted = Quantity::ZERO;
        if let Some(line) = self.lines.get_mut(&content.line) {
            wanted = content.qty.min(line.open);
            line.open = line.open.saturating_sub(wanted);
            if other_sku {
                line.substituted = line.substituted + wanted;
            }
        }
        let surplus = content.qty.saturating_sub(wanted);
        self.put(content.clone());
        if !surplus.is_zero() {
            self.set_aside(Content { qty: surplus, ..content });
            self.raise("over_pick", id);
        }
    }

    fn unpicked(&mut self, id: EventId, content: &Content) {
        let other_sku = self.header.line(content.line).is_some_and(|line| line.sku != content.sku);
        let drawn = self.draw(content, First::Wanted);
        self.ready = false;
        if let Some(line) = self.lines.get_mut(&content.line) {
            line.open = line.open + drawn.wanted;
            if other_sku {
                line.substituted = line.substituted.saturating_sub(drawn.wanted);
            }
        }
        if !drawn.missing.is_zero() {
            self.raise(CONTRADICTION, id);
        }
    }

    fn declined(&mut self, id: EventId, content: &Content) {
        let wanted = self.wanted_in(&content.from).into_iter();
        let there: Quantity = wanted
            .filter(|entry| Content { qty: content.qty, ..entry.clone() } == *content)
            .map(|entry| entry.qty)
            .sum();
        let qty = content.qty.min(there);
        if let Some(line) = self.lines.get_mut(&content.line) {
            line.declined = line.declined + qty;
        }
        self.set_aside(Content { qty, ..content.clone() });
        if qty != content.qty {
            self.raise(CONTRADICTION, id);
        }
    }

    fn put_back(&mut self, id: EventId, content: &Content) {
        let drawn = self.draw(content, First::Unwanted);
        let expired = self.end == Some(End::Expired);
        if let Some(line) = self.lines.get_mut(&content.line) {
            // Wanted units go back to the shelf when nobody came, or when another site delivers them.
            let part = if expired { &mut line.declined } else { &mut line.short };
            *part = *part + drawn.wanted;
        }
        if !drawn.missing.is_zero() {
            self.raise(CONTRADICTION, id);
        }
    }

    /// Units that left. Those that nobody wanted any more, or that were never picked, are gone all the same.
    fn item_left(&mut self, id: EventId, item: &Content) {
        let drawn = self.draw(item, First::Wanted);
        let mut surplus = drawn.unwanted + drawn.missing;
        if let Some(line) = self.lines.get_mut(&item.line) {
            line.handed_over = line.handed_over + drawn.wanted;
            let LineQuantities { open, short, cancelled, declined, handed_over, .. } = line;
            let parts: [&mut Quantity; 4] = if drawn.missing.is_zero() {
                [cancelled, declined, short, open]
            } else {
                [open, cancelled, declined, short]
            };
            for part in parts {
                surplus = surplus.saturating_sub(shift(part, handed_over, surplus));
            }
        }
        if let Some(container) = self.containers.get_mut(&item.from) {
            container.gone = container.contents.is_empty();
        }
        if !drawn.unwanted.is_zero() {
            self.raise("handed_over_unwanted", id);
        }
        if !drawn.missing.is_zero() {
            self.raise("handed_over_unpicked", id);
        }
    }

    fn give_up_open(&mut self, part: impl Fn(&mut LineQuantities) -> &mut Quantity) {
        for line in self.lines.values_mut() {
            let open = std::mem::take(&mut line.open);
            let part = part(line);
            *part = *part + open;
        }
    }

    /// Everything in containers is to be put back; it counts as not to be had here.
    fn set_all_aside(&mut self) {
        let lines: Vec<LineNo> = self.lines.keys().copied().collect();
        for number in lines {
            let set_aside = self.set_aside_of(number, Quantity::MAX);
            if let Some(line) = self.lines.get_mut(&number) {
                line.short = line.short + set_aside;
            }
        }
    }

    /// A case of which nothing is left to deliver and nothing was delivered, since it was cancelled, has ended.
    fn see_cancelled(&mut self) {
        let left =
            |line: &LineQuantities| !(line.open + line.picked + line.staged + line.handed_over).is_zero();
        let cancelled = self.lines.values().any(|line| !line.cancelled.is_zero());
        if self.end.is_none() && cancelled && !self.lines.values().any(left) {
            self.end = Some(End::Cancelled);
        }
    }
}
