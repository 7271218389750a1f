//! Renews the authority of sites in contact, and notes those that have fallen silent.

use outpost_model::id::SiteId;
use tokio_util::sync::CancellationToken;

use super::survived;
use crate::Hub;
use crate::app::authority;
use crate::error::HubError;
use crate::replicate::notice;
use crate::store::{enrollment, line};

/// A site that was not heard of for so many hellos counts as silent.
const HELLOS_MISSED: i64 = 3;

/// Runs until it is cancelled.
pub async fn run(hub: Hub, token: CancellationToken) -> Result<(), HubError> {
    let every = hub.settings.authority.renew_interval.min(hub.settings.sync.hello_interval * 2);
    let mut renewed_at = None;
    loop {
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = tokio::time::sleep(every) => {}
        }
        let since = renewed_at.map_or(i64::MAX, |at| hub.now().since(at));
        let renew = since >= hub.settings.authority.renew_interval.as_millis() as i64;
        if renew {
            renewed_at = Some(hub.now());
        }
        survived("authority", pass(&hub, renew).await)?;
    }
}

/// Looks at every site once; with `renew` those in contact get their authority anew.
pub async fn pass(hub: &Hub, renew: bool) -> Result<(), HubError> {
    let mut connection = hub.store.read().acquire().await?;
    let lines = line::all(&mut connection).await?;
    let enrolled = enrollment::sites(&mut connection).await?;
    drop(connection);
    let silent_after = hub.settings.sync.hello_interval.as_millis() as i64 * HELLOS_MISSED;
    for site in enrolled.into_iter().filter(|site| hub.leases.serves(site)) {
        let Some(line) = lines.get(&site) else { continue };
        let silent = hub.now().since(line.last_seen) > silent_after;
        if silent && line.up {
            fall_silent(hub, &site).await?;
        } else if !silent && renew {
            give(hub, &site).await?;
        }
    }
    Ok(())
}

async fn fall_silent(hub: &Hub, site: &SiteId) -> Result<(), HubError> {
    let named = site.clone();
    hub.writer
        .run(site.clone(), move |unit| {
            let site = named.clone();
            Box::pin(async move { notice::heard(unit, &site, false).await })
        })
        .await
}

async fn give(hub: &Hub, site: &SiteId) -> Result<(), HubError> {
    let (named, terms) = (site.clone(), hub.authority_terms());
    hub.writer
        .run(site.clone(), move |unit| {
            let (site, terms) = (named.clone(), terms.clone());
            Box::pin(async move {
                authority::renew(unit, &site, &terms).await?;
                unit.wakes.authority.insert(site);
                Ok(())
            })
        })
        .await
}
