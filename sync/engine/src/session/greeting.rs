//! Introductions: the site's hello, the hub's welcome, and the hub's hail to a site whose conversation it does not
//! know.

use outpost_model::defects::{Planted, is_planted};
use rand::Rng;

use super::effect::{Effect, Notice, Now, Schema, Side};
use super::wire::jittered;
use super::{Greeting, Session};
use crate::bytes::Conversation;
use crate::frame::body::{Applied, Body, Hail, Head, Hello, Welcome};
use crate::item::{Link, Position};

/// What the peer says of itself in a greeting.
struct Met<'a> {
    /// It was not said before in this conversation.
    news: bool,
    links: &'a [Link],
    schema: Schema,
    epoch: u64,
    lost: Option<Position>,
}

/// Answers to so many past hellos still tell the time.
const HELLOS_REMEMBERED: usize = 4;

impl Session {
    pub(super) fn line_up(&mut self, now: Now, rng: &mut (impl Rng + ?Sized), effects: &mut Vec<Effect>) {
        if self.line_up {
            return;
        }
        self.line_up = true;
        match self.wire.side {
            Side::Site => self.begin_at_site(now, rng, effects),
            // A site whose own line held would else be heard of at its next hello only.
            Side::Hub => {
                let spread = self.settings.hello_retry_ms.max(1);
                self.greeting.hail_due = Some(now.boot_ms + rng.next_u64() % spread);
            }
        }
    }

    pub(super) fn line_down(&mut self) {
        self.line_up = false;
        let hail_followed = self.greeting.hail_followed;
        self.greeting = Greeting { hail_followed, ..Greeting::default() };
        self.proving.begin();
        self.sending.close();
        self.receiving.begin();
    }

    /// A site begins a conversation whenever its line comes up.
    fn begin_at_site(&mut self, now: Now, rng: &mut (impl Rng + ?Sized), effects: &mut Vec<Effect>) {
        let mut conversation = [0; Conversation::BYTES];
        rng.fill_bytes(&mut conversation);
        self.wire.begin(Conversation(conversation));
        self.sending.close();
        self.receiving.begin();
        let hail_followed = self.greeting.hail_followed;
        self.greeting = Greeting {
            begun: true,
            hello_wait_ms: self.settings.hello_retry_ms,
            hail_followed,
            ..Greeting::default()
        };
        // Many sites get their line back at the same moment.
        match self.settings.start_spread_ms {
            0 => self.say_hello(now, rng, effects),
            spread => self.greeting.hello_due = Some(now.boot_ms + rng.next_u64() % spread),
        }
    }

    fn say_hello(&mut self, now: Now, rng: &mut (impl Rng + ?Sized), effects: &mut Vec<Effect>) {
        let nonce = rng.next_u64();
        let greeting = &mut self.greeting;
        greeting.hellos.push_back((nonce, now.boot_ms));
        if greeting.hellos.len() > HELLOS_REMEMBERED {
            greeting.hellos.pop_front();
        }
        greeting.hello_sent_at = Some(now.boot_ms);
        let wait = if greeting.established { self.settings.hello_every_ms } else { greeting.hello_wait_ms };
        greeting.hello_wait_ms = (greeting.hello_wait_ms * 2).min(self.settings.hello_every_ms);
        greeting.hello_due = Some(now.boot_ms + jittered(rng, wait, self.settings.jitter_percent));
        let hello = Hello {
            nonce,
            links: self.links(),
            applied: self.applied(),
            schema: (self.schema.min, self.schema.max),
            boot_ms: now.boot_ms,
            lost: self.past.lost,
        };
        let bytes = self.wire.write(|head| Body::Hello(head, hello));
        effects.push(Effect::Publish { channel: self.wire.channel(), bytes });
    }

    fn links(&mut self) -> Vec<Link> {
        self.sending.name(self.settings.links_max)
    }

    fn applied(&self) -> Vec<Applied> {
        self.receiving.applied(self.settings.acknowledged_spans_max, self.settings.links_max)
    }

    /// One's own incarnations have changed: the peer must know before anything of a new one arrives.
    pub(super) fn introduce(&mut self, now: Now, rng: &mut (impl Rng + ?Sized), effects: &mut Vec<Effect>) {
        if self.line_up && self.greeting.begun && self.wire.side == Side::Site {
            self.say_hello(now, rng, effects);
        }
    }

    pub(super) fn greet_if_due(
        &mut self,
        now: Now,
        rng: &mut (impl Rng + ?Sized),
        effects: &mut Vec<Effect>,
    ) {
        let due = |at: Option<u64>| at.is_some_and(|at| at <= now.boot_ms);
        match self.wire.side {
            Side::Site if due(self.greeting.hello_due) => self.say_hello(now, rng, effects),
            Side::Site if self.greeting.established && self.sending.must_name() => {
                self.say_hello(now, rng, effects);
            }
            Side::Hub if due(self.greeting.hail_due) => {
                self.greeting.hail_due = None;
                let pause = self.settings.hello_retry_ms;
                let again = self.greeting.hailed_at.is_none_or(|at| at + pause <= now.boot_ms);
                if again {
                    self.greeting.hailed_at = Some(now.boot_ms);
                    let hail = Hail { wall_ms: now.wall_ms };
                    let bytes = self.wire.write(|head| Body::Hail(head, hail));
                    effects.push(Effect::Publish { channel: self.wire.channel(), bytes });
                }
            }
            Side::Site | Side::Hub => {}
        }
    }

    /// At the hub: a site introduces itself.
    pub(super) fn hello(
        &mut self,
        now: Now,
        rng: &mut (impl Rng + ?Sized),
        head: Head,
        hello: &Hello,
        effects: &mut Vec<Effect>,
    ) {
        if self.wire.side != Side::Hub {
            return;
        }
        let judgement = self.peer.map(|install| self.judge(install, &hello.links)).unwrap_or_default();
        let fresh = !self.greeting.begun || head.conversation != self.wire.conversation;
        if fresh {
            self.previous = self.greeting.begun.then_some(self.wire.conversation);
            self.wire.begin(head.conversation);
            self.proving.begin();
            self.sending.close();
            self.receiving.begin();
            self.greeting = Greeting {
                begun: true,
                established: true,
                hailed_at: self.greeting.hailed_at,
                ..Greeting::default()
            };
        }
        let news = self.past.is_news(fresh, &hello.links, hello.lost);
        let theirs = Schema { min: hello.schema.0, max: hello.schema.1 };
        let met = Met { news, links: &hello.links, schema: theirs, epoch: head.epoch, lost: hello.lost };
        self.meet(&met, &hello.applied, effects);
        // Nothing is taken from a life on the word of a hello that may be old: the site confirms what it was told.
        let confirmed = |lost: &Position| hello.lost.is_some_and(|told| told.incarnation == lost.incarnation);
        if news && judgement.lost.iter().any(confirmed) {
            let (findings, lost) = (judgement.findings, judgement.lost.clone());
            effects.push(Effect::Notice(Notice::Past { findings, lost }));
        }
        let come_back_ms = self.come_back(fresh, rng);
        self.greeting.established = self.is_readable(theirs, effects) && come_back_ms.is_none();
        let welcome = Welcome {
            lost: judgement.lost,
            refused: None,
            come_back_ms,
            nonce: hello.nonce,
            boot_ms: hello.boot_ms,
            wall_ms: now.wall_ms,
            fresh,
            links: self.links(),
            applied: self.applied(),
            schema: (self.schema.min, self.schema.max),
            authority: self.authority.clone(),
            doubt: self.doubt(effects),
        };
        self.greeting.authority_untold = false;
        let bytes = self.wire.write(|head| Body::Welcome(head, welcome));
        effects.push(Effect::Publish { channel: self.wire.channel(), bytes });
    }

    /// At a site: the hub answers a hello of this conversation. Answers to no hello of ours are old or replayed.
    pub(super) fn welcome(
        &mut self,
        now: Now,
        rng: &mut (impl Rng + ?Sized),
        head: Head,
        welcome: &Welcome,
        effects: &mut Vec<Effect>,
    ) {
        let answered = self.greeting.hellos.iter().find(|(nonce, _)| *nonce == welcome.nonce).copied();
        let answered = match is_planted(Planted::AcceptAStaleWelcome) {
            true => self.greeting.hellos.back().copied(),
            false => answered,
        };
        let Some((nonce, hello_boot_ms)) = answered else { return };
        self.greeting.hellos.retain(|(other, _)| *other != nonce);
        if let Some(refused) = welcome.refused {
            return self.refused(refused, effects);
        }
        let restored = head.epoch > self.wire.epoch;
        if restored {
            self.wire.epoch = head.epoch;
            effects.push(Effect::Notice(Notice::EpochRaised(head.epoch)));
        }
        let stale = hello_boot_ms < self.greeting.answered_at;
        self.greeting.answered_at = hello_boot_ms.max(self.greeting.answered_at);
        // The hub restarted in the middle of the conversation: what it was sent before, it does not remember, and
        // its frames are counted anew. The welcome that said so may have been lost; where the hub was restored, it has
        // less than it once said, and another epoch tells that as well.
        if restored || welcome.fresh && !stale {
            self.sending.close();
            self.greeting.authority_serial = 0;
        } else if welcome.fresh {
            // A later hello was answered before. What this answer says the hub has is less than what is known by now, and
            // what was acknowledged since may be forgotten already.
            self.sending.rewind();
        }
        let first = !self.greeting.established;
        let theirs = Schema { min: welcome.schema.0, max: welcome.schema.1 };
        self.greeting.established = self.is_readable(theirs, effects) && welcome.come_back_ms.is_none();
        let first = first && self.greeting.established;
        if first && self.past.lost.is_some() {
            self.compare_soon(now);
        }
        if let Some(wait) = welcome.come_back_ms {
            self.greeting.hello_due = Some(now.boot_ms + wait);
            effects.push(Effect::Notice(Notice::Deferred(wait)));
        } else if first {
            let wait = jittered(rng, self.settings.hello_every_ms, self.settings.jitter_percent);
            self.greeting.hello_due = Some(now.boot_ms + wait);
        }
        effects.push(Effect::Notice(Notice::HubTime {
            wall_ms: welcome.wall_ms,
            hello_boot_ms,
            round_trip_ms: now.boot_ms.saturating_sub(hello_boot_ms),
        }));
        let met = Met { news: first, links: &welcome.links, schema: theirs, epoch: head.epoch, lost: None };
        let relinked = self.meet(&met, &welcome.applied, effects);
        self.hear_loss(&welcome.lost, effects);
        if let Some(doubt) = welcome.doubt {
            self.show_proof(doubt, effects);
        }
        self.hear_authority(head.serial, welcome.authority.clone(), effects);
        if relinked {
            self.say_hello(now, rng, effects);
        }
    }

    /// Takes in what the peer says of itself and of what it has. `true` when one's own links changed by that.
    fn meet(&mut self, met: &Met<'_>, applied: &[Applied], effects: &mut Vec<Effect>) -> bool {
        let rolled_back = self.receiving.greet(met.links);
        if met.news
            && let Some(install) = self.peer
        {
            let Met { epoch, schema, lost, .. } = *met;
            self.register(met.links, install);
            let links = met.links.to_vec();
            effects.push(Effect::Notice(Notice::Greeted { install, epoch, schema, links, lost }));
            effects.extend(rolled_back.into_iter().map(Effect::Notice));
        }
        for applied in applied {
            let said = self.sending.acknowledged(applied);
            self.weigh(said, effects);
        }
        let relinked = self.sending.relink();
        self.sending.open();
        relinked
    }

    /// At a site: the hub hears something of a conversation that it does not know.
    pub(super) fn hailed(
        &mut self,
        now: Now,
        rng: &mut (impl Rng + ?Sized),
        hail: &Hail,
        effects: &mut Vec<Effect>,
    ) {
        if self.wire.side != Side::Site || hail.wall_ms <= self.greeting.hail_followed {
            return;
        }
        self.greeting.hail_followed = hail.wall_ms;
        let rested_at = self.greeting.hello_sent_at.map_or(0, |at| at + self.settings.hello_retry_ms);
        if rested_at <= now.boot_ms {
            self.say_hello(now, rng, effects);
        } else {
            self.greeting.hello_due = Some(rested_at);
        }
    }
}
