//! A hub's database with sites, and with orders that were captured and offered to them.

use anyhow::{Context, Result};
use outpost_hub::app::enroll::{self, Terms};
use outpost_hub::app::offer::{Offer, offer};
use outpost_hub::connect::canonical;
use outpost_hub::store::site::{Site, SiteKind};
use outpost_hub::store::{self, order, outbox};
use outpost_hub::{Hub, HubError};
use outpost_model::header::{Promise, Service};
use outpost_model::id::{OrderId, SiteId};
use outpost_model::milestone::{OrderState, Standing};
use outpost_model::routing::{Assignment, Part};
use outpost_sync::{Incarnation, Outgoing, Query, Settings};
use serde_json::json;

use crate::load::fleet::SimSite;

/// Orders that are made in one transaction.
const ORDERS_AT_ONCE: usize = 200;
const HOUR: i64 = 3_600_000;

/// A site the hub knows, and what the hub has written for it.
pub struct Enrolled {
    /// The site.
    pub site: SimSite,
    /// The hub's incarnation and its stream to the site.
    pub stream: (Incarnation, Vec<Outgoing>),
}

/// Enrolls sites and offers them orders in turn.
pub async fn enroll(hub: &Hub, sites: usize, orders: usize, settings: Settings) -> Result<Vec<Enrolled>> {
    let mut enrolled = Vec::with_capacity(sites);
    for number in 0..sites {
        let id = SiteId::new(format!("store-{number:03}"))?;
        let site = SimSite::new(id.clone(), hub.identity.public(), settings, number as u64);
        let public = site.public();
        let terms = Terms { sscc: hub.settings.sscc.clone() };
        let place = place(id.clone());
        hub.writer
            .run(id.clone(), move |unit| {
                let (id, terms, place) = (id.clone(), terms.clone(), place.clone());
                Box::pin(async move {
                    store::site::put(unit.db(), &place).await?;
                    let refused = |rejection: outpost_model::rejection::Rejection| {
                        HubError::Failed(rejection.code.to_string())
                    };
                    let token = enroll::make_token(unit, &id).await?.map_err(refused)?;
                    enroll::enroll(unit, &id, &token.token, &public, &terms).await?.map_err(refused)?;
                    Ok(())
                })
            })
            .await?;
        enrolled.push(site);
    }
    for first in (0..orders).step_by(ORDERS_AT_ONCE) {
        let numbers = first..orders.min(first + ORDERS_AT_ONCE);
        let rows: Vec<(order::Row, SiteId)> = numbers
            .map(|number| {
                let site = enrolled[number % sites].id.clone();
                Ok((an_order(hub, number, &site)?, site))
            })
            .collect::<Result<_>>()?;
        hub.writer
            .run("orders", move |unit| {
                let rows = rows.clone();
                Box::pin(async move {
                    for (row, site) in &rows {
                        give(unit, row, site).await?;
                    }
                    Ok(())
                })
            })
            .await?;
    }
    let mut with_streams = Vec::with_capacity(sites);
    let mut connection = hub.store.read().acquire().await?;
    for site in enrolled {
        let query = Query::After { after: None };
        let items = outbox::read(&mut connection, &site.id, &query, usize::MAX, usize::MAX).await?;
        with_streams.push(Enrolled { site, stream: (hub.life.incarnation, items) });
    }
    Ok(with_streams)
}

async fn give(unit: &mut outpost_hub::write::Unit, row: &order::Row, site: &SiteId) -> Result<(), HubError> {
    order::insert(unit.db(), row).await?;
    let lines = row.order.lines.iter().map(|line| Part { line: line.line, qty: line.qty }).collect();
    let now = unit.now();
    let promise = Promise {
        promised_at: now + 4 * HOUR,
        pick_by: now + 2 * HOUR,
        pack_by: now + 3 * HOUR,
        cutoff_at: None,
    };
    let assignment = Assignment { site: site.clone(), lines };
    offer(unit, row, &Offer { assignment: &assignment, promise, hold_days: 7, rules: "1", labels: false })
        .await?;
    Ok(())
}

fn an_order(hub: &Hub, number: usize, site: &SiteId) -> Result<order::Row> {
    let line = |at: usize| {
        let sku = format!("SKU-{:04}", (number * 7 + at * 131) % 2_000);
        json!({ "sku": sku, "title": sku, "qty": 1 + (number + at) % 3,
                "unit_price": { "minor": 1_999, "currency": "EUR" } })
    };
    let payload = json!({
        "order": {
            "channel": "web", "channel_ref": format!("load-{number}"), "number": format!("#{number}"),
            "currency": "EUR", "total": { "minor": 3_998, "currency": "EUR" },
            "lines": [line(0), line(1)],
            "delivery": { "service": "pickup", "site": site },
            "payment": "paid",
        },
        "contact": { "name": "A. Customer", "address": ["Street 1"], "city": "Rotterdam",
                     "postal_code": "3011", "country": "NL" },
    });
    let body = serde_json::to_vec(&payload)?;
    let captured = canonical::read(&body, OrderId(hub.ids().uuid()), hub.now())
        .map_err(|why| anyhow::anyhow!("{}: {}", why.code, why.sentence))
        .context("an order of the load program")?;
    let mut progress = order::Progress::captured();
    progress.standing = Standing::Approved;
    Ok(order::Row {
        order: captured.order,
        state: OrderState::Routed,
        reason: None,
        captured_at: hub.now(),
        route_at: None,
        consignee: None,
        progress,
    })
}

fn place(site: SiteId) -> Site {
    Site {
        name: site.to_string(),
        site,
        kind: SiteKind::Store,
        zone: "Europe/Amsterdam".to_owned(),
        country: "NL".to_owned(),
        postal_code: "3011".to_owned(),
        latitude: 51.9,
        longitude: 4.5,
        services: vec![Service::Ship, Service::Pickup],
        capacity_per_day: 0,
        priority: 0,
    }
}
