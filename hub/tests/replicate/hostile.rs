//! Changes made by somebody with a site's key to break the hub that reads them, with checksums that are right: each costs
//! a bounded time and memory, harms nobody, and the stream goes on.

#[path = "../../../sync/engine/tests/forge/attack.rs"]
mod attack;
#[path = "../../../sync/engine/tests/forge/mod.rs"]
pub mod forge;

use std::time::{Duration, Instant};

use attack::{dear, mutated};
use forge::{Forged, change};
use outpost_model::id::{DocumentKey, SiteId};
use outpost_sync::{Change, Input, Item};
use rand::SeedableRng;
use rand::rngs::StdRng;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forged_change_stops_a_stream_or_costs_much() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let seed = rand::random();
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
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
