//! Exceptions, imports, numbers, carriers: what an operator and other systems see.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// Exceptions, the newest first.
#[derive(ToSchema)]
pub struct ExceptionList {
    /// The exceptions.
    pub exceptions: Vec<Exception>,
}

/// Something a person must look at.
#[derive(ToSchema)]
pub struct Exception {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Stable code; the console has a runbook for each.
    #[schema(example = "no_site_left")]
    pub code: String,
    /// What happened, in a sentence.
    pub sentence: String,
    /// The order it is about.
    #[schema(format = Uuid)]
    pub order: Option<String>,
    /// The order's number.
    pub order_number: Option<String>,
    /// The case it is about.
    #[schema(format = Uuid)]
    pub case: Option<String>,
    /// The site it is about.
    pub site: Option<String>,
    /// The payload that was kept.
    #[schema(format = Uuid)]
    pub payload: Option<String>,
    /// When it was raised, milliseconds since 1970.
    pub raised_at: i64,
    /// When it was resolved.
    pub resolved_at: Option<i64>,
    /// By whom.
    pub resolved_by: Option<String>,
    /// What was noted then.
    pub note: Option<String>,
}

/// How an exception was dealt with.
#[derive(ToSchema)]
pub struct ResolveForm {
    /// Who: a staff number or handle, never a name; `operator` when left out.
    #[schema(required = false, max_length = 80)]
    pub by: Option<String>,
    /// What was done.
    #[schema(required = false, max_length = 500)]
    pub note: Option<String>,
}

/// What became of a file.
#[derive(ToSchema)]
pub struct ImportReport {
    /// Rows that were accepted.
    pub accepted: u64,
    /// Rows that were refused; the others are in.
    pub refused: Vec<RefusedRow>,
}

/// A row that was refused.
#[derive(ToSchema)]
pub struct RefusedRow {
    /// Its line in the file; the header is line 1.
    #[schema(example = 17)]
    pub line: u64,
    /// Stable code.
    #[schema(example = "wrong_check_digit")]
    pub code: String,
    /// What is wrong, what stood there and what is allowed.
    pub sentence: String,
}

/// Counters since the database was made, unless they say otherwise.
#[derive(ToSchema)]
pub struct Stats {
    /// Orders that came in.
    pub orders_captured: i64,
    /// Deliveries of an order that was there already.
    pub duplicates_refused: i64,
    /// Payloads that could not be understood and were kept whole.
    pub malformed_kept: i64,
    /// Orders by state.
    pub orders: BTreeMap<String, i64>,
    /// Cases by milestone or by how they ended.
    pub cases: BTreeMap<String, i64>,
    /// Parts of orders that were routed anew.
    pub reroutes: i64,
    /// Cancellations that a site carried out.
    pub cancels_accepted: i64,
    /// Cancellations that a site did not carry out.
    pub cancels_refused: i64,
    /// Cancellations that wait for their answer.
    pub cancels_pending: i64,
    /// Events of sites that were applied.
    pub events_synced: i64,
    /// Items of sites in quarantine.
    pub quarantined: i64,
    /// Bytes received from the broker since the daemon started.
    pub wire_bytes_in: u64,
    /// Bytes sent to the broker since the daemon started.
    pub wire_bytes_out: u64,
    /// Open exceptions by code.
    pub exceptions: BTreeMap<String, i64>,
    /// Carrier labels by state.
    pub labels: BTreeMap<String, i64>,
}

/// A copy of the database.
#[derive(ToSchema)]
pub struct Backup {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// When it was begun: it contains what was committed before.
    pub begun_at: i64,
    /// When it was known to be whole.
    pub done_at: Option<i64>,
    /// The file, when the hub has made it.
    pub file: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
}

/// Copies of the database.
#[derive(ToSchema)]
pub struct BackupList {
    /// The newest first.
    pub backups: Vec<Backup>,
}

/// What a carrier says of a parcel.
#[derive(ToSchema)]
pub struct ObservationForm {
    /// The tracking number.
    pub tracking: String,
    /// What it says.
    #[schema(example = "delivered")]
    pub fact: String,
    /// When it happened, milliseconds since 1970.
    #[schema(required = false)]
    pub at: Option<i64>,
}

/// The short code a customer shows at the counter.
#[derive(ToSchema)]
pub struct PickupCode {
    /// The case.
    #[schema(format = Uuid)]
    pub case: String,
    /// Six digits.
    #[schema(example = "483920", pattern = "^[0-9]{6}$")]
    pub code: String,
}

/// The kinds of files that can be imported.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ImportKind {
    /// Products.
    Products,
    /// Barcodes of products.
    Barcodes,
    /// Stores and warehouses.
    Sites,
    /// Opening stock.
    Stock,
}
