//! A customer's order in the hub's own form, whatever channel it came from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::header::{PartialRule, Service};
use crate::id::{ChannelId, GroupId, LineNo, OrderId, SiteId, Sku};
use crate::money::{Currency, Money};
use crate::quantity::Quantity;
use crate::time::UtcMillis;

/// Lines an order may have.
pub const ORDER_LINES_MAX: usize = 500;

/// An order as captured. Personal data stands apart, in [`Contact`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Our id.
    pub id: OrderId,
    /// Where it was bought.
    pub channel: ChannelId,
    /// The channel's own id, as text: together with the channel it is what makes the same order the same.
    pub channel_ref: String,
    /// The number customers and staff know, such as `#1002`.
    pub number: String,
    /// When it was placed.
    pub placed_at: UtcMillis,
    /// What it was sold in.
    pub currency: Currency,
    /// What the channel says it costs, all told.
    pub total: Money,
    /// What was bought; line numbers are unique.
    pub lines: Vec<OrderLine>,
    /// How the customer gets it.
    pub delivery: Delivery,
    /// What to do when only part can be had.
    #[serde(default)]
    pub partial: PartialRule,
    /// What the channel says of the payment.
    pub payment: PaymentState,
    /// The customer's language (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Whether the channel cancelled it before it came to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<UtcMillis>,
    /// Oddities of the payload that an operator may want to know, as sentences without personal data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Its number, from 1.
    pub line: LineNo,
    /// The channel's id of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_ref: Option<String>,
    /// What; the reader refuses nothing for lack of a SKU, it makes an exception.
    pub sku: Sku,
    /// What the channel calls it.
    pub title: String,
    /// Units still to be delivered by us.
    pub qty: Quantity,
    /// Price of one unit, as the shop sold it.
    pub unit_price: Money,
    /// Price of one unit, as the customer saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentment_price: Option<Money>,
    /// Lines that go together or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// Whether there is something to pick at all: a gift card sent by mail has not.
    #[serde(default = "yes")]
    pub physical: bool,
}

fn yes() -> bool {
    true
}

/// How the customer gets the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "service", rename_all = "snake_case")]
pub enum Delivery {
    /// Sent by a carrier. Country and postal code are kept here for routing; the rest of the address is personal.
    Ship {
        /// ISO 3166-1 alpha-2.
        country: String,
        /// Postal code; empty where the country has none.
        postal_code: String,
        /// What was sold, such as `standard`.
        method: String,
    },
    /// Collected at a site.
    Pickup {
        /// The site.
        site: SiteId,
    },
    /// Sent to a site, collected there.
    ShipToStore {
        /// The site of collection.
        site: SiteId,
    },
}

impl Delivery {
    /// The service this asks for.
    pub fn service(&self) -> Service {
        match self {
            Self::Ship { .. } => Service::Ship,
            Self::Pickup { .. } => Service::Pickup,
            Self::ShipToStore { .. } => Service::ShipToStore,
        }
    }
}

/// What the channel says of the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Not decided yet: the order is held.
    Pending,
    /// The amount is reserved.
    Authorized,
    /// Paid.
    Paid,
    /// Paid in part: held.
    PartiallyPaid,
    /// Paid back, all or in part.
    Refunded,
    /// Authorization given back.
    Voided,
}

/// Who gets the order: personal data, kept out of documents and logs.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Full name.
    #[serde(default)]
    pub name: String,
    /// Company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Street, number and whatever else the address has above the town, line by line.
    #[serde(default)]
    pub address: Vec<String>,
    /// Town.
    #[serde(default)]
    pub city: String,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postal code.
    #[serde(default)]
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    #[serde(default)]
    pub country: String,
    /// Telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Personal data does not get into logs by accident.
impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact(…)")
    }
}
