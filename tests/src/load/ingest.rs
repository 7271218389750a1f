//! Events a second that a hub takes in: admitted, stored, projected, reacted to and acknowledged after the commit.
//!
//! Simulated sites make their frames beforehand, with the engine and against a hub's end without a database. Then the
//! frames are handed to the real driver of a hub on a real database, as fast as the engine's window lets them: a site
//! sends on when its earlier frames are acknowledged. What is measured is the hub alone; there is no broker.

mod chain;
mod feeder;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use outpost_config::{RulesHandle, SourceText, resolve};
use outpost_daemon::Supervisor;
use outpost_hub::replicate::{driver, verify};
use outpost_hub::{Hub, start};
use outpost_mqtt::LineEvent;
use outpost_sync::{Input, Settings};
use serde_json::{Value, json};
use sqlx::Row;
use tokio::sync::mpsc;

use self::chain::Enrolled;
use self::feeder::{Feeder, Frame, Sink};
use super::fleet::{Clock, EVENTS_A_CASE, HubPeer, SimSite};
use super::{disk, memory, rounded};

/// How often memory is looked at.
const SAMPLE_EVERY: Duration = Duration::from_millis(50);
/// How long anything may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(600);

/// What to measure.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// The hub's database; SQLite in a folder of its own when absent.
    pub database: Option<String>,
    /// Changes in a frame.
    pub frame: usize,
    /// Sites that send.
    pub sites: usize,
    /// Orders, eight events each.
    pub orders: usize,
}

/// Makes the frames, opens a hub, feeds it, and checks that what it holds is what was sent.
pub async fn run(ingest: &Ingest) -> Result<Value> {
    let directory = tempfile::tempdir()?;
    let url = ingest.database.as_ref().map(|url| format!("[database]\nurl = {url:?}\n")).unwrap_or_default();
    let text = format!("[data]\ndirectory = {:?}\n{url}", directory.path());
    let settings = resolve(Some(SourceText { name: "load", text: &text }), []).map_err(anyhow::Error::msg);
    let settings = settings.context("settings of the hub")?.settings;
    let supervisor = Supervisor::new();
    let hub = start::open(settings, RulesHandle::shipped()?, &supervisor).await?;
    eprintln!("{} orders at {} sites; making frames of {} …", ingest.orders, ingest.sites, ingest.frame);
    let enrolled = chain::enroll(&hub, ingest.sites, ingest.orders, sites_settings(ingest.frame)).await?;
    let mut events = 0;
    let mut feeders = Vec::with_capacity(enrolled.len());
    for site in enrolled {
        let (feeder, written) = record(&hub, site, ingest.frame)?;
        events += written;
        feeders.push(feeder);
    }
    let (sync, _) = disk::fdatasync().await?;
    let figures = feed(&hub, &supervisor, feeders, events).await?;
    check(&hub, events).await?;
    supervisor.shut_down();
    hub.store.close().await;
    let mut figures = figures;
    if let Some(object) = figures.as_object_mut() {
        object.insert(
            "database".to_owned(),
            json!(if ingest.database.is_some() { "postgres" } else { "sqlite" }),
        );
        object.insert("frame".to_owned(), json!(ingest.frame));
        object.insert("sites".to_owned(), json!(ingest.sites));
        object.insert("fdatasync_p50_us".to_owned(), json!(sync.as_micros() as u64));
    }
    Ok(figures)
}

/// A site that sends frames of exactly so many changes while it has them.
fn sites_settings(frame: usize) -> Settings {
    Settings { frame_items_max: frame, flush_items: frame, ..Settings::default() }
}

/// Lets a site and a hub's end without a database talk until all is acknowledged, and keeps what the site sent.
fn record(hub: &Hub, enrolled: Enrolled, frame: usize) -> Result<(Feeder, u64)> {
    let Enrolled { mut site, stream } = enrolled;
    let end = stream.1.last().map_or(0, |outgoing| outgoing.mark.n);
    let public = site.public();
    let mut peer =
        HubPeer::new(site.id.clone(), hub.identity.clone(), stream, public, sites_settings(frame.max(100)));
    let mut clock = Clock { boot_ms: 1_000, wall_ms: hub.now().0 };
    peer.give(clock, Input::LineUp)?;
    let hello = site.give(clock, Input::LineUp)?;
    let greeting = talk(&mut site, &mut peer, &mut clock, hello, |site| site.has_of_hub() >= end)?;
    let greeting = greeting.into_iter().map(|frame| frame.bytes).collect();
    while site.write_one(clock)? {
        clock.advance_to(clock.boot_ms + 10);
    }
    let first = site.give(clock, Input::Woken)?;
    let frames = talk(&mut site, &mut peer, &mut clock, first, |site| site.unacknowledged() == 0)?;
    // Hellos and acknowledgements have their time before and after; what is measured is events.
    let frames = frames.into_iter().filter(|frame| frame.is_batch()).collect();
    let written = site.written();
    Ok((Feeder::new(site.id.clone(), greeting, frames), written))
}

/// Carries frames between the two without any line, and returns the site's.
fn talk(
    site: &mut SimSite,
    peer: &mut HubPeer,
    clock: &mut Clock,
    first: Vec<Vec<u8>>,
    content: impl Fn(&SimSite) -> bool,
) -> Result<Vec<Frame>> {
    let mut sent = Vec::new();
    let mut up = first;
    loop {
        let mut down = Vec::new();
        for bytes in up.drain(..) {
            down.extend(peer.give(*clock, Input::Received(bytes.clone()))?);
            down.extend(peer.commit(*clock)?);
            sent.push(Frame { bytes, through: peer.stored });
        }
        for bytes in down {
            up.extend(site.give(*clock, Input::Received(bytes))?);
        }
        if !up.is_empty() {
            continue;
        }
        if content(site) {
            return Ok(sent);
        }
        let due = [site.wake_at(), peer.wake_at()].into_iter().flatten().min();
        clock.advance_to(due.context("somebody has something left to do")?.max(clock.boot_ms + 1));
        up = site.give(*clock, Input::Tick)?;
        for bytes in peer.give(*clock, Input::Tick)? {
            up.extend(site.give(*clock, Input::Received(bytes))?);
        }
    }
}

async fn feed(hub: &Hub, supervisor: &Supervisor, feeders: Vec<Feeder>, events: u64) -> Result<Value> {
    let (line, line_events) = mpsc::channel(256);
    let sink = Sink::new(feeders.iter().map(Feeder::site));
    let publish = sink.clone().publish();
    let token = supervisor.token();
    let driver = tokio::spawn(driver::run(hub.clone(), line_events, publish, token.clone()));
    line.send(LineEvent::Up).await?;
    let mut ready = Vec::with_capacity(feeders.len());
    for mut feeder in feeders {
        feeder.greet(&line).await?;
        ready.push(feeder);
    }
    until(|| async { Ok(number(hub, OPEN_DOWN).await? == 0) })
        .await
        .context("the hub's own streams drain")?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = memory::own_kib()?;
    let cpu = cpu_seconds()?;
    let begun = Instant::now();
    let sending: Vec<_> =
        ready.into_iter().map(|feeder| tokio::spawn(feeder.run(line.clone(), sink.clone()))).collect();
    let samples = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sampler = sample(samples.clone());
    for sending in sending {
        tokio::time::timeout(PATIENCE, sending).await???;
    }
    let taken = begun.elapsed();
    sampler.abort();
    let busy = cpu_seconds()? - cpu;
    token.cancel();
    driver.await??;
    let samples = samples.lock().map(|samples| samples.clone()).unwrap_or_default();
    let (half, peak) = halves(&samples, before);
    Ok(json!({
        "figure": "ingest", "events": events,
        "seconds": rounded(taken.as_secs_f64()),
        "events_per_second": (events as f64 / taken.as_secs_f64()).round(),
        "hub_cpu_us_per_event": rounded(busy * 1e6 / events as f64),
        "resident_mb_before": rounded(before as f64 / 1_024.0),
        "resident_mb_at_half": rounded(half as f64 / 1_024.0),
        "resident_mb_peak": rounded(peak as f64 / 1_024.0),
    }))
}

const OPEN_DOWN: &str = "SELECT CAST(COALESCE(SUM(s.n - COALESCE(c.n, 0)), 0) AS BIGINT) FROM stream s
     LEFT JOIN cursor c ON c.site = s.site AND c.way = 0 AND c.incarnation = s.incarnation";

fn sample(into: Arc<std::sync::Mutex<Vec<u64>>>) -> tokio::task::AbortHandle {
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(SAMPLE_EVERY).await;
            if let (Ok(kib), Ok(mut samples)) = (memory::own_kib(), into.lock()) {
                samples.push(kib);
            }
        }
    });
    task.abort_handle()
}

/// Memory when half the time is over, and the most there was.
fn halves(samples: &[u64], before: u64) -> (u64, u64) {
    let half = samples.get(samples.len() / 2).copied().unwrap_or(before);
    (half, samples.iter().copied().max().unwrap_or(before))
}

async fn until<F: Future<Output = Result<bool>>>(done: impl Fn() -> F) -> Result<()> {
    let begun = Instant::now();
    while !done().await? {
        ensure!(begun.elapsed() < PATIENCE, "it took longer than {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn number(hub: &Hub, sql: &'static str) -> Result<i64> {
    Ok(sqlx::query(sql).fetch_one(hub.store.read()).await?.try_get(0)?)
}

/// User and system time of this process so far: the hub's part, without a database server's.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').context("a process has a name")?.1;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? as f64 / 100.0)
}

/// Everything is there once, nothing stands in quarantine, and every case equals its fold from scratch.
async fn check(hub: &Hub, events: u64) -> Result<()> {
    let stored = number(hub, "SELECT COUNT(*) FROM item WHERE origin = 1").await?;
    ensure!(stored as u64 == events, "{stored} changes are stored, {events} were sent");
    let through = number(hub, "SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM cursor WHERE way = 1").await?;
    ensure!(through as u64 == events, "the cursors stand at {through}, not at {events}");
    ensure!(number(hub, "SELECT COUNT(*) FROM quarantine").await? == 0, "something stands in quarantine");
    let done = number(hub, "SELECT COUNT(*) FROM orders WHERE state = 'fulfilled'").await?;
    ensure!(done as u64 == events / EVENTS_A_CASE as u64, "{done} orders are fulfilled");
    let mut connection = hub.store.read().acquire().await?;
    for site in outpost_hub::store::enrollment::sites(&mut connection).await? {
        let mut after = String::new();
        loop {
            let page = verify::Page { after: &after, ..verify::Page::FIRST };
            let states = verify::documents(&mut connection, &site, hub.life.incarnation, true, page).await?;
            let wrong = states.iter().find(|state| !state.projection_ok);
            ensure!(wrong.is_none(), "{site} has a case that is not its fold: {wrong:?}");
            let Some(last) = states.last() else { break };
            after.clone_from(&last.document);
        }
    }
    Ok(())
}
