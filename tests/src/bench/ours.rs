//! Ours: the real daemons, driven over their public interfaces.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::measure::{EVENTS_OF_AN_ORDER, Peer, Plan};
use super::work;
use super::{Setup, SyncArgs};
use crate::api::Api;
use crate::demo::chain::{Chain, ChainOptions};
use crate::demo::goods::Want;
use crate::load::{STORE, picks};
use crate::network::Line;

/// Units of every common product at each site: more than any work needs.
const PLENTY: u32 = 1_000_000;
/// Lines of an order.
const LINES: u32 = 2;
/// Requests under way at once while the work is prepared.
const IN_FLIGHT: usize = 24;
/// How often the hub is asked how much it has.
const LOOK: Duration = Duration::from_millis(25);
/// How long orders may take to arrive.
const PATIENCE: Duration = Duration::from_secs(300);

/// A chain with work laid out at one store.
pub struct Ours {
    chain: Arc<Chain>,
    todo: VecDeque<picks::Pick>,
    visible: Arc<AtomicU64>,
    processes: Vec<(&'static str, u32)>,
    setting: &'static str,
    _looking: AbortOnDropHandle<()>,
}

impl Ours {
    /// Starts the chain and lays out the plan's events.
    pub async fn start(args: &SyncArgs, plan: &Plan) -> Result<Self> {
        Self::with_work(&args.setup, plan.events() as u32, EVENTS_OF_AN_ORDER / LINES).await
    }

    /// Starts a chain whose store has `events` picks to do, in orders with `units` of each line.
    pub async fn with_work(setup: &Setup, events: u32, units: u32) -> Result<Self> {
        let options = ChainOptions {
            hub_database: setup.hub_database.clone(),
            broker: setup.broker.clone(),
            plenty: Some(PLENTY),
            usual_pace: true,
            ..ChainOptions::default()
        };
        let chain = Arc::new(Chain::start(&options).await?);
        let store = chain.site(STORE)?;
        let mut processes = vec![
            ("site", store.service.pid().await.context("the edge runs")?),
            ("hub", chain.hub.pid().await.context("the hub runs")?),
        ];
        processes.extend(chain.broker_pid().await.map(|pid| ("broker", pid)));
        let todo = lay_out(&chain, events.div_ceil(units * LINES), units).await?;
        let visible = Arc::new(AtomicU64::new(events_at(&chain.hub_api).await?));
        let looking = tokio::spawn(look(chain.hub_api.clone(), visible.clone()));
        let setting = match setup.broker.as_str() {
            "embedded" => "SQLite on both sides, broker inside the hub",
            _ => "SQLite at the site, Mosquitto",
        };
        let _looking = AbortOnDropHandle::new(looking);
        Ok(Self { chain, todo, visible, processes, setting, _looking })
    }
}

impl Peer for Ours {
    fn name(&self) -> (&'static str, &'static str) {
        ("ours", self.setting)
    }

    async fn write(&mut self, entries: usize) -> Result<usize> {
        let api = &self.chain.site(STORE)?.api;
        if self.todo.is_empty() {
            return Ok(0);
        }
        let body = picks::batch(self.todo.drain(..entries.min(self.todo.len())));
        Ok(picks::give_counted(api, &body).await?.1)
    }

    fn visible(&self) -> Arc<AtomicU64> {
        self.visible.clone()
    }

    fn line(&self) -> &Line {
        // The store is there since the chain started.
        &self.chain.sites.iter().find(|site| site.id == STORE).unwrap_or(&self.chain.sites[0]).line
    }

    async fn settle(&self) -> Result<()> {
        settled(&self.chain).await
    }

    fn processes(&self) -> &[(&'static str, u32)] {
        &self.processes
    }
}

async fn settled(chain: &Chain) -> Result<()> {
    let begun = tokio::time::Instant::now();
    let store = chain.site(STORE)?;
    loop {
        let sync = store.api.get("/v1/sync").await?;
        let there = chain.hub_api.get(&format!("/v1/sites/{STORE}")).await?;
        if sync["line"]["up"] == true && sync["unacknowledged"] == 0 && there["unacknowledged"] == 0 {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("after {PATIENCE:?} the site says {sync} and the hub {there}");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How many events the hub has committed since it was started, as it counts for monitoring: who asks every few
/// milliseconds must not be what is measured.
async fn events_at(hub: &Api) -> Result<u64> {
    hub.counted("hub_events_synced").await
}

/// Keeps the count up to date.
async fn look(hub: Api, visible: Arc<AtomicU64>) {
    loop {
        match events_at(&hub).await {
            Ok(events) => visible.store(events, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "the hub did not say how many events it has"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Sends orders to the store and lists the scans they ask for, those of several orders side by side. The first scan of
/// a case is two events, since it accepts the case; so the last unit of each case stays on its shelf.
async fn lay_out(chain: &Arc<Chain>, orders: u32, units: u32) -> Result<VecDeque<picks::Pick>> {
    let mut sending = JoinSet::new();
    let mut numbers = Vec::new();
    for _ in 0..orders {
        if sending.len() >= IN_FLIGHT {
            numbers.extend(sending.join_next().await.transpose()?.transpose()?);
        }
        let chain = chain.clone();
        sending.spawn(async move { chain.send(&Want::pickup(STORE, LINES as usize).units(units)).await });
    }
    while let Some(sent) = sending.join_next().await {
        numbers.push(sent??);
    }
    wait_for_cases(chain, orders).await?;
    let mut asking = JoinSet::new();
    let mut cases = Vec::new();
    for number in numbers {
        if asking.len() >= IN_FLIGHT {
            cases.extend(asking.join_next().await.transpose()?.transpose()?);
        }
        let api = chain.site(STORE)?.api.clone();
        asking.spawn(async move { scans(&api, &number, units).await });
    }
    while let Some(found) = asking.join_next().await {
        cases.push(found??);
    }
    // `sequence` speaks of eight events an order; with more units an order has more of the same.
    let rounds = units * LINES / EVENTS_OF_AN_ORDER;
    let mut todo = VecDeque::new();
    for (order, event) in work::sequence(cases.len()) {
        let scan = |round: u32| cases[order].get(event * rounds as usize + round as usize).cloned();
        todo.extend((0..rounds).filter_map(scan));
    }
    Ok(todo)
}

async fn wait_for_cases(chain: &Chain, cases: u32) -> Result<()> {
    let begun = tokio::time::Instant::now();
    loop {
        let site = chain.hub_api.get(&format!("/v1/sites/{STORE}")).await?;
        if site["open_cases"].as_u64() >= Some(u64::from(cases)) && site["unacknowledged"] == 0 {
            return settled(chain).await;
        }
        if begun.elapsed() > PATIENCE {
            bail!("after {PATIENCE:?} the store has not got its {cases} cases: {site}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The scans an order asks for, one unit each.
async fn scans(api: &Api, number: &str, units: u32) -> Result<Vec<Value>> {
    let found = api.get(&format!("/v1/pickup?q={}", number.replace('#', "%23"))).await?;
    let found = found["found"].as_array().into_iter().flatten().find(|found| found["order_number"] == number);
    let case = found.and_then(|found| found["case"].as_str());
    let case = case.with_context(|| format!("the store does not find order {number}"))?;
    let view = api.get(&format!("/v1/fulfillments/{case}")).await?;
    let mut scans = Vec::new();
    for line in view["lines"].as_array().into_iter().flatten() {
        let (barcode, location) = (&line["barcodes"][0]["code"], &line["locations"][0]["location"]);
        for _ in 0..units {
            scans.push(json!({ "case": case, "do": "pick", "line": line["line"], "qty": 1,
                "barcode": barcode, "location": location, "container": format!("T-{}", &case[24..]) }));
        }
    }
    scans.pop();
    Ok(scans)
}
