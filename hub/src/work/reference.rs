//! Brings sites in contact up to date with products and rules. Woken by signal and by timer, and told nothing.

use std::sync::PoisonError;
use std::time::Duration;

use outpost_model::reference::RULES;
use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::reference;
use crate::error::HubError;
use crate::store;

/// A site that comes back is noticed within this time.
const EVERY: Duration = Duration::from_secs(5);
/// Editions in one pass: each is a transaction of its own.
const PASS_MAX: i64 = 16;

/// Runs until it is cancelled.
pub async fn run(hub: Hub, token: CancellationToken) -> Result<(), HubError> {
    loop {
        let outcome = pass(&hub).await;
        let more = matches!(outcome, Ok(true));
        survived("reference", outcome.map(drop))?;
        if more {
            continue;
        }
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = hub.wakers.reference.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// One pass: the rules as they are now, then what is due. `true` when there may be more.
pub async fn pass(hub: &Hub) -> Result<bool, HubError> {
    put_rules(hub).await?;
    let mut connection = hub.store.read().acquire().await?;
    // Sites of other workers would only crowd out those that this one can send to.
    let mine = hub.leases.is_shared().then(|| hub.leases.worker());
    let due = store::reference::due(&mut connection, hub.life.epoch, mine, PASS_MAX).await?;
    drop(connection);
    let full = due.len() as i64 == PASS_MAX;
    let mut sent = false;
    for (site, name) in due {
        let (identity, epoch) = (hub.identity.clone(), hub.life.epoch);
        sent |= hub
            .writer
            .run(site.clone(), move |unit| {
                let (site, name, identity) = (site.clone(), name.clone(), identity.clone());
                Box::pin(async move { reference::send(unit, &identity, epoch, &site, &name).await })
            })
            .await?;
    }
    Ok(full && sent)
}

/// The rules of this process, once it starts and whenever they change. Another hub on the database may still have other
/// ones: whoever was given rules last is right, and they do not take turns.
async fn put_rules(hub: &Hub) -> Result<(), HubError> {
    let text = hub.rules_text();
    if hub.rules_put.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&text) {
        return Ok(());
    }
    let items = vec![(RULES.to_owned(), Some(text.clone()))];
    hub.writer
        .run("reference", move |unit| {
            let items = items.clone();
            Box::pin(async move { reference::put(unit, RULES, items).await })
        })
        .await?;
    *hub.rules_put.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    Ok(())
}
