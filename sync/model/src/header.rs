//! What a case starts with: written once, by the hub, when it offers the work to a site. No personal data.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::id::{CaseId, ChannelId, GroupId, LineNo, OrderId, RecordId, SiteId, Sku};
use crate::money::Money;
use crate::quantity::Quantity;
use crate::time::UtcMillis;

/// How the customer gets the goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Collected by the customer at the site (BOPIS).
    Pickup,
    /// Sent from the site by a carrier.
    Ship,
    /// Sent from one site to another, collected there.
    ShipToStore,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 3] = [Self::Pickup, Self::Ship, Self::ShipToStore];

    /// The name used in files, interfaces and columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pickup => "pickup",
            Self::Ship => "ship",
            Self::ShipToStore => "ship_to_store",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Service {
    type Err = crate::id::IdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|service| service.as_str() == text).ok_or_else(|| crate::id::IdError {
            kind: "Service",
            found: text.chars().take(80).collect(),
            allowed: "pickup, ship or ship_to_store",
        })
    }
}

/// What happens when a site has only part of what was ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartialRule {
    /// What is there goes; the rest is sourced elsewhere or cancelled.
    #[default]
    ShipAvailable,
    /// All of it or none of it.
    AllOrNothing,
    /// The customer is asked until a deadline; then the default holds.
    AskCustomer {
        /// Until when the answer is awaited.
        deadline: UtcMillis,
        /// Whether what is available goes when no answer came.
        ship_by_default: bool,
    },
}

/// One line of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderLine {
    /// The order line.
    pub line: LineNo,
    /// What is to be picked.
    pub sku: Sku,
    /// How many units this site is to deliver.
    pub qty: Quantity,
    /// Price of one unit as the shop sold it.
    pub unit_price: Money,
    /// Lines with the same group go together or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
}

/// The times a site works by. `promised_at` is the baseline and never edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// When the customer was told it would be ready or leave the site.
    pub promised_at: UtcMillis,
    /// When picking must be done. Queues sort by it.
    pub pick_by: UtcMillis,
    /// When packing must be done.
    pub pack_by: UtcMillis,
    /// When the carrier's truck closes; absent for pickup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cutoff_at: Option<UtcMillis>,
}

/// The offer of a fulfillment to a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// This case.
    pub case: CaseId,
    /// The order it is part of.
    pub order: OrderId,
    /// The number staff and customers know the order by, such as `#1002`.
    pub order_number: String,
    /// Where it was bought.
    pub channel: ChannelId,
    /// The site that is asked to do it.
    pub site: SiteId,
    /// How the customer gets it.
    pub service: Service,
    /// The carrier service that was sold, such as `standard`, for [`Service::Ship`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_method: Option<String>,
    /// What to deliver; never empty, line numbers unique.
    pub lines: Vec<HeaderLine>,
    /// What to do when something is missing.
    pub partial: PartialRule,
    /// The times to work by.
    pub promise: Promise,
    /// Until when a pickup is kept; absent for ship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_until: Option<UtcMillis>,
    /// Until when the payment covers a handover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_ok_until: Option<UtcMillis>,
    /// Counts the moves of this part of the order from site to site, from 1.
    pub generation: u32,
    /// The record that holds the customer's name and address; sent beside the document, never in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consignee: Option<RecordId>,
    /// The customer's language (BCP 47), for texts handed to the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Version of the rules that routed it.
    pub rules: String,
    /// When the hub offered it.
    pub offered_at: UtcMillis,
    /// Fields of later versions: kept, not understood.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

impl Header {
    /// The line with this number.
    pub fn line(&self, line: LineNo) -> Option<&HeaderLine> {
        self.lines.iter().find(|entry| entry.line == line)
    }
}
