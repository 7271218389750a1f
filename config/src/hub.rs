//! The settings of a hub daemon.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use outpost_model::header::Service;
use outpost_model::id::{SiteId, Sku};
use outpost_model::money::Currency;

use crate::kinds::{
    database_url, duration, flag, keyed, list, name, named, number, one_of, optional, otherwise, path,
    secret, text, understood, web_address,
};
use crate::place::{Place, section};
use crate::settings::Settings;
use crate::shared::{
    DiskSettings, HttpSettings, LogSettings, RulesFile, SyncSettings, currency, host_port, listen,
};
use crate::values::{DatabaseUrl, HostPort, Secret};

section! {
    /// Everything a hub daemon is told when it starts.
    pub struct HubSettings {
        /// Where the hub keeps its files.
        data: HubData = HubData::read,
        /// The database.
        database: DatabaseSettings = DatabaseSettings::read,
        /// The disk it writes to, with SQLite.
        disk: DiskSettings = DiskSettings::read,
        /// The API and the console.
        http: HttpSettings = HttpSettings::read,
        /// Who may use the API and the console.
        api: ApiSettings = ApiSettings::read,
        /// The line to the sites.
        broker: HubBroker = HubBroker::read,
        /// Where orders come from.
        channels: ChannelSettings = ChannelSettings::read,
        /// Where carrier labels are bought.
        carrier: CarrierSettings = CarrierSettings::read,
        /// Serial numbers of handling labels.
        sscc: SsccSettings = SsccSettings::read,
        /// Timers and limits of replication.
        sync: SyncSettings = SyncSettings::read,
        /// How long sites may act without asking.
        authority: AuthorityTimers = AuthorityTimers::read,
        /// How long what concerns persons is kept.
        retention: HubRetention = HubRetention::read,
        /// Where the keys of what concerns persons are.
        vault: VaultSettings = VaultSettings::read,
        /// Copies of the database.
        backup: BackupSettings = BackupSettings::read,
        /// What becomes of closed cases.
        archive: ArchiveSettings = ArchiveSettings::read,
        /// Logs.
        log: LogSettings = LogSettings::read,
        /// Business rules.
        rules: RulesFile = RulesFile::read,
    }
}

section! {
    /// Where the hub keeps its files.
    pub struct HubData {
        /// The folder of keys, backups and, by default, the database; made when missing.
        directory: PathBuf = path(),
    }
}

section! {
    /// The database.
    pub struct DatabaseSettings {
        /// `sqlite://…` or `postgres://…`; without it a SQLite file in the data folder.
        url: Option<DatabaseUrl> = optional(database_url()),
        /// Connections that are kept at most.
        connections_max: u32 = number(1..=200),
        /// How long the other hubs of a shared PostgreSQL wait for a sign of life of one before they take its sites.
        lease: Duration = duration("3s", "5m"),
    }
}

section! {
    /// Who may use the API and the console.
    pub struct ApiSettings {
        /// The bearer token; needed unless the hub listens on loopback only.
        token: Option<Secret> = optional(secret(16)),
    }
}

section! {
    /// The line to the sites.
    pub struct HubBroker {
        /// `embedded` runs a broker inside the hub; `external` uses one that runs already.
        mode: BrokerMode = one_of(&[("embedded", BrokerMode::Embedded), ("external", BrokerMode::External)]),
        /// Where the embedded broker listens. It knows no accounts: keep it on loopback or a private network.
        listen: SocketAddr = listen(),
        /// The external broker.
        address: Option<HostPort> = optional(host_port()),
        /// The account at the external broker.
        username: Option<String> = optional(text(128)),
        /// The password of that account.
        password: Option<Secret> = optional(secret(1)),
        /// The first part of the topics after the version.
        shard: String = name(),
    }
}

/// Which broker the hub uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerMode {
    /// One inside the hub.
    Embedded,
    /// One that runs already.
    External,
}

/// The broker as resolved: what to run, or what to connect to.
#[derive(Clone, Debug, PartialEq)]
pub enum Broker {
    /// Run one inside the hub.
    Embedded {
        /// Where it listens.
        listen: SocketAddr,
    },
    /// Connect to one that runs already.
    External {
        /// Where it is.
        address: HostPort,
        /// The account, where it asks for one.
        username: Option<String>,
        /// The password of that account.
        password: Option<Secret>,
    },
}

section! {
    /// Where orders come from.
    pub struct ChannelSettings {
        /// Shopify shops by a name of your choice, which is also the channel's name in orders.
        shopify: BTreeMap<String, ShopifyShop> = named(ShopifyShop::read),
    }
}

section! {
    /// One Shopify shop.
    pub struct ShopifyShop {
        /// The shop's domain, as the webhook's headers name it.
        domain: String = understood("a domain such as shop.myshopify.com", domain),
        /// The secret that signs the webhooks.
        webhook_secret: Secret = secret(8),
        /// The service of an order that names none.
        default_service: Service = otherwise(
            one_of(&[("ship", Service::Ship), ("pickup", Service::Pickup)]), "ship"),
        /// The currency of an order that names none.
        currency: Currency = currency(),
        /// Sites where customers collect, by what the shop calls them: a location's id, its name, a shipping code.
        pickup_places: Option<BTreeMap<String, SiteId>> = optional(
            keyed(LABEL, is_label, understood("a site's id such as berlin-1", |text| text.parse().ok()))),
        /// Our names of shipping methods, by the shop's code or title.
        methods: Option<BTreeMap<String, String>> = optional(keyed(LABEL, is_label, text(60))),
        /// SKUs of variants that the shop lists without one, by variant id.
        variants: Option<BTreeMap<String, Sku>> = optional(
            keyed(LABEL, is_label, understood("a SKU such as MUG-0007", |text| text.parse().ok()))),
        /// Fulfillment services that deliver by themselves.
        services_elsewhere: Option<Vec<String>> = optional(list(text(80), "a list of texts")),
        /// Fulfillment services that stand for us; `manual` always does.
        services_ours: Option<Vec<String>> = optional(list(text(80), "a list of texts")),
        /// Whether orders that the shop marks as tests go on without a person.
        take_test_orders: bool = otherwise(flag(), "false"),
    }
}

/// What a shop calls its places, methods and variants.
const LABEL: &str = "1 to 120 characters";

fn is_label(text: &str) -> bool {
    (1..=120).contains(&text.chars().count())
}

section! {
    /// Where carrier labels are bought.
    pub struct CarrierSettings {
        /// The carrier service's address; without it no carrier labels are bought.
        url: Option<String> = optional(web_address()),
        /// The account's token.
        token: Option<Secret> = optional(secret(1)),
        /// How long one purchase may take.
        timeout: Duration = duration("1s", "2m"),
    }
}

section! {
    /// Serial numbers of handling labels (SSCC-18).
    pub struct SsccSettings {
        /// The GS1 company prefix.
        company_prefix: String = understood("4 to 12 digits in quotes such as \"4012345\"", company_prefix),
        /// The extension digit before the prefix.
        extension_digit: u8 = number(0..=9),
        /// Serials leased to a site at a time.
        block_size: u32 = number(10..=100_000),
        /// A site with fewer serials left than this gets a new block.
        block_low: u32 = number(1..=50_000),
    }
}

section! {
    /// How long sites may act without asking; the terms per service are rules.
    pub struct AuthorityTimers {
        /// How often authority is renewed for a site in contact.
        renew_interval: Duration = duration("1s", "1h"),
    }
}

section! {
    /// Copies of the database. A site forgets nothing that no copy contains.
    pub struct BackupSettings {
        /// The folder of the copies; without it none are made.
        directory: Option<PathBuf> = optional(path()),
        /// How often a copy is made.
        interval: Duration = duration("1m", "7d"),
        /// Copies that are kept.
        kept: u32 = number(1..=1000),
        /// Somebody else makes copies and says so through the API; needed for PostgreSQL.
        external: bool = otherwise(flag(), "false"),
    }
}

section! {
    /// What becomes of closed cases.
    pub struct ArchiveSettings {
        /// How long after it was closed a case is packed.
        after: Duration = duration("1h", "365d"),
    }
}

impl BackupSettings {
    /// Whether there are copies at all. Without any, what is committed counts as safe.
    pub fn are_made(&self) -> bool {
        self.directory.is_some() || self.external
    }
}

section! {
    /// How long what concerns persons is kept.
    pub struct HubRetention {
        /// Names and addresses, for returns and questions of the customer.
        contacts: Duration = duration("1d", "3650d"),
        /// Payloads as channels sent them, to settle what a reader misunderstood.
        payloads: Duration = duration("1d", "365d"),
        /// Carrier labels, until their parcels have left.
        labels: Duration = duration("1d", "365d"),
        /// Frames and records that were set aside for inspection.
        set_aside: Duration = duration("1h", "365d"),
    }
}

section! {
    /// The key store.
    pub struct VaultSettings {
        /// `sqlite://…` or `postgres://…`, a database of its own; without it a SQLite file in the data folder.
        url: Option<DatabaseUrl> = optional(database_url()),
    }
}

impl SsccSettings {
    /// How many serials there are: an SSCC's 18 digits less extension digit, prefix and check digit.
    pub fn serials(&self) -> u64 {
        10u64.pow(16 - self.company_prefix.len().min(16) as u32)
    }
}

impl HubSettings {
    /// The file of the key store, where no URL is set.
    pub fn vault_file(&self) -> PathBuf {
        self.data.directory.join("vault.db")
    }

    /// The key store's URL: the one that was set, or a SQLite file in the data folder.
    pub fn vault_url(&self) -> DatabaseUrl {
        self.vault.url.clone().unwrap_or_else(|| DatabaseUrl::sqlite_file(&self.vault_file()))
    }

    /// The database's URL: the one that was set, or a SQLite file in the data folder.
    pub fn database_url(&self) -> DatabaseUrl {
        self.database
            .url
            .clone()
            .unwrap_or_else(|| DatabaseUrl::sqlite_file(&self.data.directory.join("hub.db")))
    }

    /// The broker to run or to connect to.
    pub fn broker(&self) -> Broker {
        match (&self.broker.mode, &self.broker.address) {
            (BrokerMode::External, Some(address)) => Broker::External {
                address: address.clone(),
                username: self.broker.username.clone(),
                password: self.broker.password.clone(),
            },
            _ => Broker::Embedded { listen: self.broker.listen },
        }
    }

    fn check_together(&self, place: &Place<'_>) -> Option<()> {
        let entries = place.entries()?;
        let mut fine = Some(());
        if !self.http.listen.ip().is_loopback() && self.api.token.is_none() {
            let token = entries.at("api").entries()?.at("token");
            fine = token.wrong("a token of 16 or more characters, since http.listen is not on loopback");
        }
        if self.broker.mode == BrokerMode::External && self.broker.address.is_none() {
            let address = entries.at("broker").entries()?.at("address");
            fine = address.wrong("host:port of the external broker, since broker.mode is \"external\"");
        }
        if self.sscc.block_low >= self.sscc.block_size {
            let low = entries.at("sscc").entries()?.at("block_low");
            fine = low.wrong("less than sscc.block_size");
        }
        if u64::from(self.sscc.block_size) > self.sscc.serials() {
            let size = entries.at("sscc").entries()?.at("block_size");
            fine = size
                .wrong(&format!("at most the {} serials behind sscc.company_prefix", self.sscc.serials()));
        }
        fine
    }
}

impl Settings for HubSettings {
    const DAEMON: &'static str = "hub";
    const DEFAULTS: &'static str = include_str!("../defaults/hub.toml");
    const ENV_PREFIX: &'static str = "OUTPOST_HUB__";

    fn read(place: &Place<'_>) -> Option<Self> {
        let settings = Self::read(place)?;
        settings.check_together(place).map(|()| settings)
    }

    fn rules_file(&self) -> Option<&std::path::Path> {
        self.rules.file.as_deref()
    }
}

fn domain(text: &str) -> Option<String> {
    let label = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let well_formed = text.len() <= 253 && text.contains('.') && text.split('.').all(label);
    well_formed.then(|| text.to_string())
}

fn company_prefix(text: &str) -> Option<String> {
    let digits = (4..=12).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
    digits.then(|| text.to_string())
}
