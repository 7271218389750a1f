//! Proof of how far the hub has written. A site may have more of the hub's present life than the hub knows, since the hub
//! was restored; or it says so and lies. The hub believes its own signature only: the site keeps the newest frame that
//! says how far the hub has come, and shows it when it is asked.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

use super::Session;
use super::effect::{Effect, Notice, Side};
use crate::bytes::Incarnation;
use crate::frame::body::{Body, Proof};
use crate::frame::open;
use crate::identity::PeerKeys;
use crate::item::Position;
use crate::settings::Settings;

/// So often a site is asked in one conversation before its silence counts as an answer.
const ASKED_MAX: u32 = 3;
/// So often a site shows its proof in one conversation.
const SHOWN_MAX: u32 = 3;
/// A longer frame is not kept: with an envelope of its own it would fit no frame.
const KEPT_BYTES_MAX: usize = Settings::FRAME_BYTES_LIMIT - 1_024;

/// What a frame of the hub says of how far the hub has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    epoch: u64,
    position: Position,
}

impl Word {
    fn of(body: &Body) -> Option<Self> {
        let epoch = body.head().epoch;
        let position = match body {
            Body::Batch(head, batch) => {
                let n = batch.runs.iter().map(|run| run.through).max()?;
                Position { incarnation: head.incarnation?, n }
            }
            Body::Welcome(_, welcome) if welcome.doubt.is_none() => {
                let link = welcome.links.last()?;
                Position { incarnation: link.incarnation, n: link.last }
            }
            _ => return None,
        };
        (position.n > 0).then_some(Self { epoch, position })
    }

    fn is_beyond(&self, other: &Self) -> bool {
        let same = self.position.incarnation == other.position.incarnation;
        self.epoch > other.epoch || self.epoch == other.epoch && (!same || self.position.n > other.position.n)
    }
}

/// What one side has to do with proofs.
#[derive(Default)]
pub(super) struct Proving {
    /// At a site: the newest word, and the frame that says it.
    kept: Option<(Word, Vec<u8>)>,
    /// At a site: what the application was given to keep.
    told: Option<Word>,
    /// At a site: how often it was shown in this conversation, and whether the application knows that it is doubted.
    shown: u32,
    doubted: bool,
    /// At the hub: what the site claims to have in this conversation, how often it was asked, and whether it has failed to
    /// prove it.
    claim: Option<Position>,
    asked: u32,
    failed: bool,
}

impl Proving {
    /// Another conversation begins.
    pub(super) fn begin(&mut self) {
        *self = Self { kept: self.kept.take(), told: self.told, ..Self::default() };
    }
}

impl Session {
    /// With the frame that an earlier session gave the application to keep ([`Notice::Proof`]).
    #[must_use]
    pub fn with_proof(mut self, frame: Option<Vec<u8>>) -> Self {
        if let Some(frame) = frame
            && let Ok((_, Some(body))) = open(&frame, &self.keys, Side::Hub, &self.wire.site)
            && let Some(word) = Word::of(&body)
        {
            self.proving.told = Some(word);
            self.proving.kept = Some((word, frame));
        }
        self
    }

    /// At a site: keeps a frame of the hub that says that the hub has come further than was known. A welcome is kept by
    /// the application as well: it is short, and no key of a record travels in it.
    pub(super) fn keep_proof(&mut self, body: &Body, frame: &[u8], effects: &mut Vec<Effect>) {
        if self.wire.side != Side::Site || frame.len() > KEPT_BYTES_MAX {
            return;
        }
        let Some(word) = Word::of(body) else { return };
        let welcome = matches!(body, Body::Welcome(..));
        // What is sent again of an earlier life says nothing of how far the present one has come.
        if !welcome && self.receiving.current() != Some(word.position.incarnation) {
            return;
        }
        if self.proving.kept.as_ref().is_none_or(|(kept, _)| word.is_beyond(kept)) {
            self.proving.kept = Some((word, frame.to_vec()));
        }
        if welcome && self.proving.told.is_none_or(|told| word.is_beyond(&told)) {
            self.proving.told = Some(word);
            effects.push(Effect::Notice(Notice::Proof(frame.to_vec())));
        }
    }

    /// At a site: the hub does not know what this side says it has beyond `doubt`.
    pub(super) fn show_proof(&mut self, doubt: Position, effects: &mut Vec<Effect>) {
        let epoch = self.wire.epoch;
        let proves = |word: &Word| {
            let Position { incarnation, n } = word.position;
            word.epoch == epoch && incarnation == doubt.incarnation && n > doubt.n
        };
        let kept = self.proving.kept.as_ref().filter(|(word, _)| proves(word));
        let frame = kept.map(|(_, frame)| frame.clone()).unwrap_or_default();
        self.proving.shown += 1;
        let again = self.proving.shown > SHOWN_MAX;
        if (frame.is_empty() || again) && !std::mem::replace(&mut self.proving.doubted, true) {
            effects.push(Effect::Notice(Notice::Doubted(doubt)));
        }
        if !again {
            let bytes = self.wire.write(|head| Body::Proof(head, Proof { frame }));
            effects.push(Effect::Publish { channel: self.wire.channel(), bytes });
        }
    }

    /// At the hub: a claim to have more of the present life than was written is not passed on before it is proved.
    pub(super) fn weigh(&mut self, said: Vec<Effect>, effects: &mut Vec<Effect>) {
        let (side, current) = (self.wire.side, self.current());
        for effect in said {
            match effect {
                Effect::Notice(Notice::RolledBack { incarnation, there })
                    if side == Side::Hub && incarnation == current =>
                {
                    self.proving.claim = Some(Position { incarnation, n: there });
                }
                effect => effects.push(effect),
            }
        }
    }

    /// At the hub: what a welcome asks the site to prove.
    pub(super) fn doubt(&mut self, effects: &mut Vec<Effect>) -> Option<Position> {
        let claim = self.proving.claim?;
        self.proving.asked += 1;
        if self.proving.asked > ASKED_MAX {
            self.fail(claim, effects);
        }
        Some(Position { n: self.sending.written(&claim.incarnation), ..claim })
    }

    /// At the hub: the site shows what it has.
    pub(super) fn hear_proof(&mut self, frame: &[u8], effects: &mut Vec<Effect>) {
        let Some(claim) = self.proving.claim else { return };
        match self.proved(claim.incarnation, frame) {
            Some(there) => {
                let incarnation = claim.incarnation;
                effects.push(Effect::Notice(Notice::Claimed { incarnation, there, proven: true }));
            }
            None => self.fail(claim, effects),
        }
    }

    /// How far this hub has written in its present life, by a frame that it signed in this epoch for this site; nothing
    /// when the frame is anything else, or says no more than is known.
    fn proved(&self, incarnation: Incarnation, frame: &[u8]) -> Option<u64> {
        let own = PeerKeys(vec![self.wire.identity.public()]);
        let (_, body) = open(frame, &own, Side::Hub, &self.wire.site).ok()?;
        let word = Word::of(&body?)?;
        let present = word.epoch == self.wire.epoch && word.position.incarnation == incarnation;
        let beyond = word.position.n > self.sending.written(&incarnation);
        (present && beyond && incarnation == self.current()).then_some(word.position.n)
    }

    fn fail(&mut self, claim: Position, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.proving.failed, true) {
            let Position { incarnation, n: there } = claim;
            effects.push(Effect::Notice(Notice::Claimed { incarnation, there, proven: false }));
        }
    }
}
