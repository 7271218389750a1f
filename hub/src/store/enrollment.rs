//! Enrollment: one-time tokens, and which installs and incarnations belong to a site.

use std::collections::BTreeMap;

use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::lineage::Life;
use outpost_sync::{Incarnation, InstallId, Link, PeerKeys, Position, PublicIdentity};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{column, many, signed};
use crate::error::HubError;

/// A token as the database knows it: only its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Until when it can be used.
    pub expires_at: UtcMillis,
    /// Who has used it.
    pub install: Option<InstallId>,
}

/// Keeps a token's hash.
pub async fn put_token(
    db: &mut AnyConnection,
    hash: &[u8; 32],
    site: &SiteId,
    expires_at: UtcMillis,
) -> Result<(), HubError> {
    sqlx::query("INSERT INTO enrollment_token (token_hash, site, expires_at) VALUES ($1, $2, $3)")
        .bind(&hash[..])
        .bind(site.as_str())
        .bind(expires_at.0)
        .execute(db)
        .await?;
    Ok(())
}

/// The token with this hash, if it is one of the site's; locked to the end of the transaction.
pub async fn token(
    db: &mut AnyConnection,
    hash: &[u8; 32],
    site: &SiteId,
) -> Result<Option<Token>, HubError> {
    let row = sqlx::query(
        "UPDATE enrollment_token SET expires_at = expires_at WHERE token_hash = $1 AND site = $2
         RETURNING expires_at, install",
    )
    .bind(&hash[..])
    .bind(site.as_str())
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let install: Option<Vec<u8>> = column(&row, "enrollment_token", "install")?;
    let expires_at = UtcMillis(column(&row, "enrollment_token", "expires_at")?);
    Ok(Some(Token { expires_at, install: install.as_deref().and_then(InstallId::from_slice) }))
}

/// Enrolls an install: the token is used up, and earlier installs of the site may not sign any more.
pub async fn enroll(
    db: &mut AnyConnection,
    hash: &[u8; 32],
    site: &SiteId,
    identity: &PublicIdentity,
    secret: &[u8; 32],
    now: UtcMillis,
) -> Result<(), HubError> {
    sqlx::query("UPDATE enrollment_token SET install = $2 WHERE token_hash = $1")
        .bind(&hash[..])
        .bind(&identity.install.0[..])
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE install SET revoked_at = $2 WHERE site = $1 AND revoked_at IS NULL")
        .bind(site.as_str())
        .bind(now.0)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "INSERT INTO install (site, install, public_key, secret, token_hash, enrolled_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (site, install) DO UPDATE SET public_key = excluded.public_key, secret = excluded.secret,
             token_hash = excluded.token_hash, enrolled_at = excluded.enrolled_at, revoked_at = NULL",
    )
    .bind(site.as_str())
    .bind(&identity.install.0[..])
    .bind(&identity.to_bytes()[..])
    .bind(&secret[..])
    .bind(&hash[..])
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}

/// A site's secret for short codes, if an appliance is enrolled.
pub async fn secret(db: &mut AnyConnection, site: &SiteId) -> Result<Option<Vec<u8>>, HubError> {
    let row = sqlx::query("SELECT secret FROM install WHERE site = $1 AND revoked_at IS NULL")
        .bind(site.as_str())
        .fetch_optional(db)
        .await?;
    row.map(|row| column(&row, "install", "secret")).transpose()
}

/// Whether the secret given at this install's enrollment still holds; for the repetition of a lost answer.
pub async fn secret_of(
    db: &mut AnyConnection,
    site: &SiteId,
    identity: &PublicIdentity,
) -> Result<Option<Vec<u8>>, HubError> {
    let row = sqlx::query(
        "SELECT secret FROM install WHERE site = $1 AND install = $2 AND public_key = $3 AND revoked_at IS NULL",
    )
    .bind(site.as_str())
    .bind(&identity.install.0[..])
    .bind(&identity.to_bytes()[..])
    .fetch_optional(db)
    .await?;
    row.map(|row| column(&row, "install", "secret")).transpose()
}

/// The keys a site may sign with.
pub async fn keys(db: &mut AnyConnection, site: &SiteId) -> Result<PeerKeys, HubError> {
    let rows = sqlx::query("SELECT public_key FROM install WHERE site = $1 AND revoked_at IS NULL")
        .bind(site.as_str())
        .fetch_all(db)
        .await?;
    let keys = rows.iter().map(|row| {
        let bytes: Vec<u8> = column(row, "install", "public_key")?;
        PublicIdentity::from_bytes(&bytes).map_err(|error| HubError::corrupt("install", site, error))
    });
    Ok(PeerKeys(keys.collect::<Result<_, _>>()?))
}

/// The keys several sites may sign with; sites without any are missing from the answer.
pub async fn keys_of(
    db: &mut AnyConnection,
    sites: &[String],
) -> Result<BTreeMap<SiteId, PeerKeys>, HubError> {
    let head = "SELECT site, public_key FROM install WHERE revoked_at IS NULL AND site IN";
    let mut keys: BTreeMap<SiteId, PeerKeys> = BTreeMap::new();
    for row in many::select(db, head, "", None, sites).await? {
        let site: SiteId = super::parsed(&row, "install", "site")?;
        let bytes: Vec<u8> = column(&row, "install", "public_key")?;
        let key =
            PublicIdentity::from_bytes(&bytes).map_err(|error| HubError::corrupt("install", &site, error))?;
        keys.entry(site).or_default().0.push(key);
    }
    Ok(keys)
}

/// Every site with an appliance.
pub async fn sites(db: &mut AnyConnection) -> Result<Vec<SiteId>, HubError> {
    let rows = sqlx::query("SELECT DISTINCT site FROM install WHERE revoked_at IS NULL ORDER BY site")
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| super::parsed(row, "install", "site")).collect()
}

/// Registers an incarnation of an install, with its parent.
pub async fn note_incarnation(
    db: &mut AnyConnection,
    site: &SiteId,
    install: InstallId,
    link: &Link,
    now: UtcMillis,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO incarnation (site, incarnation, install, parent, parent_n, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (site, incarnation) DO NOTHING",
    )
    .bind(site.as_str())
    .bind(&link.incarnation.0[..])
    .bind(&install.0[..])
    .bind(link.parent.map(|parent| parent.incarnation.0.to_vec()))
    .bind(link.parent.map(|parent| signed(parent.n)))
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}

/// Another life takes over: what these wrote beyond their numbers is of a past that is over.
pub async fn retire(
    db: &mut AnyConnection,
    site: &SiteId,
    lives: &[(Incarnation, u64)],
    now: UtcMillis,
) -> Result<(), HubError> {
    for (incarnation, beyond) in lives {
        sqlx::query(
            "UPDATE incarnation SET retired_beyond = $3, retired_at = $4 WHERE site = $1 AND incarnation = $2
                 AND (retired_beyond IS NULL OR retired_beyond > $3)",
        )
        .bind(site.as_str())
        .bind(&incarnation.0[..])
        .bind(signed(*beyond))
        .bind(now.0)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// When another life took over from this one; nothing while none has.
pub async fn retired_at(
    db: &mut AnyConnection,
    site: &SiteId,
    incarnation: Incarnation,
) -> Result<Option<UtcMillis>, HubError> {
    let row = sqlx::query("SELECT retired_at FROM incarnation WHERE site = $1 AND incarnation = $2")
        .bind(site.as_str())
        .bind(&incarnation.0[..])
        .fetch_optional(db)
        .await?;
    let at = row.map(|row| column::<Option<i64>>(&row, "incarnation", "retired_at")).transpose()?;
    Ok(at.flatten().map(UtcMillis))
}

/// When a site was last begun anew: another of its lives took over, or another appliance.
pub async fn begun_anew_at(db: &mut AnyConnection, site: &SiteId) -> Result<Option<UtcMillis>, HubError> {
    let row = sqlx::query(
        "SELECT MAX(at) AS at FROM (
             SELECT MAX(retired_at) AS at FROM incarnation WHERE site = $1
             UNION ALL SELECT MAX(enrolled_at) AS at FROM install WHERE site = $1) times",
    )
    .bind(site.as_str())
    .fetch_one(db)
    .await?;
    Ok(column::<Option<i64>>(&row, "incarnation", "at")?.map(UtcMillis))
}

/// An appliance takes over from all others: nothing of their lives is its past.
pub async fn retire_others(
    db: &mut AnyConnection,
    site: &SiteId,
    install: InstallId,
) -> Result<(), HubError> {
    sqlx::query("UPDATE incarnation SET retired_beyond = 0 WHERE site = $1 AND install <> $2")
        .bind(site.as_str())
        .bind(&install.0[..])
        .execute(db)
        .await?;
    Ok(())
}

/// The lives registered to a site, in the order in which they introduced themselves.
pub async fn lives(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Life>, HubError> {
    let rows = sqlx::query(
        "SELECT incarnation, install, parent, parent_n, retired_beyond FROM incarnation WHERE site = $1
         ORDER BY seen_at, incarnation",
    )
    .bind(site.as_str())
    .fetch_all(db)
    .await?;
    let wrong = || HubError::corrupt("incarnation", site, "not its number of bytes");
    rows.iter()
        .map(|row| {
            let bytes = |name| column::<Vec<u8>>(row, "incarnation", name);
            let parent: Option<Vec<u8>> = column(row, "incarnation", "parent")?;
            let n: Option<i64> = column(row, "incarnation", "parent_n")?;
            let parent =
                parent.map(|parent| Incarnation::from_slice(&parent).ok_or_else(wrong)).transpose()?;
            let n = u64::try_from(n.unwrap_or_default()).map_err(|_| wrong())?;
            let retired: Option<i64> = column(row, "incarnation", "retired_beyond")?;
            Ok(Life {
                incarnation: Incarnation::from_slice(&bytes("incarnation")?).ok_or_else(wrong)?,
                parent: parent.map(|incarnation| Position { incarnation, n }),
                install: InstallId::from_slice(&bytes("install")?).ok_or_else(wrong)?,
                retired_beyond: retired.map(u64::try_from).transpose().map_err(|_| wrong())?,
            })
        })
        .collect()
}

/// The incarnations registered to a site, each with its install.
pub async fn incarnations(
    db: &mut AnyConnection,
    site: &SiteId,
) -> Result<BTreeMap<Incarnation, InstallId>, HubError> {
    let rows = sqlx::query("SELECT incarnation, install FROM incarnation WHERE site = $1")
        .bind(site.as_str())
        .fetch_all(db)
        .await?;
    let wrong = || HubError::corrupt("incarnation", site, "not its number of bytes");
    rows.iter().map(|row| incarnation(row).and_then(|found| found.ok_or_else(wrong))).collect()
}

/// The same for several sites.
pub async fn incarnations_of(
    db: &mut AnyConnection,
    sites: &[String],
) -> Result<BTreeMap<SiteId, BTreeMap<Incarnation, InstallId>>, HubError> {
    let head = "SELECT site, incarnation, install FROM incarnation WHERE site IN";
    let mut all: BTreeMap<SiteId, BTreeMap<Incarnation, InstallId>> = BTreeMap::new();
    for row in many::select(db, head, "", None, sites).await? {
        let site: SiteId = super::parsed(&row, "incarnation", "site")?;
        let wrong = || HubError::corrupt("incarnation", &site, "not its number of bytes");
        let (incarnation, install) = incarnation(&row)?.ok_or_else(wrong)?;
        all.entry(site).or_default().insert(incarnation, install);
    }
    Ok(all)
}

fn incarnation(row: &AnyRow) -> Result<Option<(Incarnation, InstallId)>, HubError> {
    let incarnation: Vec<u8> = column(row, "incarnation", "incarnation")?;
    let install: Vec<u8> = column(row, "incarnation", "install")?;
    Ok(Incarnation::from_slice(&incarnation).zip(InstallId::from_slice(&install)))
}
