//! The handheld's scripts and styles, under an address that changes with their content and is kept for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use outpost_daemon::Problem;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// `/handheld/<hash>`: one hash over all files, so that modules find each other by relative paths.
static BASE: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Files::iter().collect();
    names.sort();
    let mut hasher = blake3::Hasher::new();
    for name in names {
        if let Some(file) = Files::get(&name) {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
            hasher.update(&(file.data.len() as u64).to_le_bytes()).update(&file.data);
        }
    }
    format!("/handheld/{}", &hasher.finalize().to_hex()[..12])
});

/// Where pages find the files.
pub fn base() -> &'static str {
    &BASE
}

/// Serves a file. Under an old hash the present file is served too, but not kept: a page that was loaded before an
/// update must not lose its modules.
pub async fn file(Path((hash, name)): Path<(String, String)>, request: HeaderMap) -> Response {
    let Some(file) = Files::get(&name) else {
        return Problem::not_found("not_found", "There is nothing at this address.").into_response();
    };
    let current = base().ends_with(&format!("/{hash}"));
    let tag = format!("\"{}\"", &blake3::hash(&file.data).to_hex()[..16]);
    let keep = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, keep),
        (header::CONTENT_TYPE, content_type(&name)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let held = request.get(header::IF_NONE_MATCH).is_some_and(|held| held.as_bytes() == tag.as_bytes());
    if held {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, file.data.into_owned()).into_response()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
