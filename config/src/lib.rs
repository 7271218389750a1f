//! Typed settings and business rules with readable defaults.
//!
//! Settings come in three layers: the defaults shipped in `defaults/`, a file, and environment variables. As
//! *written* they are a tree whose values remember their place ([`Origin`]); as *resolved* they are
//! [`EdgeSettings`] or [`HubSettings`], with every value checked. Reading goes on after a mistake, so one run
//! names all of them, each with its place, its key, what was found and what is allowed.
//!
//! [`resolve`] and [`RulesHandle`] are handed texts and variables. [`load`], [`load_rules`] and
//! [`check_config`] read files and the environment, and only binaries call them.

mod edge;
mod hub;
mod kinds;
mod load;
mod origin;
mod place;
pub mod rules;
mod settings;
mod shared;
mod summary;
mod tree;
mod values;

pub use edge::{
    ClockSettings, EdgeBroker, EdgeData, EdgeSettings, HubLink, PrinterLanguage, PrinterSettings,
    SiteSettings, WriterSettings,
};
pub use hub::{
    ApiSettings, AuthorityTimers, BackupSettings, Broker, BrokerMode, CarrierSettings, ChannelSettings,
    DatabaseSettings, HubBroker, HubData, HubSettings, ShopifyShop, SsccSettings,
};
pub use load::{check_config, load, load_rules};
pub use origin::{ConfigErrors, Finding, Origin};
pub use rules::{RuleBook, Rules, RulesHandle, RulesVersion};
pub use settings::{Resolved, Settings, SourceText, resolve};
pub use shared::{DiskSettings, HttpSettings, LogSettings, RulesFile, SyncSettings, WriteLimits};
pub use summary::Summary;
pub use values::{DatabaseUrl, HostPort, LogFormat, PerService, Secret, parse_duration, show_duration};
