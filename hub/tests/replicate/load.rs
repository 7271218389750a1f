//! A backlog is taken in quickly: without opening documents, and in few transactions.

use std::time::{Duration, Instant};

use outpost_hub::replicate::crowd::DRAINING_MAX;
use outpost_model::id::{DocumentKey, SiteId};
use outpost_sync::{Input, Notice, Settings};

use crate::flow::opening;
use crate::site::SimSite;
use crate::world::{World, databases};

const PAGES: u32 = 10;
const EVENTS_A_PAGE: u32 = 1_000;
/// Generous, since tests are not optimized and share their machine: what counts is measured by the load program.
const PATIENCE: Duration = Duration::from_secs(120);

/// Writes so many items, the founding of a page among them.
fn write(site: &mut SimSite, items: u64) {
    let key = DocumentKey::Ledger(site.id.clone(), 0);
    site.found(&key);
    for _ in 1..items {
        site.write(&key, opening("SKU-1", 1));
    }
    site.introduce();
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_many_drain_a_site_with_a_long_backlog_comes_back_later_and_one_with_a_short_one_is_heard() {
    let world = World::open(None).await;
    let others: Vec<SiteId> = (0..DRAINING_MAX).map(|n| format!("other-{n}").parse().unwrap()).collect();
    others.iter().for_each(|other| world.hub.crowd.note(other, true));
    let most = Settings::default().backlog_items_long;
    let mut short = world.enroll("berlin-1").await;
    write(&mut short, most);
    let mut pipe = world.connect(&mut short).await;
    pipe.until_quiet(&world, &mut short).await;
    assert_eq!(short.told, []);
    pipe.cut(&world, &mut short).await;

    let mut long = world.enroll("berlin-2").await;
    write(&mut long, most + 1);
    let mut pipe = world.connect(&mut long).await;
    pipe.until(&world, &mut long, |site| !site.told.is_empty()).await;
    assert!(matches!(long.told[..], [Notice::Deferred(wait)] if wait >= Settings::default().come_back_ms));
    assert!(!long.session.is_established());
    pipe.cut(&world, &mut long).await;
    world.hub.crowd.note(&others[0], false);
    long.give(world.now(), Input::LineDown);
    let mut pipe = world.connect(&mut long).await;
    pipe.until_quiet(&world, &mut long).await;
    assert_eq!(long.told.len(), 1, "there is room now");
    pipe.cut(&world, &mut long).await;
    assert!(world.hub.crowd.admits(&others[0]), "who has drained leaves room");
}
