//! Captures an order as a channel reader understood it. The same order twice is one order; what is not understood is
//! kept whole.

use std::collections::BTreeSet;

use outpost_model::id::{ChannelId, OrderId, ReasonCode, RecordId, Sku};
use outpost_model::milestone::{OrderState, Standing};
use outpost_model::order::{Contact, Delivery, PaymentState};
use outpost_model::time::UtcMillis;
use outpost_sync::seal::Name;
use uuid::Uuid;

use super::{adopt, cancel, settle, stand};
use crate::connect::{Captured, Finding, Happened, NothingToDo, Unreadable, Work};
use crate::error::HubError;
use crate::store::payload::{self, Payload};
use crate::store::{counter, exception, order, product, sealed, site, to_json};
use crate::wake::News;
use crate::write::Unit;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A new order.
    New(OrderId),
    /// An order that was there already.
    Repeated(OrderId),
}

/// Captures an order, or takes in what a channel says of one that is here.
pub async fn capture(unit: &mut Unit, read: &Captured, raw: &Payload) -> Result<Answer, HubError> {
    let now = unit.now();
    let mut row = order::Row {
        order: read.order.clone(),
        state: OrderState::Captured,
        reason: None,
        captured_at: now,
        route_at: None,
        consignee: read.contact.as_ref().map(|_| RecordId(unit.ids().uuid())),
        progress: order::Progress::captured(),
    };
    row.order.id = id_of(&read.order.channel, &read.order.channel_ref);
    let blocked = blocked(unit, read).await?;
    decide(&mut row, read, blocked.first().map(|finding| finding.code), now);
    if let Some(id) = adopt::complete(unit, &mut row).await? {
        if let (Some(record), Some(person)) = (row.consignee, &read.contact) {
            keep_contact(unit, record, person).await?;
        }
        keep(unit, raw, id).await?;
        return Ok(Answer::Repeated(id));
    }
    if !order::insert(unit.db(), &row).await? {
        return known(unit, read, raw).await;
    }
    let id = row.order.id;
    if let (Some(record), Some(person)) = (row.consignee, &read.contact) {
        keep_contact(unit, record, person).await?;
    }
    let payload = keep(unit, raw, id).await?;
    for finding in blocked {
        unit.raise(exception::New {
            code: finding.code,
            sentence: format!("Order {}: {}", row.order.number, finding.sentence),
            once: format!("{} {id} {}", finding.code, finding.at),
            order: Some(id),
            payload: Some(payload),
            ..Default::default()
        })
        .await?;
    }
    unit.count(counter::ORDERS_CAPTURED, 1);
    unit.wakes.routing |= row.route_at.is_some();
    unit.wakes.news.insert(News::Order(id));
    Ok(Answer::New(id))
}

/// An order of a channel has the same id whenever it is captured: a hub that was restored knows it again in the cases that
/// sites give back, whichever comes first.
fn id_of(channel: &ChannelId, channel_ref: &str) -> OrderId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"outpost order 1");
    hasher.update(&(channel.as_str().len() as u64).to_le_bytes());
    hasher.update(channel.as_str().as_bytes());
    hasher.update(channel_ref.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    OrderId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// What a person must settle: what the reader found, and what only the hub can know.
async fn blocked(unit: &mut Unit, read: &Captured) -> Result<Vec<Finding>, HubError> {
    let mut findings = read.findings.clone();
    let lines = read.order.lines.iter().filter(|line| line.physical);
    let skus: BTreeSet<Sku> = lines.map(|line| line.sku.clone()).collect();
    let skus: Vec<Sku> = skus.into_iter().collect();
    let known = product::known(unit.db(), &skus).await?;
    for sku in skus.iter().filter(|sku| !known.contains(sku)) {
        findings.push(Finding {
            code: "unknown_sku",
            sentence: format!("The product {sku} is not known. Import it, then approve the order."),
            at: sku.to_string(),
        });
    }
    if let Delivery::Pickup { site } | Delivery::ShipToStore { site } = &read.order.delivery
        && site::get(unit.db(), site).await?.is_none()
    {
        findings.push(Finding {
            code: "unknown_site",
            sentence: format!(
                "The site of collection {site} is not known. Import it, then approve the order."
            ),
            at: site.to_string(),
        });
    }
    Ok(findings)
}

/// The rules of approval: what is cancelled is not routed, what is not paid or not clear waits.
fn decide(row: &mut order::Row, read: &Captured, finding: Option<&str>, now: UtcMillis) {
    let held = match row.order.payment {
        PaymentState::Pending => Some("payment_pending"),
        PaymentState::PartiallyPaid => Some("partially_paid"),
        PaymentState::Voided => Some("payment_voided"),
        PaymentState::Authorized | PaymentState::Paid | PaymentState::Refunded => None,
    };
    let cancelled = row.order.cancelled_at.is_some() || read.work == Work::Nothing(NothingToDo::Cancelled);
    let (standing, reason) = match (&read.work, held) {
        _ if cancelled => (Standing::Cancelled, Some("cancelled")),
        (Work::Nothing(nothing), _) => {
            row.order.lines.iter_mut().for_each(|line| line.physical = false);
            (Standing::Approved, Some(nothing.code()))
        }
        _ if finding.is_some() => (Standing::Held, finding),
        (Work::Deliver, Some(reason)) => (Standing::Held, Some(reason)),
        (Work::Deliver, None) => (Standing::Approved, None),
    };
    row.progress.standing = standing;
    row.reason = reason.map(str::to_owned);
    let deliver = row.order.lines.iter().any(|line| line.physical);
    row.route_at = (standing == Standing::Approved && deliver).then_some(now);
    row.state = settle::state(row, &[]);
}

/// The order is here: the same delivery again changes nothing; news about it do what they say.
async fn known(unit: &mut Unit, read: &Captured, raw: &Payload) -> Result<Answer, HubError> {
    let order = &read.order;
    let id = order::by_channel_ref(unit.db(), order.channel.as_str(), &order.channel_ref).await?;
    let id = id.ok_or_else(|| {
        HubError::Invariant(format!(
            "order {} of {} was refused and is not here",
            order.channel_ref, order.channel
        ))
    })?;
    let cancelled = read.happened == Happened::Cancelled || order.cancelled_at.is_some();
    let row = order::lock(unit.db(), id).await?;
    let row = row.ok_or_else(|| HubError::Invariant(format!("order {id} is gone")))?;
    let paid = matches!(order.payment, PaymentState::Authorized | PaymentState::Paid);
    let waits_for_payment = row.progress.standing == Standing::Held
        && matches!(row.reason.as_deref(), Some("payment_pending" | "partially_paid"));
    if cancelled && row.progress.standing != Standing::Cancelled {
        let other = ReasonCode::new("customer_changed_mind").ok();
        let reason = read.cancel_reason.clone().or(other);
        let reason = reason.ok_or_else(|| HubError::Invariant("a reason code is not one".to_owned()))?;
        keep(unit, raw, id).await?;
        // That nothing is left to cancel is no news for a channel.
        let _ = cancel::cancel(unit, id, &reason, &[]).await?;
    } else if paid && waits_for_payment {
        keep(unit, raw, id).await?;
        stand::approve_by_rule(unit, row).await?;
    } else {
        unit.count(counter::DUPLICATES_REFUSED, 1);
    }
    Ok(Answer::Repeated(id))
}

/// Keeps a person's data, sealed, for returns and questions of the customer.
pub async fn keep_contact(unit: &mut Unit, record: RecordId, person: &Contact) -> Result<(), HubError> {
    let retain_until = unit.now() + unit.vault().kept().contacts_ms;
    let key = record.to_string();
    let name = Name { kind: sealed::CONTACT, key: &key };
    let bytes = unit.seal(name, retain_until, to_json(person)?.as_bytes());
    sealed::put(unit.db(), name, retain_until, &bytes).await
}

/// Keeps the payload of an order; its id.
async fn keep(unit: &mut Unit, raw: &Payload, order: OrderId) -> Result<Uuid, HubError> {
    let id = unit.ids().uuid();
    keep_as(unit, id, raw, Some(order)).await?;
    Ok(id)
}

/// Keeps a payload, sealed, to settle what a reader misunderstood.
async fn keep_as(unit: &mut Unit, id: Uuid, raw: &Payload, order: Option<OrderId>) -> Result<(), HubError> {
    let now = unit.now();
    let retain_until = now + unit.vault().kept().payloads_ms;
    let name = Name { kind: sealed::PAYLOAD, key: &id.to_string() };
    let bytes = unit.seal(name, retain_until, &raw.body);
    payload::put(unit.db(), id, raw, order, now, retain_until, &bytes).await
}

/// Keeps a payload that is no order, whole, and says so to a person. Returns the exception.
pub async fn keep_unreadable(unit: &mut Unit, raw: &Payload, why: &Unreadable) -> Result<Uuid, HubError> {
    let now = unit.now();
    let (payload, id) = (unit.ids().uuid(), unit.ids().uuid());
    // The same bytes again are the same exception: a channel that resends does not fill the list.
    let digest = blake3::hash(&raw.body).to_hex();
    let once = format!("{} {} {digest}", why.code, raw.channel);
    let sentence = format!("A delivery of {} could not be read: {}", raw.channel, why.sentence);
    let raised = exception::New {
        code: "malformed_payload",
        sentence,
        once: once.clone(),
        payload: Some(payload),
        ..Default::default()
    };
    if exception::raise(unit.db(), id, now, raised).await? {
        keep_as(unit, payload, raw, None).await?;
        unit.count(counter::MALFORMED_KEPT, 1);
        unit.wakes.news.insert(News::Exceptions);
        return Ok(id);
    }
    unit.count(counter::DUPLICATES_REFUSED, 1);
    exception::id_of(unit.db(), &once).await
}
