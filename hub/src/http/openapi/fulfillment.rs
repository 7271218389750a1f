//! The state of a case as the API answers it: the model's own form.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::shared::{Money, Service};

/// How far a case is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Milestone {
    /// Nobody has touched it.
    Offered,
    /// Taken on.
    Accepted,
    /// Something picked, something open.
    Picking,
    /// Nothing open.
    Picked,
    /// All that is here is packed.
    Packed,
    /// And every container has its carrier label.
    Labeled,
    /// All that is here is staged.
    Staged,
    /// The customer may come.
    Ready,
    /// Something has left, nothing is left to leave.
    HandedOver,
    /// Nothing is left to do.
    Closed,
}

/// What a case starts with, written once by the hub.
#[derive(ToSchema)]
pub struct Header {
    /// The case.
    #[schema(format = Uuid)]
    pub case: String,
    /// The order it is part of.
    #[schema(format = Uuid)]
    pub order: String,
    /// The order's number.
    pub order_number: String,
    /// Where it was bought.
    pub channel: String,
    /// The site that is asked.
    pub site: String,
    /// How the customer gets it.
    pub service: Service,
    /// What was sold, for `ship`.
    #[schema(nullable = false)]
    pub ship_method: Option<String>,
    /// What to deliver.
    pub lines: Vec<HeaderLine>,
    /// What to do when something is missing.
    #[schema(value_type = Value)]
    pub partial: serde_json::Value,
    /// The times to work by.
    pub promise: Promise,
    /// Until when a pickup is kept.
    #[schema(nullable = false)]
    pub hold_until: Option<i64>,
    /// Until when the payment covers a handover.
    #[schema(nullable = false)]
    pub payment_ok_until: Option<i64>,
    /// Counts the moves from site to site, from 1.
    pub generation: u32,
    /// The record with the customer's name and address, kept apart.
    #[schema(nullable = false, format = Uuid)]
    pub consignee: Option<String>,
    /// The customer's language.
    #[schema(nullable = false)]
    pub language: Option<String>,
    /// Version of the rules that routed it.
    pub rules: String,
    /// When the hub offered it.
    pub offered_at: i64,
}

/// A line of a case.
#[derive(ToSchema)]
pub struct HeaderLine {
    /// The order line.
    pub line: u16,
    /// What is to be picked.
    pub sku: String,
    /// How many units this site is to deliver.
    pub qty: u64,
    /// Price of one unit.
    pub unit_price: Money,
    /// Lines that go together or not at all.
    #[schema(nullable = false)]
    pub group: Option<String>,
}

/// The times a site works by, milliseconds since 1970.
#[derive(ToSchema)]
pub struct Promise {
    /// When the customer was told.
    pub promised_at: i64,
    /// When picking must be done.
    pub pick_by: i64,
    /// When packing must be done.
    pub pack_by: i64,
    /// When the carrier's truck closes.
    #[schema(nullable = false)]
    pub cutoff_at: Option<i64>,
}

/// What became of the units of a line: the parts always sum to what was ordered. `substituted` is a view.
#[derive(ToSchema)]
pub struct LineQuantities {
    /// Still to be picked.
    pub open: u64,
    /// In a container that is not staged.
    pub picked: u64,
    /// In a container that is staged.
    pub staged: u64,
    /// In the recipient's hands.
    pub handed_over: u64,
    /// Not to be had here.
    pub short: u64,
    /// Not wanted any more.
    pub cancelled: u64,
    /// Not wanted by the customer at the counter, or never fetched.
    pub declined: u64,
    /// Of those above: units of another SKU.
    pub substituted: u64,
}

/// Units of one line in one container.
#[derive(ToSchema)]
pub struct Content {
    /// The order line.
    pub line: u16,
    /// What.
    pub sku: String,
    /// How many.
    pub qty: u64,
    /// The container.
    pub from: String,
    /// Batch.
    #[schema(nullable = false)]
    pub lot: Option<String>,
    /// Serial number.
    #[schema(nullable = false)]
    pub serial: Option<String>,
}

/// A tote, bag or parcel.
#[derive(ToSchema)]
pub struct Container {
    /// What lies in it.
    pub contents: Vec<Content>,
    /// Whether it is packed and closed.
    pub packed: bool,
    /// Gross weight, grams.
    pub weight_g: Option<u32>,
    /// Where it waits.
    pub staged_at: Option<String>,
    /// Labels on it.
    pub labels: Vec<Label>,
    /// Whether it has left.
    pub gone: bool,
}

/// A label on a container.
#[derive(ToSchema)]
pub struct Label {
    /// `handling` or `carrier`.
    pub kind: String,
    /// SSCC or tracking number.
    pub number: String,
}

/// A carrier label that the hub has bought.
#[derive(ToSchema)]
pub struct BoughtLabel {
    /// The parcel it is for.
    pub container: String,
    /// The carrier.
    pub carrier: String,
    /// Tracking number.
    pub number: String,
    /// BLAKE3 of its bytes, hex.
    pub label_hash: String,
    /// The record with the bytes.
    #[schema(format = Uuid)]
    pub record: String,
    /// Whether the carrier has taken it back.
    pub voided: bool,
}

/// An intent of the hub and its answer.
#[derive(ToSchema)]
pub struct Intent {
    /// Its kind, such as `cancel_requested`.
    pub kind: String,
    /// Lines it is about; empty means all.
    pub lines: Vec<u16>,
    /// The intent as written: `kind` and `data`.
    #[schema(value_type = Value)]
    pub asked: serde_json::Value,
    /// `pending`, `accepted` or an object `refused` with the reason.
    #[schema(value_type = Value)]
    pub answer: serde_json::Value,
}

/// Something a person must look at, as the fold sees it.
#[derive(ToSchema)]
pub struct CaseException {
    /// Stable code.
    #[schema(example = "outside_authority")]
    pub code: String,
    /// The event that raised it.
    pub event: String,
}

/// Somebody else's word about the case.
#[derive(ToSchema)]
pub struct Observation {
    /// The event.
    pub event: String,
    /// Who says so.
    #[schema(example = "carrier:virtual")]
    pub source: String,
    /// What.
    #[schema(example = "delivered")]
    pub fact: String,
}

/// The state of a case: a fold of both sequences.
#[derive(ToSchema)]
pub struct Fulfillment {
    /// What it started with.
    pub header: Header,
    /// Quantities by line number.
    pub lines: BTreeMap<String, LineQuantities>,
    /// Units by line that accepted amendments added.
    #[schema(required = false)]
    pub added: BTreeMap<String, u64>,
    /// Containers by id.
    pub containers: BTreeMap<String, Container>,
    /// Units in containers that are not wanted any more.
    pub to_put_back: Vec<Content>,
    /// The hub's intents and their answers, by event id.
    pub intents: BTreeMap<String, Intent>,
    /// Who picked last, by line.
    #[schema(required = false)]
    pub last_picked_by: BTreeMap<String, String>,
    /// Carrier labels the hub has bought.
    pub bought: Vec<BoughtLabel>,
    /// Whether the site has taken it on.
    pub accepted: bool,
    /// Whether it is on hold.
    pub held: bool,
    /// Whether the customer was told to come.
    pub ready: bool,
    /// Whether the customer has arrived.
    pub arrived: bool,
    /// Until when it is kept.
    pub hold_until: Option<i64>,
    /// When the customer expects to be there.
    pub expected_at: Option<i64>,
    /// The record of another person who may fetch it.
    #[schema(format = Uuid)]
    pub named: Option<String>,
    /// What may be taken instead of a line's SKU; null where the customer declined.
    #[schema(value_type = Object)]
    pub substitutes: serde_json::Value,
    /// How it ended otherwise than by handover: `cancelled`, `expired`, or an object with the reason.
    #[schema(value_type = Value)]
    pub end: serde_json::Value,
    /// Why the hub took it away, when it did.
    pub revoked: Option<String>,
    /// The handovers, in order: their event ids.
    pub handovers: Vec<String>,
    /// Exceptions the fold itself sees.
    pub exceptions: Vec<CaseException>,
    /// What others say, newest last.
    pub observed: Vec<Observation>,
    /// Whether irrevocable acts wait for an update of the program.
    pub update_needed: bool,
    /// Highest event of the site that is folded.
    pub site_n: u64,
    /// Highest event of the hub that is folded.
    pub hub_n: u64,
    /// Events of the site that came before one that goes ahead of them, by number.
    #[schema(required = false, value_type = Object)]
    pub waiting_site: serde_json::Value,
    /// Events of the hub that came before one that goes ahead of them, by number.
    #[schema(required = false, value_type = Object)]
    pub waiting_hub: serde_json::Value,
}
