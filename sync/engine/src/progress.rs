//! How far a receiver has come in a stream, and sets of positions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bytes::{Digest, Incarnation, Running};
use crate::item::{Gap, Incoming, Mark};

/// Positions `from` to `through` of one incarnation, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(u64, u64)", from = "(u64, u64)")]
pub struct Span {
    /// The first.
    pub from: u64,
    /// The last.
    pub through: u64,
}

impl From<Span> for (u64, u64) {
    fn from(span: Span) -> Self {
        (span.from, span.through)
    }
}

impl From<(u64, u64)> for Span {
    fn from((from, through): (u64, u64)) -> Self {
        Self { from, through }
    }
}

/// Joins sorted numbers to spans.
pub fn spans(numbers: impl IntoIterator<Item = u64>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for n in numbers {
        match spans.last_mut() {
            Some(last) if last.through + 1 == n => last.through = n,
            _ => spans.push(Span { from: n, through: n }),
        }
    }
    spans
}

/// What a receiver has stored of one incarnation of a peer: everything through `mark`, and some items beyond it
/// that came early. It is stored in the same transaction as the items and decides nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    mark: Mark,
    beyond: BTreeMap<u64, Digest>,
}

impl Progress {
    /// Nothing stored yet.
    pub fn start(incarnation: Incarnation) -> Self {
        Self { mark: Mark::start(incarnation), beyond: BTreeMap::new() }
    }

    /// What a journal kept: the mark, and the numbers and digests beyond it.
    pub fn restore(mark: Mark, beyond: impl IntoIterator<Item = (u64, Digest)>) -> Self {
        let beyond = beyond.into_iter().filter(|(n, _)| *n > mark.n).collect();
        let mut progress = Self { mark, beyond };
        progress.advance();
        progress
    }

    /// Counts an item as stored, and what is gone before it as received. `false` when it was stored before.
    pub fn take(&mut self, incoming: &Incoming) -> bool {
        self.store_after(incoming.position.n, incoming.digest, incoming.gap)
    }

    pub(crate) fn store_after(&mut self, n: u64, digest: Digest, gap: Option<Gap>) -> bool {
        if self.contains(n) {
            return false;
        }
        match gap.filter(|gap| gap.from <= self.mark.n + 1) {
            Some(Gap { running, .. }) => {
                self.mark = Mark { n, running, ..self.mark };
                self.beyond = self.beyond.split_off(&(n + 1));
                self.advance();
                true
            }
            None => self.store(n, digest),
        }
    }

    /// Counts one item as stored. `false` when it was stored before.
    pub fn store(&mut self, n: u64, digest: Digest) -> bool {
        if self.contains(n) {
            return false;
        }
        self.beyond.insert(n, digest);
        self.advance();
        true
    }

    fn advance(&mut self) {
        while let Some(digest) = self.beyond.remove(&(self.mark.n + 1)) {
            self.mark = self.mark.next(&digest);
        }
    }

    /// Whether an item is stored.
    pub fn contains(&self, n: u64) -> bool {
        n <= self.mark.n || self.beyond.contains_key(&n)
    }

    /// Everything up to here is stored.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// The incarnation.
    pub fn incarnation(&self) -> Incarnation {
        self.mark.incarnation
    }

    /// Everything through this number is stored.
    pub fn through(&self) -> u64 {
        self.mark.n
    }

    /// The running hash there.
    pub fn running(&self) -> Running {
        self.mark.running
    }

    /// Items beyond the mark, by number.
    pub fn beyond(&self) -> impl ExactSizeIterator<Item = (u64, Digest)> + '_ {
        self.beyond.iter().map(|(n, digest)| (*n, *digest))
    }

    /// The lowest spans beyond the mark, at most `max`.
    pub fn spans(&self, max: usize) -> Vec<Span> {
        let mut spans = spans(self.beyond.keys().copied());
        spans.truncate(max);
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_running_hash_does_not_depend_on_the_order_of_arrival(
            order in Just((1u64..40).collect::<Vec<_>>()).prop_shuffle(),
            cut in 0usize..39,
        ) {
            let digest = |n: u64| Digest([n as u8; 32]);
            let incarnation = Incarnation([9; 16]);
            let mut straight = Mark::start(incarnation);
            for n in 1..40 {
                straight = straight.next(&digest(n));
            }
            let mut progress = Progress::start(incarnation);
            for (i, n) in order.iter().enumerate() {
                if i == cut {
                    let beyond: Vec<_> = progress.beyond().collect();
                    progress = Progress::restore(progress.mark(), beyond);
                }
                prop_assert!(progress.store(*n, digest(*n)));
                prop_assert!(!progress.store(*n, digest(*n)));
            }
            prop_assert_eq!(progress.mark(), straight);
            prop_assert_eq!(progress.beyond().len(), 0);
        }
    }

    #[test]
    fn a_gap_is_passed_only_by_whom_it_reaches() {
        let digest = |n: u64| Digest([n as u8; 32]);
        let running = Running([5; 32]);
        let gap = |from| Some(Gap { from, running });
        let mut progress = Progress::start(Incarnation([9; 16]));
        progress.store(1, digest(1));
        progress.store(4, digest(4));
        progress.store(8, digest(8));
        let behind = progress.clone();
        assert!(progress.store_after(7, digest(7), gap(2)));
        assert_eq!((progress.through(), progress.beyond().len()), (8, 0));
        assert_eq!(progress.running(), running.next(&digest(8)), "the chain goes on from the peer's word");
        assert!(!progress.store_after(7, digest(7), gap(2)));
        let mut progress = behind;
        assert!(progress.store_after(7, digest(7), gap(3)));
        assert_eq!(progress.through(), 1, "item 2 is not said to be gone");
    }

    #[test]
    fn spans_are_joined_and_cut_at_their_limit() {
        let mut progress = Progress::start(Incarnation([9; 16]));
        for n in [3, 4, 6, 8, 9] {
            progress.store(n, Digest([0; 32]));
        }
        let all = [(3, 4), (6, 6), (8, 9)].map(|(from, through)| Span { from, through });
        assert_eq!(progress.spans(3), all);
        assert_eq!(progress.spans(2), all[..2]);
    }
}
