//! A hub that is told that it has lost something: what it believes, and what it does not.

use outpost_model::id::SiteId;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::bytes::{Conversation, Running};
use crate::frame::body::{Applied, Batch, Head, Hello, Welcome};
use crate::frame::seal;
use crate::identity::Identity;
use crate::item::{Link, Mark};
use crate::progress::Span;
use crate::session::{Input, Local, Now, Remote, Schema};

const EPOCH: u64 = 3;
const HUB: Incarnation = Incarnation([0xb2; 16]);
const OLDER: Incarnation = Incarnation([0xb1; 16]);
/// What the hub has written of its present life, as far as it knows.
const WRITTEN: u64 = 5;

struct Story {
    rng: StdRng,
    hub: Identity,
    site: Identity,
    session: Session,
}

fn berlin() -> SiteId {
    "berlin-1".parse().unwrap()
}

fn head(serial: u64, epoch: u64, incarnation: Option<Incarnation>) -> Head {
    Head { conversation: Conversation([7; 8]), serial, epoch, incarnation }
}

impl Story {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(67);
        let (hub, site) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        let local = Local {
            side: Side::Hub,
            site: berlin(),
            identity: hub.clone(),
            epoch: EPOCH,
            links: vec![Link { incarnation: HUB, parent: None, last: WRITTEN }],
            schema: Schema { min: 1, max: 1 },
            authority: Vec::new(),
            backups: false,
            lost: None,
        };
        let keys = PeerKeys(vec![site.public()]);
        let remote = Remote { keys, progress: Vec::new(), lives: Vec::new() };
        let mut story = Self { rng, hub, site, session: Session::new(Settings::default(), local, remote) };
        story.session.handle(now(), &mut story.rng, Input::LineUp);
        story
    }

    fn hears(&mut self, body: &Body) -> Vec<Effect> {
        let frame = seal(&self.site, Side::Site, &berlin(), body);
        self.session.handle(now(), &mut self.rng, Input::Received(frame))
    }

    /// A hello that claims `n` items of a life; what the welcome asks, and what the application hears of it.
    fn claims(&mut self, nonce: u64, incarnation: Incarnation, n: u64) -> (Option<Position>, Vec<Notice>) {
        let mark = Mark { incarnation, n, running: Running([9; 32]) };
        let hello = Hello {
            nonce,
            links: vec![Link { incarnation: Incarnation([0xa1; 16]), parent: None, last: 0 }],
            applied: vec![Applied { mark, beyond: Vec::new(), safe: None }],
            schema: (1, 1),
            boot_ms: 1,
            lost: None,
        };
        let effects = self.hears(&Body::Hello(head(nonce, EPOCH, None), hello));
        let keys = PeerKeys(vec![self.hub.public()]);
        let welcome = effects.iter().find_map(|effect| match effect {
            Effect::Publish { bytes, .. } => match open(bytes, &keys, Side::Hub, &berlin()).unwrap().1 {
                Some(Body::Welcome(_, welcome)) => Some(welcome),
                _ => None,
            },
            _ => None,
        });
        (welcome.unwrap().doubt, claimed(&effects))
    }

    fn shows(&mut self, frame: Vec<u8>) -> Vec<Notice> {
        claimed(&self.hears(&Body::Proof(head(9, EPOCH, None), Proof { frame })))
    }
}

fn now() -> Now {
    Now { boot_ms: 1_000, wall_ms: 1_763_874_000_000 }
}

/// What an application could end its process for.
fn claimed(effects: &[Effect]) -> Vec<Notice> {
    let notices = effects.iter().filter_map(|effect| match effect {
        Effect::Notice(notice @ (Notice::Claimed { .. } | Notice::RolledBack { .. })) => Some(notice.clone()),
        _ => None,
    });
    notices.collect()
}

fn batch(epoch: u64, incarnation: Incarnation, through: u64) -> Body {
    let content = Batch {
        runs: vec![Span { from: 1, through }],
        lane: Vec::new(),
        check: serde_bytes::ByteArray::new([0; 8]),
        codec: 0,
        columns: Vec::new(),
        gaps: Vec::new(),
    };
    Body::Batch(head(4, epoch, Some(incarnation)), content)
}

fn welcome(epoch: u64, incarnation: Incarnation, last: u64) -> Body {
    let content = Welcome {
        nonce: 1,
        boot_ms: 1,
        wall_ms: 1,
        fresh: false,
        links: vec![Link { incarnation, parent: None, last }],
        applied: Vec::new(),
        schema: (1, 1),
        authority: Vec::new(),
        lost: Vec::new(),
        refused: None,
        come_back_ms: None,
        doubt: None,
    };
    Body::Welcome(head(4, epoch, None), content)
}

fn proven(there: u64) -> Vec<Notice> {
    vec![Notice::Claimed { incarnation: HUB, there, proven: true }]
}

fn unproven() -> Vec<Notice> {
    vec![Notice::Claimed { incarnation: HUB, there: 999, proven: false }]
}

#[test]
fn a_claim_is_asked_for_its_proof_and_believed_by_the_hub_s_own_signature() {
    for body in [batch(EPOCH, HUB, 9), welcome(EPOCH, HUB, 9), batch(EPOCH, HUB, WRITTEN + 1)] {
        let mut story = Story::new();
        assert_eq!(story.shows(seal(&story.hub, Side::Hub, &berlin(), &body)), [], "nobody has asked");
        let (asked, heard) = story.claims(1, HUB, 999);
        assert_eq!((asked, heard), (Some(Position { incarnation: HUB, n: WRITTEN }), Vec::new()));
        let there = if let Some(word) = Word::of(&body) { word.position.n } else { 0 };
        assert_eq!(story.shows(seal(&story.hub, Side::Hub, &berlin(), &body)), proven(there));
    }
}

#[test]
fn nothing_else_is_believed_and_it_is_told_once() {
    let story = Story::new();
    let hub = |site: &str, body: &Body| seal(&story.hub, Side::Hub, &site.parse().unwrap(), body);
    let mut flipped = hub("berlin-1", &batch(EPOCH, HUB, 9));
    let last = flipped.len() - 70;
    flipped[last] ^= 1;
    let own = seal(&story.site, Side::Hub, &berlin(), &batch(EPOCH, HUB, 9));
    let frames = [
        ("none", Vec::new()),
        ("nonsense", vec![1; 300]),
        ("no more than the hub knows", hub("berlin-1", &batch(EPOCH, HUB, WRITTEN))),
        ("a welcome that says no more", hub("berlin-1", &welcome(EPOCH, HUB, WRITTEN))),
        ("what another site was sent", hub("munich-1", &batch(EPOCH, HUB, 9))),
        ("another life", hub("berlin-1", &batch(EPOCH, OLDER, 9))),
        ("an epoch that is over", hub("berlin-1", &batch(EPOCH - 1, HUB, 9))),
        ("an epoch to come", hub("berlin-1", &batch(EPOCH + 1, HUB, 9))),
        ("a wrong signature", flipped),
        ("signed by the site itself", own),
    ];
    for (what, frame) in frames {
        let mut story = Story::new();
        story.claims(1, HUB, 999);
        assert_eq!(story.shows(frame.clone()), unproven(), "{what}");
        assert_eq!(story.shows(frame), [], "{what}, once more");
        let (asked, heard) = story.claims(2, HUB, 999);
        assert_eq!((asked.is_some(), heard), (true, Vec::new()), "{what}: it is told that it is doubted");
        let genuine = seal(&story.hub, Side::Hub, &berlin(), &batch(EPOCH, HUB, 9));
        assert_eq!(story.shows(genuine), proven(9), "{what}: what is true is believed all the same");
    }
}

#[test]
fn silence_is_an_answer_after_a_while_and_a_claim_of_an_earlier_life_needs_no_proof() {
    let mut story = Story::new();
    for nonce in 1..=3 {
        assert_eq!(story.claims(nonce, HUB, 999).1, [], "it may not have heard the question");
    }
    assert_eq!(story.claims(4, HUB, 999).1, unproven());
    assert_eq!(story.claims(5, HUB, 999).1, []);
    let mut story = Story::new();
    assert_eq!(story.claims(1, OLDER, 999), (None, Vec::new()), "of a life that is not here nothing follows");
    assert_eq!(story.claims(2, HUB, WRITTEN), (None, Vec::new()), "it has all that was written");
}
