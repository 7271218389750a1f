//! What of a site is held, and the way out that an operator takes.

use axum::extract::State;
use axum::http::StatusCode;
use outpost_daemon::Problem;
use outpost_daemon::extract::{Json, Path};
use outpost_model::id::SiteId;
use outpost_sync::DocumentId;
use serde::{Deserialize, Serialize};

use super::problem::{failed, verdict};
use crate::Hub;
use crate::app::quarantine::{self, Held};
use crate::error::HubError;

/// Documents of a site that are held.
#[derive(Debug, Clone, Serialize)]
pub struct HeldList {
    /// By name.
    pub held: Vec<Held>,
}

/// The documents of a site that are held, by the hub or by the site.
pub async fn list(State(hub): State<Hub>, Path(site): Path<SiteId>) -> Result<Json<HeldList>, Problem> {
    let mut connection = hub.store.read().acquire().await.map_err(|error| failed(HubError::from(error)))?;
    let held = quarantine::list(&mut connection, &site).await.map_err(failed)?;
    Ok(Json(HeldList { held }))
}

/// Which document.
#[derive(Debug, Clone, Deserialize)]
pub struct OfDocument {
    /// Its name.
    pub document: String,
}

/// Gives up what is held of a document: nothing more of it is taken in.
pub async fn give_up(
    State(hub): State<Hub>,
    Path(site): Path<SiteId>,
    Json(of): Json<OfDocument>,
) -> Result<StatusCode, Problem> {
    let name = named(of)?;
    let outcome = hub
        .writer
        .run(site.clone(), move |unit| {
            let (site, name) = (site.clone(), name.clone());
            Box::pin(async move { quarantine::give_up(unit, &site, &name).await })
        })
        .await;
    verdict(outcome)?;
    Ok(StatusCode::NO_CONTENT)
}

fn named(of: OfDocument) -> Result<DocumentId, Problem> {
    DocumentId::new(of.document).map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "document_malformed", error.to_string())
    })
}

/// Tries what is held of a document again, after the hub was mended.
pub async fn release(
    State(hub): State<Hub>,
    Path(site): Path<SiteId>,
    Json(of): Json<OfDocument>,
) -> Result<StatusCode, Problem> {
    let name = named(of)?;
    let sscc = std::sync::Arc::new(hub.settings.sscc.clone());
    let outcome = hub
        .writer
        .run(site.clone(), move |unit| {
            let (site, name, sscc) = (site.clone(), name.clone(), sscc.clone());
            Box::pin(async move { quarantine::release(unit, &site, &name, &sscc).await })
        })
        .await;
    verdict(outcome)?;
    Ok(StatusCode::NO_CONTENT)
}
