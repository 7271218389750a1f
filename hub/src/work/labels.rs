//! Buys carrier labels ahead and gives them back, outside of any transaction: the purchase has a key by which the
//! carrier knows a repetition, and is noted when it has happened.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::parcel::parcel;
use super::survived;
use crate::Hub;
use crate::app::label as noting;
use crate::carrier::{Carrier, CarrierError};
use crate::error::HubError;
use crate::store::label::{self, Label, State};
use crate::store::{case, exception, product, sealed};

/// Purchases at a time.
const PASS_MAX: i64 = 8;
const EVERY: Duration = Duration::from_secs(2);
/// Retries wait from a second to ten minutes, doubled every time.
const RETRY_MS_MAX: i64 = 600_000;
/// After so many failed attempts at one label a person is told; the worker keeps trying.
const ATTEMPTS_QUIET: u32 = 5;

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
        _ => buy(hub, carrier, &label).await?.map(Some),
    };
    let purchase = match done {
        Ok(purchase) => purchase,
        Err(error) => return failed(hub, label, &error).await,
    };
    hub.writer
        .run(label.site.clone(), move |unit| {
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

async fn failed(hub: &Hub, label: Label, error: &CarrierError) -> Result<(), HubError> {
    tracing::warn!(%error, key = %label.key, attempts = label.attempts + 1, "a carrier label is not settled");
    let retry = error.may_pass().then(|| (1_000_i64 << label.attempts.min(10)).min(RETRY_MS_MAX));
    let tell = retry.is_some() && label.attempts + 1 == ATTEMPTS_QUIET;
    let text = error.to_string();
    hub.writer
        .run(label.site.clone(), move |unit| {
            let (label, text) = (label.clone(), text.clone());
            Box::pin(async move {
                noting::failed(unit, &label, &text, retry).await?;
                if tell {
                    unit.raise(exception::New {
                        code: "carrier_unreachable",
                        sentence: format!("Labels cannot be settled, and the hub keeps trying: {text}"),
                        once: "carrier_unreachable".to_owned(),
                        ..Default::default()
                    })
                    .await?;
                }
                Ok(())
            })
        })
        .await
}

async fn buy(
    hub: &Hub,
    carrier: &Carrier,
    label: &Label,
) -> Result<Result<noting::Purchase, CarrierError>, HubError> {
    let mut connection = hub.store.read().acquire().await?;
    let Some(row) = case::get(&mut connection, label.case).await? else {
        return Ok(Err(CarrierError::Hopeless("the case is gone")));
    };
    let header = row.state.header;
    let person = match header.consignee {
        Some(record) => sealed::contact(&mut connection, hub.store.vault(), record).await?,
        None => None,
    };
    let Some(person) = person else {
        return Ok(Err(CarrierError::Hopeless("the order has no address")));
    };
    let skus: Vec<_> = header.lines.iter().map(|line| line.sku.clone()).collect();
    let products = product::some(&mut connection, &skus).await?;
    // The purchase may take long; the connection is others' meanwhile.
    drop(connection);
    Ok(carrier.buy(&label.key, &parcel(&header, &products, person)).await)
}
