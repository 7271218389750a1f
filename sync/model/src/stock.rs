//! The stock ledger: signed movements under a full key. Everything else about stock is a projection of it.

use serde::{Deserialize, Serialize};

use crate::id::{CaseId, ContainerId, LocationId, Sku};
use crate::time::UtcMillis;

/// Where units lie.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A shelf, bin or rack.
    Location(LocationId),
    /// A tote, bag or parcel.
    Container(ContainerId),
}

/// In what state units are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockStatus {
    /// May be sold.
    Sellable,
    /// On display; sold last.
    Display,
    /// Set apart for a customer.
    Staged,
    /// Held back until somebody decides.
    Quarantine,
    /// Damaged.
    Damaged,
    /// In the book, not found on the shelf; waits for a count.
    Suspect,
    /// Between two sites.
    InTransit,
}

/// The full key of a stock balance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StockKey {
    /// What.
    pub sku: Sku,
    /// Where.
    pub place: Place,
    /// In what state.
    pub status: StockStatus,
    /// Batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Whose, when not the merchant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Why units moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementReason {
    /// The book's first entry.
    Opening,
    /// Goods received.
    Receipt,
    /// Sold over the counter.
    Sale,
    /// Taken for a fulfillment.
    Pick,
    /// A pick undone.
    Unpick,
    /// Packed from one container into another.
    Pack,
    /// Returned to the shelf after a cancellation or expiry.
    PutBack,
    /// Left the site to a customer or carrier.
    Handover,
    /// Came back from a customer.
    Return,
    /// Sent to another site.
    TransferOut,
    /// Received from another site.
    TransferIn,
    /// Difference found by a count.
    CountVariance,
    /// Same units, other status.
    StatusChange,
    /// Adjustment: found.
    Found,
    /// Adjustment: lost.
    Lost,
    /// Adjustment: stolen.
    Stolen,
    /// Adjustment: given as a sample.
    Sample,
    /// Adjustment: expired.
    Expired,
    /// Adjustment: by hand, for a reason given elsewhere.
    Manual,
}

/// A signed change of one balance. A move between places is two of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// The balance.
    pub key: StockKey,
    /// Units, positive or negative, never zero.
    pub delta: i64,
    /// Why.
    pub reason: MovementReason,
    /// When it happened.
    pub occurred_at: UtcMillis,
    /// When it was written into the book.
    pub booked_at: UtcMillis,
    /// The case it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
}
