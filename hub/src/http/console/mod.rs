//! The operations console: pages rendered here, read by whoever runs the chain.
//!
//! Pages only read. What a button does is a call of the API from the browser, so the console can do nothing that
//! another program could not. [`pages`] reads and hands over, a module named like its page makes the page.

mod assets;
mod case;
mod decisions;
mod exceptions;
mod frame;
mod imports;
mod lanes;
mod live;
mod order;
mod orders;
mod overview;
mod pages;
mod runbook;
mod sentence;
mod sign_in;
mod sites;
mod stock;
mod when;
mod words;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use jiff::tz::TimeZone;

use crate::Hub;
use when::Watch;

/// What every page has: the hub, and the zone of whoever reads.
#[derive(Clone)]
pub struct Console {
    hub: Hub,
    zone: TimeZone,
}

impl Console {
    fn watch(&self) -> Watch {
        Watch::new(self.hub.now(), self.zone.clone())
    }
}

impl FromRef<Console> for Hub {
    fn from_ref(console: &Console) -> Self {
        console.hub.clone()
    }
}

/// The pages, and the files they need.
pub fn routes(hub: Hub, zone: TimeZone) -> Router {
    let console = Console { hub, zone };
    let pages = Router::new()
        .route("/", get(pages::overview))
        .route("/orders", get(pages::orders))
        .route("/orders/{id}", get(pages::order))
        .route("/exceptions", get(pages::exceptions))
        .route("/sites", get(pages::sites))
        .route("/sites/{site}", get(pages::site))
        .route("/stock", get(pages::stock))
        .route("/imports", get(pages::imports))
        .route("/console/events", get(live::events))
        .layer(from_fn_with_state(console.clone(), sign_in::guard));
    let open = Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", axum::routing::post(sign_in::sign_out))
        .merge(assets::routes());
    pages.merge(open).with_state(console).merge(outpost_daemon::assets::style_routes())
}
