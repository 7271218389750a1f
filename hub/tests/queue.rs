//! The commit queue and the database beneath it: groups, failures, and what a new start finds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Database, SiteDouble, TestHub, pickup_order, ship_order};
use futures_util::future::join_all;
use outpost_hub::HubError;
use outpost_hub::store::{counter, line};
use outpost_model::fact::SiteFact;
use outpost_model::id::SiteId;
use outpost_sync::{Document, DocumentId, Entry};

on_both!(
    one_failure_in_a_group_fails_alone,
    a_new_start_finds_everything_that_was_answered,
    what_is_forged_or_foreign_is_set_aside_and_blocks_nobody,
    rows_of_rights_refuse_more_promises_than_grants,
);

async fn one_failure_in_a_group_fails_alone(database: Database) {
    let hub = TestHub::open(&database).await;
    let writer = &hub.hub.writer;
    // One key, hence one lane; the first one keeps the lane busy until the others have queued.
    let jobs = (0..40).map(|n| {
        writer.run("one key", move |unit| {
            Box::pin(async move {
                if n == 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                counter::add(unit.db(), &format!("job-{n}"), 0, 1).await?;
                match n {
                    7 => Err(HubError::Invariant("a defect".to_owned())),
                    // A row that is there already is an error of the database, in the middle of a group.
                    21 => line_twice(unit.db()).await.map(|()| n),
                    n => Ok(n),
                }
            })
        })
    });
    let outcomes = join_all(jobs).await;
    let failed: Vec<usize> =
        outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_err()).map(|(n, _)| n).collect();
    assert_eq!(failed, [7, 21]);
    let counters = counter::all(hub.hub.store.read()).await.unwrap();
    assert_eq!(counters.len(), 38, "of those that failed nothing is left");
    assert!(counters.values().all(|value| *value == 1), "nothing was done twice");
}

async fn line_twice(db: &mut sqlx::AnyConnection) -> Result<(), HubError> {
    for _ in 0..2 {
        sqlx::query("INSERT INTO line (site, up, since, last_seen) VALUES ('s', 1, 1, 1)")
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

async fn a_new_start_finds_everything_that_was_answered(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    let id = hub.order(&pickup_order("1", "berlin-1", &[("A-1", 1)])).await;
    let waiting = hub.order(&pickup_order("2", "berlin-1", &[("A-1", 1)])).await;
    hub.route().await;
    berlin.receive(&hub).await;
    let life = hub.hub.life;
    let before = serde_json::to_string(&hub.detail(id).await).unwrap();
    hub.close().await;

    let hub = TestHub::open(&database).await;
    assert_eq!(hub.hub.life, life, "a restart is no new life");
    assert_eq!(serde_json::to_string(&hub.detail(id).await).unwrap(), before);
    // The stream goes on where it was, and so does the site's.
    hub.hear("berlin-1").await;
    let case = *berlin.cases().iter().find(|(_, header)| header.order == waiting).unwrap().0;
    let accepted = berlin.say(case, vec![SiteFact::Accepted]);
    berlin.tell(&hub, vec![accepted]).await;
    hub.order(&pickup_order("3", "berlin-1", &[("A-1", 1)])).await;
    hub.route().await;
    berlin.receive(&hub).await;
    assert_eq!(berlin.cases().len(), 3);
    let repeated = hub.capture(&pickup_order("1", "berlin-1", &[("A-1", 1)])).await.unwrap();
    assert_eq!(repeated, outpost_hub::app::capture::Answer::Repeated(id));
}

async fn what_is_forged_or_foreign_is_set_aside_and_blocks_nobody(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let mut hamburg = SiteDouble::enroll(&hub, "hamburg-1").await;
    let grants = berlin.grant(&[("A-1", 5)]);
    berlin.tell(&hub, grants).await;
    hub.order(&pickup_order("1", "berlin-1", &[("A-1", 1)])).await;
    hub.order(&pickup_order("2", "berlin-1", &[("A-1", 1)])).await;
    hub.route().await;
    berlin.receive(&hub).await;
    let cases: Vec<_> = berlin.cases().into_keys().collect();

    // Hamburg writes into Berlin's case.
    let doc = DocumentId::new(format!("case/{}", cases[0])).unwrap();
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    let changes = outpost_hub::store::item::changes(&mut db, &doc).await.unwrap();
    drop(db);
    let opened = Document::open(doc.clone(), hamburg.incarnation, None, &changes).unwrap();
    hamburg.documents.insert(doc.clone(), opened);
    let foreign = hamburg.say(cases[0], vec![SiteFact::Accepted]);
    let refused = hamburg.send(&hub, vec![foreign]).await;
    assert_eq!(refused[0].reason, "document_of_another_site");

    // Berlin writes a kind of the hub's; its other case, in the same batch, is not held up.
    let text = r#"{"n":1,"seen":0,"at":1,"by":"edge","kind":"cancel_requested","data":{"reason":"fraud"}}"#;
    let id = format!("{}.0", uuid::Uuid::from_u128(7).simple());
    let entry = Entry { id, text: text.to_owned() };
    let change = berlin.documents.get_mut(&doc).unwrap().append(&[entry]).unwrap().unwrap();
    let forged = berlin.incoming(change);
    let honest = berlin.say(cases[1], vec![SiteFact::Accepted]);
    let refused = berlin.send(&hub, vec![forged, honest]).await;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].reason, "kind_of_the_hub");
    // What builds on it is held with it, and acknowledged.
    let later = berlin.say(cases[0], vec![SiteFact::Accepted]);
    assert_eq!(berlin.send(&hub, vec![later]).await[0].reason, "document_in_quarantine");
    assert_eq!(hub.exceptions().await, ["quarantined", "quarantined"], "one a site and document");
    let stats = hub.stats().await;
    assert_eq!(stats.quarantined, 3);
    assert_eq!(stats.cases.get("accepted"), Some(&1));
}

async fn rows_of_rights_refuse_more_promises_than_grants(database: Database) {
    let hub = TestHub::with_sites(&database).await;
    let mut berlin = SiteDouble::enroll(&hub, "berlin-1").await;
    let grants = berlin.grant(&[("A-1", 2)]);
    berlin.tell(&hub, grants).await;
    let broken = hub
        .hub
        .writer
        .run("rights", |unit| {
            Box::pin(async move {
                sqlx::query("UPDATE rights SET promised = 3 WHERE sku = 'A-1'").execute(unit.db()).await?;
                Ok(())
            })
        })
        .await;
    assert!(broken.is_err(), "the table itself holds U ≥ 0");
    let mut db = hub.hub.store.read().acquire().await.unwrap();
    assert!(line::all(&mut db).await.unwrap().contains_key(&SiteId::new("berlin-1").unwrap()));
    drop(db);
    hub.order(&ship_order("9", &[("A-1", 3)])).await;
    hub.route().await;
    assert_eq!(hub.exceptions().await, ["no_site_left"]);
}
