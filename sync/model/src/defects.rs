//! Mistakes that the fleet simulator can plant in the product, to prove that it would find them. Without the feature
//! `defects`, which no daemon is built with, nothing can be planted and the questions cost nothing.

/// A mistake that sits in the product's own code. What it does stands where it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// A daemon that starts again goes on under the name it wrote with before.
    ReuseTheActor,
    /// After a group was rolled back its documents go on under the same name.
    KeepTheActorAfterRollback,
    /// A change is taken from whatever author, when somebody known relays it.
    SkipTheIncarnationCheck,
    /// A change is taken although it goes by the hub's own name.
    TrustTheSender,
    /// A frame is taken whoever signed it.
    SkipTheSignature,
    /// A welcome is taken although it answers no hello of this conversation.
    AcceptAStaleWelcome,
    /// Events are folded in the order of clocks.
    FoldByClock,
    /// A refused item counts as never received, so that its stream never passes it.
    QuarantineBlocksTheStream,
    /// Authority is raised beyond an offer that was taken away, before the site has heard of that.
    AuthorityOvertakesTheRevoke,
    /// A late word about an archived case brings it back as it was offered.
    ResurrectAnArchivedCase,
    /// What the hub has committed is forgotten at the site, though no copy of the hub's database contains it.
    ForgetBelowCommitted,
    /// A restored hub leases serials again that it leased after the copy was made.
    ReissueASerialAfterRestore,
}

#[cfg(feature = "defects")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Planted>> = const { std::cell::Cell::new(None) };
    static BY_HASH: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Plants a mistake in what this thread runs, or takes it out again.
#[cfg(feature = "defects")]
pub fn plant(planted: Option<Planted>) {
    PLANTED.set(planted);
}

/// Whether a mistake is planted here.
#[cfg(feature = "defects")]
pub fn is_planted(planted: Planted) -> bool {
    PLANTED.get() == Some(planted)
}

/// Whether frames are signed here by a keyed hash in place of ed25519.
#[cfg(feature = "defects")]
pub fn signs_by_hash() -> bool {
    BY_HASH.get()
}

/// Lets what this thread runs sign frames by a keyed hash: most seeds of the simulator are not about signatures, which
/// cost a good part of their time.
#[cfg(feature = "defects")]
pub fn sign_by_hash(by_hash: bool) {
    BY_HASH.set(by_hash);
}

/// Whether frames are signed here by a keyed hash: never, without the feature `defects`.
#[cfg(not(feature = "defects"))]
pub const fn signs_by_hash() -> bool {
    false
}

/// Whether a mistake is planted here: never, without the feature `defects`.
#[cfg(not(feature = "defects"))]
pub const fn is_planted(_: Planted) -> bool {
    false
}
