//! What does not change while the daemon runs: which site it is and by what rules it works.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use outpost_config::rules::StockEffect;
use outpost_config::{EdgeSettings, RulesHandle, WriteLimits};
use outpost_firmware_bridge::zpl::Media;
use outpost_journal::ParkLimits;
use outpost_model::decide::SitePolicy;
use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;

use crate::device::label::media_of;
use crate::store::vault::Vault;

/// The site.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Its name for people.
    pub name: String,
    /// The zone people in it live in.
    pub zone: TimeZone,
    /// The language of its screens.
    pub language: String,
    /// The business rules in force.
    pub rules: RulesHandle,
    /// Whether the rules are the site's own file; the hub's are kept then, and not applied.
    pub own_rules: bool,
    /// Whether the appliance's clock runs on while the power is off.
    pub battery_backed: bool,
    /// How fast the boot clock may run wrong, millionths.
    pub drift_ppm: u32,
    /// A reading of hub time with more doubt than this is not used, milliseconds.
    pub clock_error_max_ms: u64,
    /// How much of the hub's may wait for what it builds on.
    pub room: ParkLimits,
    /// How much the site writes.
    pub limits: WriteLimits,
    /// The printer that labels go to when nobody says otherwise, and how long they may wait there.
    pub printer: Option<DefaultPrinter>,
    /// The database file.
    pub database: PathBuf,
    /// The keys of what concerns a person.
    pub vault: Vault,
    /// How long what is kept.
    pub retention: Retention,
}

/// How long what is kept, milliseconds. What concerns a person brings its own time with it, but for labels that are
/// printed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// What came of commands, for their retries.
    pub outcomes_ms: i64,
    /// Frames and records that were set aside.
    pub set_aside_ms: i64,
    /// Bytes of labels that were printed.
    pub labels_ms: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { outcomes_ms: 60 * DAY_MS, set_aside_ms: 30 * DAY_MS, labels_ms: 14 * DAY_MS }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The printer that labels go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultPrinter {
    /// Its name in the settings.
    pub name: String,
    /// How long a job may wait, milliseconds.
    pub job_expiry_ms: i64,
    /// Its stock and head.
    pub media: Media,
}

/// Settings that cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The site's id has not the form of one.
    #[error(transparent)]
    Id(#[from] outpost_model::id::IdError),
    /// The zone is not known to this program.
    #[error("time zone {name}: {source}")]
    Zone {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: jiff::Error,
    },
}

impl Site {
    /// The site that the settings describe.
    pub fn new(settings: &EdgeSettings, rules: RulesHandle) -> Result<Self, SiteError> {
        let name = settings.site.time_zone.clone();
        let zone = TimeZone::get(&name).map_err(|source| SiteError::Zone { name, source })?;
        let signed = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let printer = settings.printers.iter().next().map(|(name, printer)| DefaultPrinter {
            name: name.clone(),
            job_expiry_ms: signed(printer.job_expiry),
            media: media_of(printer),
        });
        Ok(Self {
            id: SiteId::new(settings.site.id.clone())?,
            name: settings.site.name.clone(),
            zone,
            language: settings.site.language.clone(),
            rules,
            own_rules: settings.rules.file.is_some(),
            room: ParkLimits::default(),
            limits: settings.sync.write_limits(),
            battery_backed: settings.clock.battery_backed,
            drift_ppm: settings.clock.drift_ppm_max,
            clock_error_max_ms: millis(settings.clock.error_max),
            printer,
            vault: Vault::beside(&settings.database_path()),
            database: settings.database_path(),
            retention: Retention {
                outcomes_ms: signed(settings.retention.outcomes),
                set_aside_ms: signed(settings.retention.set_aside),
                labels_ms: signed(settings.retention.labels),
            },
        })
    }

    /// The date people in the site write.
    pub fn date(&self, now: UtcMillis) -> jiff::civil::Date {
        now.timestamp().to_zoned(self.zone.clone()).date()
    }

    /// What the site demands beyond what physics does.
    pub fn policy(&self) -> SitePolicy {
        let book = self.rules.current();
        let suspect = book.rules.reasons.iter().filter(|(_, reason)| reason.stock == StockEffect::Suspect);
        SitePolicy {
            suspect_reasons: suspect.map(|(code, _)| code.clone()).collect(),
            ..SitePolicy::default()
        }
    }
}
