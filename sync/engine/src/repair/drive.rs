//! The side that asks: one question at a time, repeated until it is answered.

mod round;

use super::compare::{Place, ascends, compare, cut};
use super::part::{Assembly, fragments, pack, unpack};
use super::work::Work;
use super::{Act, Around, BucketSet, Buckets, Digest, Document, Known, Look, Mend, Outcome, Seen};
use crate::bytes::Conversation;
use crate::frame::repair::{Compare, Compared, Fetch, List, Message, Part, WantedRow, verdict};
use crate::item::Position;
use crate::session::jittered;
use crate::settings::Settings;

/// A question that is not answered so often is given up; the round begins anew later.
const TRIES_MAX: u32 = 8;
/// Rounds that follow each other at once, each to see what the one before came to.
const ROUNDS_MAX: u32 = 4;
/// The least time between two rounds that do not follow from each other.
const FORCED_EVERY_MS: u64 = 10_000;

/// Where a round of repair stands.
#[derive(Default)]
enum Step {
    #[default]
    Rest,
    /// The own hashes are being read.
    Digest,
    /// The hub compares.
    Compare(Buckets, Position),
    /// The hub lists.
    List(Walk),
    /// The hub has listed, the own documents are being read.
    ListHere(Walk, Vec<Known>, bool),
    /// The authors of the group's documents are being read.
    Have(Work),
    Fetch(Work, Assembly),
    Mend(Work),
    /// What the hub lacks is being read.
    Lack(Work),
    /// The hub takes what it lacked; whether that is all of it.
    Give(Work, usize),
}

/// What of the documents is still to be compared.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    buckets: BucketSet,
    after: Option<Place>,
}

/// The question that is out.
struct Asked {
    messages: Vec<Message>,
    due: u64,
    tries: u32,
}

/// The asking side of repair.
#[derive(Default)]
pub(crate) struct Drive {
    conversation: Option<Conversation>,
    due: Option<u64>,
    /// When the last round ended.
    ended_at: Option<u64>,
    forced: bool,
    /// It was asked for while a round was going on: what that looked at may be out of date.
    again: bool,
    step: Step,
    asked: Option<Asked>,
    question: u64,
    /// A question to the application is out; whether its answer belongs to what is over.
    looking: bool,
    stale: bool,
    /// How often in a row there was nothing to compare.
    not_now: u32,
    rounds: u32,
    round: Outcome,
    outcome: Outcome,
}

impl Drive {
    /// The line is down, or another conversation has begun: the round is over.
    pub(crate) fn close(&mut self) {
        self.conversation = None;
        self.due = None;
        self.end_round();
    }

    fn end_round(&mut self) {
        self.step = Step::Rest;
        self.asked = None;
        self.stale = self.looking;
        self.rounds = 0;
        (self.round, self.outcome) = (Outcome::default(), Outcome::default());
    }

    /// Compare soon, whatever the positions.
    pub(crate) fn force(&mut self, now: u64) {
        self.forced = true;
        if matches!(self.step, Step::Rest) && self.conversation.is_some() {
            // What asks for it again and again (streams that differ for good) must not keep it going.
            let rested = self.ended_at.map_or(0, |at| at + FORCED_EVERY_MS);
            self.due = Some(now.max(rested));
        } else {
            self.again = true;
        }
    }

    /// What is due. `conversation` is the one that is established.
    pub(crate) fn attend(
        &mut self,
        conversation: Conversation,
        around: &Around,
        rng: &mut (impl rand::Rng + ?Sized),
        settings: &Settings,
    ) -> Vec<Act> {
        let now = around.now.boot_ms;
        if self.conversation != Some(conversation) {
            self.close();
            self.conversation = Some(conversation);
            // After a greeting; a forced comparison waits no longer than that either.
            let wait = if self.forced { 0 } else { settings.repair_retry_ms };
            self.due = Some(now + jittered(rng, wait, 100));
        }
        if self.due.is_some_and(|due| due <= now) && matches!(self.step, Step::Rest) && !self.looking {
            if self.forced || around.quiet {
                self.due = None;
                self.step = Step::Digest;
                return self.look(Look::Digest);
            }
            self.due = Some(now + settings.repair_retry_ms);
        }
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.due <= now) else { return Vec::new() };
        asked.tries += 1;
        if asked.tries > TRIES_MAX {
            self.rest(around, settings.repair_every_ms, rng, settings);
            return Vec::new();
        }
        let pause = settings.repair_retry_ms << asked.tries.min(8);
        asked.due = now + jittered(rng, pause.min(settings.repair_every_ms), settings.jitter_percent);
        if let (Step::Fetch(_, assembly), [Message::Fetch(fetch)]) = (&self.step, &mut asked.messages[..])
            && let Some((from, hash)) = assembly.wanted()
        {
            (fetch.from, fetch.hash) = (from, Some(serde_bytes::ByteArray::new(hash)));
        }
        asked.messages.iter().cloned().map(Act::Say).collect()
    }

    /// When something here is due.
    pub(crate) fn wake_at(&self) -> Option<u64> {
        let asked = self.asked.as_ref().map(|asked| asked.due);
        let rest = self.due.filter(|_| !self.looking);
        asked.into_iter().chain(rest).min().filter(|_| self.conversation.is_some())
    }

    fn look(&mut self, look: Look) -> Vec<Act> {
        self.looking = true;
        vec![Act::Look(look)]
    }

    fn ask(&mut self, around: &Around, settings: &Settings, messages: Vec<Message>) -> Vec<Act> {
        let due = around.now.boot_ms + settings.repair_retry_ms;
        self.asked = Some(Asked { messages: messages.clone(), due, tries: 0 });
        messages.into_iter().map(Act::Say).collect()
    }

    fn next_question(&mut self) -> u64 {
        self.question += 1;
        self.question
    }

    /// Ends a round: the next one comes after about this long.
    fn rest(&mut self, around: &Around, ms: u64, rng: &mut (impl rand::Rng + ?Sized), settings: &Settings) {
        self.end_round();
        self.ended_at = Some(around.now.boot_ms);
        let mut wait = jittered(rng, ms, settings.jitter_percent);
        if std::mem::take(&mut self.again) {
            self.forced = true;
            wait = wait.min(FORCED_EVERY_MS);
        }
        self.due = Some(around.now.boot_ms + wait);
    }

    /// The application's answer to a question about its documents.
    pub(crate) fn seen(
        &mut self,
        seen: Seen,
        around: &Around,
        rng: &mut (impl rand::Rng + ?Sized),
        settings: &Settings,
    ) -> Vec<Act> {
        if !self.answered() {
            return Vec::new();
        }
        match (std::mem::take(&mut self.step), seen) {
            (Step::Digest, Seen::Digest(digest)) => self.compare(*digest, around, rng, settings),
            (Step::ListHere(walk, theirs, more), Seen::List(mine)) => {
                self.pages(walk, (mine, (theirs, more)), around, settings)
            }
            (Step::Have(mut work), Seen::Documents(documents)) => {
                work.here(&documents);
                self.fetch(work, around, settings)
            }
            (Step::Lack(mut work), Seen::Documents(documents)) => {
                work.here(&documents);
                self.give(work, documents, around, settings)
            }
            _ => Vec::new(),
        }
    }

    /// Whether the application's answer is to the question that is out.
    fn answered(&mut self) -> bool {
        self.looking = false;
        !std::mem::take(&mut self.stale)
    }

    fn compare(
        &mut self,
        digest: Digest,
        around: &Around,
        rng: &mut (impl rand::Rng + ?Sized),
        settings: &Settings,
    ) -> Vec<Act> {
        let applied = around.peer.map(|peer| {
            let known = digest.applied.iter().find(|position| position.incarnation == peer);
            known.copied().unwrap_or(Position { incarnation: peer, n: 0 })
        });
        let Some(applied) = applied else {
            self.rest(around, settings.repair_retry_ms, rng, settings);
            return Vec::new();
        };
        let question = self.next_question();
        let root = serde_bytes::ByteArray::new(digest.buckets.root());
        let compare = Compare { question, own: digest.own, applied, root, forced: self.forced };
        self.step = Step::Compare(digest.buckets, applied);
        self.ask(around, settings, vec![Message::Compare(compare)])
    }

    /// The hub's answers. Those to questions that are not out any more change nothing.
    pub(crate) fn heard(
        &mut self,
        message: Message,
        around: &Around,
        rng: &mut (impl rand::Rng + ?Sized),
        settings: &Settings,
    ) -> Vec<Act> {
        let current = self.question;
        let fits = |question: u64| question == current && self.asked.is_some();
        match message {
            // The hub wishes to be asked.
            Message::Compared(compared) if compared.question == 0 => {
                self.force(around.now.boot_ms);
                Vec::new()
            }
            Message::Compared(compared) if fits(compared.question) => {
                self.compared(&compared, around, rng, settings)
            }
            Message::Listed(listed) if fits(listed.question) => {
                let Step::List(walk) = std::mem::take(&mut self.step) else { return Vec::new() };
                self.asked = None;
                let page: Option<Vec<Known>> = listed.documents.into_iter().map(|row| row.read()).collect();
                let Some(page) = page.filter(|page| ascends(page, walk.after.as_ref())) else {
                    self.rest(around, settings.repair_every_ms, rng, settings);
                    return Vec::new();
                };
                let (buckets, after) = (walk.buckets, walk.after.clone());
                let limit = settings.repair_page_documents;
                self.step = Step::ListHere(walk, page, listed.more);
                self.look(Look::List { buckets, after, limit })
            }
            Message::Part(part) if fits(part.question) => self.fetched(part, around, settings),
            Message::Taken(taken) if fits(taken.question) => {
                let Step::Give(work, count) = std::mem::take(&mut self.step) else { return Vec::new() };
                self.asked = None;
                self.round.given += count;
                self.settle(work, around, settings)
            }
            _ => Vec::new(),
        }
    }

    fn compared(
        &mut self,
        compared: &Compared,
        around: &Around,
        rng: &mut (impl rand::Rng + ?Sized),
        settings: &Settings,
    ) -> Vec<Act> {
        let Step::Compare(mine, applied) = std::mem::take(&mut self.step) else { return Vec::new() };
        self.asked = None;
        match (compared.verdict, compared.buckets()) {
            (verdict::SAME, _) => {
                self.outcome.level = (!self.forced).then_some(applied);
                self.conclude(true, around, rng, settings)
            }
            (verdict::DIFFERENT, Some(theirs)) => {
                self.not_now = 0;
                self.rounds += 1;
                if self.rounds > ROUNDS_MAX || (self.rounds > 1 && self.round == Outcome::default()) {
                    return self.conclude(false, around, rng, settings);
                }
                self.round = Outcome::default();
                let walk = Walk { buckets: mine.differing(&theirs), after: None };
                self.list(walk, around, settings)
            }
            _ => {
                let wait = settings.repair_retry_ms << self.not_now.min(8);
                self.not_now += 1;
                let (rounds, round, outcome) = (self.rounds, self.round, self.outcome);
                self.rest(around, wait.min(settings.repair_every_ms), rng, settings);
                (self.rounds, self.round, self.outcome) = (rounds, round, outcome);
                Vec::new()
            }
        }
    }

    /// Both sides were compared for the last time in this round.
    fn conclude(
        &mut self,
        same: bool,
        around: &Around,
        rng: &mut (impl rand::Rng + ?Sized),
        settings: &Settings,
    ) -> Vec<Act> {
        let outcome = Outcome { same, ..self.outcome };
        // What was taken in may have to stand somewhere in the peer's stream: where, a comparison at equal positions says.
        let soon = same && self.forced && outcome.taken > 0;
        (self.forced, self.not_now) = (false, 0);
        let pause = if soon { settings.repair_retry_ms } else { settings.repair_every_ms };
        self.rest(around, pause, rng, settings);
        vec![Act::Tell(outcome)]
    }
}
