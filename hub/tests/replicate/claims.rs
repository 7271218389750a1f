//! A site that says it has received more of the hub than the hub has written: believed when the hub has signed it.

use std::time::Duration;

use outpost_hub::app::documents;
use outpost_model::id::{DocumentKey, SiteId};
use outpost_model::page::HubPageEvent;
use outpost_sync::{Input, Notice};

use crate::flow::{opening, units};
use crate::world::{World, databases};

const SUSPECTED: &str = "SELECT CAST(suspected AS BIGINT) FROM hub";
const RAISED: &str = "SELECT COUNT(*) FROM exception WHERE code = 'claim_without_proof'";

/// The hub says something to a site.
async fn say(world: &World, site: &SiteId) {
    let id = site.clone();
    world
        .run(move |unit| {
            let id = id.clone();
            Box::pin(async move {
                let returned = HubPageEvent::Returned { units: vec![units("MUG", 1)], recall: None };
                documents::say_on_page(unit, &id, vec![returned]).await.map(drop)
            })
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_false_claim_concerns_nobody_but_the_site_that_makes_it() {
    for database in databases().await {
        let world = World::open(database).await;
        let life = world.hub.life;
        let mut honest = world.enroll("munich-1").await;
        let mut line = world.connect(&mut honest).await;
        line.until_quiet(&world, &mut honest).await;
        let mut site = world.enroll("berlin-1").await;
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        pipe.cut(&world, &mut site).await;

        site.claim(world.hub.identity.public(), life.incarnation, 999);
        for _ in 0..2 {
            let mut pipe = world.connect(&mut site).await;
            pipe.until_it_rests(&world, &mut site, Duration::from_millis(1_500)).await;
            pipe.cut(&world, &mut site).await;
        }
        assert_eq!((world.number(SUSPECTED).await, world.number(RAISED).await), (0, 1));
        let doubted = |notice: &Notice| matches!(notice, Notice::Doubted(place) if place.n < 999);
        assert!(site.told.iter().any(doubted), "{:?}", site.told);

        say(&world, &honest.id).await;
        line.wake().await;
        let ledger = DocumentKey::Ledger(honest.id.clone(), 0);
        honest.found(&ledger);
        honest.write(&ledger, opening("CUP", 3));
        line.give(&world, &mut honest, Input::Woken).await;
        line.until_quiet(&world, &mut honest).await;
        let cups = "SELECT CAST(COALESCE(SUM(qty), 0) AS BIGINT) FROM stock WHERE sku = 'CUP'";
        assert_eq!(world.number(cups).await, 3, "the others' streams go on, both ways");
        line.cut(&world, &mut honest).await;
        let world = world.restart().await;
        assert_eq!(world.hub.life, life, "and no epoch begins");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_hub_has_signed_proves_that_its_database_was_put_back() {
    let world = World::open(None).await;
    let first = world.hub.life;
    let mut site = world.enroll("berlin-1").await;
    let mut pipe = world.connect(&mut site).await;
    pipe.until_quiet(&world, &mut site).await;
    pipe.cut(&world, &mut site).await;
    let copy = |file: &std::path::Path| file.with_extension("copy");
    let world = world.restart_after(|file| _ = std::fs::copy(file, copy(file)).unwrap()).await;
    say(&world, &site.id).await;
    let mut pipe = world.connect(&mut site).await;
    pipe.until_quiet(&world, &mut site).await;
    pipe.cut(&world, &mut site).await;

    // Put back faster than anything was written down beside it.
    let world = world.restart_after(|file| _ = std::fs::copy(copy(file), file).unwrap()).await;
    assert_eq!(world.hub.life, first);
    let mut pipe = world.connect(&mut site).await;
    let wakers = world.hub.wakers.clone();
    tokio::select! {
        () = wakers.end.notified() => {}
        () = pipe.until(&world, &mut site, |_| false) => {}
    }
    assert_eq!((world.number(SUSPECTED).await, world.number(RAISED).await), (1, 0));
    drop(pipe);
    let world = world.restart().await;
    assert_eq!(world.hub.life.epoch, first.epoch + 1);
}
