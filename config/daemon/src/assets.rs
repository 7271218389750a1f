//! Files served from memory with an entity tag, and the style sheet that edge and hub share.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// The address of the shared style sheet.
pub const STYLES_PATH: &str = "/assets/outpost.css";
/// The shared style sheet; its classes are described at its top.
pub const STYLES: &str = include_str!("../assets/outpost.css");

/// A file that is part of the program.
#[derive(Clone, Debug)]
pub struct Asset {
    body: &'static [u8],
    content_type: &'static str,
    tag: String,
}

impl Asset {
    /// Takes the bytes and computes their tag.
    pub fn new(content_type: &'static str, body: &'static [u8]) -> Self {
        let tag = format!("\"{}\"", &blake3::hash(body).to_hex()[..16]);
        Self { body, content_type, tag }
    }

    /// Answers with the file, or with 304 to who has it. Browsers ask every time: after an update no screen
    /// keeps an old file beside a new page.
    pub fn respond(&self, request: &HeaderMap) -> Response {
        let headers = [
            (header::ETAG, self.tag.as_str()),
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_TYPE, self.content_type),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        if self.is_held_by(request) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, self.body).into_response()
    }

    fn is_held_by(&self, request: &HeaderMap) -> bool {
        let tags = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        tags.flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag)
    }
}

/// `/assets/outpost.css`.
pub fn style_routes() -> Router {
    static SHEET: LazyLock<Asset> =
        LazyLock::new(|| Asset::new("text/css; charset=utf-8", STYLES.as_bytes()));
    Router::new().route(STYLES_PATH, get(|headers: HeaderMap| async move { SHEET.respond(&headers) }))
}
