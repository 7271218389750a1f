//! What goes into a session and what comes out of it.

use outpost_model::id::SiteId;

use crate::bytes::{DocumentId, Incarnation, InstallId, InstallTag};
use crate::identity::{Identity, PeerKeys};
use crate::item::{Incoming, Link, Mark, Outgoing, Position};
use crate::lineage::{Finding, Life};
use crate::progress::Progress;
use crate::repair::{Look, Mend, Outcome, Seen};

/// The time, handed in with every input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Milliseconds on a clock that never jumps and runs on while the machine sleeps (boot time). All timers of
    /// the session use it.
    pub boot_ms: u64,
    /// Milliseconds since 1970 on the wall clock. The session only passes it on to the peer.
    pub wall_ms: i64,
}

/// Which side of the conversation a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// A store or warehouse: says hello.
    Site,
    /// The hub: answers with a welcome.
    Hub,
}

/// The channel a frame goes out on; one pair of channels per site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// From the site to the hub.
    Up,
    /// From the hub to the site.
    Down,
}

/// The versions of the events' vocabulary that a side can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The oldest.
    pub min: u16,
    /// The newest.
    pub max: u16,
}

impl Schema {
    /// Whether two sides share no version at all.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        self.max < other.min || other.max < self.min
    }
}

/// This side, as its application knows it.
#[derive(Debug, Clone)]
pub struct Local {
    /// Which side it is.
    pub side: Side,
    /// The site of the conversation: one's own at a site, the peer at the hub.
    pub site: SiteId,
    /// Who signs.
    pub identity: Identity,
    /// At the hub its epoch; at a site the highest one heard of, 0 if none. A site refuses frames of lower ones.
    pub epoch: u64,
    /// One's own incarnations, oldest first: those with items that are not acknowledged, and the current one last.
    pub links: Vec<Link>,
    /// What this side can read.
    pub schema: Schema,
    /// At the hub: the authority the site has now, in the applications' own form. Empty at a site.
    pub authority: Vec<u8>,
    /// Whether this side keeps backups apart from its database: then the peer forgets what is in them, by
    /// [`Input::BackedUp`]; without backups it forgets what is stored.
    pub backups: bool,
    /// At a site: the last position it knows to have answered for and has lost, until the hub has restored it.
    pub lost: Option<Position>,
}

/// The other side, as this side's journal knows it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// The keys it may sign with.
    pub keys: PeerKeys,
    /// How far its incarnations have been stored here.
    pub progress: Vec<Progress>,
    /// At the hub: all lives of the site that are registered. Empty at a site.
    pub lives: Vec<Life>,
}

/// Which items of one's own stream the session wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// In the order of the stream (incarnations in the order they were minted), those after a position; all when
    /// there is none.
    After {
        /// The position.
        after: Option<Position>,
    },
    /// The same, but only changes of one document.
    Document {
        /// The document.
        doc: DocumentId,
        /// The position.
        after: Option<Position>,
    },
}

/// What happens to a session. Every input is handled at once and never fails.
#[derive(Debug, Clone)]
pub enum Input {
    /// The line came up: frames can be published and will be received.
    LineUp,
    /// The line went down. Inputs other than `LineUp` and answers to effects have no consequence until it is up.
    LineDown,
    /// The line refused a packet as too large.
    TooLarge,
    /// A frame arrived.
    Received(Vec<u8>),
    /// The answer to [`Effect::Read`]. An empty one means that there are no more now.
    Read {
        /// The question.
        query: Query,
        /// The items.
        items: Vec<Outgoing>,
    },
    /// The whole batch of the last [`Effect::Store`] is committed. Items that were put in quarantine instead of
    /// being applied are named: they count as received and their writer is told.
    Stored {
        /// The items in quarantine.
        refused: Vec<Refusal>,
    },
    /// The same, but some items found no room: they are not committed, count as never received, and come again.
    StoredBut {
        /// The items in quarantine.
        refused: Vec<Refusal>,
        /// The items without room.
        later: Vec<Position>,
    },
    /// Nothing of the last [`Effect::Store`] is committed; it will be handed over again when it arrives again.
    StoreFailed,
    /// One's own journal has grown.
    Woken,
    /// Time has passed: at or after [`Session::wake_at`](crate::Session::wake_at).
    Tick,
    /// Send this document's items before all others until everything of it is acknowledged.
    Promote(DocumentId),
    /// At the hub: the site's authority is now this.
    Authority(Vec<u8>),
    /// One's own links as in [`Local::links`]: told when a new incarnation was minted and stored, and before the line
    /// comes up, so that the greeting says how much waits for the peer.
    Links(Vec<Link>),
    /// The keys the peer may sign with are now these.
    Keys(PeerKeys),
    /// The peer's items through these marks (one of each incarnation) are in a backup that a restore would begin
    /// with. Told after a start and after every backup; lower marks than told before change nothing.
    BackedUp(Vec<Mark>),
    /// The answer to [`Effect::Look`].
    Seen(Seen),
    /// The whole of the last [`Effect::Mend`] is committed; what could not be taken is in quarantine.
    Mended,
    /// Nothing of the last [`Effect::Mend`] is committed.
    MendFailed,
    /// So many changes wait for others that they build on.
    Parked(usize),
    /// Compare all documents soon, whatever the positions of the streams.
    Repair,
    /// At the hub: the site's registered lives are now these; some may have been retired.
    Lives(Vec<Life>),
    /// At a site: what it has lost, as in [`Local::lost`]; nothing once the hub has restored it.
    Lost(Option<Position>),
    /// At the hub: so many sites drain a backlog that this one must wait with its own, or not any more. A site
    /// whose backlog is short is not kept waiting.
    Crowded(bool),
}

/// An item of the peer that was put in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where it stands in its writer's stream.
    pub position: Position,
    /// Why, in a stable code.
    pub reason: String,
}

/// Items of the peer for one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The site of the conversation.
    pub site: SiteId,
    /// The install whose signature was verified.
    pub install: InstallId,
    /// The items. Those of one document are in the order in which they were written, in this and all batches.
    pub items: Vec<Incoming>,
}

/// What the application must do. Effects are carried out in the order they are returned.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Publish a frame. Whether it arrives is the session's care.
    Publish {
        /// Where.
        channel: Channel,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// Read one's own stream and answer with [`Input::Read`]. There is one unanswered `Read` at a time.
    Read {
        /// Which items.
        query: Query,
        /// At most how many items.
        limit: usize,
        /// Stop after the first item with which they weigh more than this.
        bytes_max: usize,
    },
    /// Apply these items and the progress they make in one transaction, then answer with [`Input::Stored`] or
    /// [`Input::StoreFailed`]. There is one unanswered `Store` at a time.
    Store(Batch),
    /// The peer has everything through this mark for good (in a backup, if it keeps backups apart): it may be
    /// forgotten here. What the peer has stored and not yet saved is not sent again, and not forgotten either. Within a session the marks of
    /// one incarnation only grow; after a restart an old frame may bring an older one, which changes nothing.
    Acknowledged(Mark),
    /// Keep this frame for inspection: it is not the peer's or cannot be understood. It changed nothing.
    Quarantine {
        /// The frame.
        bytes: Vec<u8>,
        /// What is wrong with it.
        reason: QuarantineReason,
    },
    /// Something the application may want to know.
    Notice(Notice),
    /// Look at one's own documents and answer with [`Input::Seen`]. There is one unanswered `Look` or `Mend` at a
    /// time.
    Look(Look),
    /// Take in what repair brought, in one transaction, then answer with [`Input::Mended`] or [`Input::MendFailed`].
    Mend(Mend),
}

/// Why a frame was set aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuarantineReason {
    /// Not the envelope of a frame of this version.
    #[error("not a frame of this version")]
    NotAFrame,
    /// It names another site or the wrong direction.
    #[error("a frame of another site or direction")]
    Misdirected,
    /// No known key of the peer belongs to its install.
    #[error("signed by an unknown install {0}")]
    UnknownInstall(InstallTag),
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Forged,
    /// Signed by the peer, but its content cannot be understood.
    #[error("signed by the peer, but malformed: {0}")]
    Malformed(String),
}

impl QuarantineReason {
    /// Which of the few reasons it is, without what the sender has chosen.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotAFrame => "not_a_frame",
            Self::Misdirected => "misdirected",
            Self::UnknownInstall(_) => "unknown_install",
            Self::Forged => "forged",
            Self::Malformed(_) => "malformed",
        }
    }
}

/// News for the application. docs/protocol.md says what each means and what both sides do about it; the session
/// itself stays in a safe state whatever the application does.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The peer introduced itself.
    Greeted {
        /// Its install.
        install: InstallId,
        /// The hub's epoch, as the peer knows it.
        epoch: u64,
        /// What it can read.
        schema: Schema,
        /// Its incarnations that are not all here, oldest first. Register them before anything else of them comes.
        links: Vec<Link>,
        /// It knows that it has lost what it had answered for through here.
        lost: Option<Position>,
    },
    /// At the hub: what is wrong with the past that the site tells. Nothing is refused because of it; what follows
    /// (retiring lives, giving rights back, restoring the site) is the application's affair.
    Past {
        /// What is wrong.
        findings: Vec<Finding>,
        /// What is stored here of the site's lives and lost there: life and last number stored.
        lost: Vec<Position>,
    },
    /// At the hub: a life that was taken over by another one goes on speaking: a clone is alive. Its conversation is
    /// refused, and its frames change nothing.
    PeerRetired(Incarnation),
    /// At a site: the hub has stored these of its lives, life and last number, and they are not of its past: this
    /// replica was rolled back or set up anew, and must not grant anything before the hub has restored it.
    Behind(Vec<Position>),
    /// At a site: the hub refuses this life, since another replica took over from it: this one is a clone.
    Retired(Incarnation),
    /// The peer reads only versions of the vocabulary that this side does not write: nothing is exchanged until one of
    /// them is updated.
    SchemaApart {
        /// What this side reads.
        ours: Schema,
        /// What the peer reads.
        theirs: Schema,
    },
    /// At a site: the hub has no time for the backlog now; hello is said again after so many milliseconds.
    Deferred(u64),
    /// The hub's time, from a welcome that answers a hello of this conversation.
    HubTime {
        /// The hub's wall clock when it answered, milliseconds since 1970.
        wall_ms: i64,
        /// This side's boot clock when the hello was sent.
        hello_boot_ms: u64,
        /// How long the answer took.
        round_trip_ms: u64,
    },
    /// The authority that the hub gives, in the applications' own form.
    Authority(Vec<u8>),
    /// The hub is in a later epoch than was known: store it before anything else of it.
    EpochRaised(u64),
    /// A frame of an epoch that is over was ignored.
    EpochOver(u64),
    /// Nothing has been heard of the peer for [`Settings::silent_after_ms`](crate::Settings::silent_after_ms).
    Silent,
    /// The peer put an item of ours in quarantine.
    Refused(Refusal),
    /// The peer does not know items that are stored here: it was rolled back or restored.
    PeerRolledBack {
        /// The incarnation.
        incarnation: Incarnation,
        /// How many items of it are here.
        here: u64,
        /// How many the peer knows of.
        there: u64,
    },
    /// The peer claims to have items of ours that we never sent: this side was rolled back or restored.
    RolledBack {
        /// The incarnation.
        incarnation: Incarnation,
        /// How many the peer has.
        there: u64,
    },
    /// At the hub: the site says that it has items of the hub's present life that were never written, as far as is known
    /// here. It was asked to show a frame that this hub signed for it in this epoch and that says so.
    Claimed {
        /// The incarnation.
        incarnation: Incarnation,
        /// How many the site has; when it is proven, how many were written at least.
        there: u64,
        /// Whether it has shown one: then this hub was restored. Else nothing follows but that the site lies, is broken,
        /// or has kept none.
        proven: bool,
    },
    /// At a site: the hub does not believe that this side has more of its life than this.
    Doubted(Position),
    /// At a site: a frame that proves how far the hub has come, and no secret. Keep it in the place of the one before,
    /// and give it to the next session ([`Session::with_proof`](crate::Session::with_proof)).
    Proof(Vec<u8>),
    /// Items that the peer still needs are no longer in this journal.
    Forgotten {
        /// Where the peer stands.
        peer: Position,
        /// The first that is still here.
        next: Position,
    },
    /// The peer's running hash differs from ours at this position: the streams are not the same.
    Diverged(Position),
    /// One item alone is longer than the line takes.
    ItemTooLarge(Position),
    /// Documents were compared: at the site what came of differences, at the hub that there are none.
    Repaired(Outcome),
}
