//! What the driver decides, without a line, a clock or a thread: how a conversation begins from what the database
//! holds, and what is written down of the session's news.

use outpost_model::authority::Authority;
use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::{
    Identity, Local, Notice, PeerKeys, Position, PublicIdentity, Remote, Schema, Session, Settings, Side,
};
use rusqlite::Connection;

use super::apply::HUB;
use super::status::SILENT;
use crate::moment::Moment;
use crate::store::{StoreResult, authority, past};
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
    let lost = past::open(conn)?.and_then(|loss| loss.lost.last().copied());
    let local = Local {
        side: Side::Site,
        site,
        identity,
        epoch: authority::epoch(conn)?,
        links: outpost_journal::chain(conn)?,
        schema: SCHEMA,
        authority: Vec::new(),
        backups: false,
        lost,
    };
    let progress = outpost_journal::progress(conn, HUB)?;
    let remote = Remote { keys: PeerKeys(vec![hub]), progress, lives: Vec::new() };
    Ok(Session::new(settings, local, remote).with_proof(outpost_journal::proof(conn)?))
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
        // Nothing more of this life can arrive, whichever of the two is right.
        Notice::RolledBack { incarnation, there } => {
            Some(Job::Leave(Position { incarnation: *incarnation, n: *there }))
        }
        Notice::Diverged(position) => Some(Job::Leave(*position)),
        Notice::Behind(lost) => Some(Job::Behind(lost.clone())),
        Notice::Retired(life) => Some(Job::Retired(*life)),
        Notice::PeerRolledBack { incarnation, .. } => {
            raise("hub_rolled_back", "site/line", incarnation.to_string())
        }
        Notice::Proof(frame) => Some(Job::KeepProof(frame.clone())),
        Notice::Doubted(position) => raise("claim_doubted", "site/line", position.incarnation.to_string()),
        Notice::EpochOver(epoch) => raise("hub_epoch_over", "site/line", epoch.to_string()),
        Notice::SchemaApart { theirs, .. } => {
            raise("update_needed", "site/line", format!("{}-{}", theirs.min, theirs.max))
        }
        Notice::Forgotten { next, .. } => {
            raise("stream_forgotten", "site/journal", next.incarnation.to_string())
        }
        Notice::ItemTooLarge(position) => {
            raise("item_too_large", "site/journal", format!("{}/{}", position.incarnation, position.n))
        }
        Notice::Repaired(outcome) => outcome.same.then_some(Job::Same(outcome.level)),
        Notice::Refused(refusal) => {
            // Its document is held there from now on.
            Some(Job::Refused(refusal.clone()))
        }
        Notice::Greeted { .. }
        | Notice::Silent
        | Notice::Deferred(_)
        | Notice::Past { .. }
        | Notice::Claimed { .. }
        | Notice::PeerRetired(_) => None,
    }
}

/// Whether the session says it only once, so that it must be written down before the conversation goes on. Time is heard
/// again with the next hello, and documents are compared again.
pub fn must_be_kept(job: &Job) -> bool {
    match job {
        Job::Heard(heard) => heard.authority.is_some() || heard.epoch.is_some(),
        Job::Same(_) | Job::KeepProof(_) => false,
        _ => true,
    }
}

/// What is wrong with the line although frames go to and fro, for people.
pub fn trouble(notice: &Notice) -> Option<&'static str> {
    match notice {
        Notice::Silent => Some(SILENT),
        Notice::Retired(_) => Some("the hub talks with another computer in this site's name"),
        Notice::SchemaApart { .. } => Some("this program and the hub's are too far apart"),
        Notice::Deferred(_) => Some("the hub is busy with other sites"),
        _ => None,
    }
}
