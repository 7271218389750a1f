//! Permission for irrevocable acts: authority over the case, at a time that can be trusted.

use outpost_model::authority::{Authority, NoAuthority, TrustedTime};
use outpost_model::command::Held;
use outpost_model::header::Service;
use outpost_model::id::{CaseId, CommandId, DocumentKey, EventId};
use rusqlite::Connection;

use super::job::HubTime;
use crate::moment::Moment;
use crate::site::Site;
use crate::store::case::Place;
use crate::store::{StoreResult, authority, past};

/// A permission that was given in a group and is looked at once more before anybody hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// The command it was given to.
    pub command: CommandId,
    /// The case.
    pub case: CaseId,
    /// Its service.
    pub service: Service,
    /// Where its header stands in the hub's stream.
    pub place: Place,
    /// The fact that was written with it.
    pub event: EventId,
}

/// Whether authority covers a case now. It covers nothing while this replica knows that it has lost some of its past, nor a
/// case of which something is held: what the hub said there, or the site itself before, may have given it away.
pub fn held(
    conn: &Connection,
    site: &Site,
    now: &Moment,
    (case, place): (CaseId, Place),
    service: Service,
) -> StoreResult<Held> {
    let given: Option<Authority> = authority::load(conn)?;
    let Some(given) = given else { return Ok(Held::No(NoAuthority::None)) };
    // Whatever was given: the case may have been released or handed over in the part that is missing.
    if past::open(conn)?.is_some() || outpost_journal::is_held(conn, &DocumentKey::Case(case).to_string())? {
        return Ok(Held::No(NoAuthority::PastLost));
    }
    let time = trusted_time(authority::hub_time(conn)?, site, now);
    let stream = place.stream.map(|stream| stream.to_string());
    Ok(match given.covers((stream.as_deref(), place.n), service, time) {
        Ok(()) => Held::Yes,
        Err(why) => Held::No(why),
    })
}

/// What the hub's clock shows at most: its last reading plus the time since it was asked for, on a clock that nobody
/// can set and that may run wrong by the site's drift. After a reboot that is not known, unless the appliance's clock
/// runs on a battery and is not behind the last reading.
pub fn trusted_time(reference: Option<HubTime>, site: &Site, now: &Moment) -> TrustedTime {
    let Some(reference) = reference else { return TrustedTime::Unknown };
    if reference.boot_id == now.boot_id {
        let Some(passed) = now.boot_ms.checked_sub(reference.asked_boot_ms) else {
            return TrustedTime::Unknown;
        };
        let drift = passed / 1_000_000 * u64::from(site.drift_ppm)
            + (passed % 1_000_000 * u64::from(site.drift_ppm)).div_ceil(1_000_000);
        let most = i64::try_from(passed.saturating_add(drift)).unwrap_or(i64::MAX);
        return TrustedTime::AtMost(reference.hub_wall + most);
    }
    if site.battery_backed && now.wall >= reference.hub_wall {
        let doubt = i64::try_from(site.clock_error_max_ms).unwrap_or(i64::MAX);
        return TrustedTime::AtMost(now.wall + doubt);
    }
    TrustedTime::Unknown
}
