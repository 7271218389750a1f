//! What a site says of a case: physical facts and its answers to the hub's intents.
//!
//! Effects are resolved when the fact is decided and stamped into it, so that a fold and the stock ledger need
//! nothing but the fact and the header. Kinds and fields may be added later, never changed.

use serde::{Deserialize, Serialize};

use crate::event_kinds;
use crate::id::{ContainerId, EventId, LineNo, LocationId, ManifestId, ReasonCode, RecordId, Sku};
use crate::quantity::Quantity;
use crate::time::UtcMillis;

/// Units of one line that lie in one container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Content {
    /// The order line.
    pub line: LineNo,
    /// The SKU they are: the line's own or a substitute.
    pub sku: Sku,
    /// How many.
    pub qty: Quantity,
    /// The container they lie in before the fact.
    pub from: ContainerId,
    /// Batch, where the product asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Serial number, where the product asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

/// Outer size of a parcel in millimeters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Longest side, mm.
    pub length_mm: u32,
    /// Middle side, mm.
    pub width_mm: u32,
    /// Shortest side, mm.
    pub height_mm: u32,
}

/// What a label is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// Our own label with an SSCC; needs nobody outside the site.
    Handling,
    /// A carrier's label: it commits to a shipment.
    Carrier,
}

/// With what right an irrevocable act was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// The daemon held authority when it was asked.
    Granted,
    /// A supervisor decided without authority.
    Override {
        /// Why.
        reason: String,
    },
    /// It had already happened when it was booked.
    AfterTheFact,
}

/// Who took the goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The customer.
    Customer,
    /// A person the customer had named.
    Proxy,
    /// A carrier's driver.
    Carrier,
}

/// How the recipient was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofMethod {
    /// The short pickup code.
    Code,
    /// The signed ticket.
    Ticket,
    /// An identity document, looked at and not recorded.
    Identification,
    /// A signature, kept as a record.
    Signature,
    /// A carrier's scan of the parcels.
    Scan,
}

/// What an accepted intent changes, resolved when it was accepted: a fold needs nothing of the intent itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Effect {
    /// Nothing by itself: what it asked for was so already, or stands in facts of its own.
    #[default]
    Nothing,
    /// Units are not wanted any more.
    Cancelled {
        /// By line.
        lines: Vec<CancelledLine>,
    },
    /// More units of a line are wanted.
    Added {
        /// The order line.
        line: LineNo,
        /// How many more.
        qty: Quantity,
    },
    /// The case waits.
    Held,
    /// The case goes on.
    Unheld,
    /// A pickup is kept longer.
    Extended {
        /// Until when.
        until: UtcMillis,
    },
}

/// What an accepted cancellation took back, by line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelledLine {
    /// The order line.
    pub line: LineNo,
    /// Units that had not been picked.
    pub open: Quantity,
    /// Units that lie in a container and are to be put back.
    pub to_put_back: Quantity,
}

event_kinds! {
    /// The site's facts.
    pub enum SiteFact by Site {
        /// The site takes the case on.
        Accepted as "accepted",
        /// The site will not do it; nothing was picked.
        Rejected as "rejected" {
            /// Why.
            reason: ReasonCode,
        },
        /// The site gives the case back; whatever was picked is put back first.
        Released as "released" {
            /// Why.
            reason: ReasonCode,
        },
        /// An intent of the hub is carried out.
        IntentAccepted as "intent_accepted" {
            /// The intent.
            intent: EventId,
            /// What that changes.
            #[serde(default)]
            effect: Effect,
        },
        /// An intent of the hub is not carried out.
        IntentRefused as "intent_refused" {
            /// The intent.
            intent: EventId,
            /// Why.
            reason: ReasonCode,
        },
        /// Units were taken from stock into a container.
        Picked as "picked" {
            /// The order line.
            line: LineNo,
            /// The SKU, as scanned.
            sku: Sku,
            /// How many.
            qty: Quantity,
            /// What was scanned; absent for a manual confirmation.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            barcode: Option<String>,
            /// Batch, where asked for.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            lot: Option<String>,
            /// Serial number, where asked for; then `qty` is one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            serial: Option<String>,
            /// Weight of weighed goods, grams.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            net_weight_g: Option<u32>,
            /// Where they lay.
            location: LocationId,
            /// Where they lie now.
            container: ContainerId,
        },
        /// Units went back from a container to stock, since they were picked by mistake.
        Unpicked as "unpicked" {
            /// The units.
            content: Content,
            /// Where they lie now.
            location: LocationId,
        },
        /// Units of a line are not to be had here.
        Shorted as "shorted" {
            /// The order line.
            line: LineNo,
            /// The SKU that is missing.
            sku: Sku,
            /// How many.
            qty: Quantity,
            /// Why.
            reason: ReasonCode,
            /// Where they should have been; absent when the book knew no place.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            location: Option<LocationId>,
            /// Units that the book held there and that become suspect until counted.
            #[serde(default)]
            suspect: Quantity,
        },
        /// Units of another SKU were picked for a line.
        Substituted as "substituted" {
            /// The order line.
            line: LineNo,
            /// The SKU taken instead.
            with: Sku,
            /// How many.
            qty: Quantity,
            /// Where they lay.
            location: LocationId,
            /// Where they lie now.
            container: ContainerId,
        },
        /// Units were put into a parcel or bag, which is closed.
        Packed as "packed" {
            /// The parcel or bag.
            container: ContainerId,
            /// What lies in it.
            contents: Vec<Content>,
            /// Gross weight, grams.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            weight_g: Option<u32>,
            /// Outer size.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            dimensions: Option<Dimensions>,
        },
        /// A parcel or bag was opened again; its contents stay in it.
        Unpacked as "unpacked" {
            /// The parcel or bag.
            container: ContainerId,
        },
        /// A container was put where it waits.
        Staged as "staged" {
            /// The container.
            container: ContainerId,
            /// Where.
            location: LocationId,
        },
        /// The customer may come.
        Ready as "ready",
        /// A label was issued for a container. Its bytes are stored before it is printed.
        Labeled as "labeled" {
            /// The container.
            container: ContainerId,
            /// What the label is for.
            label: LabelKind,
            /// SSCC or tracking number.
            number: String,
            /// Carrier, for a carrier's label.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            carrier: Option<String>,
            /// BLAKE3 of the label's bytes, hex.
            label_hash: String,
            /// With what right.
            permission: Permission,
        },
        /// A label was destroyed at the site.
        LabelDestroyed as "label_destroyed" {
            /// The container it was on.
            container: ContainerId,
            /// SSCC or tracking number.
            number: String,
        },
        /// The customer is at the site.
        CustomerArrived as "customer_arrived" {
            /// `counter`, `curbside` or what the site calls it.
            via: String,
        },
        /// The recipient's age was checked.
        AgeVerified as "age_verified" {
            /// How.
            method: String,
        },
        /// The customer did not want some units.
        Declined as "declined" {
            /// The units.
            content: Content,
            /// Why.
            reason: ReasonCode,
        },
        /// Goods were not handed over to who asked for them.
        HandoverRefused as "handover_refused" {
            /// Why.
            reason: ReasonCode,
        },
        /// The site keeps a pickup longer.
        KeptLonger as "kept_longer" {
            /// Until when.
            until: UtcMillis,
        },
        /// Nobody came; the goods are set aside.
        PickupExpired as "pickup_expired",
        /// Units that are no longer wanted are back in stock.
        PutBack as "put_back" {
            /// The units.
            content: Content,
            /// Where they lie now.
            location: LocationId,
        },
        /// A parcel was sorted to a carrier's cage.
        Sorted as "sorted" {
            /// The parcel.
            container: ContainerId,
            /// The cage.
            cage: LocationId,
        },
        /// A carrier's driver took a manifest.
        Collected as "collected" {
            /// The manifest.
            manifest: ManifestId,
            /// Parcels counted.
            count: u32,
        },
        /// Units left the site in somebody's hands. May occur several times.
        HandedOver as "handed_over" {
            /// The units, container by container.
            items: Vec<Content>,
            /// Who took them.
            to: Recipient,
            /// How they were checked.
            proof: ProofMethod,
            /// The record of a signature.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            proof_ref: Option<RecordId>,
            /// The carrier's manifest.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            manifest: Option<ManifestId>,
            /// With what right.
            permission: Permission,
        },
    }
}
