//! The unattended story: orders flow, the hub is killed, a store's line is cut, everything comes back and reconciles.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::account::Narrator;
use super::chain::{Chain, Site};
use super::goods::Want;
use crate::network::Cut;
use crate::staff::{Special, Until};

/// How long any wait of the story may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the story leaves behind for the account.
#[derive(Debug, Default)]
pub struct Told {
    /// Orders sent, each once.
    pub sent: BTreeSet<String>,
    /// How long the store was offline.
    pub offline: Duration,
}

/// Plays the whole story.
pub async fn play(chain: &Arc<Chain>, narrator: &Narrator) -> Result<Told> {
    let mut told = Told::default();
    orders_flow(chain, narrator, &mut told).await?;
    hub_dies(chain, narrator, &mut told).await?;
    line_is_cut(chain, narrator, &mut told).await?;
    Ok(told)
}

async fn send(chain: &Chain, told: &mut Told, want: Want) -> Result<String> {
    let number = chain.send(&want).await?;
    told.sent.insert(number.clone());
    Ok(number)
}

/// Act 1: at least 40 orders of every kind, from webhook to handover.
async fn orders_flow(chain: &Arc<Chain>, narrator: &Narrator, told: &mut Told) -> Result<()> {
    narrator.act("1. Orders flow");
    for k in 0..20 {
        send(chain, told, Want::ship(1 + k % 3)).await?;
    }
    for k in 0..9 {
        send(chain, told, Want::pickup("rotterdam-1", 1 + k % 2)).await?;
        send(chain, told, Want::pickup("amsterdam-1", 1 + k % 2)).await?;
    }
    for _ in 0..3 {
        send(chain, told, Want::split()).await?;
    }
    narrator.say("20 to ship, 18 to collect, 3 that no single site can fill");

    let found_missing = Arc::new(AtomicBool::new(false));
    let short = chain.goods().place(&Want::ship(1))?;
    for site in &chain.sites {
        site.staff.treat(&short.number, Special::Short(found_missing.clone()));
    }
    let partial = chain.goods().place(&Want::pickup("rotterdam-1", 1).units(2))?;
    chain.site("rotterdam-1")?.staff.treat(&partial.number, Special::PartialPickup);
    let twice = chain.goods().place(&Want::ship(1))?;
    for placed in [&short, &partial, &twice] {
        chain.deliver(placed).await?;
        told.sent.insert(placed.number.clone());
    }
    chain.deliver_again(&twice).await?;
    chain.deliver_malformed().await?;
    narrator
        .say(format!("order {} was delivered twice; one payload was cut off in the middle", twice.number));

    until("the first orders to be handed over", || async { Ok(chain.open_tasks(None).await? == 0) }).await?;
    until("the missing piece to be sourced elsewhere", || async {
        let order = chain.order(&short.number).await?;
        let cases = order["cases"].as_array().cloned().unwrap_or_default();
        Ok(cases.len() >= 2 && chain.open_tasks(None).await? == 0)
    })
    .await?;
    narrator
        .say(format!("all handed over; order {} was short in one place and went to the next", short.number));
    Ok(())
}

/// Act 2: the hub is killed, every store keeps serving, and one edge is killed on top of it.
async fn hub_dies(chain: &Arc<Chain>, narrator: &Narrator, told: &mut Told) -> Result<()> {
    narrator.act("2. The hub is killed");
    chain.all_staff_until(Until::Untouched);
    for _ in 0..4 {
        send(chain, told, Want::ship(2)).await?;
        send(chain, told, Want::pickup("rotterdam-1", 1)).await?;
        send(chain, told, Want::pickup("amsterdam-1", 2)).await?;
    }
    chain.wait_until_workable(12).await?;
    chain.hub.stop().await;
    narrator.say("hub gone; twelve orders lie in the stores");
    chain.all_staff_until(Until::HandedOver);
    let amsterdam = chain.site("amsterdam-1")?;
    let back = amsterdam.service.crash(&amsterdam.api).await?;
    narrator.say(format!(
        "amsterdam-1's daemon was killed as well and served again after {:.2} s",
        back.as_secs_f64()
    ));
    for site in ["rotterdam-1", "amsterdam-1"] {
        chain.sell_something(site, 2).await?;
    }
    until("the stores to finish without the hub", || async { Ok(chain.open_tasks(None).await? == 0) })
        .await?;
    narrator.say("every store has picked, labeled, handed over and sold over the counter");
    Ok(())
}

/// Acts 3 and 4: the hub comes back, a store's line is cut, orders are cancelled meanwhile, and all reconciles.
async fn line_is_cut(chain: &Arc<Chain>, narrator: &Narrator, told: &mut Told) -> Result<()> {
    narrator.act("3. The hub is back, and rotterdam-1's line is cut");
    chain.hub.start().await?;
    chain.hub.wait_ready(&chain.hub_api).await?;
    chain.all_staff_until(Until::Untouched);
    let rotterdam = chain.site("rotterdam-1")?;
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push(send(chain, told, Want::pickup("rotterdam-1", 2)).await?);
    }
    for _ in 0..3 {
        orders.push(send(chain, told, Want::only_at("rotterdam-1")).await?);
    }
    chain.wait_until_workable(orders.len()).await?;
    rotterdam.line.cut(Cut::Reset);
    let cut = Instant::now();
    narrator.say("nine orders are there, and the line is gone");

    let [untouched, picked, gone] = [orders[0].clone(), orders[1].clone(), orders[2].clone()];
    rotterdam.staff.take_until(&untouched, Until::Untouched);
    rotterdam.staff.take_until(&picked, Until::Picked);
    rotterdam.printer.paper_out();
    chain.all_staff_until(Until::HandedOver);
    until("a label to wait for paper", || async { Ok(waiting_labels(rotterdam).await? > 0) }).await?;
    narrator.say("the printer is out of paper: labels wait, nothing is sent twice");
    chain.sell_something("rotterdam-1", 3).await?;
    rotterdam.printer.paper_in();
    until("rotterdam-1 to work on offline", || async {
        Ok(chain.open_tasks(Some("rotterdam-1")).await? == 2)
    })
    .await?;
    narrator.say("paper is back; seven orders handed over offline, one picked, one untouched");
    for number in [&untouched, &picked, &gone] {
        chain.cancel(number, "customer_changed_mind").await?;
    }
    narrator.say(format!(
        "meanwhile the hub cancels {untouched} (untouched), {picked} (picked), {gone} (handed over)"
    ));

    narrator.act("4. The broker restarts, the line returns, all reconcile");
    chain.restart_broker().await?;
    rotterdam.line.restore();
    told.offline = cut.elapsed();
    narrator.say(format!("rotterdam-1 was offline for {:.1} s", told.offline.as_secs_f64()));
    until("every cancellation to be answered", || async {
        for number in [&untouched, &picked, &gone] {
            if intents(&chain.order(number).await?).iter().any(|(_, answer)| answer == "pending") {
                return Ok(false);
            }
        }
        Ok(true)
    })
    .await?;
    for number in [&untouched, &picked, &gone] {
        for (kind, answer) in intents(&chain.order(number).await?) {
            narrator.say(format!("{number}: {kind} → {answer}"));
        }
    }
    until("the picked goods to be put back", || async { Ok(chain.open_tasks(None).await? == 0) }).await?;
    chain.wait_until_quiet().await
}

async fn waiting_labels(site: &Site) -> Result<usize> {
    let devices = site.api.get("/v1/devices").await?;
    Ok(devices["live"]
        .as_array()
        .map_or(0, |jobs| jobs.iter().filter(|job| job["state"] == "queued").count()))
}

/// The intents of an order's cases and their answers, in words.
fn intents(order: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for case in order["cases"].as_array().into_iter().flatten() {
        for (_, intent) in case["fulfillment"]["intents"].as_object().into_iter().flatten() {
            let answer = match &intent["answer"] {
                Value::String(answer) => answer.clone(),
                other => match other["refused"].as_str() {
                    Some(reason) => format!("refused ({reason})"),
                    None => other.to_string(),
                },
            };
            found.push((intent["kind"].as_str().unwrap_or_default().to_owned(), answer));
        }
    }
    if found.is_empty() {
        // The hub has not written the intent yet.
        found.push(("cancel_requested".to_owned(), "pending".to_owned()));
    }
    found
}

/// Looks again and again until it is so; an error when patience ends.
pub async fn until<F, Fut>(what: &str, so: F) -> Result<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<bool>>,
{
    until_within(PATIENCE, what, so).await
}

/// The same with a patience of one's own.
pub async fn until_within<F, Fut>(patience: Duration, what: &str, mut so: F) -> Result<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<bool>>,
{
    let begun = Instant::now();
    let mut last = json!(null);
    while begun.elapsed() < patience {
        match so().await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => last = json!(format!("{error:#}")),
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    bail!("waited {patience:?} for {what}; last error: {last}")
}
