//! The three measurements, the same for every peer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{SyncArgs, process, rounded};
use crate::network::{Cut, Line};

/// Events of an order.
pub const EVENTS_OF_AN_ORDER: u32 = 8;
/// Events in one write of the backlog.
pub const WRITE: usize = 100;
/// How long anything may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(300);
/// Quiet before and after a lone event, so that it shares no frame, and what follows it is counted.
const PAUSE: Duration = Duration::from_millis(1_200);
/// Nothing moves on the line for this long: all that follows an event has been said.
const SILENCE: Duration = Duration::from_millis(400);
const TICK: Duration = Duration::from_millis(5);

/// How many events go into which part.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// At a steady rate.
    pub live: usize,
    /// Events a second of those.
    pub rate: u32,
    /// One by one.
    pub lone: usize,
    /// While the line is cut.
    pub backlog: usize,
}

impl Plan {
    /// Divides the orders' events.
    pub fn of(args: &SyncArgs) -> Result<Self> {
        let events = (args.orders * EVENTS_OF_AN_ORDER) as usize;
        let (live, lone) = ((args.rate * args.live_seconds) as usize, args.lone as usize);
        ensure!(args.rate > 0, "--rate: found 0, allowed: 1 and more");
        ensure!(
            live + lone < events,
            "--orders: {events} events leave none for a backlog after {live} live ones"
        );
        Ok(Self { live, rate: args.rate, lone, backlog: events - live - lone })
    }

    /// All of them.
    pub fn events(&self) -> usize {
        self.live + self.lone + self.backlog
    }
}

/// A site and a hub that replicate, one way or another.
pub trait Peer {
    /// What it is called, and what is worth knowing about how it is set up.
    fn name(&self) -> (&'static str, &'static str);
    /// Writes the next entries of the work at the site; how many events that were, all durable there now.
    async fn write(&mut self, entries: usize) -> Result<usize>;
    /// Events that can be read at the hub, as far as was seen by now; kept up to date in the background.
    fn visible(&self) -> Arc<AtomicU64>;
    /// The site's line.
    fn line(&self) -> &Line;
    /// Waits until the site has nothing left to say.
    async fn settle(&self) -> Result<()>;
    /// Its processes, by the part they play.
    fn processes(&self) -> &[(&'static str, u32)];
}

/// Bytes in both directions.
fn bytes(line: &Line) -> u64 {
    let traffic = line.traffic();
    traffic.bytes_up + traffic.bytes_down
}

async fn wait_for(visible: &AtomicU64, count: u64) -> Result<()> {
    let begun = Instant::now();
    while visible.load(Ordering::Relaxed) < count {
        if begun.elapsed() > PATIENCE {
            bail!("{} of {count} events are visible after {PATIENCE:?}", visible.load(Ordering::Relaxed));
        }
        tokio::time::sleep(TICK).await;
    }
    Ok(())
}

/// Waits until nothing has moved for a while.
async fn wait_for_silence(line: &Line) {
    let (mut last, mut since) = (bytes(line), Instant::now());
    while since.elapsed() < SILENCE {
        tokio::time::sleep(TICK).await;
        let now = bytes(line);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}

/// All measurements of one peer.
pub async fn all(peer: &mut impl Peer, plan: &Plan) -> Result<Value> {
    let live = live(peer, plan).await?;
    eprintln!("live: {live}");
    let lone = lone(peer, plan).await?;
    eprintln!("lone: {lone}");
    // What is left of the work: the parts before took as many events as it happened to bring.
    let taken = [&live["events"], &lone["written"]].into_iter().filter_map(Value::as_u64).sum::<u64>();
    let left = plan.events().saturating_sub(usize::try_from(taken)?);
    let backlog = backlog(peer, left).await?;
    eprintln!("backlog: {backlog}");
    let (name, setting) = peer.name();
    let memory = peer.processes().iter().map(|(part, pid)| Ok((*part, process::peak_mib(*pid)?)));
    let memory: std::collections::BTreeMap<_, _> = memory.collect::<Result<_>>()?;
    Ok(json!({ "peer": name, "setting": setting, "live": live, "lone": lone, "backlog": backlog,
        "peak_memory_mib": memory }))
}

/// Events at a steady rate: what each costs on the wire, and how late it is at the hub.
async fn live(peer: &mut impl Peer, plan: &Plan) -> Result<Value> {
    peer.settle().await?;
    let visible = peer.visible();
    let base = visible.load(Ordering::Relaxed);
    let watching = tokio::spawn(lags(visible.clone(), base, plan.live));
    let (sent, before) = (bytes(peer.line()), Instant::now());
    let mut written = VecDeque::with_capacity(plan.live);
    for k in 0..plan.live {
        let due = before + Duration::from_secs(1) * u32::try_from(k)? / plan.rate;
        tokio::time::sleep_until(due.into()).await;
        if written.len() > k {
            continue;
        }
        let events = peer.write(1).await?;
        written.extend(std::iter::repeat_n(Instant::now(), events));
    }
    let took = before.elapsed();
    let seen = watching.await??;
    peer.settle().await?;
    wait_for_silence(peer.line()).await;
    let wire = bytes(peer.line()) - sent;
    let mut lag = Histogram::<u64>::new(3)?;
    for (written, seen) in written.iter().zip(&seen) {
        lag.record(u64::try_from(seen.saturating_duration_since(*written).as_millis())?)?;
    }
    let count = written.len() as f64;
    Ok(json!({
        "events": written.len(), "events_per_second": rounded(count / took.as_secs_f64()),
        "wire_bytes": wire, "bytes_per_event": rounded(wire as f64 / count),
        "lag_p50_ms": lag.value_at_quantile(0.5), "lag_p99_ms": lag.value_at_quantile(0.99),
    }))
}

/// When each of so many events was first seen at the hub, in their order.
async fn lags(visible: Arc<AtomicU64>, base: u64, count: usize) -> Result<Vec<Instant>> {
    let begun = Instant::now();
    let mut seen = Vec::with_capacity(count);
    while seen.len() < count {
        let there = usize::try_from(visible.load(Ordering::Relaxed).saturating_sub(base))?.min(count);
        seen.resize(there.max(seen.len()), Instant::now());
        if begun.elapsed() > PATIENCE {
            bail!("{} of {count} live events are visible after {PATIENCE:?}", seen.len());
        }
        tokio::time::sleep(TICK).await;
    }
    Ok(seen)
}

/// Events with pauses between them: what one costs on the wire alone, with all that is said because of it.
async fn lone(peer: &mut impl Peer, plan: &Plan) -> Result<Value> {
    let visible = peer.visible();
    let (mut costs, mut written) = (Vec::new(), 0);
    while costs.len() < plan.lone {
        tokio::time::sleep(PAUSE).await;
        let (base, sent) = (visible.load(Ordering::Relaxed), bytes(peer.line()));
        let events = peer.write(1).await?;
        written += events;
        wait_for(&visible, base + events as u64).await?;
        wait_for_silence(peer.line()).await;
        // The first scan of a case is two events.
        if events == 1 {
            costs.push(bytes(peer.line()) - sent);
        }
    }
    costs.sort_unstable();
    // The median: a greeting or a keep-alive that falls into one of them is not the event's.
    Ok(
        json!({ "events": plan.lone, "written": written, "bytes_per_event": costs.get(costs.len() / 2), "all": costs }),
    )
}

/// Events written while the line is cut, then drained.
pub async fn backlog(peer: &mut impl Peer, events: usize) -> Result<Value> {
    peer.settle().await?;
    peer.line().cut(Cut::Reset);
    let begun = Instant::now();
    let asked = events;
    let mut events = 0;
    while events < asked {
        let written = peer.write(WRITE.min(asked - events)).await?;
        ensure!(written > 0, "the work has ended after {events} of {asked} events");
        events += written;
    }
    let writing = begun.elapsed();
    let visible = peer.visible();
    let base = visible.load(Ordering::Relaxed);
    let cpu = process::cpu(peer.processes())?;
    let before = peer.line().traffic();
    peer.line().restore();
    let restored = Instant::now();
    while peer.line().traffic() == before && restored.elapsed() < PATIENCE {
        tokio::time::sleep(TICK).await;
    }
    let reconnected = restored.elapsed();
    wait_for(&visible, base + events as u64).await?;
    let converged = restored.elapsed();
    peer.settle().await?;
    wait_for_silence(peer.line()).await;
    let after = peer.line().traffic();
    let (up, down) = (after.bytes_up - before.bytes_up, after.bytes_down - before.bytes_down);
    let draining = converged.saturating_sub(reconnected).as_secs_f64();
    let count = events as f64;
    let cpu = process::cpu(peer.processes())?.saturating_sub(cpu);
    Ok(json!({
        "events": events,
        "written_per_second": (count / writing.as_secs_f64()).round(),
        "reconnect_seconds": rounded(reconnected.as_secs_f64()),
        "converged_seconds": rounded(converged.as_secs_f64()),
        "events_per_second": (count / draining).round(),
        "wire_bytes": up + down, "bytes_up": up,
        "bytes_per_event": rounded((up + down) as f64 / count),
        "cpu_us_per_event": rounded(cpu.as_secs_f64() * 1e6 / count),
    }))
}
