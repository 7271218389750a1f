//! How far a case and an order are: derived, never stored as a station that was passed.

use serde::{Deserialize, Serialize};

use crate::decide::SitePolicy;
use crate::fulfillment::{End, Fulfillment, Milestone};
use crate::order::Order;

/// What has to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A person answers an intent.
    Answer,
    /// Pick what is open.
    Pick,
    /// Pack what is picked.
    Pack,
    /// Label what is packed.
    Label,
    /// Stage what waits.
    Stage,
    /// Tell the customer to come.
    Ready,
    /// Hand over.
    HandOver,
    /// Put back what is not wanted any more.
    PutBack,
}

/// What the hub has decided about an order before any site works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Captured, not looked at yet.
    Captured,
    /// Held by a rule or a person.
    Held,
    /// Approved, to be routed.
    Approved,
    /// Cancelled as a whole.
    Cancelled,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Captured, not looked at yet.
    Captured,
    /// Held.
    Held,
    /// Approved, not with a site yet, or not with one any more.
    Approved,
    /// Offered to sites, nobody has begun.
    Routed,
    /// Some site works on it.
    InProgress,
    /// Something was handed over, something is still to come.
    PartiallyFulfilled,
    /// What remains of it was handed over.
    Fulfilled,
    /// Nothing was handed over and nothing will be.
    Cancelled,
    /// Handed over and come back.
    Returned,
}

/// How far an order is, from what the hub decided and all its cases.
pub fn order_state(order: &Order, standing: Standing, cases: &[Fulfillment]) -> OrderState {
    let _ = (order, cases);
    match standing {
        Standing::Captured => OrderState::Captured,
        Standing::Held => OrderState::Held,
        Standing::Approved => OrderState::Approved,
        Standing::Cancelled => OrderState::Cancelled,
    }
}

impl Fulfillment {
    /// How far the case is.
    pub fn milestone(&self) -> Milestone {
        if self.accepted { Milestone::Accepted } else { Milestone::Offered }
    }

    /// How it ended other than by handover: the site's own word, else the hub's.
    pub fn ended(&self) -> Option<End> {
        self.end.clone().or_else(|| self.revoked.clone().map(End::Revoked))
    }

    /// Whether nothing is left to do.
    pub fn is_closed(&self) -> bool {
        false
    }

    /// What has to be done next, the most urgent first.
    pub fn needs(&self, policy: &SitePolicy) -> Vec<Need> {
        let _ = policy;
        Vec::new()
    }
}
