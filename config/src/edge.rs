//! The settings of an edge daemon.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use outpost_model::id::SiteId;

use crate::kinds::{
    duration, flag, name, named, number, one_number_of, one_of, optional, otherwise, path, secret, text,
    understood, web_address,
};
use crate::place::{Place, section};
use crate::settings::Settings;
use crate::shared::{DiskSettings, HttpSettings, LogSettings, RulesFile, SyncSettings, host_port, time_zone};
use crate::values::{HostPort, Secret};

section! {
    /// Everything an edge daemon is told when it starts.
    pub struct EdgeSettings {
        /// Which site this is.
        site: SiteSettings = SiteSettings::read,
        /// Where the site keeps its data.
        data: EdgeData = EdgeData::read,
        /// The disk it writes to.
        disk: DiskSettings = DiskSettings::read,
        /// The API and the handhelds' pages.
        http: HttpSettings = HttpSettings::read,
        /// The line to the hub.
        broker: EdgeBroker = EdgeBroker::read,
        /// Who the hub is and how this appliance joins it.
        hub: HubLink = HubLink::read,
        /// Timers and limits of replication.
        sync: SyncSettings = SyncSettings::read,
        /// The one writer of the site's database.
        writer: WriterSettings = WriterSettings::read,
        /// What is known about the appliance's clock.
        clock: ClockSettings = ClockSettings::read,
        /// Label printers by name; the first by name is the default one.
        printers: BTreeMap<String, PrinterSettings> = named(PrinterSettings::read),
        /// How long what is kept.
        retention: EdgeRetention = EdgeRetention::read,
        /// Logs.
        log: LogSettings = LogSettings::read,
        /// Business rules.
        rules: RulesFile = RulesFile::read,
    }
}

section! {
    /// Which site this is.
    pub struct SiteSettings {
        /// The site's id, the same as at the hub.
        id: SiteId = understood("1 to 32 letters, digits, - or _", |text| SiteId::new(text).ok()),
        /// The site's name for people.
        name: String = text(80),
        /// The IANA time zone people in the site live in.
        time_zone: String = time_zone(),
        /// The language of the handhelds' pages where a device asks for none.
        language: String = language(),
    }
}

section! {
    /// Where the site keeps its data.
    pub struct EdgeData {
        /// The folder of the database, keys and stored labels; made when missing.
        directory: PathBuf = path(),
        /// The database's file name inside the folder.
        database: String = understood("a file name without a slash", file_name),
    }
}

section! {
    /// The line to the hub: an MQTT broker.
    pub struct EdgeBroker {
        /// The broker's address.
        address: HostPort = host_port(),
        /// The first part of this site's topics after the version.
        shard: String = name(),
        /// The account at the broker, where it asks for one.
        username: Option<String> = optional(text(128)),
        /// The password of that account.
        password: Option<Secret> = optional(secret(1)),
    }
}

section! {
    /// Who the hub is and how this appliance joins it.
    pub struct HubLink {
        /// Where a new appliance asks to be let in; without it the site waits to be enrolled by hand.
        enroll_url: Option<String> = optional(web_address()),
        /// The one-time token that lets this appliance in.
        enroll_token: Option<Secret> = optional(secret(16)),
        /// The hub's ed25519 public key, 64 hexadecimal digits; without it the first hub seen is pinned.
        public_key: Option<String> = optional(public_key()),
    }
}

section! {
    /// The one writer of the site's database.
    pub struct WriterSettings {
        /// Commands that share one commit at most.
        group_max: usize = number(1..=1000),
        /// Commands that may wait; one more is refused with a code that asks for a retry.
        queue_max: usize = number(16..=100_000),
    }
}

section! {
    /// What is known about the appliance's clock.
    pub struct ClockSettings {
        /// Whether the clock runs on while the power is off.
        battery_backed: bool = flag(),
        /// A reading of hub time whose round trip leaves more doubt than this is not used.
        error_max: Duration = duration("100ms", "1m"),
        /// How fast the boot-time clock may run wrong, in millionths.
        drift_ppm_max: u32 = number(1..=5000),
    }
}

section! {
    /// How long what is kept. Names and addresses bring their own time with them.
    pub struct EdgeRetention {
        /// What came of each command, for retries of devices that were away: longer than one lies in a drawer.
        outcomes: Duration = duration("1d", "3650d"),
        /// Frames and records that were set aside for inspection.
        set_aside: Duration = duration("1h", "365d"),
        /// Bytes of printed labels, for further copies: they show names and addresses.
        labels: Duration = duration("1d", "365d"),
    }
}

section! {
    /// One label printer.
    pub struct PrinterSettings {
        /// The printer's raw port.
        address: HostPort = host_port(),
        /// The language it understands.
        language: PrinterLanguage = otherwise(one_of(&[("zpl", PrinterLanguage::Zpl)]), "zpl"),
        /// Dots per inch of its head.
        dpi: u32 = otherwise(one_number_of(&[203, 300, 600]), "203"),
        /// Width of the label in millimeters.
        label_width_mm: u32 = otherwise(number(20..=220), "102"),
        /// Height of the label in millimeters.
        label_height_mm: u32 = otherwise(number(10..=400), "152"),
        /// A job that has waited longer than this expires instead of being printed.
        job_expiry: Duration = otherwise(duration("1m", "1d"), "30m"),
    }
}

/// What a printer understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrinterLanguage {
    /// ZPL II.
    Zpl,
}

impl EdgeSettings {
    /// The database file.
    pub fn database_path(&self) -> PathBuf {
        self.data.directory.join(&self.data.database)
    }
}

impl Settings for EdgeSettings {
    const DAEMON: &'static str = "edge";
    const DEFAULTS: &'static str = include_str!("../defaults/edge.toml");
    const ENV_PREFIX: &'static str = "OUTPOST_EDGE__";

    fn read(place: &Place<'_>) -> Option<Self> {
        let settings = Self::read(place)?;
        let url_without_token = settings.hub.enroll_url.is_some() && settings.hub.enroll_token.is_none();
        if url_without_token {
            let token = place.entries()?.at("hub").entries()?.at("enroll_token");
            return token.wrong("a token for hub.enroll_url");
        }
        Some(settings)
    }

    fn rules_file(&self) -> Option<&std::path::Path> {
        self.rules.file.as_deref()
    }
}

fn language() -> impl Fn(&Place<'_>) -> Option<String> {
    understood("en, de or es", |text| ["en", "de", "es"].contains(&text).then(|| text.to_string()))
}

fn file_name(text: &str) -> Option<String> {
    let bad = text.is_empty() || text == "." || text == ".." || text.contains(['/', '\\', '\0']);
    (!bad).then(|| text.to_string())
}

fn public_key() -> impl Fn(&Place<'_>) -> Option<String> {
    understood("64 hexadecimal digits", |text| {
        let hexadecimal = text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        hexadecimal.then(|| text.to_ascii_lowercase())
    })
}
