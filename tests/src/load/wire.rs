//! What an event costs on the wire, all told: frames, signatures, acknowledgements and MQTT's packets, both ways.
//!
//! Both ends are the engine's sessions with its own frames; the line between them is simulated in virtual time, so
//! that a backlog over a slow line takes seconds to measure and says the same on every machine.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anyhow::{Context, Result, bail};
use outpost_model::header::{Header, HeaderLine, Promise, Service};
use outpost_model::id::{CaseId, ChannelId, DocumentKey, LineNo, OrderId, SiteId, Sku};
use outpost_model::money::Money;
use outpost_model::quantity::Quantity;
use outpost_model::time::UtcMillis;
use outpost_sync::{Document, DocumentId, Identity, Incarnation, Input, Item, Mark, Outgoing, Settings};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::fleet::{Clock, EVENTS_A_CASE, HubPeer, SimSite};
use super::rounded;

/// The site of all figures; its name stands in the topic of every packet.
const SITE: &str = "rotterdam-1";
/// How long a packet is on its way.
const LATENCY_MS: u64 = 20;
/// How long the hub takes for a commit.
const COMMIT_MS: u64 = 5;
/// A frame every so often is a hello.
const DAY_MS: u64 = 86_400_000;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Wire {
    /// Events of the backlog.
    pub backlog: usize,
    /// The slow line, bits a second.
    pub bits_per_second: u64,
}

/// Makes all figures.
pub fn run(wire: &Wire) -> Result<Value> {
    let live = live(6_000, 10)?;
    let lone = live_spaced(200)?;
    let (bytes, events, seconds, frames) = backlog(wire)?;
    let needed = bytes.up as f64 * 8.0 / wire.bits_per_second as f64;
    Ok(json!({
        "figure": "wire",
        "live_100_per_second_bytes_per_event": rounded(live),
        "lone_event_bytes": rounded(lone),
        "backlog_events": events, "backlog_frames": frames,
        "backlog_bytes_per_event": rounded(bytes.all() as f64 / events as f64),
        "line_bits_per_second": wire.bits_per_second,
        "backlog_seconds": rounded(seconds), "seconds_its_bytes_need": rounded(needed),
        "times_what_its_bytes_need": rounded(seconds / needed),
    }))
}

/// Events at a steady pace: bytes for each.
fn live(events: usize, pace_ms: u64) -> Result<f64> {
    let mut line = Line::open(events, u64::MAX)?;
    line.settle()?;
    let before = line.bytes.all();
    let begin = line.clock.boot_ms;
    for n in 0..events {
        line.run_until(begin + n as u64 * pace_ms)?;
        line.write()?;
    }
    line.settle()?;
    Ok((line.bytes.all() - before) as f64 / events as f64)
}

/// Events so far apart that each is alone: what one costs, without the hellos between.
fn live_spaced(events: usize) -> Result<f64> {
    let mut line = Line::open(events, u64::MAX)?;
    line.settle()?;
    let mut cost = 0;
    for _ in 0..events {
        line.run_until(line.clock.boot_ms + 3_000)?;
        let before = line.bytes.all();
        line.write()?;
        line.settle()?;
        cost += line.bytes.all() - before;
    }
    Ok(cost as f64 / events as f64)
}

/// A backlog written while the line was cut, drained over a slow line: bytes, events, seconds, frames up.
fn backlog(wire: &Wire) -> Result<(Bytes, u64, f64, u64)> {
    let mut line = Line::open(wire.backlog, wire.bits_per_second)?;
    line.settle()?;
    line.cut()?;
    let written = line.site.written();
    for _ in 0..wire.backlog {
        if !line.site.write_one(line.clock)? {
            break;
        }
        line.clock.advance_to(line.clock.boot_ms + 300);
    }
    let events = line.site.written() - written;
    (line.bytes, line.frames_up) = (Bytes::default(), 0);
    let begin = line.clock.boot_ms;
    line.restore()?;
    line.settle()?;
    let seconds = (line.clock.boot_ms - begin) as f64 / 1_000.0;
    Ok((line.bytes, events, seconds, line.frames_up))
}

/// Bytes that have gone each way, MQTT's packets included.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes {
    up: u64,
    down: u64,
}

impl Bytes {
    fn all(self) -> u64 {
        self.up + self.down
    }
}

/// Who a frame is on its way to, or what is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    AtHub(Vec<u8>),
    AtSite(Vec<u8>),
    Commit,
}

/// A site, a hub's end, and a line of some width between them.
struct Line {
    site: SimSite,
    peer: HubPeer,
    clock: Clock,
    bits_per_second: u64,
    queue: BinaryHeap<Reverse<(u64, u64, Due)>>,
    serial: u64,
    /// When each direction has carried all that was handed to it, in microseconds.
    free_at_us: [u64; 2],
    bytes: Bytes,
    frames_up: u64,
    committing: bool,
}

impl Line {
    fn open(events: usize, bits_per_second: u64) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(1);
        let hub = Identity::generate(&mut rng);
        let id = SiteId::new(SITE)?;
        let site = SimSite::new(id.clone(), hub.public(), Settings::default(), 2);
        let stream = offers(&mut rng, &id, events.div_ceil(EVENTS_A_CASE))?;
        let peer = HubPeer::new(id, hub, stream, site.public(), Settings::default());
        let clock = Clock { boot_ms: 1_000, wall_ms: 1_763_874_000_000 };
        let mut line = Self {
            site,
            peer,
            clock,
            bits_per_second: u64::MAX,
            queue: BinaryHeap::new(),
            serial: 0,
            free_at_us: [0; 2],
            bytes: Bytes::default(),
            frames_up: 0,
            committing: false,
        };
        line.restore()?;
        line.settle()?;
        line.bits_per_second = bits_per_second;
        Ok(line)
    }

    fn restore(&mut self) -> Result<()> {
        let frames = self.peer.give(self.clock, Input::LineUp)?;
        self.down(frames);
        let frames = self.site.give(self.clock, Input::LineUp)?;
        self.up(frames);
        Ok(())
    }

    fn cut(&mut self) -> Result<()> {
        self.queue.clear();
        self.committing = false;
        self.peer.commit(self.clock)?;
        self.site.give(self.clock, Input::LineDown)?;
        self.peer.give(self.clock, Input::LineDown)?;
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        if !self.site.write_one(self.clock)? {
            bail!("there was work for every event");
        }
        let frames = self.site.give(self.clock, Input::Woken)?;
        self.up(frames);
        Ok(())
    }

    /// Runs until nothing that was written is unacknowledged.
    fn settle(&mut self) -> Result<()> {
        let deadline = self.clock.boot_ms + DAY_MS;
        let end = self.peer.stream_end();
        while self.site.unacknowledged() > 0 || self.site.has_of_hub() < end || !self.queue.is_empty() {
            self.step(deadline)?;
        }
        Ok(())
    }

    fn run_until(&mut self, boot_ms: u64) -> Result<()> {
        while self.step(boot_ms)? {}
        Ok(())
    }

    /// Does what is due next; `false` when that is not before the deadline, which it is then.
    fn step(&mut self, deadline: u64) -> Result<bool> {
        let arrival = self.queue.peek().map(|Reverse((at, ..))| *at);
        let due = [arrival, self.site.wake_at(), self.peer.wake_at()].into_iter().flatten().min();
        let at = due.context("somebody has something left to do")?.max(self.clock.boot_ms);
        if at > deadline {
            self.clock.advance_to(deadline);
            return Ok(false);
        }
        self.clock.advance_to(at);
        if arrival.is_some_and(|arrival| arrival <= at) {
            let Some(Reverse((_, _, due))) = self.queue.pop() else { bail!("something was due") };
            match due {
                Due::AtHub(frame) => {
                    let frames = self.peer.give(self.clock, Input::Received(frame))?;
                    self.down(frames);
                }
                Due::AtSite(frame) => {
                    let frames = self.site.give(self.clock, Input::Received(frame))?;
                    self.up(frames);
                }
                Due::Commit => {
                    self.committing = false;
                    let frames = self.peer.commit(self.clock)?;
                    self.down(frames);
                }
            }
        } else {
            let frames = self.site.give(self.clock, Input::Tick)?;
            self.up(frames);
            let frames = self.peer.give(self.clock, Input::Tick)?;
            self.down(frames);
        }
        if self.peer.storing.is_some() && !self.committing {
            self.committing = true;
            self.push(self.clock.boot_ms + COMMIT_MS, Due::Commit);
        }
        Ok(true)
    }

    fn up(&mut self, frames: Vec<Vec<u8>>) {
        for frame in frames {
            let size = packet("up", &frame);
            self.bytes.up += size;
            self.frames_up += 1;
            let at = self.carried(0, size);
            self.push(at, Due::AtHub(frame));
        }
    }

    fn down(&mut self, frames: Vec<Vec<u8>>) {
        for frame in frames {
            let size = packet("down", &frame);
            self.bytes.down += size;
            let at = self.carried(1, size);
            self.push(at, Due::AtSite(frame));
        }
    }

    /// When a packet of this size has arrived: packets of one direction follow each other.
    fn carried(&mut self, way: usize, bytes: u64) -> u64 {
        let now_us = self.clock.boot_ms * 1_000;
        let takes_us = bytes.saturating_mul(8_000_000) / self.bits_per_second;
        self.free_at_us[way] = self.free_at_us[way].max(now_us) + takes_us;
        self.free_at_us[way].div_ceil(1_000) + LATENCY_MS
    }

    fn push(&mut self, at: u64, due: Due) {
        self.serial += 1;
        self.queue.push(Reverse((at, self.serial, due)));
    }
}

/// A frame in MQTT 5's packets, QoS 1: fixed header, topic, packet id, no properties, and what acknowledges the packet.
/// TCP's and IP's headers are not counted.
fn packet(way: &str, frame: &[u8]) -> u64 {
    let rest = 2 + format!("outpost/v1/s0/{SITE}/{way}").len() + 2 + 1 + frame.len();
    let length = match rest {
        0..128 => 1,
        128..16_384 => 2,
        _ => 3,
    };
    (1 + length + rest + 4) as u64
}

/// The hub's stream: a case for every eight events.
fn offers(rng: &mut StdRng, site: &SiteId, cases: usize) -> Result<(Incarnation, Vec<Outgoing>)> {
    let hub = Incarnation::mint(rng);
    let mut mark = Mark::start(hub);
    let mut stream = Vec::with_capacity(cases);
    for number in 0..cases {
        let mut id = || {
            let mut bytes = [0; 16];
            rng.fill_bytes(&mut bytes);
            uuid::Uuid::from_bytes(bytes)
        };
        let header = header(site, number, CaseId(id()), OrderId(id()))?;
        let doc = DocumentId::new(DocumentKey::Case(header.case).to_string())?;
        let (_, change) = Document::create(doc, hub, &serde_json::to_string(&header)?)?;
        let item = Item::Change(change);
        mark = mark.next(&item.digest());
        stream.push(Outgoing { mark, item });
    }
    Ok((hub, stream))
}

fn header(site: &SiteId, number: usize, case: CaseId, order: OrderId) -> Result<Header> {
    let at = UtcMillis(1_763_874_000_000 + number as i64 * 1_000);
    let line = |index: usize| -> Result<HeaderLine> {
        Ok(HeaderLine {
            line: serde_json::from_value::<LineNo>(json!(index + 1))?,
            sku: Sku::new(format!("SKU-{:04}", (number * 7 + index * 131) % 2_000))?,
            qty: Quantity::new(1 + (number + index) as u64 % 3)?,
            unit_price: Money { minor: 1_999, currency: "EUR".parse()? },
            group: None,
        })
    };
    Ok(Header {
        case,
        order,
        order_number: format!("#{number}"),
        channel: ChannelId::new("web")?,
        site: site.clone(),
        service: Service::Pickup,
        ship_method: None,
        lines: vec![line(0)?, line(1)?],
        partial: Default::default(),
        promise: Promise { promised_at: at, pick_by: at, pack_by: at, cutoff_at: None },
        hold_until: None,
        payment_ok_until: None,
        generation: 0,
        consignee: None,
        language: None,
        rules: "1".to_owned(),
        offered_at: at,
        more: Default::default(),
    })
}
