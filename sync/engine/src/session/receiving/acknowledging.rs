//! What the peer is told of its stream: how far it is stored, and how far it is in a backup.

use std::collections::BTreeSet;

use super::{APPLIED_MAX, REFUSED_MAX, Receiving};
use crate::bytes::Incarnation;
use crate::frame::body::Applied;
use crate::item::Mark;
use crate::progress::Progress;
use crate::session::effect::Refusal;

impl Receiving {
    /// So far is in a backup: the peer is told.
    pub(in crate::session) fn backed_up(&mut self, marks: Vec<Mark>) {
        self.backups = true;
        for mark in marks {
            let known = self.backed_up.entry(mark.incarnation).or_insert(Mark::start(mark.incarnation));
            if mark.n > known.n {
                *known = mark;
                self.touched.insert(mark.incarnation);
            }
        }
    }

    fn applied_of(&self, progress: &Progress, spans_max: usize) -> Applied {
        let incarnation = progress.incarnation();
        let safe = || self.backed_up.get(&incarnation).copied().unwrap_or(Mark::start(incarnation));
        Applied::of(progress, spans_max, self.backups.then(safe))
    }

    /// Whether something came that the peer does not know to be stored. What is stored is told at once, also while more
    /// is being stored, so that the peer sends on meanwhile; for everything else that answer is waited for.
    pub(in crate::session) fn owes_acknowledgement(&self) -> bool {
        let something = !self.touched.is_empty() || !self.refused.is_empty();
        something && (self.further || self.storing.is_empty())
    }

    /// What an acknowledgement says; from then on nothing is owed.
    pub(in crate::session) fn acknowledgement(&mut self, spans_max: usize) -> (Vec<Applied>, Vec<Refusal>) {
        self.further = false;
        let mut touched = std::mem::take(&mut self.touched);
        if let Some(next) = touched.iter().nth(APPLIED_MAX).copied() {
            self.touched = touched.split_off(&next);
        }
        let applied = touched
            .iter()
            .filter_map(|incarnation| self.progress.get(incarnation))
            .map(|progress| self.applied_of(progress, spans_max))
            .collect();
        let told = self.refused.len().min(REFUSED_MAX);
        (applied, self.refused.drain(..told).collect())
    }

    /// What a greeting says: the progress in what the peer named, or in everything while it named nothing.
    pub(in crate::session) fn applied(&self, spans_max: usize, links_max: usize) -> Vec<Applied> {
        let named =
            self.links.iter().flat_map(|link| [Some(link.incarnation), link.parent.map(|p| p.incarnation)]);
        let mut named: BTreeSet<Incarnation> = named.flatten().collect();
        if named.is_empty() {
            named = self.progress.keys().copied().collect();
        }
        let known = named.iter().filter_map(|incarnation| self.progress.get(incarnation));
        known.take(2 * links_max).map(|progress| self.applied_of(progress, spans_max)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{Incoming, Item, Link, Position, Record};
    use crate::session::receiving::Waiting;
    use crate::settings::Settings;

    #[test]
    fn what_is_stored_is_acknowledged_while_more_is_being_stored_and_nothing_else_is() {
        let incarnation = Incarnation([7; Incarnation::BYTES]);
        let settings = Settings { store_items_max: 1, ..Settings::default() };
        let mut receiving = Receiving::new(vec![Progress::start(incarnation)], false);
        receiving.greet(&[Link { incarnation, parent: None, last: 2 }]);
        for n in [1, 2] {
            let item = Item::Record(Record::new("note", "key", vec![0]));
            let position = Position { incarnation, n };
            let incoming = Incoming { position, digest: item.digest(), item, gap: None };
            receiving.waiting_bytes += incoming.item.weight();
            receiving.waiting.insert((incarnation, n), Waiting { incoming, lane: None });
        }
        receiving.touched.insert(incarnation);
        let told = |receiving: &mut Receiving| receiving.acknowledgement(32).0[0].mark.n;
        assert_eq!(receiving.deliver(&settings).len(), 1);
        assert!(!receiving.owes_acknowledgement(), "nothing is stored");
        receiving.stored(Vec::new(), &[]);
        assert_eq!(receiving.deliver(&settings).len(), 1);
        assert!(
            receiving.owes_acknowledgement(),
            "the first is stored while the second is on its way to the disk"
        );
        assert_eq!(told(&mut receiving), 1);
        receiving.touched.insert(incarnation);
        assert!(!receiving.owes_acknowledgement(), "what came meanwhile is no news");
        receiving.stored(Vec::new(), &[]);
        assert!(receiving.deliver(&settings).is_empty() && receiving.owes_acknowledgement());
        assert_eq!(told(&mut receiving), 2);
        assert!(!receiving.owes_acknowledgement());
    }
}
