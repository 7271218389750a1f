//! A chain of stores as real daemons: hub, broker, two stores and a warehouse, each with a printer and a line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::broker::Broker;
use super::checks::stock;
use super::goods::{Goods, Placed, Want};
use super::opening::{import, import_stock, start_site};
use super::settings;
use super::story::{until, until_within};
use super::supervisor::{Service, free_port};
use crate::api::{Answer, Api};
use crate::device::carrier::VirtualCarrier;
use crate::device::printer::VirtualPrinter;
use crate::network::Line;
use crate::shopify::Webhook;
use crate::staff::{Staff, Until};

/// How long the sites may take until stock is granted: all together, and for each one more.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_A_SITE: Duration = Duration::from_secs(2);

/// One site of the chain.
pub struct Site {
    /// Its id.
    pub id: String,
    /// Its daemon.
    pub service: Service,
    /// The daemon's interface.
    pub api: Api,
    /// Its people.
    pub staff: Staff,
    /// Its label printer.
    pub printer: VirtualPrinter,
    /// The line to the broker.
    pub line: Line,
}

impl Site {
    /// Whether its line is cut right now.
    pub fn is_cut(&self) -> bool {
        self.line.cut_now().is_some()
    }
}

/// The whole chain.
pub struct Chain {
    /// The hub's daemon.
    pub hub: Service,
    /// The hub's interface.
    pub hub_api: Api,
    /// The sites.
    pub sites: Vec<Site>,
    /// The carrier.
    pub carrier: VirtualCarrier,
    broker: Broker,
    goods: Goods,
    folder: Folder,
}

/// Where the chain keeps its files: a folder that goes with it, or one that stays.
enum Folder {
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

/// How to start a chain.
#[derive(Debug, Clone, Default)]
pub struct ChainOptions {
    /// The hub's database; SQLite in its folder when absent.
    pub hub_database: Option<String>,
    /// The broker's name; see [`Broker::prepare`].
    pub broker: String,
    /// Keep files here instead of in a temporary folder.
    pub keep: Option<PathBuf>,
    /// Seed of catalogue and orders.
    pub seed: u64,
    /// The lab's executable, which runs the daemons; this one when absent.
    pub lab: Option<PathBuf>,
    /// Units of every common product at each site; enough for the story when absent.
    pub plenty: Option<u32>,
    /// Hellos as seldom as the daemons say them by default; the demo lets them be seen more often.
    pub usual_pace: bool,
    /// So many sites; the story's three when absent.
    pub sites: Option<usize>,
    /// The hub copies its database into the folder `copies` when asked, and sites keep what no copy contains.
    pub copies: bool,
}

impl Chain {
    /// Starts everything and waits until stock is granted and orders can flow.
    pub async fn start(options: &ChainOptions) -> Result<Self> {
        let folder = match &options.keep {
            Some(path) => {
                std::fs::create_dir_all(path)?;
                Folder::Kept(std::path::absolute(path)?)
            }
            None => Folder::Temporary(tempfile::Builder::new().prefix("outpost-demo-").tempdir()?),
        };
        let at = folder.path();
        let secret = format!("demo-{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>());
        let goods = Goods::new(options.seed, &secret, options.plenty, options.sites);
        let broker = Broker::prepare(&options.broker, at)?;
        broker.start().await?;
        let lab = options.lab.clone().map_or_else(std::env::current_exe, Ok)?;
        let hub_port = free_port()?;
        let hub_api = Api::new(format!("http://127.0.0.1:{hub_port}"))?;
        let carrier = VirtualCarrier::start().await?;
        carrier.set_webhook(format!("{}/v1/carriers/observations", hub_api.base()));
        let config = settings::hub(at, hub_port, &broker, &carrier.url(), options)?;
        let hub = Service::daemon(&lab, "hub", "hub", &config, at)?
            .with_variable("OUTPOST_HUB__CHANNELS__SHOPIFY__DEMO__WEBHOOK_SECRET", &secret);
        hub.start().await?;
        hub.wait_ready(&hub_api).await?;
        import(&hub_api, &goods).await?;
        let mut sites = Vec::new();
        for id in goods.sites() {
            sites.push(start_site(&lab, &id, at, &hub_api, &broker, options).await?);
        }
        import_stock(&hub_api, &goods).await?;
        let chain = Self { hub, hub_api, sites, carrier, broker, goods, folder };
        chain.wait_for_rights().await?;
        Ok(chain)
    }

    /// The goods and what lay where at the beginning.
    pub fn goods(&self) -> &Goods {
        &self.goods
    }

    /// Where the daemons keep their files: a folder for each, named like it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A site by its id.
    pub fn site(&self, id: &str) -> Result<&Site> {
        self.sites.iter().find(|site| site.id == id).with_context(|| format!("there is no site {id}"))
    }

    /// Places an order with the shop and delivers it; its number.
    pub async fn send(&self, want: &Want) -> Result<String> {
        let placed = self.goods.place(want)?;
        self.deliver(&placed).await?;
        Ok(placed.number)
    }

    /// Delivers a placed order, as the shop system does.
    pub async fn deliver(&self, placed: &Placed) -> Result<()> {
        let answer = self.post(&placed.webhook).await?;
        answer.ok(&format!("delivering order {}", placed.number))?;
        Ok(())
    }

    /// Delivers an order that was delivered before, byte for byte.
    pub async fn deliver_again(&self, placed: &Placed) -> Result<()> {
        let answer = self.post(&placed.webhook).await?;
        if answer.status != 200 || answer.body["repeated"] != true {
            bail!(
                "a second delivery of {} was answered HTTP {} {}",
                placed.number,
                answer.status,
                answer.body
            );
        }
        Ok(())
    }

    /// Delivers a payload that breaks off in the middle, correctly signed.
    pub async fn deliver_malformed(&self) -> Result<()> {
        let answer = self.post(&self.goods.broken_off()?).await?;
        if answer.status != 202 {
            bail!("half a payload was answered HTTP {} {}", answer.status, answer.body);
        }
        Ok(())
    }

    /// Sends some orders of every kind, for the control page.
    pub async fn send_sample_orders(&self, count: usize) -> Result<()> {
        for k in 0..count {
            let want = match k % 4 {
                0 => Want::pickup("rotterdam-1", 2),
                1 => Want::pickup("amsterdam-1", 1),
                2 => Want::split(),
                _ => Want::ship(1 + k % 3),
            };
            self.send(&want).await?;
        }
        Ok(())
    }

    async fn post(&self, webhook: &Webhook) -> Result<Answer> {
        let headers: Vec<(&str, &str)> =
            webhook.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.hub_api.post_bytes("/v1/channels/shopify/orders", webhook.body.clone(), &headers).await
    }

    /// An order with its cases, by its number.
    pub async fn order(&self, number: &str) -> Result<Value> {
        let query = number.replace('#', "%23");
        let found = self.hub_api.get(&format!("/v1/orders?q={query}")).await?;
        let orders = found["orders"].as_array().cloned().unwrap_or_default();
        let order = orders.iter().find(|order| order["number"] == number);
        let id = order
            .and_then(|order| order["id"].as_str())
            .with_context(|| format!("the hub has no {number}"))?;
        self.hub_api.get(&format!("/v1/orders/{id}")).await
    }

    /// Asks the hub to cancel an order.
    pub async fn cancel(&self, number: &str, reason: &str) -> Result<()> {
        let order = self.order(number).await?;
        let id =
            order["id"].as_str().or_else(|| order["order"]["id"].as_str()).context("an order has an id")?;
        let answer =
            self.hub_api.post(&format!("/v1/orders/{id}/cancel"), &json!({ "reason": reason })).await?;
        answer.ok("cancelling")?;
        Ok(())
    }

    /// How far all staff take cases.
    pub fn all_staff_until(&self, until: Until) {
        for site in &self.sites {
            site.staff.take_all_until(until);
        }
    }

    /// Tasks that are not done, at one site or at all; orders on their way to a site count too.
    pub async fn open_tasks(&self, site: Option<&str>) -> Result<usize> {
        let mut open = 0;
        for entry in self.sites.iter().filter(|entry| site.is_none_or(|id| entry.id == id)) {
            open += entry.staff.tasks().await?.len();
        }
        if site.is_none() {
            open += self.under_way().await;
        }
        Ok(open)
    }

    /// Orders that no site has yet and items on their way to a site, as far as the hub can be asked.
    async fn under_way(&self) -> usize {
        let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let (Ok(stats), Ok(sites)) =
            (self.hub_api.get("/v1/stats").await, self.hub_api.get("/v1/sites").await)
        else {
            return 0;
        };
        let waiting = number(&stats["orders"]["captured"]) + number(&stats["orders"]["approved"]);
        let sites = sites["sites"].as_array().into_iter().flatten();
        waiting + sites.map(|site| number(&site["unacknowledged"])).sum::<usize>()
    }

    /// Waits until `count` cases lie at the sites and can be worked to the end without the hub.
    pub async fn wait_until_workable(&self, count: usize) -> Result<()> {
        until("new orders to reach the stores", || async {
            let mut ready = 0;
            for site in &self.sites {
                for task in site.staff.tasks().await? {
                    let case = task["case"].as_str().unwrap_or_default();
                    let view = site.api.get(&format!("/v1/fulfillments/{case}")).await?;
                    let labels =
                        view["fulfillment"]["bought"].as_array().is_some_and(|bought| !bought.is_empty());
                    let code = site.staff.knows_code(case);
                    if view["permission"]["allowed"] == true
                        && (labels || task["service"] != "ship")
                        && (code || task["service"] != "pickup")
                    {
                        ready += 1;
                    }
                }
            }
            Ok(ready >= count)
        })
        .await
    }

    /// Sells a few pieces over a store's counter.
    pub async fn sell_something(&self, site: &str, pieces: usize) -> Result<()> {
        let staff = &self.site(site)?.staff;
        for sku in self.goods.common().iter().take(pieces) {
            staff.sell(sku, 1).await?;
        }
        Ok(())
    }

    /// The broker's log, where it has one of its own.
    pub fn broker_log(&self) -> String {
        self.broker.log()
    }

    /// Where the broker is, without a line in between.
    pub fn broker_address(&self) -> &str {
        self.broker.address()
    }

    /// The broker's process, where it is one of its own.
    pub async fn broker_pid(&self) -> Option<u32> {
        self.broker.pid().await
    }

    /// Stops the broker hard and starts it again. The embedded one lives in the hub, which goes with it.
    pub async fn restart_broker(&self) -> Result<()> {
        if self.broker.is_embedded() {
            self.hub.crash(&self.hub_api).await?;
            return Ok(());
        }
        self.broker.restart().await
    }

    /// Bytes on all lines, both ways.
    pub fn wire_bytes(&self) -> u64 {
        self.sites
            .iter()
            .map(|site| site.line.traffic())
            .map(|traffic| traffic.bytes_up + traffic.bytes_down)
            .sum()
    }

    /// Hands customers' codes to the staff as soon as the hub knows the case: the customer was sent it.
    pub async fn customers(&self) {
        loop {
            for site in &self.sites {
                for case in site.staff.cases_without_code().await.unwrap_or_default() {
                    if let Ok(found) = self.hub_api.get(&format!("/v1/pickup-codes/{case}")).await {
                        site.staff.hear_code(&case, found["code"].as_str().unwrap_or_default());
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn wait_for_rights(&self) -> Result<()> {
        let common: BTreeSet<&str> = self.goods.common().iter().map(String::as_str).collect();
        let patience = PATIENCE + PATIENCE_A_SITE * u32::try_from(self.sites.len())?;
        until_within(patience, "the sites to grant their stock", || async {
            for site in &self.sites {
                let rows = stock(&self.hub_api, &format!("/v1/sites/{}/stock", site.id)).await?;
                let granted = rows.iter().filter(|row| {
                    row["granted"].as_i64().unwrap_or(0) > 0
                        && common.contains(row["sku"].as_str().unwrap_or(""))
                });
                if granted.count() < common.len() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    /// Waits until nothing is under way in either direction and every label has come out.
    pub async fn wait_until_quiet(&self) -> Result<()> {
        until("both sides to have everything and the printers to be done", || self.is_quiet()).await
    }

    /// Whether nothing is under way in either direction and every label has come out.
    pub async fn is_quiet(&self) -> Result<bool> {
        for site in &self.sites {
            let sync = site.api.get("/v1/sync").await?;
            if sync["line"]["up"] != true || sync["unacknowledged"].as_u64() != Some(0) {
                return Ok(false);
            }
            let devices = site.api.get("/v1/devices").await?;
            if devices["live"].as_array().is_none_or(|jobs| !jobs.is_empty()) {
                return Ok(false);
            }
        }
        let there = self.hub_api.get("/v1/sites").await?;
        let there = there["sites"].as_array().context("the hub lists its sites")?;
        Ok(there.iter().all(|site| site["unacknowledged"].as_u64() == Some(0)))
    }
}
