//! This side of the line: who signs, in which conversation, how many frames it has written.

use outpost_model::id::SiteId;

use super::effect::{Channel, Effect, Now, Side};
use crate::bytes::Conversation;
use crate::frame::body::{Body, Head};
use crate::frame::seal;
use crate::identity::Identity;
use crate::settings::Settings;

pub(super) struct Wire {
    pub side: Side,
    pub site: SiteId,
    pub identity: Identity,
    pub epoch: u64,
    pub conversation: Conversation,
    serial: u64,
}

impl Wire {
    pub(super) fn new(side: Side, site: SiteId, identity: Identity, epoch: u64) -> Self {
        Self { side, site, identity, epoch, conversation: Conversation([0; 8]), serial: 0 }
    }

    /// Begins a conversation.
    pub(super) fn begin(&mut self, conversation: Conversation) {
        self.conversation = conversation;
        self.serial = 0;
    }

    pub(super) fn peer_side(&self) -> Side {
        match self.side {
            Side::Site => Side::Hub,
            Side::Hub => Side::Site,
        }
    }

    pub(super) fn channel(&self) -> Channel {
        match self.side {
            Side::Site => Channel::Up,
            Side::Hub => Channel::Down,
        }
    }

    /// Answers a frame of another conversation than the present one.
    pub(super) fn answer(&self, conversation: Conversation, body: impl FnOnce(Head) -> Body) -> Vec<u8> {
        let body = body(Head { conversation, serial: 1, epoch: self.epoch, incarnation: None });
        seal(&self.identity, self.side, &self.site, &body)
    }

    /// Writes and signs the next frame.
    pub(super) fn write(&mut self, body: impl FnOnce(Head) -> Body) -> Vec<u8> {
        self.serial += 1;
        let (conversation, serial, epoch) = (self.conversation, self.serial, self.epoch);
        let body = body(Head { conversation, serial, epoch, incarnation: None });
        seal(&self.identity, self.side, &self.site, &body)
    }
}

/// What one input's handling needs at hand, and the effects it collects.
pub(super) struct Turn<'a, R: ?Sized> {
    pub now: Now,
    pub rng: &'a mut R,
    pub wire: &'a mut Wire,
    pub settings: &'a Settings,
    pub effects: &'a mut Vec<Effect>,
}

impl<R: ?Sized> Turn<'_, R> {
    pub(super) fn publish(&mut self, bytes: Vec<u8>) {
        let channel = self.wire.channel();
        self.effects.push(Effect::Publish { channel, bytes });
    }
}

/// Lengthens a timer by a random share, so that many sites do not act at the same moment.
pub(crate) fn jittered(rng: &mut (impl rand::Rng + ?Sized), ms: u64, percent: u8) -> u64 {
    let room = ms.saturating_mul(u64::from(percent)) / 100;
    ms + if room == 0 { 0 } else { rng.next_u64() % (room + 1) }
}
