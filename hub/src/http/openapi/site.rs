//! Sites as the API answers them.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::shared::Service;

/// All sites.
#[derive(ToSchema)]
pub struct SiteList {
    /// The sites, by id.
    pub sites: Vec<SiteSummary>,
}

/// A site with its line and its work.
#[derive(ToSchema)]
pub struct SiteSummary {
    /// Its id.
    #[schema(example = "berlin-1")]
    pub site: String,
    /// Its name.
    pub name: String,
    /// `store` or `warehouse`.
    #[schema(example = "store")]
    pub kind: String,
    /// Its IANA time zone.
    #[schema(example = "Europe/Berlin")]
    pub zone: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Postal code.
    pub postal_code: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// What it offers.
    pub services: Vec<Service>,
    /// Cases it can take a day; 0 means no limit.
    pub capacity_per_day: u32,
    /// Lower goes first.
    pub priority: i32,
    /// Whether an appliance is enrolled.
    pub enrolled: bool,
    /// The line; null when the site was never heard of.
    pub line: Option<LineState>,
    /// Cases that are not closed.
    pub open_cases: u64,
    /// Items of the hub's stream that the site has not acknowledged.
    pub unacknowledged: u64,
    /// Position of the last item of the hub's stream.
    pub position: u64,
    /// What the site may do without asking.
    pub authority: Option<Authority>,
    /// Items of the site in quarantine.
    pub quarantined: u64,
    /// Exceptions that are open.
    pub exceptions: u64,
    /// What the site said of its day.
    #[schema(value_type = Value)]
    pub day: serde_json::Value,
}

/// The state of a line.
#[derive(ToSchema)]
pub struct LineState {
    /// Whether the site is heard of as often as it should be.
    pub up: bool,
    /// Since when, milliseconds since 1970.
    pub since: i64,
    /// When it was last heard of.
    pub last_seen: i64,
}

/// What a site may do irrevocably without asking.
#[derive(ToSchema)]
pub struct Authority {
    /// The hub's epoch.
    pub epoch: u32,
    /// The highest position of the hub's stream it covers.
    pub through: u64,
    /// Until when, by service, milliseconds since 1970.
    pub until: BTreeMap<String, i64>,
}

/// Stock and rights of a site.
#[derive(ToSchema)]
pub struct StockList {
    /// By SKU.
    pub stock: Vec<StockRow>,
}

/// Stock and rights of one SKU at a site.
#[derive(ToSchema)]
pub struct StockRow {
    /// What.
    pub sku: String,
    /// Its title.
    pub title: Option<String>,
    /// Units in the site's hands.
    pub on_hand: i64,
    /// Units in sellable status.
    pub sellable: i64,
    /// Rights the site granted.
    pub granted: i64,
    /// Rights the hub promised.
    pub promised: i64,
    /// Rights the hub gave back.
    pub returned: i64,
    /// Rights the hub may still promise.
    pub unused: i64,
}

/// A replicated document as the hub has it.
#[derive(ToSchema)]
pub struct DocumentState {
    /// Its id.
    #[schema(example = "case/0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061")]
    pub document: String,
    /// Its heads, hex, sorted.
    pub heads: Vec<String>,
    /// Its events.
    pub events: u64,
    /// BLAKE3 over the JSON of the case folded from scratch; only for cases, with `verify=true`.
    pub state_hash: Option<String>,
    /// Whether the projection equals the fold from scratch.
    pub projection_ok: bool,
}

/// Whose signatures on a site's topics are good.
#[derive(ToSchema)]
pub struct SiteKeys {
    /// The hub's install id and public key (Ed25519), 96 hex digits.
    pub hub: String,
    /// Install id and public key of each appliance that may sign for the site, likewise.
    pub installs: Vec<String>,
}

/// A one-time token for the enrollment of an appliance.
#[derive(ToSchema)]
pub struct EnrollmentToken {
    /// The token. It is shown once.
    pub token: String,
    /// Until when it can be used, milliseconds since 1970.
    pub expires_at: i64,
}

/// What an appliance sends to be enrolled.
#[derive(ToSchema)]
pub struct EnrollForm {
    /// The one-time token.
    pub token: String,
    /// The install's id, hex.
    pub install: String,
    /// The install's public key (Ed25519), hex.
    pub public_key: String,
}

/// What an enrolled appliance needs to know. The same install may ask again with the same token.
#[derive(ToSchema)]
pub struct Enrolled {
    /// The hub's public key (Ed25519), hex.
    pub hub_public_key: String,
    /// 32 bytes, base64: what pickup codes are made with.
    pub site_secret: String,
    /// The hub's epoch.
    pub epoch: u32,
    /// The part of the topics after the version.
    pub shard: String,
}

/// Documents of a site that are held.
#[derive(ToSchema)]
pub struct HeldList {
    /// By name.
    pub held: Vec<Held>,
}

/// A document of which something could not be taken; what comes later of it waits.
#[derive(ToSchema)]
pub struct Held {
    /// Its name.
    #[schema(example = "ledger/berlin-1/3")]
    pub document: String,
    /// Who holds it: `hub` or `site`.
    pub by: String,
    /// Why, in a stable code, where the hub knows.
    pub reason: Option<String>,
    /// Changes that are kept until it is released.
    pub changes: u64,
    /// Since when, milliseconds since 1970.
    pub since: Option<i64>,
}

/// Which document.
#[derive(ToSchema)]
pub struct OfDocument {
    /// Its name.
    #[schema(example = "ledger/berlin-1/3")]
    pub document: String,
}
