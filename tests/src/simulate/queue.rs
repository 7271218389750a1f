//! What is to happen, in the order of virtual time; what falls on one instant, in the order in which it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A queue of happenings.
#[derive(Debug)]
pub struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    planned: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: u64,
    number: u64,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0 }
    }
}

impl<T> Queue<T> {
    /// Plans something.
    pub fn plan(&mut self, at: u64, what: T) {
        self.planned += 1;
        self.heap.push(Reverse(Entry { at, number: self.planned, what }));
    }

    /// The next happening and its time.
    pub fn next(&mut self) -> Option<(u64, T)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }

    /// Forgets what is planned and matches.
    pub fn forget(&mut self, matches: impl Fn(&T) -> bool) {
        self.heap.retain(|Reverse(entry)| !matches(&entry.what));
    }

    /// When the first of those that match comes.
    pub fn first_of(&self, matches: impl Fn(&T) -> bool) -> Option<u64> {
        self.heap.iter().filter(|Reverse(entry)| matches(&entry.what)).map(|Reverse(entry)| entry.at).min()
    }

    /// Whether something that matches is planned.
    pub fn any(&self, matches: impl Fn(&T) -> bool) -> bool {
        self.heap.iter().any(|Reverse(entry)| matches(&entry.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn happenings_come_by_time_and_then_by_plan() {
        let mut queue = Queue::default();
        for (at, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b')] {
            queue.plan(at, what);
        }
        queue.forget(|what| *what == 'b');
        assert!(queue.any(|what| *what == 'd') && !queue.any(|what| *what == 'b'));
        assert_eq!((queue.first_of(|what| *what > 'a'), queue.first_of(|what| *what > 'd')), (Some(5), None));
        let order: Vec<_> = std::iter::from_fn(|| queue.next()).collect();
        assert_eq!(order, [(1, 'a'), (5, 'c'), (5, 'd')]);
    }
}
