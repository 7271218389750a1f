//! Mistakes that can be planted, each of which the simulator must find: proof that it bites. Most sit in the host that
//! stands around the product here, some in the product's own code, where the feature `defects` puts a question.

use anyhow::Result;
#[cfg(not(feature = "defects"))]
use anyhow::bail;
use outpost_model::defects::Planted;
use serde::{Deserialize, Serialize};

use super::swarm::Rare;

/// A known mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A site acknowledges what it has not committed.
    AcknowledgeBeforeCommit,
    /// A site says that it has stored what its full disk did not take.
    IgnoreAFailedStore,
    /// A cursor passes rows that are not visible yet.
    CursorOverUncommitted,
    /// A new name is used before the hub has heard of it.
    ForgetToIntroduce,
    /// A command that comes again is done again.
    DropCommandDedupe,
    /// The last commits of a site are lost in a crash.
    LoseTheTail,
    /// A permission is not looked at again after a slow commit.
    SkipTheConfirmation,
    /// The hub counts promises as a total and lowers it when a case ends.
    RightsFromTotals,
    /// A site that starts again goes on under the name it wrote with before.
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

impl Defect {
    /// What it is, in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeCommit => "A site acknowledges what it has not committed.",
            Self::IgnoreAFailedStore => "A site says that it has stored what its full disk did not take.",
            Self::CursorOverUncommitted => "A cursor passes rows that are not visible yet.",
            Self::ForgetToIntroduce => "A new name is used before the hub has heard of it.",
            Self::DropCommandDedupe => "A command that comes again is done again.",
            Self::LoseTheTail => "The last commits of a site are lost in a crash.",
            Self::SkipTheConfirmation => "A permission is not looked at again after a slow commit.",
            Self::RightsFromTotals => "The hub counts promises as a total and lowers it when a case ends.",
            Self::ReuseTheActor => "A site that starts again goes on under the name it wrote with before.",
            Self::KeepTheActorAfterRollback => {
                "After a group was rolled back its documents go on under the same name."
            }
            Self::SkipTheIncarnationCheck => {
                "A change is taken from whatever author, if somebody known relays it."
            }
            Self::TrustTheSender => "A change is taken although it goes by the hub's own name.",
            Self::SkipTheSignature => "A frame is taken whoever signed it.",
            Self::AcceptAStaleWelcome => {
                "A welcome is taken although it answers no hello of this conversation."
            }
            Self::FoldByClock => "Events are folded in the order of clocks.",
            Self::QuarantineBlocksTheStream => {
                "A refused item counts as never received, so that its stream never passes it."
            }
            Self::AuthorityOvertakesTheRevoke => {
                "Authority is raised beyond an offer that was taken away, before the site has heard of that."
            }
            Self::ResurrectAnArchivedCase => {
                "A late word about an archived case brings it back as it was offered."
            }
            Self::ForgetBelowCommitted => {
                "What the hub has committed is forgotten, though no copy of its database contains it."
            }
            Self::ReissueASerialAfterRestore => {
                "A restored hub leases serials again that it leased after the copy was made."
            }
        }
    }

    /// What must be switched on for it to show.
    pub fn needs(self) -> &'static [Rare] {
        match self {
            Self::SkipTheConfirmation => &[Rare::StalledCommit],
            Self::AuthorityOvertakesTheRevoke => &[Rare::Deadlines],
            Self::KeepTheActorAfterRollback => &[Rare::FullDisk],
            Self::ResurrectAnArchivedCase => &[Rare::LateWords],
            Self::ForgetBelowCommitted | Self::ReissueASerialAfterRestore => &[Rare::RestoredHub],
            _ => &[],
        }
    }

    /// The mistake in the product's own code, where it is one.
    fn planted(self) -> Option<Planted> {
        Some(match self {
            Self::ReuseTheActor => Planted::ReuseTheActor,
            Self::KeepTheActorAfterRollback => Planted::KeepTheActorAfterRollback,
            Self::SkipTheIncarnationCheck => Planted::SkipTheIncarnationCheck,
            Self::TrustTheSender => Planted::TrustTheSender,
            Self::SkipTheSignature => Planted::SkipTheSignature,
            Self::AcceptAStaleWelcome => Planted::AcceptAStaleWelcome,
            Self::FoldByClock => Planted::FoldByClock,
            Self::QuarantineBlocksTheStream => Planted::QuarantineBlocksTheStream,
            Self::AuthorityOvertakesTheRevoke => Planted::AuthorityOvertakesTheRevoke,
            Self::ResurrectAnArchivedCase => Planted::ResurrectAnArchivedCase,
            Self::ForgetBelowCommitted => Planted::ForgetBelowCommitted,
            Self::ReissueASerialAfterRestore => Planted::ReissueASerialAfterRestore,
            _ => return None,
        })
    }
}

/// Plants a mistake in what this thread runs next; nothing takes out the one before.
#[cfg(feature = "defects")]
pub fn plant(defect: Option<Defect>) -> Result<()> {
    outpost_model::defects::plant(defect.and_then(Defect::planted));
    Ok(())
}

/// Lets what this thread runs next sign frames by a keyed hash.
#[cfg(feature = "defects")]
pub fn sign_by_hash(by_hash: bool) {
    outpost_model::defects::sign_by_hash(by_hash);
}

/// Real signatures, whatever is asked for: others need the feature `defects`.
#[cfg(not(feature = "defects"))]
pub fn sign_by_hash(_: bool) {}

/// Plants a mistake in what this thread runs next. Those in the product's own code need the feature `defects`.
#[cfg(not(feature = "defects"))]
pub fn plant(defect: Option<Defect>) -> Result<()> {
    match defect.and_then(Defect::planted) {
        Some(planted) => bail!("{planted:?} sits in the product's own code: build with `--features defects`"),
        None => Ok(()),
    }
}
