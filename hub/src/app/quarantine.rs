//! Quarantine, seen and ended by a person: what of a site is held here, and the ways out of it.

use outpost_config::SsccSettings;
use outpost_model::id::SiteId;
use outpost_model::rejection::Rejection;
use outpost_model::time::UtcMillis;
use outpost_sync::repair::{Mend, Standing};
use outpost_sync::{DocumentId, InstallId};
use sqlx::AnyConnection;

use crate::error::HubError;
use crate::replicate::apply::Applied;
use crate::replicate::mend;
use crate::store::place::Place;
use crate::store::{document, enrollment, exception, parked, quarantine};
use crate::write::Unit;

/// A document that is held.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// Its name.
    pub document: String,
    /// Who holds it: `hub` or `site`.
    pub by: &'static str,
    /// Why, in a stable code, where the hub knows.
    pub reason: Option<String>,
    /// Changes that are kept here until it is released.
    pub changes: u64,
    /// Since when.
    pub since: Option<UtcMillis>,
}

/// The documents of a site that are held, by the hub or by the site, by name.
pub async fn list(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Held>, HubError> {
    let mut held: Vec<Held> = quarantine::documents(db, site)
        .await?
        .into_iter()
        .map(|kept| Held {
            document: kept.document,
            by: "hub",
            reason: Some(kept.reason),
            changes: kept.changes,
            since: Some(kept.since),
        })
        .collect();
    for row in document::held(db, site).await? {
        let document = row.doc.to_string();
        if row.quarantined.is_some() && held.iter().all(|other| other.document != document) {
            held.push(Held { document, by: "hub", reason: row.quarantined, changes: 0, since: None });
        } else if row.place.there == Standing::Held {
            held.push(Held { document, by: "site", reason: None, changes: 0, since: None });
        }
    }
    held.sort_by(|one, other| (&one.document, one.by).cmp(&(&other.document, other.by)));
    Ok(held)
}

/// A person gives up what is held of a document: it stays as it stands here, what was kept of it is forgotten, and nothing
/// more of it is taken in from its site. Both sides leave it out of their comparisons.
pub async fn give_up(
    unit: &mut Unit,
    site: &SiteId,
    doc: &DocumentId,
) -> Result<Result<(), Rejection>, HubError> {
    unit.seize(site).await?;
    let row = document::named(unit.db(), std::slice::from_ref(doc)).await?.remove(doc);
    let other = row.as_ref().is_some_and(|row| row.site != *site);
    let held = row.as_ref().is_some_and(|row| row.quarantined.is_some());
    if other || !held && !quarantine::holds(unit.db(), site, doc).await? {
        return Ok(Err(Rejection::new("not_held", "Nothing of this document is set aside here.")));
    }
    let changes = quarantine::changes(unit.db(), site, doc).await?.len();
    quarantine::clear(unit.db(), site, doc).await?;
    for change in parked::of_documents(unit.db(), site, std::slice::from_ref(doc)).await? {
        parked::unpark(unit.db(), site, &change).await?;
    }
    // What was refused with its founding has no row; without one it would be asked for again.
    let mut row = row.unwrap_or_else(|| document::Row {
        doc: doc.clone(),
        site: site.clone(),
        site_n: 0,
        hub_n: 0,
        frontier: document::Frontier::none(),
        quarantined: None,
        packed: false,
        place: Place::default(),
    });
    (row.quarantined, row.place.standing, row.place.waiting) = (None, Standing::Sealed, false);
    document::put(unit.db(), &[&row]).await?;
    tracing::warn!(%site, %doc, changes, "what was held of a document was given up by a person");
    let now = unit.now();
    exception::gone(unit.db(), &format!("quarantined {site} {doc}"), now).await?;
    Ok(Ok(()))
}

/// The hub is mended: what was kept of a document is tried again, in the order in which it came. From the first change
/// that still cannot be taken on, it is held again, and the reason is the rejection's.
pub async fn release(
    unit: &mut Unit,
    site: &SiteId,
    doc: &DocumentId,
    sscc: &SsccSettings,
) -> Result<Result<(), Rejection>, HubError> {
    unit.seize(site).await?;
    let row = document::named(unit.db(), std::slice::from_ref(doc)).await?.remove(doc);
    let row = row.filter(|row| row.site == *site);
    let held = row.as_ref().is_some_and(|row| row.quarantined.is_some());
    if !held && !quarantine::holds(unit.db(), site, doc).await? {
        return Ok(Err(Rejection::new("not_held", "Nothing of this document is set aside here.")));
    }
    let changes = quarantine::changes(unit.db(), site, doc).await?;
    quarantine::clear(unit.db(), site, doc).await?;
    if let Some(mut row) = row {
        row.quarantined = None;
        document::put(unit.db(), &[&row]).await?;
    }
    let keys = enrollment::keys(unit.db(), site).await?;
    let install = keys.0.first().map_or(InstallId([0; InstallId::BYTES]), |key| key.install);
    let (notes, past) = Default::default();
    let again = Mend { site: site.clone(), install, changes, notes, past };
    match mend::mend(unit, &again, sscc).await? {
        Applied::Stored(refused) | Applied::StoredBut { refused, .. } => match refused.into_iter().next() {
            None => {
                let now = unit.now();
                exception::gone(unit.db(), &format!("quarantined {site} {doc}"), now).await?;
                Ok(Ok(()))
            }
            Some(first) => {
                let sentence =
                    format!("It still cannot be taken ({}). Update the hub, then try again.", first.reason);
                Ok(Err(Rejection::new("still_refused", sentence)))
            }
        },
        Applied::NotHeld => Err(HubError::NotHeld(site.clone())),
        Applied::Revoked => Ok(Err(Rejection::new("not_enrolled", "The site has no appliance."))),
    }
}
