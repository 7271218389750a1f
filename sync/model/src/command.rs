//! What people and rules ask of a site's daemon. One serde form for API, store and fixtures.

use serde::{Deserialize, Serialize};

use crate::fact::{Dimensions, LabelKind, Permission, ProofMethod, Recipient};
use crate::header::Service;
use crate::id::{
    CaseId, ContainerId, DeviceId, EventId, LineNo, LocationId, ManifestId, ReasonCode, RecordId, Sku,
    StaffId,
};
use crate::quantity::Quantity;
use crate::time::UtcMillis;

/// A command about one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum CaseCommand {
    /// Take the case on. Picking its first unit does so too.
    Accept,
    /// Will not do it; only before anything is picked.
    Reject {
        /// Why.
        reason: ReasonCode,
    },
    /// Give it back; only when nothing lies in a container.
    Release {
        /// Why.
        reason: ReasonCode,
    },
    /// Take units from stock into a container.
    Pick {
        /// The order line.
        line: LineNo,
        /// How many; more than one for a case pack or a typed count.
        qty: Quantity,
        /// What was scanned. Absent: confirmed by hand, where policy allows it.
        #[serde(default)]
        barcode: Option<String>,
        /// Batch, where asked for.
        #[serde(default)]
        lot: Option<String>,
        /// Serial number, where asked for.
        #[serde(default)]
        serial: Option<String>,
        /// Weight of weighed goods, grams.
        #[serde(default)]
        net_weight_g: Option<u32>,
        /// Where they lay.
        location: LocationId,
        /// Where they go.
        container: ContainerId,
    },
    /// Take units of another SKU, which the customer approved, for a line.
    Substitute {
        /// The order line.
        line: LineNo,
        /// What is taken instead.
        with: Sku,
        /// How many.
        qty: Quantity,
        /// Where they lay.
        location: LocationId,
        /// Where they go.
        container: ContainerId,
    },
    /// Undo a pick.
    Unpick {
        /// The order line.
        line: LineNo,
        /// How many.
        qty: Quantity,
        /// Where they lie.
        container: ContainerId,
        /// Where they go.
        location: LocationId,
    },
    /// Units are not to be had here.
    Short {
        /// The order line.
        line: LineNo,
        /// How many.
        qty: Quantity,
        /// Why.
        reason: ReasonCode,
        /// Where they should have been.
        #[serde(default)]
        location: Option<LocationId>,
    },
    /// Put units into a parcel or bag and close it.
    Pack {
        /// The parcel or bag.
        container: ContainerId,
        /// Lines and quantities; empty means all that is picked and not packed.
        #[serde(default)]
        contents: Vec<PackLine>,
        /// Gross weight, grams.
        #[serde(default)]
        weight_g: Option<u32>,
        /// Outer size.
        #[serde(default)]
        dimensions: Option<Dimensions>,
    },
    /// Open a parcel or bag again.
    Unpack {
        /// The parcel or bag.
        container: ContainerId,
    },
    /// Put a container where it waits.
    Stage {
        /// The container.
        container: ContainerId,
        /// Where.
        location: LocationId,
    },
    /// Tell the customer to come.
    MarkReady,
    /// Issue a label. Number, hash and permission are resolved by the daemon.
    Label {
        /// The container.
        container: ContainerId,
        /// What for.
        label: LabelKind,
        /// A supervisor's decision to act without authority, with its reason.
        #[serde(default)]
        override_reason: Option<String>,
    },
    /// Destroy a label.
    DestroyLabel {
        /// The container it is on.
        container: ContainerId,
        /// SSCC or tracking number.
        number: String,
    },
    /// The customer is here.
    CustomerArrived {
        /// `counter` or `curbside`.
        via: String,
    },
    /// The customer does not want some units.
    Decline {
        /// The order line.
        line: LineNo,
        /// How many.
        qty: Quantity,
        /// Why.
        reason: ReasonCode,
    },
    /// Do not hand over to who asked.
    RefuseHandover {
        /// Why.
        reason: ReasonCode,
    },
    /// Keep a pickup longer.
    KeepLonger {
        /// Until when.
        until: UtcMillis,
    },
    /// Nobody came: set the goods aside.
    Expire,
    /// Put unwanted units back on the shelf.
    PutBack {
        /// The order line.
        line: LineNo,
        /// How many.
        qty: Quantity,
        /// Where they lie.
        container: ContainerId,
        /// Where they go.
        location: LocationId,
    },
    /// Answer an intent that waits for a person.
    AnswerIntent {
        /// The intent.
        intent: EventId,
        /// Whether to carry it out.
        accept: bool,
        /// Why not.
        #[serde(default)]
        reason: Option<ReasonCode>,
    },
    /// Hand goods over.
    HandOver {
        /// Lines and quantities; empty means all that is picked and not handed over.
        #[serde(default)]
        lines: Vec<PackLine>,
        /// Containers; for a carrier, all contents of each. Empty means by lines.
        #[serde(default)]
        containers: Vec<ContainerId>,
        /// Who takes them.
        to: Recipient,
        /// How they were checked.
        proof: ProofMethod,
        /// The short code the customer said, checked by the daemon and not kept.
        #[serde(default, skip_serializing)]
        code: Option<String>,
        /// The record of a signature.
        #[serde(default)]
        proof_ref: Option<RecordId>,
        /// The carrier's manifest.
        #[serde(default)]
        manifest: Option<ManifestId>,
        /// A supervisor's decision to act without authority, with its reason.
        #[serde(default)]
        override_reason: Option<String>,
        /// It has already happened: book it, whatever the permission.
        #[serde(default)]
        already_done: bool,
    },
}

/// Units of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackLine {
    /// The order line.
    pub line: LineNo,
    /// How many.
    pub qty: Quantity,
}

/// A command about the site's stock or day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum SiteCommand {
    /// A sale over the counter has happened. It is booked, never refused for lack of stock.
    Sell {
        /// What.
        sku: Sku,
        /// How many.
        qty: Quantity,
        /// Where it lay; the fullest sellable place when absent.
        #[serde(default)]
        location: Option<LocationId>,
        /// The till's receipt line: the same one is booked once.
        #[serde(default)]
        receipt: Option<String>,
    },
    /// Take no new work for some services.
    Pause {
        /// The services; empty means all.
        #[serde(default)]
        services: Vec<Service>,
        /// Until when.
        #[serde(default)]
        until: Option<UtcMillis>,
        /// Why.
        reason: ReasonCode,
    },
    /// Take new work again.
    Resume {
        /// The services; empty means all.
        #[serde(default)]
        services: Vec<Service>,
    },
    /// The site opens.
    Open,
    /// The site closes.
    Close {
        /// Earlier than the calendar says.
        #[serde(default)]
        early: bool,
    },
}

/// What a command is about: with a `case` it is about that case, without one about the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Subject {
    /// One case.
    Case {
        /// The case.
        case: CaseId,
        /// What to do.
        #[serde(flatten)]
        command: CaseCommand,
    },
    /// The site.
    Site(SiteCommand),
}

/// Read by hand, since an untagged enum says only "did not match any variant" where a person needs to know which
/// field of which verb is wrong.
impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = serde_json::Map::deserialize(deserializer)?;
        let about = fields.remove("case");
        let verb = serde_json::Value::Object(fields);
        let subject = match about {
            Some(case) => serde_json::from_value(case)
                .and_then(|case| Ok(Self::Case { case, command: serde_json::from_value(verb)? })),
            None => serde_json::from_value(verb).map(Self::Site),
        };
        subject.map_err(serde::de::Error::custom)
    }
}

/// A command as it is given: its id is minted by the device, and a retry carries the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// UUIDv7, minted where the person acts.
    pub id: crate::id::CommandId,
    /// Who.
    pub staff: StaffId,
    /// Where.
    pub device: DeviceId,
    /// When the device's clock said it happened; absent: now.
    #[serde(default)]
    pub at: Option<UtcMillis>,
    /// What.
    #[serde(flatten)]
    pub subject: Subject,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Done, now or when the command first came.
    Applied {
        /// Ids of the events it wrote; empty when there was nothing left to do.
        events: Vec<EventId>,
    },
    /// Refused; nothing has changed.
    Rejected {
        /// Why.
        #[serde(flatten)]
        rejection: crate::rejection::Rejection,
    },
}

/// With what right an irrevocable act would be done, as the daemon found before deciding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Authority covers it.
    Yes,
    /// It does not, for this reason.
    No(crate::authority::NoAuthority),
}

impl Held {
    /// The permission to stamp into the fact, or nothing when the act must be refused.
    pub fn permission(&self, override_reason: Option<&str>, already_done: bool) -> Option<Permission> {
        match (self, override_reason) {
            (Self::Yes, _) => Some(Permission::Granted),
            (Self::No(_), Some(reason)) => Some(Permission::Override { reason: reason.to_owned() }),
            (Self::No(_), None) if already_done => Some(Permission::AfterTheFact),
            (Self::No(_), None) => None,
        }
    }
}
