//! Numbers for the demo, the console and monitoring.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counters since the database was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Orders that came in.
    pub orders_captured: i64,
    /// Deliveries of an order that was there already.
    pub duplicates_refused: i64,
    /// Payloads that could not be understood and were kept whole.
    pub malformed_kept: i64,
    /// Orders by state.
    pub orders: BTreeMap<String, i64>,
    /// Cases by milestone; those that ended otherwise than by handover under how they ended.
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
    /// Items of sites that stand in quarantine.
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
