//! Changes made by somebody with a site's key to break the hub that reads them, with checksums that are right: each costs
//! a bounded time and memory, harms nobody, and the stream goes on.

#[path = "../../../sync/engine/tests/forge/mod.rs"]
pub mod forge;

use std::time::{Duration, Instant};

use forge::{Forged, change, leb, literal, prefixed, same, signed};
use outpost_model::id::{DocumentKey, SiteId};
use outpost_sync::{Change, Input, Item, Limits};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::flow::opening;
use crate::site::SimSite;
use crate::world::{World, databases};

/// Pages that the changes pretend to belong to: the first refused one holds its page.
const PAGES: u32 = 60;
/// Mutated changes for each page.
const EACH: u32 = 12;

fn ledger(site: &SiteId, page: u32) -> DocumentKey {
    DocumentKey::Ledger(site.clone(), page)
}

/// The memory this process ever had at once, in KiB.
fn memory_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// A change as the site would write it next.
fn genuine(site: &SimSite, founding: &Change, n: u64) -> Forged {
    let id = format!("{:032x}.0", u128::from(n) << 64 | 7);
    let text =
        format!(r#"{{"n":{n},"seen":0,"at":1,"by":"edge","kind":"booked","data":{{"movements":[]}}}}"#);
    Forged {
        deps: vec![founding.hash.0],
        author: site.incarnation.0.to_vec(),
        ..Forged::entries(&[(id.as_str(), text.as_str())])
    }
}

fn mutated(mut content: Vec<u8>, rng: &mut StdRng) -> Vec<u8> {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..content.len().max(1)).min(content.len().saturating_sub(1));
        match rng.random_range(0..6) {
            0..3 => content[at] ^= 1 << rng.random_range(0..8),
            3 => {
                let huge = [leb(u64::MAX), signed(i64::MIN), signed(i64::MAX), leb(1 << 40)];
                content.splice(at..at, huge[rng.random_range(0..4)].iter().copied());
            }
            4 => drop(content.drain(at..content.len().min(at + rng.random_range(1..9)))),
            _ => {
                let part = content[at..content.len().min(at + 8)].repeat(rng.random_range(1..200));
                content.splice(at..at, part);
            }
        }
    }
    content.truncate(Limits::PROTOCOL.change_bytes_max - 20);
    content
}

/// Changes made to cost as much as can be.
fn dear(next: &Forged) -> Vec<Forged> {
    let huge = |run: i64| [signed(run), leb(1)].concat();
    let key = prefixed("k".repeat(128).as_bytes());
    let (bomb, small) = (deflated(64 << 20), deflated(8 << 20));
    let more = |columns: Vec<(u64, Vec<u8>)>| Forged { columns, ..next.clone() };
    vec![
        // Runs and lengths that say they go on for ever.
        next.clone().with(0x42, huge(i64::MAX)),
        next.clone().with(0x15, [signed(i64::MAX), key.clone()].concat()),
        next.clone().with(0x15, signed(i64::MIN)),
        next.clone().with(0x56, leb(u64::MAX).repeat(9_000)),
        next.clone().with(0x57, vec![b'x'; 90 << 10]),
        // As many dependencies, authors and columns as there is room for, and counts that lie.
        Forged {
            deps: (0..2_900_u32).map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes()).collect(),
            ..next.clone()
        },
        Forged { deps: (0..64).map(|n| [n; 32]).collect(), ..next.clone() },
        Forged { actors: (0..5_000_u32).map(|n| vec![n as u8; 16]).collect(), ..next.clone() },
        more((0..20_000).map(|n| (n, Vec::new())).collect()),
        more((0..8).map(|n| (n, vec![0x7f; 11 << 10])).collect()),
        // Compressed columns: 64 MiB in a few bytes, marked as the format marks them.
        more(next.columns.iter().map(|(column, _)| (column | 8, small.clone())).collect()),
        next.clone().with(0x57, bomb),
        // Operations and numbers at the ends of their range.
        Forged { start_op: u64::MAX, ..next.clone() },
        Forged { start_op: u64::from(u32::MAX) - 1, ..next.clone() },
        Forged { start_op: u64::MAX - 255, seq: u64::MAX, ..next.clone() },
        Forged { seq: u64::from(u32::MAX), ..next.clone() },
        // A whole change of the dearest allowed kind, twice over.
        next.clone().with(0x15, literal(256, &key.repeat(256))).with(0x42, same(256, 1)),
        Forged { message: vec![b'm'; 90 << 10], ..next.clone() },
        Forged { time: i64::MIN, ..next.clone() },
        Forged { tail: vec![0xff; 90 << 10], ..next.clone() },
    ]
}

/// A raw deflate stream of the same byte over and over, as compressed columns hold it.
fn deflated(bytes: usize) -> Vec<u8> {
    use std::io::Write;
    let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    let block = vec![0x7f; 1 << 20];
    (0..bytes >> 20).for_each(|_| writer.write_all(&block).unwrap());
    let packed = writer.finish().unwrap();
    assert!(packed.len() < 80 << 10, "{}", packed.len());
    packed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forged_change_stops_a_stream_or_costs_much() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let mut rng = StdRng::seed_from_u64(rand::random());
        println!("seed {}", rng.next_u64());
        let id = site.id.clone();
        let mut foundings = Vec::new();
        for page in 0..PAGES {
            site.found(&ledger(&id, page));
            foundings.push(site.last_change());
        }
        let honest = ledger(&id, PAGES);
        site.found(&honest);
        let mut forged = 0;
        let bombs: Vec<Forged> = dear(&genuine(&site, &foundings[0], 1));
        for (page, founding) in (0..PAGES).zip(&foundings) {
            let doc = ledger(&id, page).to_string();
            let next = genuine(&site, founding, 1);
            let first = bombs.get(page as usize).map(Forged::content);
            let others = (0..EACH).map(|_| mutated(next.content(), &mut rng)).collect::<Vec<_>>();
            for content in first.into_iter().chain(others) {
                let Ok(change) = change(&doc, 1, &content) else { continue };
                site.journal(Item::Change(change));
                forged += 1;
                if forged % 20 == 0 {
                    site.write(&honest, opening("MUG", 1));
                }
            }
        }
        assert!(forged > PAGES * EACH / 2, "{forged} reach the hub");
        let (before, started) = (memory_peak(), Instant::now());
        let mut pipe = world.connect(&mut site).await;
        pipe.give(&world, &mut site, Input::Woken).await;
        pipe.until(&world, &mut site, |site| site.unacknowledged() == 0).await;
        let (took, grown) = (started.elapsed(), memory_peak().saturating_sub(before));
        println!("{forged} forged changes in {took:?}, memory peak grown by {grown} KiB");
        let stock = world.number("SELECT CAST(COALESCE(SUM(qty), 0) AS BIGINT) FROM stock").await;
        assert_eq!(stock, i64::from(forged / 20), "honest work of the same stream arrives, and nothing else");
        assert!(took < Duration::from_secs(30), "{took:?}");
        assert!(grown < 64 << 10, "{grown} KiB");
        // The hub is as whole as before: another site works on.
        let mut other = world.enroll("munich-1").await;
        let key = ledger(&other.id.clone(), 0);
        other.found(&key);
        other.write(&key, opening("CUP", 3));
        let mut pipe = world.connect(&mut other).await;
        pipe.until_quiet(&world, &mut other).await;
        let cups =
            world.number("SELECT CAST(COALESCE(SUM(qty), 0) AS BIGINT) FROM stock WHERE sku = 'CUP'").await;
        assert_eq!(cups, 3);
    }
}
