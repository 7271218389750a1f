//! Buys carrier labels ahead and gives them back, outside of any transaction: the purchase has a key by which the
//! carrier knows a repetition, and is noted when it has happened.

use std::time::Duration;

use futures_util::future::join_all;
use outpost_model::header::HeaderLine;
use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::label as noting;
use crate::carrier::{Carrier, CarrierError, Parcel, To};
use crate::error::HubError;
use crate::store::label::{self, Label, State};
use crate::store::product::Product;
use crate::store::{case, contact, product};

/// Purchases at a time.
const PASS_MAX: i64 = 8;
const EVERY: Duration = Duration::from_secs(2);
/// The packaging around the goods.
const BOX_WEIGHT_G: u32 = 200;
const BOX_SIDE_MM: u32 = 20;
/// Retries wait from a second to ten minutes, doubled every time.
const RETRY_MS_MAX: i64 = 600_000;

/// Runs until it is cancelled.
pub async fn run(hub: Hub, carrier: Carrier, token: CancellationToken) -> Result<(), HubError> {
    loop {
        let outcome = pass(&hub, &carrier).await;
        let more = matches!(outcome, Ok(true));
        survived("labels", outcome.map(drop))?;
        if more {
            continue;
        }
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = hub.wakers.labels.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn pass(hub: &Hub, carrier: &Carrier) -> Result<bool, HubError> {
    let due = label::due(hub.store.read(), hub.now(), PASS_MAX).await?;
    let full = due.len() as i64 == PASS_MAX;
    for outcome in join_all(due.into_iter().map(|label| work(hub, carrier, label))).await {
        outcome?;
    }
    Ok(full)
}

async fn work(hub: &Hub, carrier: &Carrier, label: Label) -> Result<(), HubError> {
    let done = match label.state {
        State::VoidWanted => carrier.void(label.number.as_deref().unwrap_or_default()).await.map(|()| None),
        _ => match buy(hub, carrier, &label).await? {
            Ok(purchase) => Ok(Some(purchase)),
            Err(error) => Err(error),
        },
    };
    let site = label.site.clone();
    match done {
        Ok(purchase) => {
            hub.writer
                .run(site, move |unit| {
                    let (label, purchase) = (label.clone(), purchase.clone());
                    Box::pin(async move {
                        match purchase {
                            Some(purchase) => noting::bought(unit, &label, &purchase).await,
                            None => noting::voided(unit, &label).await,
                        }
                    })
                })
                .await
        }
        Err(error) => {
            let retry = match &error {
                CarrierError::Away(_) => Some((1_000_i64 << label.attempts.min(10)).min(RETRY_MS_MAX)),
                CarrierError::Refused(_) => None,
            };
            tracing::warn!(%error, key = %label.key, "a carrier label is not settled");
            let error = error.to_string();
            hub.writer
                .run(site, move |unit| {
                    let (label, error) = (label.clone(), error.clone());
                    Box::pin(async move { noting::failed(unit, &label, &error, retry).await })
                })
                .await
        }
    }
}

async fn buy(
    hub: &Hub,
    carrier: &Carrier,
    label: &Label,
) -> Result<Result<noting::Purchase, CarrierError>, HubError> {
    let mut connection = hub.store.read().acquire().await?;
    let Some(row) = case::get(&mut connection, label.case).await? else {
        return Ok(Err(CarrierError::Refused("the case is gone".to_owned())));
    };
    let header = row.state.header;
    let person = match header.consignee {
        Some(record) => contact::get(&mut connection, record).await?,
        None => None,
    };
    let Some((person, _)) = person else {
        return Ok(Err(CarrierError::Refused("the order has no address".to_owned())));
    };
    let skus: Vec<_> = header.lines.iter().map(|line| line.sku.clone()).collect();
    let products = product::some(&mut connection, &skus).await?;
    // The purchase may take long; the connection is others' meanwhile.
    drop(connection);
    let [weight_g, length_mm, width_mm, height_mm] = measure(&header.lines, &products);
    let parcel = Parcel {
        reference: &label.key,
        service: header.ship_method.as_deref().unwrap_or("standard"),
        weight_g,
        length_mm,
        width_mm,
        height_mm,
        to: To::from(&person),
    };
    Ok(carrier.buy(&label.key, &parcel).await)
}

/// Weight of all and a box that holds them stacked by their shortest sides.
fn measure(lines: &[HeaderLine], products: &[Product]) -> [u32; 4] {
    let mut parcel = [BOX_WEIGHT_G, 0, 0, 0_u32];
    for line in lines {
        let Some(product) = products.iter().find(|product| product.sku == line.sku) else { continue };
        let qty = line.qty.get();
        let mut sides = [product.length_mm, product.width_mm, product.height_mm];
        sides.sort_unstable();
        parcel[0] = parcel[0].saturating_add(product.weight_g.saturating_mul(qty));
        parcel[1] = parcel[1].max(sides[2]);
        parcel[2] = parcel[2].max(sides[1]);
        parcel[3] = parcel[3].saturating_add(sides[0].saturating_mul(qty));
    }
    parcel[1..].iter_mut().for_each(|side| *side = side.saturating_add(BOX_SIDE_MM));
    parcel
}
