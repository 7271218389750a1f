//! Enrolls an appliance for a site, once, by a one-time token; the same appliance may ask again with the same token.

use outpost_config::SsccSettings;
use outpost_model::id::{SiteId, Sku};
use outpost_model::page::{HubPageEvent, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_model::rejection::Rejection;
use outpost_model::time::UtcMillis;
use outpost_sync::PublicIdentity;

use super::{documents, lease, tell};
use crate::error::{HubError, Verdict};
use crate::store::{enrollment, product, rights, serial, site, stream};
use crate::wake::News;
use crate::write::Unit;

const TOKEN_LIVES_MS: i64 = 24 * 3_600_000;
/// Returned rights that fit into one event of the hub's page.
const RETURNED_MAX: usize = 200;

/// A fresh token, shown once.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What the appliance is told.
    pub token: String,
    /// Until when it can be used.
    pub expires_at: UtcMillis,
}

/// What an enrollment needs to know of the hub.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How serials are leased.
    pub sscc: SsccSettings,
    /// Version of the rules in force.
    pub rules_version: String,
    /// Their text.
    pub rules_text: String,
}

/// Makes a token for a site. Only its hash is kept.
pub async fn make_token(unit: &mut Unit, id: &SiteId) -> Result<Verdict<NewToken>, HubError> {
    if site::get(unit.db(), id).await?.is_none() {
        return Ok(Err(Rejection::new("no_such_site", "There is no such site. Import it first.")));
    }
    let token = hex::encode(unit.ids().bytes::<20>());
    let expires_at = unit.now() + TOKEN_LIVES_MS;
    enrollment::put_token(unit.db(), blake3::hash(token.as_bytes()).as_bytes(), id, expires_at).await?;
    Ok(Ok(NewToken { token, expires_at }))
}

/// Enrolls and returns the site's secret.
pub async fn enroll(
    unit: &mut Unit,
    id: &SiteId,
    token: &str,
    identity: &PublicIdentity,
    terms: &Terms,
) -> Result<Verdict<Vec<u8>>, HubError> {
    let hash = *blake3::hash(token.as_bytes()).as_bytes();
    let now = unit.now();
    let Some(found) = enrollment::token(unit.db(), &hash, id).await? else {
        return Ok(Err(Rejection::new("token_unknown", "This token is not one of this site's.")));
    };
    match found.install {
        // The first answer was lost.
        Some(install) if install == identity.install => {
            let secret = enrollment::secret_of(unit.db(), id, identity).await?;
            return Ok(secret.ok_or_else(|| {
                Rejection::new(
                    "install_replaced",
                    "This appliance was replaced by another one. Make a new token.",
                )
            }));
        }
        Some(_) => {
            let sentence = "This token was used by another appliance. Make a new one.";
            return Ok(Err(Rejection::new("token_used", sentence)));
        }
        None if found.expires_at < now => {
            return Ok(Err(Rejection::new("token_expired", "This token has expired. Make a new one.")));
        }
        None => {}
    }
    let replaces = enrollment::secret(unit.db(), id).await?.is_some();
    let secret = unit.ids().bytes::<32>();
    enrollment::enroll(unit.db(), &hash, id, identity, &secret, now).await?;
    let actor = unit.actor();
    stream::found(unit.db(), id, actor).await?;
    if replaces {
        forget_earlier(unit, id).await?;
    }
    lease::lease(unit, id, &terms.sscc).await?;
    tell::rules(unit, id, &terms.rules_version, &terms.rules_text).await?;
    let version = product::next_version(unit.db()).await?;
    let all = product::told_since(unit.db(), 0).await?;
    tell::products(unit, id, version, &all).await?;
    unit.wakes.news.insert(News::Site(id.clone()));
    Ok(Ok(secret.to_vec()))
}

/// Another appliance takes over: nothing more is promised from what the earlier one granted, and its serials are not
/// used any more. The new one grants anew from what it counts.
async fn forget_earlier(unit: &mut Unit, id: &SiteId) -> Result<(), HubError> {
    let mut events = Vec::new();
    let mut units = Vec::new();
    for (sku, [granted, promised, returned]) in rights::of_site(unit.db(), id).await? {
        let unused = u64::try_from(granted - promised - returned).unwrap_or(0);
        if unused > 0 {
            let sku = Sku::new(sku).map_err(|error| HubError::corrupt("rights", id, error))?;
            let back = rights::give_back(unit.db(), id, &sku, unused).await?;
            let qty = Quantity::new(back).map_err(|error| HubError::Invariant(error.to_string()))?;
            units.push(SkuQty { sku, qty });
        }
    }
    for chunk in units.chunks(RETURNED_MAX) {
        events.push(HubPageEvent::Returned { units: chunk.to_vec(), recall: None });
    }
    let now = unit.now();
    for block in serial::void(unit.db(), id, now).await? {
        events.push(HubPageEvent::SerialsVoided { first: block.first, count: block.count });
    }
    for event in events {
        documents::say_on_page(unit, id, vec![event]).await?;
    }
    Ok(())
}
