//! What the world outside knows: everything that was answered, in order.

use std::collections::{BTreeMap, BTreeSet};

use outpost_edge::write::Answer;
use outpost_model::command::Outcome;
use outpost_model::id::CommandId;
use outpost_model::time::UtcMillis;
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
    /// A record's key was deleted, since its time was over.
    Closed(String),
}

/// Everything that was answered. The `n`-th oath holds in every image cut after the mark `n`.
#[derive(Debug, Default)]
pub struct Diary {
    oaths: Vec<Oath>,
    /// Every position that was ever written, published or not, with what stood there.
    pub written: BTreeMap<Position, Running>,
    /// Every incarnation that ever was.
    pub incarnations: BTreeSet<Incarnation>,
    /// Records that the hub has sent with a key.
    pub keys: BTreeSet<String>,
    /// When keys were deleted that were due: the mark at which that began, and by which time.
    deletions: Vec<(u64, UtcMillis)>,
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

    /// Notes that a record's key was deleted.
    pub fn closed(&mut self, record: String) {
        let known = |oath: &Oath| matches!(oath, Oath::Closed(known) if *known == record);
        if !self.oaths.iter().any(known) {
            self.oaths.push(Oath::Closed(record));
        }
    }

    /// Notes that keys are deleted now which were due by then.
    pub fn deletes(&mut self, by: UtcMillis) {
        self.deletions.push((self.mark(), by));
    }

    /// Through when keys may be gone in an image cut after a mark.
    pub fn deleted_through(&self, mark: u64) -> UtcMillis {
        let begun = self.deletions.iter().filter(|(at, _)| *at <= mark).map(|(_, by)| *by);
        begun.max().unwrap_or(UtcMillis(i64::MIN))
    }

    /// Forgets what was not answered before the power went: nobody was told.
    pub fn cut(&mut self, mark: u64) {
        self.deletions.retain(|(at, _)| *at <= mark);
        self.oaths.truncate(usize::try_from(mark).unwrap_or(usize::MAX));
    }
}
