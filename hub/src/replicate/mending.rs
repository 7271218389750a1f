//! Stores what repair brought: all of it in one transaction, or document by document when that breaks, so that one
//! document that cannot be stored does not keep the others from being mended.

use std::sync::Arc;

use outpost_sync::Input;
use outpost_sync::repair::Mend;

use super::apply::Applied;
use super::mend;
use crate::Hub;
use crate::error::HubError;

/// The reason of what cannot be applied though it was admitted.
const CANNOT_BE_APPLIED: &str = "cannot_be_applied";

/// Stores it and says what the session is told; the site gives it again when that fails.
pub async fn store(hub: &Hub, mend: Mend) -> Result<Input, HubError> {
    let mend = Arc::new(mend);
    match attempt(hub, mend.clone()).await {
        Ok(applied) => return Ok(told(&applied)),
        Err(error @ (HubError::Stopping | HubError::FateUnknown(_))) => return Err(error),
        Err(error) if error.disk_trouble().is_some() => return Ok(later(&error)),
        Err(error) => {
            tracing::error!(%error, site = %mend.site, "what repair brought was not stored; it is taken apart");
        }
    }
    for part in apart(&mend) {
        let part = Arc::new(part);
        match attempt(hub, part.clone()).await {
            Ok(Applied::Revoked | Applied::NotHeld) => return Ok(Input::MendFailed),
            Ok(_) => continue,
            Err(error @ (HubError::Stopping | HubError::FateUnknown(_))) => return Err(error),
            Err(error) if error.disk_trouble().is_some() => return Ok(later(&error)),
            Err(error) => {
                tracing::error!(%error, site = %part.site, "a document cannot be mended");
            }
        }
        match give_up(hub, part).await {
            Ok(()) => {}
            Err(error @ (HubError::Stopping | HubError::FateUnknown(_))) => return Err(error),
            Err(error) => {
                return Ok(later(&error));
            }
        }
    }
    Ok(Input::Mended)
}

/// The site gives it again. That the disk takes nothing now says nothing against what is to be stored.
fn later(error: &HubError) -> Input {
    tracing::error!(%error, "nothing can be stored now");
    Input::MendFailed
}

fn told(applied: &Applied) -> Input {
    match applied {
        Applied::Stored(_) | Applied::StoredBut { .. } => Input::Mended,
        Applied::Revoked | Applied::NotHeld => Input::MendFailed,
    }
}

async fn attempt(hub: &Hub, mend: Arc<Mend>) -> Result<Applied, HubError> {
    let sscc = Arc::new(hub.settings.sscc.clone());
    hub.writer
        .run(mend.site.clone(), move |unit| {
            let (mend, sscc) = (mend.clone(), sscc.clone());
            Box::pin(async move { mend::mend(unit, &mend, &sscc).await })
        })
        .await
}

async fn give_up(hub: &Hub, mend: Arc<Mend>) -> Result<(), HubError> {
    hub.writer
        .run(mend.site.clone(), move |unit| {
            let mend = mend.clone();
            Box::pin(async move { mend::give_up(unit, &mend, CANNOT_BE_APPLIED).await })
        })
        .await
}

/// The same, document by document; what is to be noted goes with the first.
fn apart(mend: &Mend) -> Vec<Mend> {
    let mut parts: Vec<Mend> = vec![Mend { changes: Vec::new(), ..mend.clone() }];
    for change in &mend.changes {
        let of_document =
            |part: &&mut Mend| part.changes.first().is_some_and(|first| first.doc == change.doc);
        match parts.iter_mut().find(of_document) {
            Some(part) => part.changes.push(change.clone()),
            None => parts.push(Mend { changes: vec![change.clone()], notes: Vec::new(), ..mend.clone() }),
        }
    }
    parts
}
