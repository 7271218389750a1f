//! Frames that cannot be accepted: of a flood only some are kept and told, since whoever reaches the broker can send
//! anything.

use outpost_daemon::Repeats;
use outpost_model::id::SiteId;
use outpost_sync::QuarantineReason;

use crate::error::HubError;
use crate::store::{exception, quarantine};
use crate::write::Unit;

/// Frames of a minute that are kept when they cannot be accepted.
const FRAMES_KEPT_A_MINUTE: u32 = 20;

/// How many frames of a site were kept for inspection in the present minute, and which were told.
#[derive(Default)]
pub struct Kept {
    since: u64,
    frames: u32,
    lines: Repeats,
}

impl Kept {
    /// A frame came that cannot be accepted. Says whether it is kept.
    pub fn note(&mut self, now_ms: u64, site: &SiteId, reason: &QuarantineReason, bytes: usize) -> bool {
        metrics::counter!("hub_frames_quarantined").increment(1);
        if let Some(times) = self.lines.note(now_ms, reason.kind()) {
            tracing::warn!(%site, %reason, bytes, times, "a frame was set aside");
        }
        if now_ms.saturating_sub(self.since) >= 60_000 {
            (self.since, self.frames) = (now_ms, 0);
        }
        self.frames += 1;
        self.frames <= FRAMES_KEPT_A_MINUTE
    }
}

/// Keeps a frame. One that the site has signed holds up its stream for as long as it sends nothing better in its place:
/// somebody must know.
pub async fn keep(
    unit: &mut Unit,
    site: &SiteId,
    bytes: &[u8],
    reason: &QuarantineReason,
) -> Result<(), HubError> {
    let (id, now) = (unit.ids().uuid(), unit.now());
    quarantine::put(unit.db(), id, site, (None, None), &reason.to_string(), now, bytes).await?;
    if let QuarantineReason::Malformed(why) = reason {
        unit.raise(exception::New {
            code: "malformed_frames",
            sentence: format!(
                "{site} sends frames that it has signed and that nobody can read ({why}). What is in them is not taken, \
                 nor what comes after."
            ),
            once: format!("malformed_frames {site}"),
            site: Some(site.clone()),
            ..Default::default()
        })
        .await?;
    }
    Ok(())
}
