//! What the hub says of a case: intents, each answered by the site by its id, and observations.

use crate::event_kinds;
use crate::id::{ContainerId, LineNo, ReasonCode, RecordId, Sku};
use crate::quantity::Quantity;
use crate::time::UtcMillis;

event_kinds! {
    /// The hub's intents and observations.
    pub enum HubEvent by Hub {
        /// Stop, and put back what is picked.
        CancelRequested as "cancel_requested" {
            /// The lines; empty means all of them.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            lines: Vec<LineNo>,
            /// Why.
            reason: ReasonCode,
        },
        /// Deliver another quantity of a line.
        AmendRequested as "amend_requested" {
            /// The order line.
            line: LineNo,
            /// The new quantity.
            qty: Quantity,
        },
        /// Do not go on.
        HoldRequested as "hold_requested" {
            /// Why.
            reason: ReasonCode,
        },
        /// Go on.
        UnholdRequested as "unhold_requested",
        /// Give the case back, to be done elsewhere.
        ReleaseRequested as "release_requested" {
            /// Why.
            reason: ReasonCode,
        },
        /// Keep the pickup longer.
        ExtendRequested as "extend_requested" {
            /// Until when.
            until: UtcMillis,
        },
        /// The customer's answer to a proposed substitution.
        SubstitutionApproved as "substitution_approved" {
            /// The order line.
            line: LineNo,
            /// What may be taken instead.
            with: Sku,
        },
        /// The customer's answer to a proposed substitution.
        SubstitutionDeclined as "substitution_declined" {
            /// The order line.
            line: LineNo,
        },
        /// The case is no longer this site's. Acts by itself, on authority only.
        Revoked as "revoked" {
            /// Why.
            reason: ReasonCode,
        },
        /// A carrier's label was bought; its bytes travel as a record.
        LabelBought as "label_bought" {
            /// The parcel it is for.
            container: ContainerId,
            /// The carrier.
            carrier: String,
            /// Tracking number.
            number: String,
            /// BLAKE3 of the label's bytes, hex.
            label_hash: String,
            /// The record with the bytes.
            record: RecordId,
        },
        /// The carrier has taken a label back.
        LabelVoidConfirmed as "label_void_confirmed" {
            /// Tracking number.
            number: String,
        },
        /// The customer is on the way.
        CustomerEnRoute as "customer_en_route" {
            /// When the customer expects to be there.
            expected_at: UtcMillis,
        },
        /// Another person will come; the name is in a record.
        PickupPersonNamed as "pickup_person_named" {
            /// The record.
            record: RecordId,
        },
        /// Somebody else's word about the case: a carrier's scan, a payment. Overwrites no fact.
        Observed as "observed" {
            /// Who says so, such as `carrier:virtual`.
            source: String,
            /// What, such as `delivered`.
            fact: String,
        },
    }
}

impl HubEvent {
    /// Whether the site must answer it.
    pub fn is_intent(&self) -> bool {
        matches!(
            self,
            Self::CancelRequested { .. }
                | Self::AmendRequested { .. }
                | Self::HoldRequested { .. }
                | Self::UnholdRequested
                | Self::ReleaseRequested { .. }
                | Self::ExtendRequested { .. }
        )
    }
}
