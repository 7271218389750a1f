//! The bodies of frames: CBOR `[head, content]`, both maps with keys of one letter.

use outpost_model::defects::{Planted, is_planted};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Kind;
use super::repair::Message;
use crate::bytes::{Conversation, Incarnation, Running};
use crate::item::{Gap, Link, Mark, Position};
use crate::progress::{Progress, Span};

/// What every frame says first: a row, since it is in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "HeadRow", from = "HeadRow")]
pub(crate) struct Head {
    /// The conversation it belongs to.
    pub conversation: Conversation,
    /// Counts the frames of one side in a conversation, from 1.
    pub serial: u64,
    /// The hub's epoch; in frames of a site the highest one it heard of.
    pub epoch: u64,
    /// In a batch the incarnation of its positions; no other frame says one here.
    pub incarnation: Option<Incarnation>,
}

type HeadRow = (Conversation, u64, u64, Option<Incarnation>);

impl From<Head> for HeadRow {
    fn from(head: Head) -> Self {
        (head.conversation, head.serial, head.epoch, head.incarnation)
    }
}

impl From<HeadRow> for Head {
    fn from((conversation, serial, epoch, incarnation): HeadRow) -> Self {
        Self { conversation, serial, epoch, incarnation }
    }
}

/// How far the writer of a frame has stored one incarnation of the reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "AppliedRow", from = "AppliedRow")]
pub(crate) struct Applied {
    /// Everything through here.
    pub mark: Mark,
    /// And these.
    pub beyond: Vec<Span>,
    /// Through here it is in a backup as well. Without it the writer keeps no backups apart from its database, and
    /// what is stored may be forgotten.
    pub safe: Option<Safe>,
}

/// Incarnation, number and running hash of the mark, what is stored beyond it, what is in a backup.
type AppliedRow = (Incarnation, u64, Running, Vec<Span>, Option<(u64, Running)>);

impl From<Applied> for AppliedRow {
    fn from(Applied { mark, beyond, safe }: Applied) -> Self {
        (mark.incarnation, mark.n, mark.running, beyond, safe.map(|safe| (safe.n, safe.running)))
    }
}

impl From<AppliedRow> for Applied {
    fn from((incarnation, n, running, beyond, safe): AppliedRow) -> Self {
        let safe = safe.map(|(n, running)| Safe { n, running });
        Self { mark: Mark { incarnation, n, running }, beyond, safe }
    }
}

/// A mark of the incarnation that is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Safe {
    pub n: u64,
    pub running: Running,
}

impl Applied {
    /// `safe`: how far it is in a backup, where backups are kept apart. More than is stored is in no backup.
    pub(crate) fn of(progress: &Progress, spans_max: usize, safe: Option<Mark>) -> Self {
        let mark = progress.mark();
        let safe = safe.map(|safe| if safe.n < mark.n { safe } else { mark });
        let safe = safe.map(|safe| Safe { n: safe.n, running: safe.running });
        Self { mark, beyond: progress.spans(spans_max), safe }
    }

    /// Through where the reader may forget.
    pub(crate) fn forgettable(&self) -> Mark {
        match self.safe {
            Some(Safe { n, running }) if n < self.mark.n && !is_planted(Planted::ForgetBelowCommitted) => {
                Mark { incarnation: self.mark.incarnation, n, running }
            }
            _ => self.mark,
        }
    }
}

/// A site introduces itself: at the beginning of a conversation and again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    #[serde(rename = "n")]
    pub nonce: u64,
    #[serde(rename = "k")]
    pub links: Vec<Link>,
    #[serde(rename = "a")]
    pub applied: Vec<Applied>,
    #[serde(rename = "v")]
    pub schema: (u16, u16),
    /// The site's boot clock, for people who read traces.
    #[serde(rename = "t")]
    pub boot_ms: u64,
    /// The site knows that it has lost what it wrote through here.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Position>,
}

/// The hub answers a hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    /// The hello's nonce.
    #[serde(rename = "n")]
    pub nonce: u64,
    /// The hello's boot clock.
    #[serde(rename = "t")]
    pub boot_ms: u64,
    /// The hub's wall clock.
    #[serde(rename = "w")]
    pub wall_ms: i64,
    /// The hub had not heard of the conversation before this hello.
    #[serde(rename = "f")]
    pub fresh: bool,
    #[serde(rename = "k")]
    pub links: Vec<Link>,
    #[serde(rename = "a")]
    pub applied: Vec<Applied>,
    #[serde(rename = "v")]
    pub schema: (u16, u16),
    #[serde(rename = "u", with = "serde_bytes")]
    pub authority: Vec<u8>,
    /// What the hub has stored of lives of the site that are not of the past it told: lives with their last numbers.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Position>,
    /// The hub does not talk with the life that said hello, since this one was taken over by another.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Incarnation>,
    /// The hub has no time for the site now: come back after so many milliseconds.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub come_back_ms: Option<u64>,
    /// The site says that it has more of this life than was written in it, as far as the hub knows: let it prove it.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Position>,
}

/// Items of the writer's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// Their numbers, ascending.
    #[serde(rename = "r")]
    pub runs: Vec<Span>,
    /// In a frame of a lane, for each item what it must not be applied before: see [`Lane`].
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub lane: Vec<Lane>,
    /// The first bytes of BLAKE3 over the items' digests: the reader rebuilt what was sent. What keeps the streams equal
    /// is the running hash in the acknowledgement.
    #[serde(rename = "k")]
    pub check: serde_bytes::ByteArray<8>,
    /// How the columns are packed: 0 (and then it is not said) not at all, 1 with zstd.
    #[serde(rename = "z", default, skip_serializing_if = "is_plain")]
    pub codec: u8,
    #[serde(rename = "b", with = "serde_bytes")]
    pub columns: Vec<u8>,
    /// Items of this batch right before which others are gone, by number.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<(u64, Gap)>,
}

fn is_plain(codec: &u8) -> bool {
    *codec == 0
}

/// What an item that is sent before its turn must wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "i64", from = "i64")]
pub(crate) enum Lane {
    /// Nothing: 0.
    Free,
    /// This number of the same incarnation, which changed the same document.
    After(u64),
    /// All of the incarnations before: −1.
    AfterParents,
}

impl From<Lane> for i64 {
    fn from(lane: Lane) -> i64 {
        match lane {
            Lane::Free => 0,
            Lane::After(n) => n as i64,
            Lane::AfterParents => -1,
        }
    }
}

impl From<i64> for Lane {
    fn from(number: i64) -> Self {
        match u64::try_from(number) {
            Ok(0) => Self::Free,
            Ok(n) => Self::After(n),
            Err(_) => Self::AfterParents,
        }
    }
}

/// An item of the reader that was put in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusedItem {
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    #[serde(rename = "n")]
    pub n: u64,
    #[serde(rename = "w")]
    pub reason: String,
}

/// What the writer has stored of the reader's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acknowledgement {
    #[serde(rename = "a")]
    pub applied: Vec<Applied>,
    #[serde(rename = "q", default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedItem>,
    /// From the hub, when it has changed: the site's authority.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<serde_bytes::ByteBuf>,
}

/// The hub does not know the conversation it hears: say hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hail {
    /// The hub's wall clock; a site follows only hails later than the last one it followed.
    #[serde(rename = "w")]
    pub wall_ms: i64,
}

/// A site shows how far the hub has come, by a frame of the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proof {
    /// A batch or a welcome, as it came; empty when there is none to show.
    #[serde(rename = "f", with = "serde_bytes")]
    pub frame: Vec<u8>,
}

/// A body of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    Hello(Head, Hello),
    Welcome(Head, Welcome),
    Batch(Head, Batch),
    Acknowledgement(Head, Acknowledgement),
    Hail(Head, Hail),
    Repair(Head, Message),
    Proof(Head, Proof),
}

impl Body {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Hello(..) => Kind::Hello,
            Self::Welcome(..) => Kind::Welcome,
            Self::Batch(..) => Kind::Batch,
            Self::Acknowledgement(..) => Kind::Acknowledgement,
            Self::Hail(..) => Kind::Hail,
            Self::Proof(..) => Kind::Proof,
            Self::Repair(_, message) => match message {
                Message::Compare(_) => Kind::Compare,
                Message::Compared(_) => Kind::Compared,
                Message::List(_) => Kind::List,
                Message::Listed(_) => Kind::Listed,
                Message::Fetch(_) => Kind::Fetch,
                Message::Part(_) => Kind::Part,
                Message::Taken(_) => Kind::Taken,
            },
        }
    }

    pub(crate) fn head(&self) -> &Head {
        match self {
            Self::Hello(head, _)
            | Self::Welcome(head, _)
            | Self::Batch(head, _)
            | Self::Acknowledgement(head, _)
            | Self::Hail(head, _)
            | Self::Proof(head, _)
            | Self::Repair(head, _) => head,
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(head, content) => write(out, &(head, content)),
            Self::Welcome(head, content) => write(out, &(head, content)),
            Self::Batch(head, content) => write(out, &(head, content)),
            Self::Acknowledgement(head, content) => write(out, &(head, content)),
            Self::Hail(head, content) => write(out, &(head, content)),
            Self::Proof(head, content) => write(out, &(head, content)),
            Self::Repair(head, message) => match message {
                Message::Compare(content) => write(out, &(head, content)),
                Message::Compared(content) => write(out, &(head, content)),
                Message::List(content) => write(out, &(head, content)),
                Message::Listed(content) => write(out, &(head, content)),
                Message::Fetch(content) => write(out, &(head, content)),
                Message::Part(content) => write(out, &(head, content)),
                Message::Taken(content) => write(out, &(head, content)),
            },
        }
    }

    pub(crate) fn read(kind: Kind, bytes: &[u8]) -> Result<Self, &'static str> {
        let body = match kind {
            Kind::Hello => read(bytes).map(|(head, content)| Self::Hello(head, content)),
            Kind::Welcome => read(bytes).map(|(head, content)| Self::Welcome(head, content)),
            Kind::Batch => read(bytes).map(|(head, content)| Self::Batch(head, content)),
            Kind::Acknowledgement => read(bytes).map(|(head, content)| Self::Acknowledgement(head, content)),
            Kind::Hail => read(bytes).map(|(head, content)| Self::Hail(head, content)),
            Kind::Compare => repair(bytes, Message::Compare),
            Kind::Compared => repair(bytes, Message::Compared),
            Kind::List => repair(bytes, Message::List),
            Kind::Listed => repair(bytes, Message::Listed),
            Kind::Fetch => repair(bytes, Message::Fetch),
            Kind::Part => repair(bytes, Message::Part),
            Kind::Taken => repair(bytes, Message::Taken),
            Kind::Proof => read(bytes).map(|(head, content)| Self::Proof(head, content)),
        };
        body.ok_or("its body is not what its kind asks for")
    }
}

fn repair<T: DeserializeOwned>(bytes: &[u8], message: impl FnOnce(T) -> Message) -> Option<Body> {
    read(bytes).map(|(head, content)| Body::Repair(head, message(content)))
}

/// Writes plain data as CBOR; writing to memory cannot fail.
pub(crate) fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    if ciborium::into_writer(value, &mut *out).is_err() {
        unreachable!("plain data has a CBOR form");
    }
}

/// Reads exactly one CBOR value. Nothing is allocated for a length that the bytes do not have.
pub(crate) fn read<T: DeserializeOwned>(mut bytes: &[u8]) -> Option<T> {
    const DEPTH_MAX: usize = 16;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut bytes, DEPTH_MAX).ok()?;
    bytes.is_empty().then_some(value)
}
