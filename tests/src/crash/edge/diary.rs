//! What the world outside knows: everything that was answered, in order.

use std::collections::{BTreeMap, BTreeSet};

use outpost_edge::write::Answer;
use outpost_model::command::Outcome;
use outpost_model::id::CommandId;
use outpost_sync::{Incarnation, Mark, Position, Running};

/// Something the shop gave its word for.
#[derive(Debug, Clone)]
pub enum Oath {
    /// A command was answered.
    Answered(CommandId, Outcome),
    /// Items of the hub were taken: its cursor moved here.
    Merged(Position),
    /// An item was published.
    Published(Mark),
}

/// Everything that was answered. The `n`-th oath holds in every image cut after the mark `n`.
#[derive(Debug, Default)]
pub struct Diary {
    oaths: Vec<Oath>,
    /// Every position that was ever written, published or not, with what stood there.
    pub written: BTreeMap<Position, Running>,
    /// Every incarnation that ever was.
    pub incarnations: BTreeSet<Incarnation>,
    /// Positions the hub said to have: those may be forgotten.
    pub acknowledged: BTreeMap<Incarnation, u64>,
}

impl Diary {
    /// How many oaths there are: the mark that covers all of them.
    pub fn mark(&self) -> u64 {
        self.oaths.len() as u64
    }

    /// The oaths that a mark covers.
    pub fn through(&self, mark: u64) -> &[Oath] {
        &self.oaths[..usize::try_from(mark).unwrap_or(usize::MAX).min(self.oaths.len())]
    }

    /// Notes an answer to a command.
    pub fn answered(&mut self, command: CommandId, answer: &Answer) {
        let outcome = match answer {
            Answer::Applied(events) => Outcome::Applied { events: events.clone() },
            Answer::Repeated(outcome) => outcome.clone(),
            Answer::Rejected(rejection) => Outcome::Rejected { rejection: rejection.clone() },
            _ => return,
        };
        self.oaths.push(Oath::Answered(command, outcome));
    }

    /// Notes that the hub's items were taken.
    pub fn merged(&mut self, position: Position) {
        self.oaths.push(Oath::Merged(position));
    }

    /// Notes that an item was published.
    pub fn published(&mut self, mark: Mark) {
        self.oaths.push(Oath::Published(mark));
    }

    /// Forgets what was not answered before the power went: nobody was told.
    pub fn cut(&mut self, mark: u64) {
        self.oaths.truncate(usize::try_from(mark).unwrap_or(usize::MAX));
    }
}
