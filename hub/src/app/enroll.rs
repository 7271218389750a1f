//! Enrolls an appliance for a site, once, by a one-time token; the same appliance may ask again with the same token.

use outpost_config::SsccSettings;
use outpost_model::id::SiteId;
use outpost_model::rejection::Rejection;
use outpost_model::time::UtcMillis;
use outpost_sync::PublicIdentity;

use super::{lease, reference, succeed};
use crate::error::{HubError, Verdict};
use crate::store::{enrollment, recovery, site, stream};
use crate::wake::News;
use crate::write::Unit;

const TOKEN_LIVES_MS: i64 = 24 * 3_600_000;

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
    unit.wakes.news.insert(News::Site(id.clone()));
    if replaces {
        // Another appliance takes over. It grants anew from what it counts.
        unit.seize(id).await?;
        enrollment::retire_others(unit.db(), id, identity.install).await?;
        recovery::settle(unit.db(), id, now, "enrolled").await?;
        succeed::begin_anew(unit, id, terms).await?;
        return Ok(Ok(secret.to_vec()));
    }
    lease::lease(unit, id, &terms.sscc).await?;
    // Its appliance may be new, or may have been there before with another past: it gets all of it.
    reference::forget(unit, id).await?;
    Ok(Ok(secret.to_vec()))
}
