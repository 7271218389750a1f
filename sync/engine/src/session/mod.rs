//! One peer's conversation.

mod effect;
mod flight;
mod greeting;
mod lanes;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod mutated;
mod past;
mod proving;
mod receiving;
mod repairing;
mod sending;
mod wire;

pub use effect::{
    Batch, Channel, Effect, Input, Local, Notice, Now, QuarantineReason, Query, Refusal, Remote, Schema, Side,
};

use std::collections::VecDeque;

use crate::bytes::{Conversation, Incarnation, InstallId};
use crate::frame::body::{Acknowledgement, Batch as BatchBody, Body, Head, RefusedItem};
use crate::frame::open;
use crate::identity::PeerKeys;
use crate::item::Position;
use crate::settings::Settings;
use past::Past;
use proving::Proving;
#[cfg(test)]
pub(crate) use receiving::check as frame_check;
use receiving::{Receiving, Taken};
use repairing::Repairing;
use sending::Sending;
pub(crate) use wire::jittered;
use wire::{Turn, Wire};

/// One peer's conversation, on either side: an edge has one, the hub one per site.
///
/// # Order of calls
///
/// 1. `Session::new` with what the journal knows. The line counts as down.
/// 2. For everything that happens, [`handle`](Self::handle) with the time and a source of randomness; then carry
///    out the effects in order. Some effects are questions and are answered by an input each: `Read` by
///    [`Input::Read`], `Store` by [`Input::Stored`] or [`Input::StoreFailed`], `Look` by [`Input::Seen`], `Mend` by
///    [`Input::Mended`] or [`Input::MendFailed`]. Answers may come at once or later, with other inputs between.
/// 3. After every call ask [`wake_at`](Self::wake_at) and come back with [`Input::Tick`] no later.
///
/// What the application owes: `Stored` is said only after the commit that holds the items *and* the progress they
/// make ([`Progress::store`](crate::Progress::store) for each position, refused ones included); an item that is
/// there already (by change hash) is stored again without harm, since after a crash items may be handed over
/// twice; what a `Refusal` names is kept in quarantine in the same commit. What the session promises: every item
/// of the peer's stream is handed over at least once, and never twice while the progress is kept; the items of one
/// document always come in the order in which they were written; nothing is acknowledged before `Stored`.
///
/// # The loop around it
///
/// ```no_run
/// # use outpost_sync::{Batch, Effect, Input, Mark, Notice, Now, Outgoing, Query, Session};
/// # use outpost_sync::repair::{Look, Mend, Seen};
/// # struct Line; impl Line { fn publish(&self, _: Vec<u8>) {} fn next(&self, _: Option<u64>) -> Input { Input::Tick } }
/// # struct Journal; impl Journal {
/// #     fn read(&self, _: &Query, _: usize, _: usize) -> Vec<Outgoing> { Vec::new() }
/// #     fn store(&self, _: Batch) -> bool { true }
/// #     fn acknowledged(&self, _: Mark) {}
/// #     fn keep(&self, _: Vec<u8>, _: String) {}
/// #     fn look(&self, _: Look) -> Seen { Seen::List(Vec::new()) }
/// #     fn mend(&self, _: Mend) -> bool { true }
/// # }
/// # fn tell(_: Notice) {}
/// # fn run(mut session: Session, line: Line, journal: Journal, now: impl Fn() -> Now, mut rng: rand::rngs::StdRng) {
/// let mut inputs = std::collections::VecDeque::from([Input::LineUp]);
/// loop {
///     let input = match inputs.pop_front() {
///         Some(input) => input,
///         // Waits for a frame, a change of the line, a sign that the journal has grown, or the time to wake.
///         None => line.next(session.wake_at()),
///     };
///     for effect in session.handle(now(), &mut rng, input) {
///         match effect {
///             Effect::Publish { bytes, .. } => line.publish(bytes),
///             Effect::Read { query, limit, bytes_max } => {
///                 let items = journal.read(&query, limit, bytes_max);
///                 inputs.push_back(Input::Read { query, items });
///             }
///             Effect::Store(batch) => inputs.push_back(match journal.store(batch) {
///                 true => Input::Stored { refused: Vec::new() },
///                 false => Input::StoreFailed,
///             }),
///             Effect::Acknowledged(mark) => journal.acknowledged(mark),
///             Effect::Quarantine { bytes, reason } => journal.keep(bytes, reason.to_string()),
///             Effect::Notice(notice) => tell(notice),
///             Effect::Look(look) => inputs.push_back(Input::Seen(journal.look(look))),
///             Effect::Mend(mend) => inputs.push_back(match journal.mend(mend) {
///                 true => Input::Mended,
///                 false => Input::MendFailed,
///             }),
///         }
///     }
/// }
/// # }
/// ```
pub struct Session {
    settings: Settings,
    wire: Wire,
    keys: PeerKeys,
    schema: Schema,
    authority: Vec<u8>,
    sending: Sending,
    receiving: Receiving,
    line_up: bool,
    greeting: Greeting,
    peer: Option<InstallId>,
    heard_at: Option<u64>,
    /// At the hub: the conversation before this one, whose late frames are no news.
    previous: Option<Conversation>,
    past: Past,
    proving: Proving,
    silence: Silence,
    repairing: Repairing,
}

/// Since when nothing was heard of the peer.
#[derive(Default)]
struct Silence {
    since: Option<u64>,
    told: bool,
}

impl Silence {
    fn ends_at(&self, settings: &Settings) -> Option<u64> {
        self.since.filter(|_| !self.told).map(|since| since + settings.silent_after_ms)
    }
}

/// Where the two sides stand with introducing themselves.
#[derive(Default)]
struct Greeting {
    /// A conversation exists: at a site since its line is up, at the hub since a hello.
    begun: bool,
    /// Both sides have introduced themselves.
    established: bool,
    /// At a site: when the next hello is due, and how long to wait for its answer.
    hello_due: Option<u64>,
    hello_wait_ms: u64,
    hello_sent_at: Option<u64>,
    /// The last hellos, by nonce, with the boot clock when they were sent.
    hellos: VecDeque<(u64, u64)>,
    /// When the latest of the hellos that were answered was sent, by the boot clock.
    answered_at: u64,
    /// At the hub: when a hail is due, and when the last one went out.
    hail_due: Option<u64>,
    hailed_at: Option<u64>,
    /// At a site: the wall clock of the last hail that was followed.
    hail_followed: i64,
    /// At the hub: the site has not been told of the newest authority.
    authority_untold: bool,
    /// The serial of the newest frame that gave authority.
    authority_serial: u64,
}

impl Session {
    /// A session whose line is down.
    pub fn new(settings: Settings, local: Local, remote: Remote) -> Self {
        let Local { side, site, identity, epoch, links, schema, authority, backups, lost } = local;
        Self {
            sending: Sending::new(links, &settings),
            receiving: Receiving::new(remote.progress, backups),
            wire: Wire::new(side, site, identity, epoch),
            keys: remote.keys,
            settings,
            schema,
            authority,
            line_up: false,
            greeting: Greeting::default(),
            peer: None,
            heard_at: None,
            previous: None,
            past: Past::new(remote.lives, lost),
            proving: Proving::default(),
            silence: Silence::default(),
            repairing: Repairing::new(side),
        }
    }

    /// Takes in one thing that happened and says what must be done.
    pub fn handle(&mut self, now: Now, rng: &mut (impl rand::Rng + ?Sized), input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.silence.since.get_or_insert(now.boot_ms);
        match input {
            Input::LineUp => self.line_up(now, rng, &mut effects),
            Input::LineDown => self.line_down(),
            Input::TooLarge => {
                effects.extend(self.sending.too_large(now, &self.settings).map(Effect::Notice))
            }
            Input::Received(frame) => self.received(now, rng, frame, &mut effects),
            Input::Read { query, items } => {
                effects.extend(self.sending.read(now, query, items).into_iter().map(Effect::Notice));
            }
            Input::Stored { refused } => self.receiving.stored(refused, &[]),
            Input::StoredBut { refused, later } => self.receiving.stored(refused, &later),
            Input::StoreFailed => self.receiving.store_failed(),
            Input::Woken => self.sending.woken(),
            Input::Tick => {}
            Input::Promote(doc) => self.sending.promote(doc),
            Input::Authority(authority) => {
                self.greeting.authority_untold |= authority != self.authority;
                self.authority = authority;
            }
            Input::Links(links) => {
                self.sending.links = links;
                self.introduce(now, rng, &mut effects);
            }
            Input::Keys(keys) => self.keys = keys,
            Input::BackedUp(marks) => self.receiving.backed_up(marks),
            Input::Seen(_) | Input::Mended | Input::MendFailed | Input::Parked(_) | Input::Repair => {
                self.repair(now, rng, input, &mut effects);
            }
            Input::Lives(lives) => self.past.lives = lives,
            Input::Lost(lost) => {
                if std::mem::replace(&mut self.past.lost, lost) != lost {
                    self.introduce(now, rng, &mut effects);
                }
            }
            Input::Crowded(crowded) => self.past.crowded = crowded,
        }
        self.attend(now, rng, &mut effects);
        self.attend_repair(now, rng, &mut effects);
        effects
    }

    /// What is due whatever happened: greetings, deliveries, acknowledgements, frames, and telling of silence.
    fn attend(&mut self, now: Now, rng: &mut (impl rand::Rng + ?Sized), effects: &mut Vec<Effect>) {
        let items = self.receiving.deliver(&self.settings);
        if let (false, Some(install)) = (items.is_empty(), self.peer) {
            effects.push(Effect::Store(Batch { site: self.wire.site.clone(), install, items }));
        }
        if self.silence.ends_at(&self.settings).is_some_and(|at| at <= now.boot_ms) {
            self.silence.told = true;
            effects.push(Effect::Notice(Notice::Silent));
        }
        if !self.line_up {
            return;
        }
        self.greet_if_due(now, rng, effects);
        if self.greeting.established {
            self.acknowledge(effects);
            let (wire, settings) = (&mut self.wire, &self.settings);
            self.sending.pump(&mut Turn { now, rng, wire, settings, effects });
        }
    }

    fn received(
        &mut self,
        now: Now,
        rng: &mut (impl rand::Rng + ?Sized),
        frame: Vec<u8>,
        effects: &mut Vec<Effect>,
    ) {
        if !self.line_up {
            return;
        }
        let (install, body) = match open(&frame, &self.keys, self.wire.peer_side(), &self.wire.site) {
            Ok((install, Some(body))) => (install, body),
            // Of a later version: what matters is said in a way that this one knows as well.
            Ok((_, None)) => return,
            Err(reason) => return effects.push(Effect::Quarantine { bytes: frame, reason }),
        };
        if self.wire.side == Side::Site && body.head().epoch < self.wire.epoch {
            return effects.push(Effect::Notice(Notice::EpochOver(body.head().epoch)));
        }
        if let (Side::Hub, Body::Hello(head, hello)) = (self.wire.side, &body)
            && let Some(refused) = self.judge(install, &hello.links).refused
        {
            return self.refuse(now, head, hello, refused, effects);
        }
        self.peer = Some(install);
        self.heard_at = Some(now.boot_ms);
        self.silence = Silence { since: Some(now.boot_ms), told: false };
        let known = self.greeting.begun && body.head().conversation == self.wire.conversation;
        if known {
            self.keep_proof(&body, &frame, effects);
        }
        match body {
            Body::Hello(head, hello) => self.hello(now, rng, head, &hello, effects),
            Body::Welcome(head, welcome) if known => self.welcome(now, rng, head, &welcome, effects),
            // A peer that must wait, or that nobody here can read, is not heard any further.
            Body::Batch(..) if known && !self.greeting.established => {}
            Body::Batch(head, batch) if known => {
                if let Taken::Malformed(reason) = self.take(&head, &batch) {
                    let reason = QuarantineReason::Malformed(reason.to_owned());
                    effects.push(Effect::Quarantine { bytes: frame, reason });
                }
            }
            Body::Acknowledgement(head, content) if known => self.acknowledged(&head, content, effects),
            Body::Hail(_, hail) => self.hailed(now, rng, &hail, effects),
            Body::Repair(_, message) if known => self.heard_repair(now, rng, message, effects),
            Body::Proof(_, proof) if known => self.hear_proof(&proof.frame, effects),
            Body::Welcome(head, _)
            | Body::Batch(head, _)
            | Body::Acknowledgement(head, _)
            | Body::Proof(head, _)
            | Body::Repair(head, _) => {
                if self.wire.side == Side::Hub && self.previous != Some(head.conversation) {
                    self.greeting.hail_due.get_or_insert(now.boot_ms);
                }
            }
        }
    }

    fn take(&mut self, head: &Head, batch: &BatchBody) -> Taken {
        match head.incarnation {
            Some(incarnation) => self.receiving.take(incarnation, batch, &self.settings),
            None => Taken::Malformed("it does not say whose items it holds"),
        }
    }

    fn acknowledged(&mut self, head: &Head, content: Acknowledgement, effects: &mut Vec<Effect>) {
        for applied in &content.applied {
            let said = self.sending.acknowledged(applied);
            self.weigh(said, effects);
        }
        for RefusedItem { incarnation, n, reason } in content.refused {
            let position = Position { incarnation, n };
            effects.push(Effect::Notice(Notice::Refused(Refusal { position, reason })));
        }
        if let Some(authority) = content.authority {
            self.hear_authority(head.serial, authority.into_vec(), effects);
        }
    }

    /// Frames may overtake each other: only the newest word on authority counts.
    fn hear_authority(&mut self, serial: u64, authority: Vec<u8>, effects: &mut Vec<Effect>) {
        if self.wire.side == Side::Site && serial > self.greeting.authority_serial {
            self.greeting.authority_serial = serial;
            effects.push(Effect::Notice(Notice::Authority(authority)));
        }
    }

    fn acknowledge(&mut self, effects: &mut Vec<Effect>) {
        while self.receiving.owes_acknowledgement() || self.greeting.authority_untold {
            let (applied, refused) = self.receiving.acknowledgement(self.settings.acknowledged_spans_max);
            let refused = refused.into_iter().map(|refusal| RefusedItem {
                incarnation: refusal.position.incarnation,
                n: refusal.position.n,
                reason: refusal.reason,
            });
            let authority = std::mem::take(&mut self.greeting.authority_untold)
                .then(|| serde_bytes::ByteBuf::from(self.authority.clone()));
            let content = Acknowledgement { applied, refused: refused.collect(), authority };
            let bytes = self.wire.write(|head| Body::Acknowledgement(head, content));
            effects.push(Effect::Publish { channel: self.wire.channel(), bytes });
        }
    }

    /// This side's current incarnation.
    fn current(&self) -> Incarnation {
        self.sending.links.last().map_or(Incarnation([0; 16]), |link| link.incarnation)
    }

    /// When [`Input::Tick`] is due, on the boot clock.
    pub fn wake_at(&self) -> Option<u64> {
        let silent = self.silence.ends_at(&self.settings);
        let greeting = [self.greeting.hello_due, self.greeting.hail_due].into_iter().flatten();
        let on_line = greeting.chain(self.sending.wake_at(&self.settings)).filter(|_| self.line_up);
        on_line.chain(silent).chain(self.repairing.wake_at(self.line_up)).min()
    }

    /// When the peer was last heard of, on the boot clock.
    pub fn heard_at(&self) -> Option<u64> {
        self.heard_at
    }

    /// Through where the peer has stored one's own incarnations, as far as it has said so since the line came up.
    pub fn stored_by_peer(&self) -> Vec<Position> {
        self.sending.stored_by_peer()
    }

    /// Whether both sides have introduced themselves since the line came up.
    pub fn is_established(&self) -> bool {
        self.line_up && self.greeting.established
    }
}
