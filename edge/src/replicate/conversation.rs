//! What the driver decides, without a line, a clock or a thread: how a conversation begins from what the database
//! holds, and what is written down of the session's news.

use outpost_model::authority::Authority;
use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::{
    Identity, Local, Notice, PeerKeys, PublicIdentity, Remote, Schema, Session, Settings, Side,
};
use rusqlite::Connection;

use super::apply::HUB;
use crate::moment::Moment;
use crate::store::{StoreResult, authority};
use crate::write::{Heard, HubTime, Job};

/// The events this version can read.
const SCHEMA: Schema = Schema { min: 1, max: 1 };

/// A session with the hub, from what the database holds.
pub fn open(
    conn: &Connection,
    settings: Settings,
    site: SiteId,
    identity: Identity,
    hub: PublicIdentity,
) -> StoreResult<Session> {
    let local = Local {
        side: Side::Site,
        site,
        identity,
        epoch: authority::epoch(conn)?,
        links: outpost_journal::links(conn)?,
        schema: SCHEMA,
        authority: Vec::new(),
        backups: false,
    };
    let remote = Remote { keys: PeerKeys(vec![hub]), progress: outpost_journal::progress(conn, HUB)? };
    Ok(Session::new(settings, local, remote))
}

/// Whether an authority of the hub can be read; an empty one says that it has given none yet.
pub fn is_understood(authority: &[u8]) -> bool {
    authority.is_empty() || serde_json::from_slice::<Authority>(authority).is_ok()
}

/// What is written down of the session's news.
pub fn job_of(notice: &Notice, now: &Moment, clock_error_max_ms: u64) -> Option<Job> {
    let raise = |code, subject: &str, event| Some(Job::Raise { code, subject: subject.to_owned(), event });
    match notice {
        Notice::HubTime { wall_ms, hello_boot_ms, round_trip_ms } => {
            // A slow answer says little about the time.
            (*round_trip_ms <= clock_error_max_ms).then(|| {
                let time = HubTime {
                    hub_wall: UtcMillis(*wall_ms),
                    asked_boot_ms: *hello_boot_ms,
                    boot_id: now.boot_id,
                };
                Job::Heard(Heard { time: Some(time), ..Heard::default() })
            })
        }
        Notice::Authority(bytes) => {
            let given = serde_json::from_slice(bytes).ok()?;
            Some(Job::Heard(Heard { authority: Some(given), ..Heard::default() }))
        }
        Notice::EpochRaised(epoch) => Some(Job::Heard(Heard { epoch: Some(*epoch), ..Heard::default() })),
        Notice::RolledBack { incarnation, .. } => {
            raise("rolled_back", "site/journal", incarnation.to_string())
        }
        Notice::Diverged(position) => {
            raise("stream_diverged", "site/journal", format!("{}/{}", position.incarnation, position.n))
        }
        Notice::Repaired(outcome) => outcome.level.map(Job::Level),
        Notice::Refused(refusal) => {
            // Its document is held there from now on.
            Some(Job::Refused(refusal.clone()))
        }
        _ => None,
    }
}
