//! The form as it stands on the wire, and as the API's description shows it.

use std::fmt;

use outpost_model::header::Service;
use outpost_model::order::PaymentState;
use outpost_model::time::UtcMillis;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An order to be captured, with the person who gets it.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// What was bought and how it is delivered.
    pub order: OrderForm,
    /// Who gets it. Needed for `ship`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactForm>,
    /// Who is billed, where that is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing: Option<ContactForm>,
}

/// What was bought and how it is delivered.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderForm {
    /// Where it was bought: up to 80 letters, digits or `-_.:`.
    #[schema(example = "phone:desk-1", max_length = 80)]
    pub channel: String,
    /// The channel's own id. The same one from the same channel is the same order, however often it is sent.
    #[schema(example = "A-20331", max_length = 120)]
    pub channel_ref: String,
    /// The number customers and staff know; the channel's id where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "#20331", max_length = 40)]
    pub number: Option<String>,
    /// When it was placed: RFC 3339 with an offset, or milliseconds since 1970. The time of arrival where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<Instant>,
    /// The currency it was sold in (ISO 4217).
    #[schema(example = "EUR", pattern = "^[A-Z]{3}$")]
    pub currency: String,
    /// What it costs, all told.
    pub total: MoneyForm,
    /// What was bought.
    #[schema(min_items = 1, max_items = 500)]
    pub lines: Vec<LineForm>,
    /// How the customer gets it.
    pub delivery: DeliveryForm,
    /// What to do when only part can be had.
    #[serde(default)]
    pub partial: PartialForm,
    /// What is known of the payment. Only `authorized` and `paid` orders go on by themselves.
    pub payment: PaymentForm,
    /// The customer's language (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "de-DE")]
    pub language: Option<String>,
}

/// One line.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineForm {
    /// Its number, unique in the order; its place in the list where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub line: Option<u16>,
    /// The channel's id of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_ref: Option<String>,
    /// The stock keeping unit: up to 64 letters, digits or `-_./+# `.
    #[schema(example = "MUG-0007", max_length = 64)]
    pub sku: String,
    /// What the channel calls it.
    #[schema(example = "Mug, blue", max_length = 200)]
    pub title: String,
    /// Units to deliver.
    #[schema(example = 2, minimum = 1, maximum = 100_000_000)]
    pub qty: u64,
    /// Price of one unit, in the order's currency.
    pub unit_price: MoneyForm,
    /// Price of one unit as the customer saw it, where that was another currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentment_price: Option<MoneyForm>,
    /// Lines of the same group go together or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "set-1", max_length = 40)]
    pub group: Option<String>,
    /// Whether there is something to pick; true where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical: Option<bool>,
}

/// An amount in minor units: 1250 EUR cents are 12.50 EUR.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyForm {
    /// Minor units, from zero.
    #[schema(example = 1250, minimum = 0)]
    pub minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR", pattern = "^[A-Z]{3}$")]
    pub currency: String,
}

/// How the customer gets the order.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryForm {
    /// The service.
    pub service: ServiceForm,
    /// With `ship`: country (ISO 3166-1 alpha-2); the contact's where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "DE")]
    pub country: Option<String>,
    /// With `ship`: postal code; the contact's where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10115")]
    pub postal_code: Option<String>,
    /// With `ship`: what was sold; `standard` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "standard")]
    pub method: Option<String>,
    /// With `pickup` and `ship_to_store`: the site where the customer collects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 32)]
    pub site: Option<String>,
}

/// The services an order can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceForm {
    /// Collected at a site.
    Pickup,
    /// Sent by a carrier.
    Ship,
    /// Sent to a site, collected there.
    ShipToStore,
}

impl From<ServiceForm> for Service {
    fn from(form: ServiceForm) -> Self {
        match form {
            ServiceForm::Pickup => Self::Pickup,
            ServiceForm::Ship => Self::Ship,
            ServiceForm::ShipToStore => Self::ShipToStore,
        }
    }
}

/// What to do when only part can be had.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartialForm {
    /// What is there goes; the rest is sourced elsewhere or cancelled.
    #[default]
    ShipAvailable,
    /// All of it or none of it.
    AllOrNothing,
    /// The customer is asked.
    AskCustomer(AskCustomerForm),
}

/// How long the customer is asked, and what holds without an answer.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskCustomerForm {
    /// Until when an answer is awaited.
    pub deadline: Instant,
    /// Whether what is available goes when none came.
    pub ship_by_default: bool,
}

/// What is known of the payment.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentForm {
    /// Not decided yet.
    Pending,
    /// The amount is reserved.
    Authorized,
    /// Paid.
    Paid,
    /// Paid in part.
    PartiallyPaid,
    /// Paid back.
    Refunded,
    /// Authorization given back.
    Voided,
}

impl From<PaymentForm> for PaymentState {
    fn from(form: PaymentForm) -> Self {
        match form {
            PaymentForm::Pending => Self::Pending,
            PaymentForm::Authorized => Self::Authorized,
            PaymentForm::Paid => Self::Paid,
            PaymentForm::PartiallyPaid => Self::PartiallyPaid,
            PaymentForm::Refunded => Self::Refunded,
            PaymentForm::Voided => Self::Voided,
        }
    }
}

/// A person or company with an address. Personal data: kept apart from the order and gone after its retention.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactForm {
    /// Full name.
    #[schema(example = "Ada Example")]
    pub name: Option<String>,
    /// Company.
    pub company: Option<String>,
    /// Street, number and what else stands above the town.
    #[serde(default)]
    #[schema(max_items = 6)]
    pub address: Vec<String>,
    /// Town.
    pub city: Option<String>,
    /// State or province.
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country (ISO 3166-1 alpha-2).
    #[schema(example = "DE")]
    pub country: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Mail address.
    pub email: Option<String>,
}

/// Personal data does not get into logs by accident.
impl fmt::Debug for ContactForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContactForm(…)")
    }
}

/// An instant: RFC 3339 with an offset, or milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "2026-11-23T09:30:00+01:00")]
pub struct Instant(pub UtcMillis);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Instant;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a time of the years 2000 to 2199: RFC 3339 with an offset, or milliseconds since 1970",
                )
            }
            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Instant, E> {
                let plausible = (946_684_800_000..7_258_118_400_000).contains(&millis);
                let wrong = || E::invalid_value(de::Unexpected::Signed(millis), &self);
                plausible.then_some(Instant(UtcMillis(millis))).ok_or_else(wrong)
            }
            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Instant, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Unsigned(millis), &self);
                i64::try_from(millis).map_err(wrong).and_then(|millis| self.visit_i64(millis))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Instant, E> {
                let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
                let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
                self.visit_i64(at.as_millisecond())
            }
        }
        deserializer.deserialize_any(Read)
    }
}
