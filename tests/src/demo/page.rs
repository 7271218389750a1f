//! The control page: cut and restore a store's line, stop the hub, take a printer's paper, send orders.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::chain::Chain;
use crate::network::Cut;

/// The page and its buttons.
pub fn router(chain: Arc<Chain>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/state", get(state))
        .route("/act/{act}", post(act_on_chain))
        .route("/act/{act}/{site}", post(act_on_site))
        .with_state(chain)
        // Served here too: the page must look as it should while the hub is stopped.
        .merge(outpost_daemon::assets::style_routes())
}

async fn state(State(chain): State<Arc<Chain>>) -> Response {
    let sites: Vec<_> = chain
        .sites
        .iter()
        .map(|site| {
            json!({
                "site": site.id,
                "line_cut": site.is_cut(),
                "labels": site.printer.odometer(),
                "paper_out": site.printer.is_out_of_paper(),
                "restarts": site.service.deaths(),
            })
        })
        .collect();
    Json(json!({ "sites": sites, "wire_bytes": chain.wire_bytes() })).into_response()
}

async fn act_on_chain(State(chain): State<Arc<Chain>>, Path(act): Path<String>) -> Response {
    answer(match act.as_str() {
        "stop-hub" => {
            chain.hub.stop().await;
            Ok(())
        }
        "start-hub" => chain.hub.start().await,
        "orders" => chain.send_sample_orders(10).await.map(|_| ()),
        _ => return StatusCode::NOT_FOUND.into_response(),
    })
}

async fn act_on_site(State(chain): State<Arc<Chain>>, Path((act, site)): Path<(String, String)>) -> Response {
    let Some(site) = chain.sites.iter().find(|entry| entry.id == site) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match act.as_str() {
        "cut" => site.line.cut(Cut::Reset),
        "restore" => site.line.restore(),
        "paper-out" => site.printer.paper_out(),
        "paper-in" => site.printer.paper_in(),
        "crash" => {
            // The watcher starts it again, as a service manager would.
            site.service.kill().await;
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    }
    answer(Ok(()))
}

fn answer(result: anyhow::Result<()>) -> Response {
    match result {
        Ok(()) => Redirect::to("/").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

async fn page(State(chain): State<Arc<Chain>>) -> Html<String> {
    let mut rows = String::new();
    for site in &chain.sites {
        let line = if site.is_cut() {
            ("cut", "restore", "Restore the line")
        } else {
            ("up", "cut", "Cut the line")
        };
        let paper = if site.printer.is_out_of_paper() {
            ("out of paper", "paper-in", "Give paper")
        } else {
            ("has paper", "paper-out", "Take the paper")
        };
        let id = &site.id;
        rows.push_str(&format!(
            "<tr><th scope=row><a href=\"{url}/\">{id}</a></th>\
             <td>{} {}</td><td>{} {} <small>{} labels</small></td><td>{}</td></tr>",
            line.0,
            button(line.1, id, line.2),
            paper.0,
            button(paper.1, id, paper.2),
            site.printer.odometer(),
            button("crash", id, "kill -9"),
            url = site.api.base(),
        ));
    }
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>Outpost demo</title><link rel=stylesheet href='/assets/outpost.css'>\
         <main class=page><h1>A chain of stores</h1>\
         <p><a href='{hub}/'>Console of the hub</a> · <a href='{hub}/docs'>its interface</a></p>\
         <table class=table><thead><tr><th>Handhelds<th>Line<th>Printer<th>Edge daemon</thead><tbody>{rows}</tbody></table>\
         <h2>Hub</h2><p>{} {} {}</p></main></html>",
        chain_button("orders", "Send ten orders"),
        chain_button("stop-hub", "Stop the hub"),
        chain_button("start-hub", "Start the hub"),
        hub = chain.hub_api.base(),
    ))
}

fn button(act: &str, site: &str, label: &str) -> String {
    format!(
        "<form method=post action='/act/{act}/{site}' style='display:inline'><button class=button>{label}</button></form>"
    )
}

fn chain_button(act: &str, label: &str) -> String {
    format!(
        "<form method=post action='/act/{act}' style='display:inline'><button class=button>{label}</button></form>"
    )
}
