//! Sites: their lines, stock, documents and pickup codes.

use axum::extract::State;
use axum::http::StatusCode;
use outpost_daemon::Problem;
use outpost_daemon::extract::{Json, Path, Query};
use outpost_daemon::short_code::short_code;
use outpost_model::id::{CaseId, SiteId, Sku};
use outpost_sync::PublicIdentity;
use serde::{Deserialize, Serialize};

use super::problem::{failed, verdict};
use crate::Hub;
use crate::app::recover;
use crate::error::HubError;
use crate::replicate::verify;
use crate::store::query::sites::{self, DocumentState, SiteSummary, StockRow};
use crate::store::query::{PAGE_MAX, ROWS_MAX};
use crate::store::{case, enrollment};

/// All sites.
#[derive(Debug, Clone, Serialize)]
pub struct SiteList {
    /// By id.
    pub sites: Vec<SiteSummary>,
}

fn unknown() -> Problem {
    Problem::not_found("no_such_site", "There is no such site.")
}

/// A page of sites.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ListQuery {
    /// Those after this one, by id.
    #[serde(default)]
    pub after: Option<SiteId>,
    /// At most so many.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Sites with their lines and their work, by id.
pub async fn list(State(hub): State<Hub>, Query(query): Query<ListQuery>) -> Result<Json<SiteList>, Problem> {
    let limit = query.limit.unwrap_or(PAGE_MAX);
    let sites = sites::list(hub.store.read(), query.after.as_ref(), limit).await.map_err(failed)?;
    Ok(Json(SiteList { sites }))
}

/// One site.
pub async fn detail(State(hub): State<Hub>, Path(site): Path<SiteId>) -> Result<Json<SiteSummary>, Problem> {
    sites::one(hub.store.read(), &site).await.map_err(failed)?.map(Json).ok_or_else(unknown)
}

/// A site's stock and rights as the hub knows them.
#[derive(Debug, Clone, Serialize)]
pub struct StockList {
    /// By SKU.
    pub stock: Vec<StockRow>,
}

/// A page of stock.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct StockQuery {
    /// Those after this one.
    #[serde(default)]
    pub after: Option<Sku>,
    /// At most so many.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// A site's stock and rights as the hub knows them, by SKU.
pub async fn stock(
    State(hub): State<Hub>,
    Path(site): Path<SiteId>,
    Query(query): Query<StockQuery>,
) -> Result<Json<StockList>, Problem> {
    let limit = query.limit.unwrap_or(ROWS_MAX);
    let stock = sites::stock(hub.store.read(), &site, query.after.as_ref(), limit).await.map_err(failed)?;
    Ok(Json(StockList { stock }))
}

/// A page of documents, and whether to fold them from scratch.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct VerifyQuery {
    /// Fold every case from scratch and compare.
    #[serde(default)]
    pub verify: bool,
    /// Those after this one, by id.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// A site's documents as the hub has them, in the same form as the site's own.
pub async fn documents(
    State(hub): State<Hub>,
    Path(site): Path<SiteId>,
    Query(query): Query<VerifyQuery>,
) -> Result<Json<Vec<DocumentState>>, Problem> {
    let mut connection = hub.store.read().acquire().await.map_err(|error| failed(HubError::from(error)))?;
    let (after, limit) = (query.after.as_deref().unwrap_or_default(), query.limit.unwrap_or(ROWS_MAX));
    let page = verify::Page { after, limit };
    let found = verify::documents(&mut connection, &site, hub.life.incarnation, query.verify, page).await;
    found.map(Json).map_err(failed)
}

/// Whose signatures on a site's topics are good: what a reader of the replication needs beside the topics.
#[derive(Debug, Clone, Serialize)]
pub struct SiteKeys {
    /// The hub's install id and public key: 96 hex digits.
    pub hub: String,
    /// Install id and public key of the appliances that may sign for the site, likewise.
    pub installs: Vec<String>,
}

/// Whose signatures on a site's topics are good.
pub async fn keys(State(hub): State<Hub>, Path(site): Path<SiteId>) -> Result<Json<SiteKeys>, Problem> {
    let mut connection = hub.store.read().acquire().await.map_err(|error| failed(HubError::from(error)))?;
    let known = enrollment::keys(&mut connection, &site).await.map_err(failed)?;
    let installs = known.0.iter().map(PublicIdentity::to_hex).collect();
    Ok(Json(SiteKeys { hub: hub.identity.public().to_hex(), installs }))
}

/// Waits for a site no longer.
pub async fn let_go(State(hub): State<Hub>, Path(site): Path<SiteId>) -> Result<StatusCode, Problem> {
    let done = hub.writer.run(site.clone(), move |unit| {
        let site = site.clone();
        Box::pin(async move { recover::let_go(unit, &site).await })
    });
    verdict(done.await)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A pickup's short code, for the customer's notification.
#[derive(Clone, Serialize)]
pub struct PickupCode {
    /// The case.
    pub case: CaseId,
    /// Six digits. Never stored and never logged.
    pub code: String,
}

/// A pickup's short code.
pub async fn pickup_code(
    State(hub): State<Hub>,
    Path(case): Path<CaseId>,
) -> Result<Json<PickupCode>, Problem> {
    let mut connection = hub.store.read().acquire().await.map_err(|error| failed(HubError::from(error)))?;
    let unknown = || Problem::not_found("no_such_case", "There is no such case.");
    let row = case::get(&mut connection, case).await.map_err(failed)?.ok_or_else(unknown)?;
    let secret = enrollment::secret(&mut connection, &row.state.header.site).await.map_err(failed)?;
    let secret = secret.ok_or_else(|| Problem::conflict("not_enrolled", "The site has no appliance."))?;
    Ok(Json(PickupCode { case, code: short_code(&secret, "pickup", &case.to_string()) }))
}
