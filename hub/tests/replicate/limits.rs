//! Limits at the hub: exactly at the limit it is taken, one more is set aside with its code, and the stream goes on.

use outpost_hub::app::{documents, quarantine};
use outpost_model::id::{DocumentKey, SiteId};
use outpost_model::page::HubPageEvent;
use outpost_sync::{DocumentId, Inspection, Item, Limits};

use crate::flow::{opening, units};
use crate::hostile::forge::Forged;
use crate::site::SimSite;
use crate::world::{World, databases};

fn ledger(site: &SiteId, page: u32) -> DocumentKey {
    DocumentKey::Ledger(site.clone(), page)
}

async fn stock(world: &World) -> i64 {
    world.number("SELECT CAST(COALESCE(SUM(qty), 0) AS BIGINT) FROM stock").await
}

/// Writes one more event into a full document that was written last: as a writer would that knows no limit.
fn write_beyond(site: &mut SimSite, key: &DocumentKey, n: u64) {
    let last = site.last_change();
    let read = Inspection::of(&last, &Limits::PROTOCOL).unwrap();
    let id = format!("{n:032x}.0");
    let text = serde_json::json!({ "n": n, "seen": 0, "at": 1, "by": "edge", "kind": "booked", "data": { "movements": [] } });
    let forged = Forged {
        deps: vec![last.hash.0],
        author: site.incarnation.0.to_vec(),
        seq: read.seq + 1,
        start_op: read.next_op(),
        ..Forged::entries(&[(id.as_str(), text.to_string().as_str())])
    };
    site.journal(Item::Change(forged.change(&key.to_string())));
}

async fn release(world: &World, site: &SimSite, key: &DocumentKey) -> Result<(), String> {
    let (id, doc) = (site.id.clone(), DocumentId::new(key.to_string()).unwrap());
    let sscc = world.hub.settings.sscc.clone();
    let released = world.run(move |unit| {
        let (id, doc, sscc) = (id.clone(), doc.clone(), sscc.clone());
        Box::pin(async move { quarantine::release(unit, &id, &doc, &sscc).await })
    });
    released.await.map_err(|rejection| rejection.sentence.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_too_many_is_set_aside_with_all_that_follows_and_taken_when_there_is_room() {
    // More than may wait for what it builds on: what was refused must not take that room.
    const FOLLOWING: usize = 1_001;
    for database in databases().await {
        let world = World::open_with(database, "[sync]\ndocuments_max = 16\n").await;
        let mut site = world.enroll("berlin-1").await;
        let id = site.id.clone();
        for page in 0..16 {
            site.found(&ledger(&id, page));
            site.write(&ledger(&id, page), opening("MUG", 1));
        }
        let beyond = ledger(&id, 16);
        site.found(&beyond);
        for _ in 0..FOLLOWING {
            site.write(&beyond, opening("MUG", 1));
        }
        site.write(&ledger(&id, 0), opening("MUG", 10_000));
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(stock(&world).await, 10_016, "sixteen are taken, and the stream goes on");
        assert_eq!(site.refusals[0].reason, "too_many_documents");
        assert!(site.refusals[1..].iter().all(|refusal| refusal.reason == "document_in_quarantine"));
        assert_eq!(world.number("SELECT COUNT(*) FROM sync_parked").await, 0, "nothing waits for it");
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, FOLLOWING as i64 + 1);
        let told = world.texts("SELECT sentence FROM exception WHERE resolved_at IS NULL").await;
        assert!(told.iter().any(|sentence| sentence.contains("too_many_documents")), "{told:?}");
        let still = release(&world, &site, &beyond).await.unwrap_err();
        assert!(still.contains("too_many_documents"), "{still}");
        pipe.cut(&world, &mut site).await;
        let world = world.restart_with(|settings| settings.sync.documents_max = 17).await;
        assert_eq!(release(&world, &site, &beyond).await, Ok(()));
        assert_eq!(stock(&world).await, 10_016 + FOLLOWING as i64, "nothing was lost");
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 0);
        let mut pipe = world.connect(&mut site).await;
        site.write(&beyond, opening("MUG", 5));
        pipe.give(&world, &mut site, outpost_sync::Input::Woken).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(stock(&world).await, 10_016 + FOLLOWING as i64 + 5, "and it goes on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_too_many_of_a_document_is_set_aside_and_other_documents_go_on() {
    let max = Limits::PROTOCOL.document_entries_max;
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let (full, other) = (ledger(&site.id.clone(), 0), ledger(&site.id.clone(), 1));
        site.found(&full);
        for _ in 0..max / 256 {
            site.write_many(&full, (0..256).map(|_| opening("MUG", 1)).collect());
        }
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!((stock(&world).await, site.refusals.len()), (max as i64, 0), "as many as may be");
        write_beyond(&mut site, &full, max as u64 + 1);
        site.found(&other);
        site.write(&other, opening("MUG", 7));
        pipe.give(&world, &mut site, outpost_sync::Input::Woken).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(stock(&world).await, max as i64 + 7);
        let reasons: Vec<&str> = site.refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
        assert_eq!(reasons, ["document_full"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hub_writes_what_is_too_much_for_one_change_as_several_of_one_commit() {
    for (operations, changes) in [(3, 2), (2, 3), (1, 4)] {
        let world = World::open_with(None, &format!("[sync]\nchange_operations_max = {operations}\n")).await;
        let mut site = world.enroll("berlin-1").await;
        let id = site.id.clone();
        let before = world.number("SELECT COUNT(*) FROM item WHERE doc = 'hub/berlin-1/0'").await;
        world
            .run(move |unit| {
                let id = id.clone();
                Box::pin(async move {
                    let said = (1..=3)
                        .map(|n| HubPageEvent::Returned { units: vec![units("MUG", n)], recall: None });
                    documents::say_on_page(unit, &id, said.collect()).await
                })
            })
            .await;
        let count = world.number("SELECT COUNT(*) FROM item WHERE doc = 'hub/berlin-1/0'").await;
        let founded = i64::from(before == 0);
        assert_eq!(count - before, changes - 1 + founded, "{operations} events a change");
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 0);
    }
}
