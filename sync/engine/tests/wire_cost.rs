//! What an event costs on the wire when a backlog drains: frames, signatures, acknowledgements and MQTT's packets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use outpost_sync::Entry;
use rand::Rng;
use rand::rngs::StdRng;

/// What MQTT adds to a frame with QoS 1: fixed header, topic, packet id, no properties, and the PUBACK.
const MQTT_BYTES: usize = 4 + 2 + "outpost/v1/0/berlin-1/down".len() + 2 + 1 + 4;

/// A store at work: several cases are open at a time, each with some eight events, and ledger entries beside them.
/// The hub founded the cases before the line was cut.
fn work(world: &mut World, events: usize) {
    let mut rng = common::rng(77);
    let mut clock = 1_763_874_000_000u64;
    let mut cases: Vec<String> =
        (0..events / 6).map(|_| format!("case/{}", uuid(&mut rng, clock, true))).collect();
    cases.iter().for_each(|case| world.bob.found(case));
    world.connect();
    world.run_until_quiet();
    world.cut();
    let mut open: Vec<(String, u64)> = Vec::new();
    for n in 0..events {
        clock += rng.next_u64() % 4_000;
        while open.len() < 12 {
            open.push((cases.pop().unwrap(), 0));
        }
        let at = (rng.next_u64() % open.len() as u64) as usize;
        open[at].1 += 1;
        let (doc, own) = open[at].clone();
        let (doc, text) = match n % 4 {
            3 => ("ledger/berlin-1/0".to_owned(), movement(&mut rng, clock, n as u64)),
            _ => (doc, fact(&mut rng, clock, own)),
        };
        if own >= 8 {
            open.remove(at);
        }
        let id = format!("{}.0", uuid(&mut rng, clock, false));
        world.alice.write_entry(&doc, Entry { id, text });
    }
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
    work(&mut world, EVENTS);
    let text: usize = world.alice.texts();
    let (bytes, frames) = (world.bytes_sent, world.frames_sent);
    world.connect();
    world.run_until_quiet();
    world.assert_healed();
    let frames = world.frames_sent - frames;
    let wire = world.bytes_sent - bytes + frames * MQTT_BYTES;
    let each = wire as f64 / EVENTS as f64;
    println!(
        "{} B of id and text an event, {frames} frames, {each:.1} B an event on the wire",
        text / EVENTS
    );
    assert!(each <= 40.0, "{each:.1} B an event");
}
