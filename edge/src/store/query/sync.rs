//! What waits to be synced, and what the hub last said.

use outpost_model::authority::{Authority, TrustedTime};
use outpost_model::time::UtcMillis;
use outpost_sync::repair::Standing;
use rusqlite::Connection;
use serde::Serialize;

use crate::moment::Moment;
use crate::replicate::LineState;
use crate::site::Site;
use crate::store::{StoreResult, authority, case, identity, past, serial};
use crate::write::trusted_time;

/// How the site stands with the hub.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SyncView {
    /// The line.
    pub line: LineState,
    /// Whether the hub ever let this appliance in.
    pub enrolled: bool,
    /// Changes and records the hub has not stored, as far as is known.
    pub unacknowledged: u64,
    /// Those, and what the hub has stored but in no backup yet: what is kept here to be sent once more.
    pub unsaved: u64,
    /// Whether something of this site's past is lost and not restored by the hub yet: it grants nothing until then.
    pub lost: bool,
    /// When the oldest of them was written.
    pub oldest_unacknowledged_at: Option<UtcMillis>,
    /// The authority in force.
    pub authority: Option<Authority>,
    /// What the hub's clock shows at most; absent when that is not known.
    pub hub_time_at_most: Option<UtcMillis>,
    /// The incarnation that writes now, hex.
    pub incarnation: Option<String>,
    /// The highest epoch of the hub heard of.
    pub epoch: u64,
    /// Items of the hub that were set aside.
    pub set_aside: u64,
    /// Documents of which something could not be taken, here or at the hub.
    pub held: Vec<HeldDocument>,
    /// Changes of the hub that wait for others they build on.
    pub waiting: u64,
    /// Cases that wait for the record they name, in no queue until it comes.
    pub without_record: u64,
    /// Numbers left for handling labels.
    pub serials_left: u64,
}

/// A document that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldDocument {
    /// Its name.
    pub document: String,
    /// Who holds it: `site` or `hub`.
    pub by: &'static str,
    /// Why, in a stable code, where this site knows.
    pub reason: Option<String>,
}

/// Held documents that are shown at most.
const HELD_MAX: usize = 100;

fn held(conn: &Connection) -> StoreResult<Vec<HeldDocument>> {
    let held = outpost_journal::held(conn, HELD_MAX)?;
    let shown = held.into_iter().map(|(doc, entry)| HeldDocument {
        document: doc.to_string(),
        by: if entry.standing == Standing::Held { "site" } else { "hub" },
        reason: entry.reason,
    });
    Ok(shown.collect())
}

/// Reads how the site stands with the hub.
pub fn load(conn: &Connection, site: &Site, now: &Moment, line: LineState) -> StoreResult<SyncView> {
    let depth = outpost_journal::depth(conn, &line.stored)?;
    let time = trusted_time(authority::hub_time(conn)?, site, now);
    let set_aside: i64 =
        conn.query_row("SELECT count(*) FROM sync_quarantine WHERE n IS NOT NULL", [], |row| row.get(0))?;
    Ok(SyncView {
        line,
        enrolled: identity::enrollment(conn)?.is_some(),
        unacknowledged: depth.unacknowledged,
        unsaved: depth.unsaved,
        lost: past::open(conn)?.is_some(),
        oldest_unacknowledged_at: depth.oldest_written_at_ms.map(UtcMillis),
        authority: authority::load(conn)?,
        hub_time_at_most: match time {
            TrustedTime::AtMost(most) => Some(most),
            TrustedTime::Unknown => None,
        },
        incarnation: outpost_journal::current(conn)?.map(|mark| mark.incarnation.to_string()),
        epoch: authority::epoch(conn)?,
        set_aside: set_aside.unsigned_abs(),
        held: held(conn)?,
        waiting: outpost_journal::parked(conn)?.0 as u64,
        without_record: case::waiting(conn)?,
        serials_left: serial::left(conn)?,
    })
}
