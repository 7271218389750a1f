//! Whole chains of real daemons under real trouble: killed processes, real brokers, both databases.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use outpost_lab::demo::chain::{Chain, ChainOptions};
use outpost_lab::demo::goods::Want;
use outpost_lab::demo::story::until;
use outpost_lab::demo::{checks, evidence, set_to_work};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio_util::sync::CancellationToken;

/// A killed daemon must be serving again within this, without help (I12).
const BACK_WITHIN: Duration = Duration::from_secs(5);

fn options(broker: &str) -> ChainOptions {
    ChainOptions {
        broker: broker.to_owned(),
        lab: Some(PathBuf::from(env!("CARGO_BIN_EXE_outpost-lab"))),
        seed: 7,
        ..ChainOptions::default()
    }
}

/// Sends orders of every kind, breaks something while staff work, and checks the invariants when all is quiet.
async fn survive<F, Fut>(options: ChainOptions, trouble: F)
where
    F: FnOnce(Arc<Chain>) -> Fut,
    Fut: Future<Output = ()>,
{
    let chain = Arc::new(Chain::start(&options).await.unwrap());
    let stop = CancellationToken::new();
    let _people = set_to_work(&chain, &stop, true);
    let mut sent = BTreeSet::new();
    for k in 0..24 {
        let want = match k % 4 {
            0 => Want::pickup("rotterdam-1", 2),
            1 => Want::pickup("amsterdam-1", 1),
            2 => Want::split(),
            _ => Want::ship(2),
        };
        sent.insert(chain.send(&want).await.unwrap());
    }
    trouble(chain.clone()).await;
    until("all work to be done", || async { Ok(chain.open_tasks(None).await? == 0) }).await.unwrap();
    chain.wait_until_quiet().await.unwrap();
    stop.cancel();
    let findings = checks::check(&evidence(&chain, &sent).unwrap()).await.unwrap();
    assert!(findings.broken.is_empty(), "{}", findings.broken.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_killed_at_any_moment_lose_nothing_they_answered() {
    survive(options("embedded"), |chain| async move {
        let mut random = StdRng::seed_from_u64(7);
        for round in 0..6 {
            tokio::time::sleep(Duration::from_millis(random.random_range(50..700))).await;
            let site = &chain.sites[round % chain.sites.len()];
            let back = site.service.crash(&site.api).await.unwrap();
            assert!(back < BACK_WITHIN, "{} took {back:?}", site.id);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_killed_while_orders_flow_loses_and_doubles_none() {
    survive(options("embedded"), |chain| async move {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let back = chain.hub.crash(&chain.hub_api).await.unwrap();
            assert!(back < BACK_WITHIN, "the hub took {back:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_broker_may_be_killed_in_the_middle() {
    survive(options("mosquitto"), |chain| async move {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            chain.restart_broker().await.unwrap();
        }
    })
    .await;
}
