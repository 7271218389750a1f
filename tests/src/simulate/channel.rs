//! Sales channels, agents and operators: orders come in, are cancelled, held and approved.

use std::sync::Arc;

use anyhow::{Context, Result};
use outpost_hub::app::{cancel, capture, stand};
use outpost_hub::connect::{Captured, canonical};
use outpost_hub::store::payload::Payload;
use outpost_hub::store::{case, recovery};
use outpost_model::id::{LineNo, OrderId, ReasonCode, SiteId};
use outpost_model::intent::HubEvent;
use outpost_model::time::UtcMillis;
use serde_json::{Value, json};
use uuid::Uuid;

use super::hub::HubNode;
use super::truth::{Truth, violated};

/// The name of a product.
pub fn sku(number: usize) -> String {
    format!("SKU-{number}")
}

/// What a channel delivers for an order.
pub fn payload(number: u32, site: Option<&SiteId>, lines: &[(usize, u32)], placed_at: UtcMillis) -> Value {
    let price = json!({ "minor": 1_999, "currency": "EUR" });
    let lines: Vec<Value> = lines
        .iter()
        .map(|(product, qty)| {
            let sku = sku(*product);
            json!({ "sku": sku, "title": sku, "qty": qty, "unit_price": price })
        })
        .collect();
    let delivery = match site {
        Some(site) => json!({ "service": "pickup", "site": site }),
        None => json!({ "service": "ship", "country": "DE", "postal_code": "10117", "method": "standard" }),
    };
    json!({
        "order": {
            "channel": "web", "channel_ref": reference(number), "number": format!("#{number}"), "currency": "EUR",
            "total": price, "lines": lines, "delivery": delivery, "payment": "paid",
            "placed_at": placed_at.to_string(),
        },
        "contact": {
            "name": "Ada Example", "address": ["Street 1"], "city": "Berlin", "postal_code": "10117",
            "country": "DE",
        },
    })
}

/// The channel's name for an order.
pub fn reference(number: u32) -> String {
    format!("R{number:05}")
}

/// A channel delivers an order. `true` when it is new.
pub fn deliver(hub: &mut HubNode, now: u64, truth: &mut Truth, payload: &Value, id: u128) -> Result<bool> {
    let body = serde_json::to_vec(payload)?;
    let arrived = UtcMillis(hub.clocks.moment(now).wall.0);
    let read: Captured = canonical::read(&body, OrderId(Uuid::from_u128(id)), arrived)
        .map_err(|error| anyhow::anyhow!("{}", error.sentence))?;
    let reference = read.order.channel_ref.clone();
    let lines: Vec<(LineNo, i64)> =
        read.order.lines.iter().map(|line| (line.line, line.qty.delta())).collect();
    let raw = Payload { channel: "web".into(), topic: String::new(), delivery: String::new(), body };
    let shared = Arc::new((read, raw));
    let answer = hub.act(now, move |unit| {
        let shared = shared.clone();
        Box::pin(async move { capture::capture(unit, &shared.0, &shared.1).await })
    })?;
    let (new, id) = match answer {
        capture::Answer::New(id) => (true, id),
        capture::Answer::Repeated(id) => (false, id),
    };
    match truth.captured.insert(reference.clone(), id) {
        Some(known) if known != id => {
            violated!("I2", "order {reference} was captured as {known} and again as {id}")
        }
        Some(_) if new => violated!("I2", "order {reference} was captured twice, as {id}"),
        _ => {}
    }
    for (line, qty) in lines {
        truth.claims.order(id, line, qty);
    }
    Ok(new)
}

/// An agent cancels an order.
pub fn cancel(hub: &mut HubNode, now: u64, id: OrderId) -> Result<String> {
    let reason = ReasonCode::new("customer_changed_mind")?;
    let verdict = hub.act(now, move |unit| {
        let reason = reason.clone();
        Box::pin(async move { cancel::cancel(unit, id, &reason, &[]).await })
    })?;
    Ok(verdict.map_or_else(
        |rejection| rejection.code.to_string(),
        |done| format!("asked {} sites", done.asked.len()),
    ))
}

/// An operator holds an order.
pub fn hold(hub: &mut HubNode, now: u64, id: OrderId) -> Result<()> {
    let reason = ReasonCode::new("fraud")?;
    // That it is cancelled by now is an answer like any other.
    let _ = hub.act(now, move |unit| {
        let reason = reason.clone();
        Box::pin(async move { stand::hold(unit, id, &reason).await })
    })?;
    Ok(())
}

/// An operator approves an order.
pub fn approve(hub: &mut HubNode, now: u64, id: OrderId) -> Result<()> {
    let _ = hub.act(now, move |unit| Box::pin(stand::approve(unit, id)))?;
    Ok(())
}

/// An agent asks the site of a case for something.
pub fn ask(hub: &mut HubNode, now: u64, id: OrderId, pick: u64) -> Result<Option<&'static str>> {
    let until = hub.clocks.moment(now).wall + 86_400_000;
    let kind = match pick % 3 {
        0 => HubEvent::ExtendRequested { until },
        1 => HubEvent::ReleaseRequested { reason: ReasonCode::new("no_capacity").context("a reason")? },
        _ => HubEvent::CustomerEnRoute { expected_at: until },
    };
    hub.act(now, move |unit| {
        let kind = kind.clone();
        Box::pin(async move {
            let mut cases = case::of_order(unit.db(), id).await?;
            // As every use case of the hub: to a site that a restored hub waits for nothing is said.
            let waiting = recovery::sites(unit.db()).await?;
            let can_hear = |case: &case::Row| !waiting.contains(&case.state.header.site);
            cases.retain(|case| !case.state.is_closed() && can_hear(case));
            let Some(case) = cases.first_mut() else { return Ok(None) };
            let name = kind.name();
            if kind.is_intent() {
                stand::ask(unit, case, kind).await?;
            } else {
                outpost_hub::app::documents::say(unit, case, Vec::new(), vec![kind]).await?;
            }
            Ok(Some(name))
        })
    })
}
