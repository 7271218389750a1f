//! Texts that both ends of a conversation remember, so that later ones need only say how they differ.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::shape::{Shape, Value};

/// A writer refers to the newest so many examples. The reader remembers twice as many, since frames may come in another
/// order than they were sent.
pub(crate) const REMEMBERED: usize = 128;
/// Longer texts are nobody's example in a later frame.
pub(crate) const EXAMPLE_BYTES_MAX: usize = 1_024;

/// A text that was said in full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Example {
    pub shape: Shape,
    pub values: Vec<Value>,
    length: usize,
}

impl Example {
    pub(crate) fn of(text: &str) -> Self {
        let (shape, values) = Shape::of(text);
        Self { shape, values, length: text.len() }
    }
}

/// The examples of one incarnation in a conversation, by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Examples {
    by_number: BTreeMap<u64, Arc<Example>>,
    by_shape: HashMap<Shape, u64>,
    /// The highest number ever given. It outlives what is forgotten: a number never means two texts in a conversation.
    last: u64,
}

impl Examples {
    /// Remembers a text.
    pub(crate) fn note(&mut self, number: u64, example: Arc<Example>) {
        self.last = self.last.max(number);
        if example.length > EXAMPLE_BYTES_MAX {
            return;
        }
        self.by_shape.insert(example.shape.clone(), number);
        self.by_number.insert(number, example);
        while self.by_number.len() > 2 * REMEMBERED {
            let Some((number, example)) = self.by_number.pop_first() else { break };
            if self.by_shape.get(&example.shape) == Some(&number) {
                self.by_shape.remove(&example.shape);
            }
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<Arc<Example>> {
        self.by_number.get(&number).cloned()
    }

    /// The newest example of a shape, if the reader is sure to have it.
    pub(crate) fn like(&self, shape: &Shape) -> Option<(u64, Arc<Example>)> {
        let number = *self.by_shape.get(shape)?;
        let newer = self.by_number.range(number..).take(REMEMBERED + 1).count();
        (newer <= REMEMBERED).then(|| self.get(number).map(|example| (number, example))).flatten()
    }

    /// The number of the next text that is said in full.
    pub(crate) fn next_number(&self) -> u64 {
        self.last.saturating_add(1)
    }

    /// Nothing of what is remembered, but the numbers go on.
    pub(crate) fn begun_anew(&self) -> Self {
        Self { last: self.last, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of different shapes.
    fn example(k: usize) -> Arc<Example> {
        Arc::new(Example::of(&"x".repeat(k)))
    }

    #[test]
    fn a_writer_refers_to_half_of_what_a_reader_remembers() {
        let mut examples = Examples::default();
        (1..=300u64).for_each(|k| examples.note(k, example(k as usize)));
        let oldest = 300 - REMEMBERED as u64 + 1;
        assert!(examples.like(&example(oldest as usize).shape).is_some());
        assert!(examples.like(&example(oldest as usize - 1).shape).is_none());
        assert!(examples.get(300 - 2 * REMEMBERED as u64 + 1).is_some());
        assert!(examples.get(300 - 2 * REMEMBERED as u64).is_none());
    }

    #[test]
    fn numbers_go_on_over_what_is_forgotten_and_over_long_texts() {
        let mut examples = Examples::default();
        examples.note(7, example(EXAMPLE_BYTES_MAX));
        assert!(examples.get(7).is_some());
        examples.note(8, example(EXAMPLE_BYTES_MAX + 1));
        assert!(examples.get(8).is_none());
        let anew = examples.begun_anew();
        assert!(anew.get(7).is_none());
        assert_eq!(anew.next_number(), 9);
    }
}
