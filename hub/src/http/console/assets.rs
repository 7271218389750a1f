//! The console's own style sheet and script.

use std::sync::LazyLock;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use outpost_daemon::assets::Asset;

static STYLES: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/css; charset=utf-8", include_bytes!("../../../static/console.css")));
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("text/javascript; charset=utf-8", include_bytes!("../../../static/console.js"))
});
static ACTIONS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("text/javascript; charset=utf-8", include_bytes!("../../../static/actions.js"))
});
static LIVE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/javascript; charset=utf-8", include_bytes!("../../../static/live.js")));

/// Routes of the files.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let serve = |asset: &'static LazyLock<Asset>| {
        get(move |headers: HeaderMap| async move { asset.respond(&headers) })
    };
    Router::new()
        .route("/assets/console.css", serve(&STYLES))
        .route("/assets/console.js", serve(&SCRIPT))
        .route("/assets/actions.js", serve(&ACTIONS))
        .route("/assets/live.js", serve(&LIVE))
}
