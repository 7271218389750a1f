//! What an event costs on the wire: frames, signatures, acknowledgements and MQTT's packets, both ways.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use outpost_sync::{Entry, Input, Side};
use rand::Rng;
use rand::rngs::StdRng;

/// What MQTT adds to a frame with QoS 1: fixed header, topic, packet id, no properties, and the PUBACK.
const MQTT_BYTES: usize = 4 + 2 + "outpost/v1/s0/berlin-1/down".len() + 2 + 1 + 4;

/// A store at work: twelve cases are open at a time, each with some eight events, and ledger entries beside them.
struct Work {
    rng: StdRng,
    clock: u64,
    cases: Vec<String>,
    open: Vec<(String, u64)>,
    written: usize,
}

impl Work {
    /// The hub has founded the cases of so many events, and they have arrived.
    fn of(world: &mut World, events: usize) -> Self {
        let mut rng = common::rng(77);
        let clock = 1_763_874_000_000u64;
        let cases: Vec<String> =
            (0..events / 6 + 12).map(|_| format!("case/{}", uuid(&mut rng, clock, true))).collect();
        cases.iter().for_each(|case| world.bob.found(case));
        world.connect();
        world.run_until_quiet();
        Self { rng, clock, cases, open: Vec::new(), written: 0 }
    }

    fn write(&mut self, world: &mut World) {
        let n = self.written;
        self.written += 1;
        self.clock += self.rng.next_u64() % 4_000;
        while self.open.len() < 12 {
            self.open.push((self.cases.pop().unwrap(), 0));
        }
        let at = (self.rng.next_u64() % self.open.len() as u64) as usize;
        self.open[at].1 += 1;
        let (doc, own) = self.open[at].clone();
        let (doc, text) = match n % 4 {
            3 => ("ledger/berlin-1/0".to_owned(), movement(&mut self.rng, self.clock, n as u64)),
            _ => (doc, fact(&mut self.rng, self.clock, own)),
        };
        if own >= 8 {
            self.open.remove(at);
        }
        let id = format!("{}.0", uuid(&mut self.rng, self.clock, false));
        world.alice.write_entry(&doc, Entry { id, text });
    }
}

/// What has gone over the wire so far, both ways.
fn wire(world: &World) -> usize {
    world.bytes_sent + world.frames_sent * MQTT_BYTES
}

fn uuid(rng: &mut StdRng, clock: u64, hyphens: bool) -> String {
    let (a, b) = (rng.next_u64(), rng.next_u64());
    let hex = format!("{clock:012x}7{:03x}{:04x}{:012x}", a & 0xfff, 0x8000 | (a >> 12) & 0x3fff, b >> 16);
    if !hyphens {
        return hex;
    }
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn fact(rng: &mut StdRng, clock: u64, n: u64) -> String {
    let mut pick = |n: u64| rng.next_u64() % n;
    let by = format!("s-{}@scan-{}", 10 + pick(14), 1 + pick(8));
    let head = format!(r#"{{"n":{n},"seen":1,"at":{clock},"by":"{by}","kind":"#);
    match n {
        1 => format!(r#"{head}"accepted","data":{{}}}}"#),
        2..6 => {
            let barcode = 4_006_381_000_000 + pick(2_000) * 17;
            let location =
                format!("{}-{:02}-{}", ["A", "B", "C", "D"][pick(4) as usize], pick(24), 1 + pick(5));
            format!(
                r#"{head}"picked","data":{{"line":{},"qty":1000,"sku":"SKU-{:04}","barcode":"{barcode:014}","location":"{location}","container":"TOTE-{:03}"}}}}"#,
                n - 1,
                (barcode - 4_006_381_000_000) / 17,
                pick(200),
            )
        }
        6 => format!(
            r#"{head}"packed","data":{{"container":"P-{:06}","contents":[{{"line":1,"qty":1000}}],"weight_g":{}}}}}"#,
            pick(1_000_000),
            200 + pick(4_000),
        ),
        7 => format!(
            r#"{head}"labeled","data":{{"container":"P-{:06}","kind":"carrier","number":"{:018}"}}}}"#,
            pick(1_000_000),
            340_434_000_000_000_000 + pick(1_000_000_000),
        ),
        _ => format!(
            r#"{head}"handed_over","critical":true,"data":{{"containers":["P-{:06}"],"to":"carrier","permission":"granted","proof_method":"scan"}}}}"#,
            pick(1_000_000)
        ),
    }
}

fn movement(rng: &mut StdRng, clock: u64, n: u64) -> String {
    let mut pick = |n: u64| rng.next_u64() % n;
    format!(
        r#"{{"n":{n},"seen":0,"at":{clock},"by":"s-{}@scan-{}","kind":"moved","data":{{"sku":"SKU-{:04}","from":"A-{:02}-{}","to":"TOTE-{:03}","qty":1000,"reason":"pick"}}}}"#,
        10 + pick(14),
        1 + pick(8),
        pick(2_000),
        pick(24),
        1 + pick(5),
        pick(200),
    )
}

#[test]
fn a_backlog_costs_at_most_forty_bytes_an_event() {
    const EVENTS: usize = 2_000;
    let mut world = World::new(31);
    let mut work = Work::of(&mut world, EVENTS);
    world.cut();
    (0..EVENTS).for_each(|_| work.write(&mut world));
    let text: usize = world.alice.texts();
    let (before, frames) = (wire(&world), world.frames_sent);
    world.connect();
    world.run_until_quiet();
    world.assert_healed();
    let frames = world.frames_sent - frames;
    let each = (wire(&world) - before) as f64 / EVENTS as f64;
    println!(
        "{} B of id and text an event, {frames} frames, {each:.1} B an event on the wire",
        text / EVENTS
    );
    assert!(each <= 40.0, "{each:.1} B an event");
}

#[test]
fn live_events_cost_at_most_sixty_bytes() {
    const EVENTS: usize = 2_000;
    let mut world = World::new(32);
    let mut work = Work::of(&mut world, EVENTS);
    let before = wire(&world);
    for _ in 0..EVENTS {
        work.write(&mut world);
        world.give(Side::Site, Input::Woken);
        world.run(10);
    }
    world.run_until_quiet();
    world.assert_healed();
    let each = (wire(&world) - before) as f64 / EVENTS as f64;
    println!("{each:.1} B an event at 100 a second");
    assert!(each <= 60.0, "{each:.1} B an event");
}

#[test]
fn a_lone_event_costs_at_most_four_hundred_and_fifty_bytes() {
    const EVENTS: usize = 200;
    let mut world = World::new(33);
    let mut work = Work::of(&mut world, EVENTS);
    let mut bytes = 0;
    for _ in 0..EVENTS {
        world.run(3_000);
        let before = wire(&world);
        work.write(&mut world);
        world.give(Side::Site, Input::Woken);
        world.run_until_quiet();
        bytes += wire(&world) - before;
    }
    world.assert_healed();
    let each = bytes as f64 / EVENTS as f64;
    println!("{each:.1} B for an event on its own");
    assert!(each <= 450.0, "{each:.1} B for an event on its own");
}
