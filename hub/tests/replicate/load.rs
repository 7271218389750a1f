//! A backlog is taken in quickly: without opening documents, and in few transactions.

use std::time::{Duration, Instant};

use outpost_model::id::DocumentKey;

use crate::flow::opening;
use crate::world::{World, databases};

const PAGES: u32 = 10;
const EVENTS_A_PAGE: u32 = 1_000;
/// Generous, since tests are not optimized and share their machine: what counts is measured by the load program.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_events_behind_a_cut_line_are_taken_in() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        for page in 0..PAGES {
            let key = DocumentKey::Ledger(site.id.clone(), page);
            site.found(&key);
            for event in 0..EVENTS_A_PAGE {
                site.write(&key, opening(&format!("SKU-{}", event % 200), 1));
            }
        }
        let started = Instant::now();
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        let taken = started.elapsed();
        println!("{} events in {taken:?}, {} frames up", PAGES * EVENTS_A_PAGE, pipe.up_frames);
        let events = i64::from(PAGES * EVENTS_A_PAGE);
        assert_eq!(world.number("SELECT CAST(SUM(qty) AS BIGINT) FROM stock").await, events);
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 0);
        assert!(taken < PATIENCE, "{taken:?}");
    }
}
