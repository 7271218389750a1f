//! A site forgets what a copy of the hub's database contains, and nothing that is merely committed.

use std::time::Duration;

use outpost_hub::app::backup;
use outpost_model::id::DocumentKey;
use outpost_sync::Input;

use crate::flow::opening;
use crate::world::{World, databases};

async fn copied(world: &World) {
    let begun = world.run(|unit| Box::pin(backup::begin(unit))).await;
    world.run(move |unit| Box::pin(backup::confirm(unit, begun.id))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_is_told_to_forget_only_what_a_copy_contains() {
    for database in databases().await {
        let world = World::open_with(database, "[backup]\nexternal = true").await;
        let mut site = world.enroll("berlin-1").await;
        let own = DocumentKey::Ledger(site.id.clone(), 0);
        site.found(&own);
        site.write(&own, opening("MUG", 7));
        let mut pipe = world.connect(&mut site).await;
        let stored = || world.number("SELECT CAST(COALESCE(SUM(qty), 0) AS BIGINT) FROM stock");
        while stored().await < 7 {
            pipe.until_it_rests(&world, &mut site, Duration::from_millis(50)).await;
        }
        pipe.until_it_rests(&world, &mut site, Duration::from_millis(500)).await;
        assert_eq!(site.unacknowledged(), 2, "committed, and in no copy");
        copied(&world).await;
        pipe.wake().await;
        pipe.until(&world, &mut site, |site| site.unacknowledged() == 0).await;
        // What comes later waits for the next copy, over a restart as well.
        site.write(&own, opening("MUG", 1));
        pipe.give(&world, &mut site, Input::Woken).await;
        while stored().await < 8 {
            pipe.until_it_rests(&world, &mut site, Duration::from_millis(50)).await;
        }
        pipe.cut(&world, &mut site).await;
        let world = world.restart().await;
        let mut pipe = world.connect(&mut site).await;
        pipe.until_it_rests(&world, &mut site, Duration::from_millis(500)).await;
        assert_eq!(site.unacknowledged(), 1);
        copied(&world).await;
        pipe.wake().await;
        pipe.until(&world, &mut site, |site| site.unacknowledged() == 0).await;
    }
}
