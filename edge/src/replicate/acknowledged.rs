//! What the hub says to have for good, between hearing it and writing it down.

use outpost_sync::Mark;

use crate::write::Answer;

/// Of each incarnation the last mark that was acknowledged and is not written down yet. The session says each only
/// once: what a full disk did not take must be kept, or it would count as outstanding until the next start.
#[derive(Debug, Default)]
pub struct Acknowledged(Vec<Mark>);

impl Acknowledged {
    /// Hears of a mark.
    pub fn hear(&mut self, mark: Mark) {
        self.0.retain(|known| known.incarnation != mark.incarnation);
        self.0.push(mark);
    }

    /// Hands out what is to be written down.
    pub fn take(&mut self) -> Vec<Mark> {
        std::mem::take(&mut self.0)
    }

    /// Hears what came of writing a mark down: one that could not be is handed out again, unless a later one is
    /// known. `true` when it could.
    pub fn answered(&mut self, mark: Mark, answer: Option<&Answer>) -> bool {
        let written = matches!(answer, Some(Answer::Done));
        if !written && !self.0.iter().any(|known| known.incarnation == mark.incarnation) {
            self.0.push(mark);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use outpost_sync::Incarnation;

    use super::*;
    use crate::write::Failed;

    fn mark(name: u8, n: u64) -> Mark {
        Mark { n, ..Mark::start(Incarnation([name; 16])) }
    }

    #[test]
    fn what_could_not_be_written_is_handed_out_again_unless_more_is_known() {
        let full = Answer::Failed(Failed { code: "storage_full", sentence: "" });
        let mut acknowledged = Acknowledged::default();
        for heard in [mark(1, 3), mark(1, 5), mark(2, 7)] {
            acknowledged.hear(heard);
        }
        assert_eq!(acknowledged.take(), [mark(1, 5), mark(2, 7)]);
        acknowledged.hear(mark(2, 9));
        assert!(!acknowledged.answered(mark(1, 5), Some(&full)));
        assert!(!acknowledged.answered(mark(2, 7), Some(&full)));
        assert_eq!(acknowledged.take(), [mark(2, 9), mark(1, 5)]);
        assert!(acknowledged.answered(mark(1, 5), Some(&Answer::Done)));
        assert!(acknowledged.take().is_empty());
    }
}
