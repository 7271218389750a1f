//! Repair within a conversation: what starts it, and how it speaks and asks.

use rand::Rng;

use super::Session;
use super::effect::{Effect, Input, Notice, Now, Side};
use crate::frame::body::Body;
use crate::frame::repair::Message;
use crate::repair::{Act, Around, Drive, Serve};

/// The part of repair that this side plays, and what waits for it.
pub(super) struct Repairing {
    part: Part,
    /// Since when changes have waited for others they build on.
    parked_since: Option<u64>,
    parked_due: Option<u64>,
}

enum Part {
    Asks(Box<Drive>),
    Answers(Box<Serve>),
}

impl Repairing {
    pub(super) fn new(side: Side) -> Self {
        let part = match side {
            Side::Site => Part::Asks(Box::default()),
            Side::Hub => Part::Answers(Box::default()),
        };
        Self { part, parked_since: None, parked_due: None }
    }

    fn force(&mut self, now: u64) {
        match &mut self.part {
            Part::Asks(drive) => drive.force(now),
            Part::Answers(serve) => serve.force(now),
        }
    }

    fn close(&mut self) {
        match &mut self.part {
            Part::Asks(drive) => drive.close(),
            Part::Answers(serve) => serve.close(),
        }
    }

    fn park(&mut self, now: u64, after_ms: u64, count: usize) {
        if count == 0 {
            (self.parked_since, self.parked_due) = (None, None);
        } else if self.parked_since.is_none() {
            (self.parked_since, self.parked_due) = (Some(now), Some(now + after_ms));
        }
    }

    pub(super) fn wake_at(&self, line_up: bool) -> Option<u64> {
        let part = match &self.part {
            Part::Asks(drive) => drive.wake_at(),
            Part::Answers(serve) => serve.wake_at(),
        };
        part.filter(|_| line_up).into_iter().chain(self.parked_due).min()
    }
}

impl Session {
    fn around(&self, now: Now) -> Around {
        Around {
            now,
            frame_bytes_max: self.sending.frame_bytes_max(),
            site: self.wire.site.clone(),
            install: self.peer,
            own: self.current(),
            peer: self.receiving.current(),
            quiet: self.sending.is_idle() && self.receiving.is_complete(),
        }
    }

    /// Something may be missing on one side, whatever the positions of the streams say.
    pub(super) fn compare_soon(&mut self, now: Now) {
        self.repairing.force(now.boot_ms);
    }

    /// What the application says about repair.
    pub(super) fn repair(
        &mut self,
        now: Now,
        rng: &mut (impl Rng + ?Sized),
        input: Input,
        effects: &mut Vec<Effect>,
    ) {
        let around = self.around(now);
        let settings = &self.settings;
        let acts = match (&mut self.repairing.part, input) {
            (Part::Asks(drive), Input::Seen(seen)) => drive.seen(seen, &around, rng, settings),
            (Part::Answers(serve), Input::Seen(seen)) => serve.seen(seen, &around, settings),
            (Part::Asks(drive), Input::Mended) => drive.mended(true, &around, rng, settings),
            (Part::Asks(drive), Input::MendFailed) => drive.mended(false, &around, rng, settings),
            (Part::Answers(serve), Input::Mended) => serve.mended(true),
            (Part::Answers(serve), Input::MendFailed) => serve.mended(false),
            (_, Input::Parked(count)) => {
                self.repairing.park(now.boot_ms, self.settings.parked_after_ms, count);
                Vec::new()
            }
            (_, Input::Repair) => {
                self.repairing.force(now.boot_ms);
                Vec::new()
            }
            _ => Vec::new(),
        };
        self.act(acts, effects);
    }

    /// What the peer says about repair.
    pub(super) fn heard_repair(
        &mut self,
        now: Now,
        rng: &mut (impl Rng + ?Sized),
        message: Message,
        effects: &mut Vec<Effect>,
    ) {
        if !self.greeting.established {
            return;
        }
        let around = self.around(now);
        let acts = match &mut self.repairing.part {
            Part::Asks(drive) => drive.heard(message, &around, rng, &self.settings),
            Part::Answers(serve) => serve.heard(message, &around, &self.settings),
        };
        self.act(acts, effects);
    }

    /// What is due, and what the rest of the session has found.
    pub(super) fn attend_repair(
        &mut self,
        now: Now,
        rng: &mut (impl Rng + ?Sized),
        effects: &mut Vec<Effect>,
    ) {
        let lost = self.past.lost.is_some();
        let found = |effect: &Effect| {
            let Effect::Notice(notice) = effect else { return false };
            match notice {
                Notice::Diverged(_)
                | Notice::Forgotten { .. }
                | Notice::RolledBack { .. }
                | Notice::PeerRolledBack { .. } => true,
                // A site grants nothing until nothing is missing: the next comparison does not wait its turn.
                Notice::Repaired(outcome) => lost && !outcome.same,
                _ => false,
            }
        };
        let overdue = self.repairing.parked_due.is_some_and(|due| due <= now.boot_ms);
        if overdue {
            self.repairing.parked_due = Some(now.boot_ms + self.settings.repair_every_ms);
        }
        if overdue || effects.iter().any(found) {
            self.repairing.force(now.boot_ms);
        }
        if !self.line_up || !self.greeting.established {
            return self.repairing.close();
        }
        let around = self.around(now);
        let (conversation, settings) = (self.wire.conversation, &self.settings);
        let acts = match &mut self.repairing.part {
            Part::Asks(drive) => drive.attend(conversation, &around, rng, settings),
            Part::Answers(serve) => serve.attend(conversation, &around, rng, settings),
        };
        self.act(acts, effects);
    }

    fn act(&mut self, acts: Vec<Act>, effects: &mut Vec<Effect>) {
        for act in acts {
            effects.push(match act {
                Act::Say(message) => {
                    let bytes = self.wire.write(|head| Body::Repair(head, message));
                    Effect::Publish { channel: self.wire.channel(), bytes }
                }
                Act::Look(look) => Effect::Look(look),
                Act::Mend(mend) => Effect::Mend(mend),
                Act::Tell(outcome) => Effect::Notice(Notice::Repaired(outcome)),
            });
        }
    }
}
