//! Enrollment of appliances.

use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outpost_daemon::Problem;
use outpost_daemon::extract::{Json, Path};
use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::PublicIdentity;
use serde::{Deserialize, Serialize};

use super::problem::verdict;
use crate::Hub;
use crate::app::enroll;

/// A fresh token. It is shown once and works once.
#[derive(Debug, Clone, Serialize)]
pub struct TokenAnswer {
    /// What the appliance is told.
    pub token: String,
    /// Until when it can be used.
    pub expires_at: UtcMillis,
}

/// Makes a token for a site.
pub async fn make_token(
    State(hub): State<Hub>,
    Path(site): Path<SiteId>,
) -> Result<(StatusCode, Json<TokenAnswer>), Problem> {
    let outcome = hub
        .writer
        .run(site.clone(), move |unit| {
            let site = site.clone();
            Box::pin(async move { enroll::make_token(unit, &site).await })
        })
        .await;
    let made = verdict(outcome)?;
    Ok((StatusCode::CREATED, Json(TokenAnswer { token: made.token, expires_at: made.expires_at })))
}

/// An appliance's request.
#[derive(Clone, Deserialize)]
pub struct EnrollRequest {
    /// The one-time token.
    pub token: String,
    /// The install's id: 32 hex digits.
    pub install: String,
    /// Its ed25519 public key: 64 hex digits.
    pub public_key: String,
}

/// What the appliance keeps.
#[derive(Clone, Serialize)]
pub struct EnrollAnswer {
    /// The hub's install id and public key: 96 hex digits.
    pub hub_public_key: String,
    /// The site's secret for short codes, base64.
    pub site_secret: String,
    /// The hub's epoch.
    pub epoch: u32,
    /// The part of the topics after the version.
    pub shard: String,
}

/// Enrolls an appliance; the same one may ask again with the same token.
pub async fn enroll(
    State(hub): State<Hub>,
    Path(site): Path<SiteId>,
    Json(request): Json<EnrollRequest>,
) -> Result<Json<EnrollAnswer>, Problem> {
    let identity = identity(&request)?;
    let terms = hub.enroll_terms();
    let wakers = hub.wakers.clone();
    let (named, token) = (site.clone(), request.token);
    let outcome = hub
        .writer
        .run(site.clone(), move |unit| {
            let (site, token, terms) = (named.clone(), token.clone(), terms.clone());
            Box::pin(async move { enroll::enroll(unit, &site, &token, &identity, &terms).await })
        })
        .await;
    let secret = verdict(outcome)?;
    // A conversation that is open already must learn the new key.
    let _ = wakers.authority.send(site);
    Ok(Json(EnrollAnswer {
        hub_public_key: hub.identity.public().to_hex(),
        site_secret: STANDARD.encode(secret),
        epoch: hub.life.epoch,
        shard: hub.settings.broker.shard.clone(),
    }))
}

fn identity(request: &EnrollRequest) -> Result<PublicIdentity, Problem> {
    // Appliances name install and key apart, or the key in its long form that begins with the install.
    let text = match request.public_key.len() {
        96 => request.public_key.clone(),
        _ => format!("{}{}", request.install, request.public_key),
    };
    let identity = PublicIdentity::from_hex(&text).map_err(|error| {
        Problem::unprocessable("identity_malformed", "Install and public key are not an identity.")
            .detail(error.to_string())
    })?;
    if identity.install.to_string() != request.install.to_ascii_lowercase() {
        return Err(Problem::unprocessable("identity_malformed", "The key belongs to another install."));
    }
    Ok(identity)
}
