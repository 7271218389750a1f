//! The order of a case that a site gave back to a restored hub, when the hub has lost the order as well: what the case says
//! of it is kept, so that the case has its place, and nothing is delivered twice when the channel sends the order again.

use std::collections::BTreeSet;

use outpost_model::header::{Header, HeaderLine, Service};
use outpost_model::id::OrderId;
use outpost_model::milestone::{OrderState, Standing};
use outpost_model::money::{Currency, Money};
use outpost_model::order::{Delivery, Order, OrderLine, PaymentState};

use super::settle;
use crate::error::HubError;
use crate::store::{exception, order};
use crate::write::Unit;

const LOST: &str = "order_lost";

/// Under what a lost order is kept until its channel names it again. No channel's own reference has a space in front.
fn reference(number: &str) -> String {
    format!(" lost {number}")
}

/// Makes sure that the order of a case is here.
pub async fn order(unit: &mut Unit, header: &Header) -> Result<(), HubError> {
    if let Some(mut known) = order::lock(unit.db(), header.order).await? {
        if known.order.channel_ref == reference(&header.order_number) {
            for line in &header.lines {
                add(&mut known.order.lines, line);
            }
            order::replace(unit.db(), &known).await?;
        }
        return Ok(());
    }
    let now = unit.now();
    let Some(first) = header.lines.first() else {
        return Err(HubError::Invariant(format!("case {} has no lines", header.case)));
    };
    let row = order::Row {
        order: outline(header, first.unit_price.currency),
        state: OrderState::Held,
        reason: Some(LOST.to_owned()),
        captured_at: now,
        route_at: None,
        consignee: header.consignee,
        progress: order::Progress { standing: Standing::Held, ..order::Progress::captured() },
    };
    order::insert(unit.db(), &row).await?;
    unit.raise(exception::New {
        code: LOST,
        sentence: format!(
            "{} works on order {} of {}, which the restored hub does not know. Have the channel send it again.",
            header.site, header.order_number, header.channel
        ),
        once: format!("{LOST} {}", header.order),
        order: Some(header.order),
        case: Some(header.case),
        site: Some(header.site.clone()),
        payload: None,
    })
    .await?;
    Ok(())
}

/// A channel has sent an order that is here in outline only: it takes the outline's place. Nothing of it that a site has is
/// given away again. `row` is the order as captured; returns the id it is kept under.
pub async fn complete(unit: &mut Unit, row: &mut order::Row) -> Result<Option<OrderId>, HubError> {
    let (channel, number) = (row.order.channel.clone(), row.order.number.clone());
    let Some(id) = order::by_channel_ref(unit.db(), channel.as_str(), &reference(&number)).await? else {
        return Ok(None);
    };
    let Some(outline) = order::lock(unit.db(), id).await? else { return Ok(None) };
    row.order.id = id;
    row.progress.generation = outline.progress.generation;
    // Until the cases were looked at: settling says what is left to route.
    row.route_at = None;
    order::replace(unit.db(), row).await?;
    let now = unit.now();
    exception::overtaken(unit.db(), id, LOST, now).await?;
    settle::orders(unit, &BTreeSet::from([id]), |_| None).await?;
    Ok(Some(id))
}

fn outline(header: &Header, currency: Currency) -> Order {
    let mut lines = Vec::with_capacity(header.lines.len());
    header.lines.iter().for_each(|line| add(&mut lines, line));
    let minor =
        lines.iter().map(|line| line.unit_price.minor.saturating_mul(i64::from(line.qty.get()))).sum();
    Order {
        id: header.order,
        channel: header.channel.clone(),
        channel_ref: reference(&header.order_number),
        number: header.order_number.clone(),
        placed_at: header.offered_at,
        currency,
        total: Money { minor, currency },
        lines,
        delivery: match header.service {
            Service::Pickup => Delivery::Pickup { site: header.site.clone() },
            Service::ShipToStore => Delivery::ShipToStore { site: header.site.clone() },
            Service::Ship => Delivery::Ship {
                country: String::new(),
                postal_code: String::new(),
                method: header.ship_method.clone().unwrap_or_default(),
            },
        },
        partial: header.partial,
        payment: PaymentState::Paid,
        language: header.language.clone(),
        cancelled_at: None,
        remarks: Vec::new(),
    }
}

/// A line as far as its cases tell. The order may have had more of it; the channel will say.
fn add(lines: &mut Vec<OrderLine>, line: &HeaderLine) {
    if let Some(known) = lines.iter_mut().find(|known| known.line == line.line) {
        known.qty = known.qty.max(line.qty);
        return;
    }
    lines.push(OrderLine {
        line: line.line,
        channel_ref: None,
        sku: line.sku.clone(),
        title: line.sku.to_string(),
        qty: line.qty,
        unit_price: line.unit_price,
        presentment_price: None,
        group: line.group.clone(),
        physical: true,
    });
}
