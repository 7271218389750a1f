//! What a decision needs besides the case and the command: handed in by the daemon, looked up by nobody here.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::command::{CaseCommand, Held};
use crate::fact::SiteFact;
use crate::id::{CaseId, LineNo, LocationId, ReasonCode, Sku};
use crate::quantity::Quantity;
use crate::time::UtcMillis;

/// What a site demands beyond what physics does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SitePolicy {
    /// Whether a pick may be confirmed by hand, without a scan.
    pub manual_confirm: bool,
    /// Whether goods for pickup are packed before they are staged.
    pub pack_pickup: bool,
    /// Whether parcels are staged before a carrier takes them.
    pub stage_ship: bool,
    /// Whether a pickup is handed over only after it was marked ready.
    pub ready_before_handover: bool,
    /// Whether a supervisor may act without authority, giving a reason.
    pub override_allowed: bool,
    /// Reasons for a short that make the missing units suspect until they are counted.
    pub suspect_reasons: BTreeSet<ReasonCode>,
}

impl Default for SitePolicy {
    fn default() -> Self {
        let not_found =
            ReasonCode::new("not_found").expect("a literal of letters and underscores is a reason code");
        Self {
            manual_confirm: false,
            pack_pickup: false,
            stage_ship: false,
            ready_before_handover: false,
            override_allowed: true,
            suspect_reasons: BTreeSet::from([not_found]),
        }
    }
}

/// What a barcode means, as the daemon looked it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// The command names no barcode.
    Nothing,
    /// The barcode is in no list.
    Unknown,
    /// A product; more than one unit for a case pack.
    Product(Sku, Quantity),
}

/// What the stock book says of the SKU that a command, or an intent to deliver more, is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Book {
    /// Sellable units at the location the command names; zero or less when it names none.
    pub at_location: i64,
    /// Units of the whole site that nobody has spoken for: sellable less reserved.
    pub free: i64,
}

/// A label ready to be issued. For [`crate::fact::LabelKind::Handling`] the daemon takes the SSCC from its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// SSCC or tracking number.
    pub number: String,
    /// BLAKE3 of the label's bytes, hex.
    pub label_hash: String,
    /// The carrier, for a carrier's label.
    pub carrier: Option<String>,
}

/// What came of checking the short code, done by the daemon with the site's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeCheck {
    /// No code was given.
    NotGiven,
    /// It is the right one.
    Right,
    /// It is not.
    Wrong,
    /// Too many wrong ones were tried for this case: no code counts any more.
    TooManyTries,
}

/// What a decision needs besides case and command.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// Now.
    pub now: UtcMillis,
    /// Whether authority covers this case.
    pub permission: Held,
    /// The site's policy.
    pub policy: &'a SitePolicy,
    /// What the command's barcode means.
    pub scanned: Scanned,
    /// What the book says of the command's SKU.
    pub book: Book,
    /// The label to issue, for `Label`.
    pub label: Option<Resolved>,
    /// Whether the code was right, for `HandOver`.
    pub code: CodeCheck,
    /// Another open case whose goods lie in the container the command puts something into.
    pub container_holder: Option<CaseId>,
}

impl<'a> Context<'a> {
    /// A context in which nothing was scanned, looked up, resolved or checked.
    pub fn new(now: UtcMillis, permission: Held, policy: &'a SitePolicy) -> Self {
        Self {
            now,
            permission,
            policy,
            scanned: Scanned::Nothing,
            book: Book::default(),
            label: None,
            code: CodeCheck::NotGiven,
            container_holder: None,
        }
    }
}

/// Something a person should be asked to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "propose", rename_all = "snake_case")]
pub enum Proposal {
    /// Count a SKU at a location, since the book and the shelf disagree.
    Count {
        /// What.
        sku: Sku,
        /// Where.
        location: LocationId,
    },
    /// Take picked units back to the shelf and report them short, since they do not go without what is missing.
    Return {
        /// The order line.
        line: LineNo,
        /// How many.
        qty: Quantity,
    },
    /// Give this command too.
    Command {
        /// The command.
        command: CaseCommand,
    },
}

/// What comes of a command. No facts: there was nothing left to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Facts to write, in this order.
    pub facts: Vec<SiteFact>,
    /// What to propose to the person.
    pub proposals: Vec<Proposal>,
}
