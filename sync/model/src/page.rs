//! Events of a site that belong to no single case: its stock ledger, the hub's page for the site, the site's day.
//!
//! Each page has one writer. It is sealed at [`PAGE_ENTRIES_MAX`] entries and the next number is opened.

use serde::{Deserialize, Serialize};

use crate::event_kinds;
use crate::header::Service;
use crate::id::{EventId, ReasonCode, SiteId, Sku};
use crate::quantity::Quantity;
use crate::stock::Movement;
use crate::time::UtcMillis;

/// Entries after which a page is sealed.
pub const PAGE_ENTRIES_MAX: u64 = 1_000;

/// The header of a ledger page, hub page or site day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageHeader {
    /// The site it is about.
    pub site: SiteId,
    /// Its number among the site's pages of its kind; 0 for a site day.
    pub page: u32,
}

/// A quantity of a SKU, as granted or returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuQty {
    /// What.
    pub sku: Sku,
    /// How many.
    pub qty: Quantity,
}

event_kinds! {
    /// What a site books in its ledger.
    pub enum LedgerFact by Site {
        /// Movements that belong to no case: opening, receipts, counter sales, adjustments.
        Booked as "booked" {
            /// The movements; all of them or none.
            movements: Vec<Movement>,
            /// Receipt or file line that this came from, to be matched and not booked twice.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            source: Option<String>,
        },
        /// Rights given to the hub: it may promise these units without asking.
        Granted as "granted" {
            /// Units by SKU.
            units: Vec<SkuQty>,
        },
        /// The site asks for rights back.
        Recalled as "recalled" {
            /// Units by SKU.
            units: Vec<SkuQty>,
            /// Why.
            reason: ReasonCode,
        },
    }
}

event_kinds! {
    /// What the hub writes about a site as a whole.
    pub enum HubPageEvent by Hub {
        /// Rights given back to the site, in answer to a recall or by the hub's own decision.
        Returned as "returned" {
            /// Units by SKU.
            units: Vec<SkuQty>,
            /// The recall it answers.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            recall: Option<EventId>,
        },
        /// A block of SSCC serials the site alone may use.
        SerialsLeased as "serials_leased" {
            /// Extension digit of the SSCC, 0 to 9.
            extension: u8,
            /// GS1 company prefix, 7 to 10 digits.
            company_prefix: String,
            /// First serial of the block.
            first: u64,
            /// How many.
            count: u32,
        },
        /// A block that must not be used any more.
        SerialsVoided as "serials_voided" {
            /// First serial of the block.
            first: u64,
            /// How many.
            count: u32,
        },
    }
}

event_kinds! {
    /// What happened to the site itself.
    pub enum SiteDayFact by Site {
        /// The site opened.
        Opened as "opened",
        /// The site closed for the day.
        Closed as "closed" {
            /// Whether earlier than its calendar says.
            early: bool,
        },
        /// The site takes no new work for some services.
        Paused as "paused" {
            /// The services.
            services: Vec<Service>,
            /// Until when; absent means until it is resumed.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            until: Option<UtcMillis>,
            /// Why.
            reason: ReasonCode,
        },
        /// The site takes new work again.
        Resumed as "resumed" {
            /// The services.
            services: Vec<Service>,
        },
        /// How many people work.
        Staffed as "staffed" {
            /// People.
            people: u32,
        },
        /// A carrier did not come.
        CarrierNoShow as "carrier_no_show" {
            /// The carrier.
            carrier: String,
        },
        /// A device is out of order.
        DeviceDown as "device_down" {
            /// The device.
            device: String,
            /// What is wrong, as the device says it.
            state: String,
        },
    }
}
