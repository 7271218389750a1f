//! What every handler and worker of the hub shares.

use std::sync::{Arc, Mutex, OnceLock};

use outpost_config::{HubSettings, RulesHandle};
use outpost_daemon::Clock;
use outpost_model::time::UtcMillis;
use outpost_mqtt::WireBytes;
use outpost_sync::{Identity, Settings};

use crate::app::authority::Terms;
use crate::app::enroll;
use crate::ids::{Entropy, Ids};
use crate::replicate::crowd::Crowd;
use crate::replicate::intake::Intake;
use crate::site_lease::Leases;
use crate::store::Store;
use crate::store::authority::Life;
use crate::wake::Wakers;
use crate::write::Writer;

/// The hub: its database, its writer, its rules and its signals. Clones share everything.
#[derive(Clone)]
pub struct Hub {
    /// The database, for reading.
    pub store: Store,
    /// Where use cases are handed in.
    pub writer: Writer,
    /// The sites this process works for.
    pub leases: Leases,
    /// Where batches of the sites are handed in.
    pub intake: Intake,
    /// Who drains a long backlog.
    pub crowd: Crowd,
    /// The rules in force.
    pub rules: RulesHandle,
    /// The settings, as resolved at the start.
    pub settings: Arc<HubSettings>,
    /// Signals between the parts; screens subscribe to `wakers.news`.
    pub wakers: Wakers,
    /// Who the hub is to its sites.
    pub identity: Identity,
    /// Its epoch and the author of its changes.
    pub life: Life,
    /// The one reader of clocks.
    pub clock: Clock,
    /// Where randomness begins.
    pub entropy: Entropy,
    /// The rules that this process has put into what sites work by.
    pub rules_put: Arc<Mutex<Option<String>>>,
    /// Bytes on the line to the broker, once there is one.
    pub wire: Arc<OnceLock<Arc<WireBytes>>>,
}

impl Hub {
    /// The time now.
    pub fn now(&self) -> UtcMillis {
        self.clock.wall().into()
    }

    /// A source of ids for one request.
    pub fn ids(&self) -> Ids {
        self.entropy.ids(self.now())
    }

    /// The rules as the file they come from: what sites are sent. Sites know the shipped ones themselves.
    pub fn rules_text(&self) -> String {
        let file = self.settings.rules.file.as_deref();
        file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default()
    }

    /// How authority is given by the rules in force.
    pub fn authority_terms(&self) -> Terms {
        Terms::new(self.life.epoch, &self.rules.current().rules)
    }

    /// What an appliance begins with.
    pub fn enroll_terms(&self) -> enroll::Terms {
        enroll::Terms { sscc: self.settings.sscc.clone() }
    }

    /// Timers and limits of replication, from the settings.
    pub fn sync_settings(&self) -> Settings {
        let sync = &self.settings.sync;
        let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let default = Settings::default();
        let (hello, resend) = (ms(sync.hello_interval), ms(sync.resend_after));
        Settings {
            hello_every_ms: hello,
            hello_retry_ms: default.hello_retry_ms.min(hello),
            silent_after_ms: hello.saturating_mul(3),
            flush_after_ms: ms(sync.flush_after),
            flush_items: default.flush_items.min(sync.frame_changes_max),
            frame_items_max: sync.frame_changes_max,
            frame_bytes_max: sync.frame_bytes_max,
            frame_bytes_min: default.frame_bytes_min.min(sync.frame_bytes_max),
            window_frames: sync.window_frames,
            resend_after_ms: resend,
            resend_every_ms_max: default.resend_every_ms_max.max(resend),
            ..default.with_inflated_bytes_max(sync.inflated_bytes_max)
        }
    }
}
