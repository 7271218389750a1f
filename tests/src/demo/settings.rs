//! The settings files of the demo's daemons, written as an operator would write them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::broker::{Broker, HUB_ACCOUNT};
use super::chain::ChainOptions;
use super::goods::SHOP_DOMAIN;

/// Rules for a demo that may run at any hour: stores never close, trucks go late, routing may split over two sites.
const RULES: &str = r#"
[routing]
split = "at_most 2"

[calendars.standard.open.pickup]
monday = ["00:00-24:00"]
tuesday = ["00:00-24:00"]
wednesday = ["00:00-24:00"]
thursday = ["00:00-24:00"]
friday = ["00:00-24:00"]
saturday = ["00:00-24:00"]
sunday = ["00:00-24:00"]

[calendars.standard.open.ship]
monday = ["00:00-24:00"]
tuesday = ["00:00-24:00"]
wednesday = ["00:00-24:00"]
thursday = ["00:00-24:00"]
friday = ["00:00-24:00"]
saturday = ["00:00-24:00"]
sunday = ["00:00-24:00"]

[calendars.standard.collections.default]
cutoffs = ["23:59"]
days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
"#;

/// The daemons' own pace, or one that lets a demo be followed.
fn pace(options: &ChainOptions) -> &'static str {
    if options.usual_pace { "" } else { "[sync]\nhello_interval = \"2s\"" }
}

/// Writes the hub's settings.
pub fn hub(at: &Path, port: u16, broker: &Broker, carrier: &str, options: &ChainOptions) -> Result<PathBuf> {
    let data = at.join("hub");
    std::fs::create_dir_all(&data)?;
    let rules = at.join("rules.toml");
    std::fs::write(&rules, RULES)?;
    let sync = pace(options);
    let copies = at.join("copies");
    let backup = if options.copies { format!("[backup]\ndirectory = {copies:?}\n") } else { String::new() };
    let database = options.hub_database.as_deref();
    let database = database.map(|url| format!("[database]\nurl = {url:?}\n")).unwrap_or_default();
    let broker = if broker.is_embedded() {
        format!("mode = \"embedded\"\nlisten = \"{}\"", broker.address())
    } else {
        format!("mode = \"external\"\naddress = \"{}\"\n{}", broker.address(), broker.account(HUB_ACCOUNT)?)
    };
    let text = format!(
        r#"
{database}
[data]
directory = {data:?}
[http]
listen = "127.0.0.1:{port}"
[broker]
{broker}
[channels.shopify.demo]
domain = "{SHOP_DOMAIN}"
currency = "EUR"
[carrier]
url = "{carrier}"
{sync}
{backup}
[rules]
file = {rules:?}
"#
    );
    let path = at.join("hub.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// What is written for a site.
pub struct Appliance<'a> {
    /// The appliance: its data folder and settings file are named so.
    pub name: &'a str,
    /// The site it serves.
    pub site: &'a str,
    /// Its own port.
    pub port: u16,
    /// Where its line to the broker begins.
    pub broker: &'a str,
    /// Its account there; see [`Broker::account`].
    pub account: &'a str,
    /// Its printer.
    pub printer: &'a str,
    /// The hub's interface.
    pub hub: &'a str,
}

/// Writes a site's settings.
pub fn edge(at: &Path, appliance: &Appliance, options: &ChainOptions) -> Result<PathBuf> {
    let Appliance { name, site, port, broker, account, printer, hub } = appliance;
    let sync = pace(options);
    let data = at.join(name);
    std::fs::create_dir_all(&data)?;
    let rules = at.join("rules.toml");
    let text = format!(
        r#"
[site]
id = "{site}"
name = "{site}"
time_zone = "Europe/Berlin"
[data]
directory = {data:?}
[http]
listen = "127.0.0.1:{port}"
[broker]
address = "{broker}"
{account}
[hub]
enroll_url = "{hub}"
{sync}
[printers.packing]
address = "{printer}"
[rules]
file = {rules:?}
"#
    );
    let path = at.join(format!("{name}.toml"));
    std::fs::write(&path, text)?;
    Ok(path)
}
