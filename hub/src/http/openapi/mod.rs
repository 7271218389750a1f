//! The API's description, served at `/openapi.json` and for reading at `/docs`.
//!
//! Shapes are described here and not derived from the program's own types: model and store know no HTTP. Two tests
//! hold them together: every route stands in the description and the other way round, and answers of a running hub
//! fit their shapes.
#![allow(dead_code, reason = "shapes and addresses exist for what the macros read in them; nobody makes one")]

mod fulfillment;
mod operations;
mod order;
mod paths;
mod shared;
mod site;

use axum::Router;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

/// The description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Outpost hub",
        description = "Captures orders, promises stock, routes each order to sites, and shows what the sites did. \
            Times are milliseconds since 1970 in UTC unless said otherwise. Errors are problem documents (RFC 9457) \
            with a stable `code`."
    ),
    paths(
        paths::capture_order, paths::capture_shopify_order, paths::list_orders, paths::get_order,
        paths::cancel_order, paths::hold_order, paths::approve_order,
        paths::list_sites, paths::get_site, paths::site_stock, paths::site_documents, paths::site_keys,
        paths::site_quarantine, paths::release_document, paths::give_document_up, paths::enrollment_token,
        paths::enroll, paths::let_site_go,
        paths::list_exceptions, paths::resolve_exception, paths::payload,
        paths::import_file,
        paths::carrier_observation, paths::pickup_code, paths::stats,
        paths::list_backups, paths::begin_backup, paths::confirm_backup,
        paths::livez, paths::readyz, paths::metrics,
    ),
    components(schemas(shared::Problem)),
    modifiers(&Token),
    tags(
        (name = "orders", description = "Capture, list and steer orders."),
        (name = "channels", description = "What sales channels send, as they send it."),
        (name = "sites", description = "Stores and warehouses: line, stock, documents, enrollment."),
        (name = "exceptions", description = "What needs a person."),
        (name = "imports", description = "Master data and opening stock from CSV files."),
        (name = "carriers", description = "What carriers say."),
        (name = "operations", description = "Numbers and health."),
    )
)]
pub struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The token of the settings (`api.token`); needed unless the hub listens on loopback only.",
            ))
            .build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// `/openapi.json` and `/docs`.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    SwaggerUi::new("/docs").url("/openapi.json", Description::openapi()).into()
}
