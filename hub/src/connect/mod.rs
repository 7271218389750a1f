//! Channel readers: bytes of a sales channel in, an order in our own form out.
//!
//! A reader is pure. It is handed the id to give, the time of arrival and the shop's settings; it opens no database
//! and knows no product. It never guesses in silence: whatever it had to interpret stands in the order's remarks,
//! whatever a person must settle first is a [`Finding`], and what it cannot understand at all is [`Unreadable`],
//! with the place in the payload.
//!
//! [`json`] reads a payload without rounding a number, [`shopify`] understands a shop's orders as they are sent in
//! practice, [`canonical`] is our own strict form.

pub mod canonical;
pub mod json;
pub mod shopify;
mod text;

use outpost_model::id::ReasonCode;
use outpost_model::order::{Contact, Order};

pub use text::{REMARKS_MAX, TEXT_CHARS_MAX};

/// Bytes of the largest payload that is read.
pub const PAYLOAD_BYTES_MAX: usize = 2 << 20;

/// What a payload says, in our own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// What made the channel send it.
    pub happened: Happened,
    /// The order. Its lines are those with units still to be delivered by us; they keep the number of their place
    /// in the payload, so that a later version of the same order numbers them alike.
    pub order: Order,
    /// Who gets it.
    pub contact: Option<Contact>,
    /// Who is billed, where that is somebody or somewhere else.
    pub billing: Option<Contact>,
    /// Whether there is anything for us to do.
    pub work: Work,
    /// What a person must settle before the order may go on.
    pub findings: Vec<Finding>,
    /// Why the channel cancelled it, when it did.
    pub cancel_reason: Option<ReasonCode>,
}

/// What made the channel send an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It was placed.
    Created,
    /// Something in it has changed.
    Updated,
    /// It was paid.
    Paid,
    /// It was cancelled.
    Cancelled,
    /// All or part of it was fulfilled, by us or by others.
    Fulfilled,
}

/// Whether there is anything for us to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// There is.
    Deliver,
    /// There is not.
    Nothing(NothingToDo),
}

/// Why there is nothing to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NothingToDo {
    /// The channel has cancelled it.
    Cancelled,
    /// The customer took the goods along when paying.
    SoldInStore,
    /// All of it is delivered, removed or paid back, or somebody else delivers it.
    NothingLeft,
    /// Nothing in it can be picked.
    NotPhysical,
}

impl NothingToDo {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::SoldInStore => "sold_in_store",
            Self::NothingLeft => "nothing_left",
            Self::NotPhysical => "not_physical",
        }
    }
}

/// Something a person must settle before the order may go on. No personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable code, such as `no_address`.
    pub code: &'static str,
    /// What is the matter, in a sentence.
    pub sentence: String,
    /// Where in the payload, such as `$.line_items[2].sku`.
    pub at: String,
}

/// Why a payload is no order. It is kept whole by whoever received it; nothing of it is lost. No personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence} ({code}, at {at})")]
pub struct Unreadable {
    /// Stable code, such as `money_unreadable`.
    pub code: &'static str,
    /// What is wrong, what was found and what is allowed, in a sentence.
    pub sentence: String,
    /// Where in the payload, such as `$.line_items[2].price`.
    pub at: String,
}

impl Unreadable {
    /// A refusal at a place of the payload.
    pub fn new(code: &'static str, at: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { code, at: at.into(), sentence: sentence.into() }
    }
}
