//! Offers part of an order to a site: the case is made, and its header is on its way behind the contact it names.

use outpost_model::container;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::{Header, HeaderLine, Promise, Service};
use outpost_model::id::{CaseId, DocumentKey, RecordId};
use outpost_model::order::Delivery;
use outpost_model::routing::Assignment;
use outpost_sync::Record;
use outpost_sync::seal::Name;

use super::documents;
use crate::error::HubError;
use crate::store::{case, label, order, sealed};
use crate::wake::News;
use crate::write::Unit;

const DAY: i64 = 86_400_000;

/// What routing has decided for one site.
#[derive(Debug)]
pub struct Offer<'a> {
    /// The site and its part.
    pub assignment: &'a Assignment,
    /// The times it works by.
    pub promise: Promise,
    /// Days a pickup is held.
    pub hold_days: u32,
    /// Version of the rules.
    pub rules: &'a str,
    /// Whether carrier labels are bought.
    pub labels: bool,
}

/// Makes the case. Its promise must be booked already, in this transaction.
pub async fn offer(unit: &mut Unit, row: &order::Row, offer: &Offer<'_>) -> Result<CaseId, HubError> {
    let order = &row.order;
    let site = &offer.assignment.site;
    let case = CaseId(unit.ids().uuid());
    let now = unit.now();
    let service = order.delivery.service();
    let mut records = Vec::new();
    let mut consignee = None;
    if let Some(record) = row.consignee
        && let Some(told) = contact_record(unit, record).await?
    {
        records.push(told);
        consignee = Some(record);
    }
    let header = Header {
        case,
        order: order.id,
        order_number: order.number.clone(),
        channel: order.channel.clone(),
        site: site.clone(),
        service,
        ship_method: match &order.delivery {
            Delivery::Ship { method, .. } => Some(method.clone()),
            Delivery::Pickup { .. } | Delivery::ShipToStore { .. } => None,
        },
        lines: lines(row, offer.assignment)?,
        partial: order.partial,
        promise: offer.promise,
        hold_until: (service != Service::Ship)
            .then(|| offer.promise.promised_at + i64::from(offer.hold_days) * DAY),
        payment_ok_until: None,
        generation: row.progress.generation,
        consignee,
        language: order.language.clone(),
        rules: offer.rules.to_owned(),
        offered_at: now,
        more: Default::default(),
    };
    let key = DocumentKey::Case(case);
    let text = documents::header_text(&header)?;
    let position = documents::found(unit, site, &key, &text, records).await?;
    if service == Service::Ship && offer.labels {
        let wanted = label::Label {
            key: format!("{case}/1/{}", header.generation),
            case,
            site: site.clone(),
            container: container::parcel(case, 1),
            state: label::State::Wanted,
            attempts: 0,
            number: None,
        };
        label::want(unit.db(), &wanted, now).await?;
        unit.wakes.labels = true;
    }
    let state = Fulfillment::offered(header);
    case::put(unit.db(), &[&case::Row { state, position, updated_at: now }]).await?;
    case::look_at(unit.db(), case, Some(now)).await?;
    unit.wakes.news.insert(News::Case(case));
    Ok(case)
}

/// The record that tells a site whom a case is for; nothing once that was deleted.
pub async fn contact_record(unit: &mut Unit, record: RecordId) -> Result<Option<Record>, HubError> {
    let key = record.to_string();
    let bytes = sealed::get(unit.db(), Name { kind: sealed::CONTACT, key: &key }).await?;
    Ok(bytes.map(|bytes| Record::new(sealed::CONTACT, key, bytes)))
}

fn lines(row: &order::Row, assignment: &Assignment) -> Result<Vec<HeaderLine>, HubError> {
    assignment
        .lines
        .iter()
        .map(|part| {
            let line = row.order.lines.iter().find(|line| line.line == part.line).ok_or_else(|| {
                HubError::Invariant(format!("line {} is not in order {}", part.line, row.order.id))
            })?;
            Ok(HeaderLine {
                line: line.line,
                sku: line.sku.clone(),
                qty: part.qty,
                unit_price: line.unit_price,
                group: line.group.clone(),
            })
        })
        .collect()
}
