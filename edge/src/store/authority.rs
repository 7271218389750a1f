//! What the hub last said: the authority it gave, its time, its epoch. All of it survives a restart.

use outpost_model::authority::Authority;
use rusqlite::Connection;

use super::{StoreResult, setting};
use crate::write::HubTime;

const AUTHORITY: &str = "authority";
const HUB_TIME: &str = "hub_time";
const EPOCH: &str = "hub_epoch";

/// The authority in force, if any was ever given.
pub fn load(conn: &Connection) -> StoreResult<Option<Authority>> {
    setting::load(conn, AUTHORITY)
}

/// Keeps a newly given authority. The hub may lower it as well as raise it; only an epoch that is over has no say.
pub fn save(conn: &Connection, authority: &Authority) -> StoreResult<bool> {
    if load(conn)?.is_some_and(|known| known.epoch > authority.epoch || known == *authority) {
        return Ok(false);
    }
    setting::save(conn, AUTHORITY, authority)?;
    Ok(true)
}

/// Takes all authority away, until the hub gives some again.
pub fn withdraw(conn: &Connection) -> StoreResult<()> {
    setting::remove(conn, AUTHORITY)
}

/// The last reading of the hub's clock.
pub fn hub_time(conn: &Connection) -> StoreResult<Option<HubTime>> {
    setting::load(conn, HUB_TIME)
}

/// Keeps a reading of the hub's clock.
pub fn save_hub_time(conn: &Connection, time: &HubTime) -> StoreResult<()> {
    setting::save(conn, HUB_TIME, time)
}

/// The highest epoch of the hub heard of; 0 before the first.
pub fn epoch(conn: &Connection) -> StoreResult<u64> {
    Ok(setting::load(conn, EPOCH)?.unwrap_or(0))
}

/// Raises the epoch; a lower one changes nothing. The hub was restored: what it had packed away or set aside before, it may
/// not have at all now, and documents that were left out of comparisons stand in them again.
pub fn raise_epoch(conn: &Connection, heard: u64) -> StoreResult<()> {
    if heard <= epoch(conn)? {
        return Ok(());
    }
    setting::save(conn, EPOCH, &heard)?;
    Ok(outpost_journal::forget_notes(conn)?)
}
