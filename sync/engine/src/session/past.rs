//! The site's past as the hub knows it: which greetings are refused, what a site is told that it has lost, and which
//! sites must wait.

use rand::Rng;

use super::Session;
use super::effect::{Effect, Notice, Now, Schema, Side};
use crate::bytes::{Incarnation, InstallId};
use crate::frame::body::{Body, Head, Hello, Welcome};
use crate::item::{Link, Position};
use crate::lineage::{self, Judgement, Life};

#[derive(Default)]
pub(super) struct Past {
    /// At the hub: the site's registered lives.
    pub lives: Vec<Life>,
    /// At a site: what it knows to have lost.
    pub lost: Option<Position>,
    /// At the hub: too many sites drain.
    pub crowded: bool,
    /// What the site named last, and what it had lost.
    named: Vec<Incarnation>,
    told_lost: Option<Position>,
    /// At a site: what the application was told to have lost, or to be refused.
    behind: Vec<Position>,
    refused: Option<Incarnation>,
    /// What the peer reads, when it shares no version with this side and the application was told so.
    apart: Option<Schema>,
}

impl Past {
    pub(super) fn new(lives: Vec<Life>, lost: Option<Position>) -> Self {
        Self { lives, lost, ..Self::default() }
    }

    /// Whether a greeting says something that the application was not told in this conversation.
    pub(super) fn is_news(&mut self, fresh: bool, links: &[Link], lost: Option<Position>) -> bool {
        let fresh = fresh
            || self.told_lost != lost
            || links.iter().any(|link| !self.named.contains(&link.incarnation));
        self.named = links.iter().map(|link| link.incarnation).collect();
        self.told_lost = lost;
        fresh
    }
}

impl Session {
    pub(super) fn judge(&self, install: InstallId, links: &[Link]) -> Judgement {
        let stored = |incarnation: &Incarnation| self.receiving.through(incarnation);
        lineage::judge(&self.past.lives, stored, install, links)
    }

    /// The application registers these lives; the session does not wait for it.
    pub(super) fn register(&mut self, links: &[Link], install: InstallId) {
        for link in links.iter().filter(|_| self.wire.side == Side::Hub) {
            let Link { incarnation, parent, .. } = *link;
            if self.past.lives.iter().all(|life| life.incarnation != incarnation) {
                self.past.lives.push(Life { incarnation, parent, install, retired_beyond: None });
            }
        }
    }

    /// At the hub: a life that was retired says hello. It is answered, so that people near it hear of it, and the
    /// conversation with the life that took over goes on.
    pub(super) fn refuse(
        &mut self,
        now: Now,
        head: &Head,
        hello: &Hello,
        refused: Incarnation,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Notice(Notice::PeerRetired(refused)));
        let welcome = Welcome {
            nonce: hello.nonce,
            boot_ms: hello.boot_ms,
            wall_ms: now.wall_ms,
            fresh: true,
            links: Vec::new(),
            applied: Vec::new(),
            schema: (self.schema.min, self.schema.max),
            authority: Vec::new(),
            lost: Vec::new(),
            refused: Some(refused),
            come_back_ms: None,
            doubt: None,
        };
        let answer = |head| Body::Welcome(head, welcome);
        let bytes = self.wire.answer(head.conversation, answer);
        effects.push(Effect::Publish { channel: self.wire.channel(), bytes });
    }

    /// Whether the peer can be understood; the application hears of it when it cannot.
    pub(super) fn is_readable(&mut self, theirs: Schema, effects: &mut Vec<Effect>) -> bool {
        let apart = self.schema.is_apart_from(&theirs).then_some(theirs);
        if let Some(theirs) = apart.filter(|_| self.past.apart != apart) {
            effects.push(Effect::Notice(Notice::SchemaApart { ours: self.schema, theirs }));
        }
        self.past.apart = apart;
        apart.is_none()
    }

    /// At a site: the hub does not talk with this life. Everything stays in the journal, and hello is said again and
    /// again, so that a person at the hub can decide otherwise.
    pub(super) fn refused(&mut self, refused: Incarnation, effects: &mut Vec<Effect>) {
        self.greeting.established = false;
        self.sending.close();
        if self.past.refused.replace(refused) != Some(refused) {
            effects.push(Effect::Notice(Notice::Retired(refused)));
        }
    }

    /// At a site: the hub says what it has of this site's lives that this site does not have.
    pub(super) fn hear_loss(&mut self, lost: &[Position], effects: &mut Vec<Effect>) {
        self.past.refused = None;
        if self.past.behind != lost {
            self.past.behind = lost.to_vec();
            if !lost.is_empty() {
                effects.push(Effect::Notice(Notice::Behind(lost.to_vec())));
            }
        }
    }

    /// At the hub: how long a site must wait, if it must. A conversation that has begun is not interrupted.
    pub(super) fn come_back(&self, fresh: bool, rng: &mut (impl Rng + ?Sized)) -> Option<u64> {
        let waits = self.past.crowded && (fresh || !self.greeting.established);
        (waits && self.backlog() > self.settings.backlog_items_long).then(|| {
            let least = self.settings.come_back_ms;
            least + rng.next_u64() % least.max(1)
        })
    }

    /// Whether the peer is heard and has more to send than a site may send in a crowd.
    pub fn drains(&self) -> bool {
        self.is_established() && self.backlog() > self.settings.backlog_items_long
    }

    /// How many items the peer has named in its last greeting that are not stored here.
    pub fn backlog(&self) -> u64 {
        self.receiving.backlog()
    }
}
