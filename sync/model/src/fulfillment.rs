//! The state of a case: what folding its two sequences gives. Derived, never edited.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::{By, Event};
use crate::fact::{Content, LabelKind, SiteFact};
use crate::header::Header;
use crate::id::{ContainerId, EventId, LineNo, LocationId, ReasonCode, RecordId, Sku};
use crate::intent::HubEvent;
use crate::quantity::Quantity;
use crate::time::UtcMillis;

/// What became of the units of one line. The parts always sum to what was ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineQuantities {
    /// Still to be picked.
    pub open: Quantity,
    /// In a container that is not staged.
    pub picked: Quantity,
    /// In a container that is staged.
    pub staged: Quantity,
    /// Gone, in the recipient's hands.
    pub handed_over: Quantity,
    /// Not to be had here.
    pub short: Quantity,
    /// Not wanted any more, before handover.
    pub cancelled: Quantity,
    /// Not wanted by the customer at the counter, or never fetched.
    pub declined: Quantity,
    /// Of the units above that are or were in a container: those of another SKU. A view, not a part of the sum.
    pub substituted: Quantity,
}

impl LineQuantities {
    /// The sum of the parts.
    pub fn sum(&self) -> Quantity {
        [self.open, self.picked, self.staged, self.handed_over, self.short, self.cancelled, self.declined]
            .into_iter()
            .sum()
    }
}

/// A tote, bag or parcel of a case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// What lies in it now; `from` is the container itself.
    pub contents: Vec<Content>,
    /// Whether it is packed and closed.
    pub packed: bool,
    /// Gross weight, grams.
    pub weight_g: Option<u32>,
    /// Where it waits.
    pub staged_at: Option<LocationId>,
    /// Labels on it that were not destroyed.
    pub labels: Vec<Label>,
    /// Whether all of it has left the site.
    pub gone: bool,
}

/// A label on a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// What for.
    pub kind: LabelKind,
    /// SSCC or tracking number.
    pub number: String,
}

/// A carrier label that the hub has bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoughtLabel {
    /// The parcel it is for.
    pub container: ContainerId,
    /// The carrier.
    pub carrier: String,
    /// Tracking number.
    pub number: String,
    /// BLAKE3 of its bytes, hex.
    pub label_hash: String,
    /// The record with the bytes.
    pub record: RecordId,
    /// Whether the carrier has taken it back.
    pub voided: bool,
}

/// An intent of the hub and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its kind on the wire, such as `cancel_requested`; empty while only its answer has come.
    pub kind: String,
    /// Lines it is about; empty means all.
    pub lines: Vec<LineNo>,
    /// The intent as written; absent while only its answer has come.
    pub asked: Option<HubEvent>,
    /// The site's answer.
    pub answer: Answer,
}

/// The answer to an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// None yet.
    Pending,
    /// Carried out.
    Accepted,
    /// Not carried out.
    Refused(ReasonCode),
}

/// How far a case is: derived from quantities and containers, for people and queues. In ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// Nobody has touched it.
    Offered,
    /// Taken on, nothing picked.
    Accepted,
    /// Something picked, something open.
    Picking,
    /// Nothing open.
    Picked,
    /// All that is here lies in packed containers.
    Packed,
    /// And every container has its carrier label.
    Labeled,
    /// All that is here is staged.
    Staged,
    /// The customer may come.
    Ready,
    /// Something has left, nothing is left to leave; goods to be put back may remain.
    HandedOver,
    /// Nothing is left to do.
    Closed,
}

/// How a case ended or is ending, where not by handover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The site would not do it.
    Rejected(ReasonCode),
    /// The site gave it back.
    Released(ReasonCode),
    /// The hub took it away. Never in [`Fulfillment::end`], which is the site's own word: see
    /// [`Fulfillment::ended`].
    Revoked(ReasonCode),
    /// All of it was cancelled.
    Cancelled,
    /// Nobody fetched it.
    Expired,
}

/// Something a person must look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exception {
    /// Stable code, such as `outside_authority`.
    pub code: String,
    /// The event that raised it.
    pub event: EventId,
}

/// Somebody else's word about the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The event.
    pub event: EventId,
    /// Who says so, such as `carrier:virtual`.
    pub source: String,
    /// What, such as `delivered`.
    pub fact: String,
}

/// The state of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fulfillment {
    /// What it started with.
    pub header: Header,
    /// Quantities by line.
    pub lines: BTreeMap<LineNo, LineQuantities>,
    /// Units by line that accepted amendments added to what the header asks for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub added: BTreeMap<LineNo, Quantity>,
    /// Containers by id.
    pub containers: BTreeMap<ContainerId, Container>,
    /// Units in containers that are not wanted any more, by container; part of its contents.
    pub to_put_back: Vec<Content>,
    /// The hub's intents.
    pub intents: BTreeMap<EventId, Intent>,
    /// Who picked last, by line: named to the one who comes too late.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub last_picked_by: BTreeMap<LineNo, By>,
    /// Carrier labels bought by the hub.
    pub bought: Vec<BoughtLabel>,
    /// Whether the site has taken it on.
    pub accepted: bool,
    /// Whether it is on hold.
    pub held: bool,
    /// Whether the customer was told to come.
    pub ready: bool,
    /// Whether the customer has arrived.
    pub arrived: bool,
    /// Until when it is kept, as last said.
    pub hold_until: Option<UtcMillis>,
    /// When the customer expects to be here, as last said.
    pub expected_at: Option<UtcMillis>,
    /// The record of another person who may fetch it.
    pub named: Option<RecordId>,
    /// What may be taken instead of a line's SKU, as the customer approved; nothing where declined.
    pub substitutes: BTreeMap<LineNo, Option<Sku>>,
    /// How it ended otherwise, in the site's own words.
    pub end: Option<End>,
    /// Whether the hub took it away, and why.
    pub revoked: Option<ReasonCode>,
    /// The handovers that occurred, in order.
    pub handovers: Vec<EventId>,
    /// Exceptions the fold itself sees.
    pub exceptions: BTreeSet<Exception>,
    /// Observations, newest last.
    pub observed: Vec<Observation>,
    /// Whether a critical event of a later version was met: irrevocable acts wait for an update.
    pub update_needed: bool,
    /// Highest site event folded.
    pub site_n: u64,
    /// Highest hub event folded.
    pub hub_n: u64,
    /// Site events that came before one that goes ahead of them; folded when it has come.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting_site: BTreeMap<u64, Event<SiteFact>>,
    /// Hub events that came before one that goes ahead of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting_hub: BTreeMap<u64, Event<HubEvent>>,
}
