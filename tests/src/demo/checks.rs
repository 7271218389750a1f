//! The invariants that can be seen from outside, checked over the daemons' public interfaces after the story.
//!
//! Each check knows the world independently of the daemons: what was sent, what staff were answered, what the printers
//! printed, what lay on the shelves at the beginning.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::api::Api;
use crate::staff::Diary;

/// What the checks know of one site.
pub struct SiteEvidence {
    /// The site.
    pub site: String,
    /// Its daemon.
    pub api: Api,
    /// What its people were told.
    pub diary: Diary,
    /// What lay on its shelves at the beginning, by SKU.
    pub opening: BTreeMap<String, i64>,
}

/// What the checks know altogether.
pub struct Evidence {
    /// The hub.
    pub hub: Api,
    /// The sites.
    pub sites: Vec<SiteEvidence>,
    /// Order numbers that were sent and answered, each once, however often delivered.
    pub sent: BTreeSet<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Broken invariants, each with its name and a sentence.
    pub broken: Vec<String>,
    /// What was looked at, for the account.
    pub looked_at: Vec<String>,
    /// Cases of which something left a site.
    pub handed_over: u64,
}

impl Findings {
    fn require(&mut self, invariant: &str, holds: bool, sentence: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(format!("{invariant}: {}", sentence()));
        }
    }
}

/// Checks I1 to I5, I7 and I8.
pub async fn check(evidence: &Evidence) -> Result<Findings> {
    let mut findings = Findings::default();
    let orders = all_orders(&evidence.hub).await?;
    orders_are_there_once(evidence, &orders, &mut findings);
    let mut details = Vec::new();
    for order in &orders {
        let id = order["id"].as_str().context("an order has an id")?;
        details.push(evidence.hub.get(&format!("/v1/orders/{id}")).await?);
    }
    let events = events_of(&details);
    findings.handed_over = details.iter().flat_map(cases).filter(|case| something_left(case)).count() as u64;
    for site in &evidence.sites {
        answered_is_there(site, &events, &mut findings);
        stock_is_conserved(evidence, site, &details, &mut findings).await?;
        rights_hold(evidence, site, &mut findings).await?;
        replicas_agree(evidence, site, &mut findings).await?;
    }
    quantities_sum(&details, &mut findings);
    Ok(findings)
}

/// All orders of the hub, page by page.
pub async fn all_orders(hub: &Api) -> Result<Vec<Value>> {
    let mut orders: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let page = hub.get(&format!("/v1/orders?limit=200{after}")).await?;
        let rows = page["orders"].as_array().cloned().unwrap_or_default();
        orders.extend(rows);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(orders),
        }
    }
}

/// I2: every order that was answered is there, and only once.
fn orders_are_there_once(evidence: &Evidence, orders: &[Value], findings: &mut Findings) {
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for order in orders {
        *times.entry(order["number"].as_str().unwrap_or_default()).or_default() += 1;
    }
    for number in &evidence.sent {
        let found = times.get(number.as_str()).copied().unwrap_or(0);
        findings.require("I2", found == 1, || format!("order {number} was captured {found} times"));
    }
    findings.looked_at.push(format!("I2: {} orders sent, {} at the hub", evidence.sent.len(), orders.len()));
}

/// Event ids in the hub's timelines, with how often each stands there.
fn events_of(details: &[Value]) -> BTreeMap<String, u32> {
    let mut events = BTreeMap::new();
    for event in details.iter().flat_map(timeline).filter_map(|entry| entry["event"].as_str()) {
        *events.entry(event.to_owned()).or_default() += 1;
    }
    events
}

fn something_left(case: &Value) -> bool {
    let lines = case["fulfillment"]["lines"].as_object();
    lines.is_some_and(|lines| lines.values().any(|line| line["handed_over"].as_u64().unwrap_or(0) > 0))
}

/// The events of all cases of an order.
pub fn timeline(order: &Value) -> impl Iterator<Item = &Value> {
    order["timeline"].as_array().into_iter().flatten()
}

fn cases(order: &Value) -> impl Iterator<Item = &Value> {
    order["cases"].as_array().into_iter().flatten()
}

/// I1 and I3: what staff were answered stands in the hub's copy of the documents, once, and a repeat got the same answer.
fn answered_is_there(site: &SiteEvidence, events: &BTreeMap<String, u32>, findings: &mut Findings) {
    let mut looked_at = 0;
    for (command, written) in &site.diary.applied {
        for event in written {
            // Events of the site's own pages (sales, pauses) are checked by the stock they moved.
            let Some(times) = events.get(event) else {
                let of_a_case = !site.diary.page_commands.contains(command);
                findings.require("I1", !of_a_case, || {
                    format!(
                        "{}: command {command} was answered, but event {event} never reached the hub",
                        site.site
                    )
                });
                continue;
            };
            looked_at += 1;
            findings.require("I3", *times == 1, || format!("event {event} stands {times} times"));
        }
    }
    for contradiction in &site.diary.contradictions {
        findings.broken.push(format!("I3: {}: {contradiction}", site.site));
    }
    findings.looked_at.push(format!(
        "I1, I3: {}: {looked_at} answered events found at the hub, {} double taps had one effect, {} retries",
        site.site, site.diary.double_taps, site.diary.retries
    ));
}

/// I4: on hand is what lay there at the beginning, less what was handed over and sold, at the site and at the hub.
async fn stock_is_conserved(
    evidence: &Evidence,
    site: &SiteEvidence,
    details: &[Value],
    findings: &mut Findings,
) -> Result<()> {
    let mut expected = site.opening.clone();
    for (sku, qty) in &site.diary.sold {
        *expected.entry(sku.clone()).or_default() -= i64::try_from(*qty)?;
    }
    let handovers = details.iter().flat_map(timeline).filter(|event| event["kind"] == "handed_over");
    for event in handovers.filter(|event| event["site"] == site.site.as_str()) {
        for item in event["data"]["items"].as_array().into_iter().flatten() {
            let sku = item["sku"].as_str().unwrap_or_default().to_owned();
            *expected.entry(sku).or_default() -= item["qty"].as_i64().unwrap_or(0);
        }
    }
    let at_site = on_hand(&stock(&site.api, "/v1/stock").await?);
    let at_hub = on_hand(&stock(&evidence.hub, &format!("/v1/sites/{}/stock", site.site)).await?);
    for (sku, units) in &expected {
        for (whose, book) in [("site", &at_site), ("hub", &at_hub)] {
            let found = book.get(sku).copied().unwrap_or(0);
            findings.require("I4", found == *units, || {
                format!("{} {sku}: {units} should be on hand, the {whose}'s book says {found}", site.site)
            });
        }
    }
    findings.looked_at.push(format!("I4: {}: {} SKUs balance at site and hub", site.site, expected.len()));
    Ok(())
}

/// All rows of a stock listing, page by page in the order of SKUs.
pub async fn stock(api: &Api, path: &str) -> Result<Vec<Value>> {
    let mut rows: Vec<Value> = Vec::new();
    loop {
        let after = rows.last().and_then(|row| row["sku"].as_str());
        let page = match after {
            Some(sku) => api.get(&format!("{path}?limit=1000&after={sku}")).await?,
            None => api.get(&format!("{path}?limit=1000")).await?,
        };
        let page = page["stock"].as_array().map(Vec::as_slice).unwrap_or_default();
        if page.is_empty() || (after.is_some() && page[0]["sku"].as_str() <= after) {
            return Ok(rows);
        }
        rows.extend_from_slice(page);
    }
}

fn on_hand(rows: &[Value]) -> BTreeMap<String, i64> {
    rows.iter()
        .map(|row| (row["sku"].as_str().unwrap_or_default().to_owned(), row["on_hand"].as_i64().unwrap_or(0)))
        .collect()
}

/// I5: the hub never promised more than the site granted, by either's book.
async fn rights_hold(evidence: &Evidence, site: &SiteEvidence, findings: &mut Findings) -> Result<()> {
    let mut promised_at_hub = BTreeMap::new();
    for (whose, rows) in [
        ("hub", stock(&evidence.hub, &format!("/v1/sites/{}/stock", site.site)).await?),
        ("site", stock(&site.api, "/v1/stock").await?),
    ] {
        for row in &rows {
            let number = |key: &str| row[key].as_i64().unwrap_or(0);
            let (granted, promised, returned) = (number("granted"), number("promised"), number("returned"));
            let sku = row["sku"].as_str().unwrap_or_default();
            findings.require("I5", granted - promised - returned >= 0, || {
                format!(
                    "{} {sku}: {whose} has granted {granted}, promised {promised}, returned {returned}",
                    site.site
                )
            });
            if whose == "hub" {
                promised_at_hub.insert(sku.to_owned(), promised);
            } else {
                let at_hub = promised_at_hub.get(sku).copied().unwrap_or(0);
                findings.require("I5", promised <= at_hub, || {
                    format!(
                        "{} {sku}: the site has folded {promised} promised, the hub only {at_hub}",
                        site.site
                    )
                });
            }
        }
    }
    findings.looked_at.push(format!(
        "I5: {}: promised within granted for {} SKUs",
        site.site,
        promised_at_hub.len()
    ));
    Ok(())
}

/// I7: the same heads on both sides, and every projection equals a fold from scratch.
async fn replicas_agree(evidence: &Evidence, site: &SiteEvidence, findings: &mut Findings) -> Result<()> {
    let at_site = documents(&site.api.get_patiently("/v1/sync/documents?verify=true").await?);
    let mut at_hub = BTreeMap::new();
    loop {
        let after = at_hub.keys().next_back().map(String::as_str).unwrap_or_default();
        let path = format!("/v1/sites/{}/documents?verify=true&after={after}", site.site);
        let page = documents(&evidence.hub.get_patiently(&path).await?);
        if page.is_empty() {
            break;
        }
        at_hub.extend(page);
    }
    // What is held waits for a person on one side; that it is held was raised, and is judged there.
    let held = evidence.hub.get_patiently(&format!("/v1/sites/{}/quarantine", site.site)).await?;
    let held: BTreeSet<&str> =
        held["held"].as_array().into_iter().flatten().filter_map(|held| held["document"].as_str()).collect();
    let names: BTreeSet<&String> =
        at_site.keys().chain(at_hub.keys()).filter(|name| !held.contains(name.as_str())).collect();
    for name in &names {
        let (Some(here), Some(there)) = (at_site.get(*name), at_hub.get(*name)) else {
            findings.broken.push(format!("I7: {}: {name} exists on one side only", site.site));
            continue;
        };
        for key in ["heads", "events", "state_hash"] {
            findings.require("I7", here[key] == there[key], || {
                format!("{}: {name}: {key} at the site {}, at the hub {}", site.site, here[key], there[key])
            });
        }
        for (whose, document) in [("site", here), ("hub", there)] {
            findings.require("I7", document["projection_ok"] != false, || {
                format!(
                    "{}: {name}: the {whose}'s projection is not what a fold from scratch gives",
                    site.site
                )
            });
        }
    }
    findings.looked_at.push(format!("I7: {}: {} documents agree", site.site, names.len()));
    Ok(())
}

/// Documents by name, of a site's or the hub's listing.
pub fn documents(listing: &Value) -> BTreeMap<String, Value> {
    let rows = listing.as_array().or_else(|| listing["documents"].as_array()).into_iter().flatten();
    rows.map(|row| (row["document"].as_str().unwrap_or_default().to_owned(), row.clone())).collect()
}

/// I8: what became of a line's units sums to what was asked of the site, and every intent is answered.
fn quantities_sum(details: &[Value], findings: &mut Findings) {
    let (mut lines, mut intents) = (0, 0);
    for case in details.iter().flat_map(cases) {
        let state = &case["fulfillment"];
        let ordered: BTreeMap<u64, u64> = state["header"]["lines"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|line| (line["line"].as_u64().unwrap_or(0), line["qty"].as_u64().unwrap_or(0)))
            .collect();
        for (line, qty) in &ordered {
            lines += 1;
            let parts = &state["lines"][line.to_string()];
            let sum: u64 = ["open", "picked", "staged", "handed_over", "short", "cancelled", "declined"]
                .iter()
                .map(|part| parts[part].as_u64().unwrap_or(0))
                .sum();
            findings.require("I8", sum == *qty, || {
                format!(
                    "case {} line {line}: parts sum to {sum}, asked were {qty}: {parts}",
                    state["header"]["case"]
                )
            });
        }
        for (intent, state) in state["intents"].as_object().into_iter().flatten() {
            intents += 1;
            findings.require("I8", state["answer"] != "pending", || {
                format!("case {}: intent {intent} has no answer", state["header"]["case"])
            });
        }
    }
    findings.looked_at.push(format!("I8: {lines} lines sum up, {intents} intents answered"));
}
