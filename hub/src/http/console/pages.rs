//! The addresses of the console: each reads and hands over to its page.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use outpost_daemon::Problem;
use outpost_daemon::extract::{Path, Query};
use outpost_model::id::{OrderId, SiteId, Sku};
use serde::Deserialize;

use super::Console;
use super::frame::{Page, message};
use super::sites::SiteView;
use super::when::Watch;
use super::{exceptions, imports, order, orders, overview, sites, stock};
use crate::error::HubError;
use crate::http::problem::failed;
use crate::store::order::state_of;
use crate::store::query::{PAGE_DEFAULT, PAGE_MAX, console as reads, stats, timeline};
use crate::store::query::{exceptions as exception_rows, orders as order_rows, sites as site_rows};

/// Exceptions that a page shows at most.
const EXCEPTIONS_MAX: u32 = 60;
/// Open cases that a site's page shows at most.
const CASES_MAX: u32 = 100;
/// SKUs that a site's page shows at most.
const SKUS_MAX: usize = 200;
/// Sites whose stock one page compares.
const STOCK_SITES_MAX: usize = 50;

/// A page, or a page that says why not.
type Answer = Result<Response, Sorry>;

/// Why a page cannot be shown.
pub struct Sorry {
    problem: Problem,
    watch: Watch,
}

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        let document = self.problem.to_json();
        let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        let what = match self.problem.status() {
            StatusCode::NOT_FOUND => "There is nothing here",
            status if status.is_server_error() => "That did not work",
            _ => "That cannot be shown",
        };
        let incident = text("incident");
        let more = if incident.is_empty() {
            text("detail")
        } else {
            format!("Incident {incident} in the hub’s log.")
        };
        message(self.problem.status(), &self.watch, what, format!("{} {more}", text("title")).trim())
    }
}

impl Console {
    fn sorry(&self, problem: Problem) -> Sorry {
        Sorry { problem, watch: self.watch() }
    }

    fn failed(&self) -> impl Fn(HubError) -> Sorry {
        |error| self.sorry(failed(error))
    }

    async fn stats(&self) -> Result<stats::Stats, Sorry> {
        let mut stats = stats::read(self.hub.store.read()).await.map_err(self.failed())?;
        if let Some(wire) = self.hub.wire.get() {
            (stats.wire_bytes_in, stats.wire_bytes_out) = (wire.received(), wire.sent());
        }
        Ok(stats)
    }

    async fn sites(&self) -> Result<Vec<SiteView>, Sorry> {
        let pool = self.hub.store.read();
        let watch = self.watch();
        let rights = reads::rights_totals(pool).await.map_err(self.failed())?;
        let mut views: Vec<SiteView> = Vec::new();
        let mut after = None;
        loop {
            let page = site_rows::list(pool, after.as_ref(), PAGE_MAX).await.map_err(self.failed())?;
            let Some(last) = page.last() else { return Ok(views) };
            after = Some(last.site.site.clone());
            views.extend(page.into_iter().map(|summary| {
                let totals = rights.get(summary.site.site.as_str()).copied().unwrap_or_default();
                SiteView::new(summary, totals, &watch)
            }));
        }
    }

    async fn open_exceptions(&self) -> Result<i64, Sorry> {
        reads::open_exceptions(self.hub.store.read()).await.map_err(self.failed())
    }
}

/// The first page.
pub async fn overview(State(console): State<Console>) -> Answer {
    let pool = console.hub.store.read();
    let stats = console.stats().await?;
    let newest = exception_rows::Filter { limit: 5, ..Default::default() };
    let exceptions = exception_rows::list(pool, &newest).await.map_err(console.failed())?;
    let newest = order_rows::Filter { limit: 10, ..Default::default() };
    let orders = order_rows::list(pool, &newest).await.map_err(console.failed())?;
    let sites = console.sites().await?;
    let mut page = overview::page(&stats, exceptions, sites, orders, &console.watch());
    page.frame.open_exceptions = stats.exceptions.values().sum();
    Ok(Page(page).into_response())
}

/// What the list of orders is narrowed down to.
#[derive(Deserialize)]
pub struct OrdersQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    q: String,
    after: Option<OrderId>,
}

/// The list of orders.
pub async fn orders(State(console): State<Console>, Query(query): Query<OrdersQuery>) -> Answer {
    let pool = console.hub.store.read();
    let state = state_of(&query.state);
    let q: String = query.q.trim().chars().take(120).collect();
    let filter =
        order_rows::Filter { state, q: Some(q.clone()), after: query.after, limit: PAGE_DEFAULT + 1 };
    let rows = order_rows::list(pool, &filter).await.map_err(console.failed())?;
    let stats = console.stats().await?;
    let asked = orders::Asked { state, q, is_later_page: query.after.is_some(), limit: PAGE_DEFAULT };
    let mut page = orders::page(rows, &stats.orders, asked, &console.watch());
    page.frame.open_exceptions = stats.exceptions.values().sum();
    Ok(Page(page).into_response())
}

/// One order.
pub async fn order(State(console): State<Console>, Path(id): Path<OrderId>) -> Answer {
    let pool = console.hub.store.read();
    let found = timeline::detail(pool, id, console.hub.life.incarnation).await.map_err(console.failed())?;
    let unknown = || console.sorry(Problem::not_found("no_such_order", "There is no such order."));
    let detail = found.ok_or_else(unknown)?;
    let zones = reads::zones(pool).await.map_err(console.failed())?;
    let mut page = order::page(detail, &zones, &console.watch());
    page.frame.open_exceptions = console.open_exceptions().await?;
    Ok(Page(page).into_response())
}

/// What the list of exceptions is narrowed down to.
#[derive(Deserialize)]
pub struct ExceptionsQuery {
    #[serde(default)]
    all: bool,
    code: Option<String>,
}

/// What needs a person.
pub async fn exceptions(State(console): State<Console>, Query(query): Query<ExceptionsQuery>) -> Answer {
    let code = query.code.filter(|code| !code.is_empty());
    let filter =
        exception_rows::Filter { all: query.all, code: code.clone(), order: None, limit: EXCEPTIONS_MAX + 1 };
    let rows = exception_rows::list(console.hub.store.read(), &filter).await.map_err(console.failed())?;
    let open: BTreeMap<String, i64> = console.stats().await?.exceptions;
    let limit = EXCEPTIONS_MAX as usize;
    let mut page = exceptions::page(rows, &open, code, query.all, limit, &console.watch());
    page.frame.open_exceptions = open.values().sum();
    Ok(Page(page).into_response())
}

/// All sites.
pub async fn sites(State(console): State<Console>) -> Answer {
    let mut page = sites::page(console.sites().await?, &console.watch());
    page.frame.open_exceptions = console.open_exceptions().await?;
    Ok(Page(page).into_response())
}

/// Where the SKUs of a site's page begin.
#[derive(Deserialize)]
pub struct SiteQuery {
    #[serde(default)]
    after: String,
}

/// One site.
pub async fn site(
    State(console): State<Console>,
    Path(site): Path<SiteId>,
    Query(query): Query<SiteQuery>,
) -> Answer {
    let pool = console.hub.store.read();
    let unknown = || console.sorry(Problem::not_found("no_such_site", "There is no such site."));
    let summary = site_rows::one(pool, &site).await.map_err(console.failed())?.ok_or_else(unknown)?;
    let rights = reads::rights_totals(pool).await.map_err(console.failed())?;
    let totals = rights.get(site.as_str()).copied().unwrap_or_default();
    let view = SiteView::new(summary, totals, &console.watch());
    let cases = reads::open_cases(pool, site.as_str(), CASES_MAX + 1).await.map_err(console.failed())?;
    let after = Sku::new(query.after).ok();
    let most = SKUS_MAX as u32 + 1;
    let stock = site_rows::stock(pool, &site, after.as_ref(), most).await.map_err(console.failed())?;
    let mut page = sites::site_page(view, cases, CASES_MAX as usize, stock, SKUS_MAX, &console.watch());
    page.frame.open_exceptions = console.open_exceptions().await?;
    Ok(Page(page).into_response())
}

/// What the stock page is narrowed down to.
#[derive(Deserialize)]
pub struct StockQuery {
    #[serde(default)]
    site: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
}

/// Stock over all sites.
pub async fn stock(State(console): State<Console>, Query(query): Query<StockQuery>) -> Answer {
    let pool = console.hub.store.read();
    let q: String = query.q.trim().chars().take(64).collect();
    let products =
        reads::products(pool, &q, &query.after, PAGE_DEFAULT + 1).await.map_err(console.failed())?;
    let skus: Vec<String> = products.iter().map(|product| product.sku.clone()).collect();
    let sites: Vec<String> = reads::zones(pool).await.map_err(console.failed())?.into_keys().collect();
    let shown: Vec<String> = match query.site.is_empty() {
        true => sites.iter().take(STOCK_SITES_MAX).cloned().collect(),
        false => vec![query.site.clone()],
    };
    let cells = reads::stock(pool, &skus, &shown).await.map_err(console.failed())?;
    let asked = stock::Asked {
        q,
        site: query.site,
        is_later_page: !query.after.is_empty(),
        limit: PAGE_DEFAULT as usize,
    };
    let mut page = stock::page(products, cells, sites, asked, &console.watch());
    page.frame.open_exceptions = console.open_exceptions().await?;
    Ok(Page(page).into_response())
}

/// The page of imports.
pub async fn imports(State(console): State<Console>) -> Answer {
    let mut page = imports::page(&console.watch());
    page.frame.open_exceptions = console.open_exceptions().await?;
    Ok(Page(page).into_response())
}
