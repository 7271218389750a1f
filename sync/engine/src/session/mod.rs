//! One peer's conversation.

mod effect;

pub use effect::{
    Batch, Channel, Effect, Input, Local, Notice, Now, QuarantineReason, Query, Refusal, Remote, Schema, Side,
};

use crate::settings::Settings;

/// One peer's conversation, on either side: an edge has one, the hub one per site.
///
/// # Order of calls
///
/// 1. `Session::new` with what the journal knows. The line counts as down.
/// 2. For everything that happens, [`handle`](Self::handle) with the time and a source of randomness; then carry
///    out the effects in order. Two effects are questions and are answered by an input each: `Read` by
///    [`Input::Read`], `Store` by [`Input::Stored`] or [`Input::StoreFailed`]. Answers may come at once or later,
///    with other inputs between.
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
/// # struct Line; impl Line { fn publish(&self, _: Vec<u8>) {} fn next(&self, _: Option<u64>) -> Input { Input::Tick } }
/// # struct Journal; impl Journal {
/// #     fn read(&self, _: &Query, _: usize) -> Vec<Outgoing> { Vec::new() }
/// #     fn store(&self, _: Batch) -> bool { true }
/// #     fn acknowledged(&self, _: Mark) {}
/// #     fn keep(&self, _: Vec<u8>, _: String) {}
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
///             Effect::Read { query, limit } => {
///                 let items = journal.read(&query, limit);
///                 inputs.push_back(Input::Read { query, items });
///             }
///             Effect::Store(batch) => inputs.push_back(match journal.store(batch) {
///                 true => Input::Stored { refused: Vec::new() },
///                 false => Input::StoreFailed,
///             }),
///             Effect::Acknowledged(mark) => journal.acknowledged(mark),
///             Effect::Quarantine { bytes, reason } => journal.keep(bytes, reason.to_string()),
///             Effect::Notice(notice) => tell(notice),
///         }
///     }
/// }
/// # }
/// ```
pub struct Session {
    settings: Settings,
    local: Local,
    remote: Remote,
}

impl Session {
    /// A session whose line is down.
    pub fn new(settings: Settings, local: Local, remote: Remote) -> Self {
        Self { settings, local, remote }
    }

    /// Takes in one thing that happened and says what must be done.
    pub fn handle(&mut self, _now: Now, _rng: &mut (impl rand::Rng + ?Sized), input: Input) -> Vec<Effect> {
        match input {
            Input::Links(links) => self.local.links = links,
            Input::Keys(keys) => self.remote.keys = keys,
            Input::Authority(authority) => self.local.authority = authority,
            _ => {}
        }
        Vec::new()
    }

    /// When [`Input::Tick`] is due, on the boot clock.
    pub fn wake_at(&self) -> Option<u64> {
        None
    }

    /// When the peer was last heard of, on the boot clock.
    pub fn heard_at(&self) -> Option<u64> {
        None
    }

    /// The settings it runs with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
