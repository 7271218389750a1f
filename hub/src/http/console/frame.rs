//! What every page has around its content, and how a page becomes an answer.

use askama::Template;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use outpost_daemon::Problem;

use super::when::{Watch, When};

/// The bar above a page and what keeps the page fresh.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The page's title.
    pub title: String,
    /// Which entry of the bar is open.
    pub section: &'static str,
    /// The kinds of news that make the page read again, with blanks between; `order:<id>` for one thing only.
    pub live: String,
    /// When the page was made.
    pub as_of: When,
    /// Exceptions that are open.
    pub open_exceptions: i64,
}

/// An entry of the bar.
pub struct Entry {
    /// Its address.
    pub href: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// The entries of the bar.
pub const ENTRIES: [Entry; 6] = [
    Entry { href: "/", name: "Overview" },
    Entry { href: "/orders", name: "Orders" },
    Entry { href: "/exceptions", name: "Exceptions" },
    Entry { href: "/sites", name: "Sites" },
    Entry { href: "/stock", name: "Stock" },
    Entry { href: "/imports", name: "Imports" },
];

impl Frame {
    /// The frame of a page.
    pub fn new(
        section: &'static str,
        title: impl Into<String>,
        live: impl Into<String>,
        watch: &Watch,
    ) -> Self {
        let as_of = watch.at(watch.now());
        Self { title: title.into(), section, live: live.into(), as_of, open_exceptions: 0 }
    }

    /// The bar's entries.
    pub fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    /// Whether an entry is the one that is open.
    pub fn is_open(&self, entry: &Entry) -> bool {
        entry.href == self.section
    }
}

/// A page as an answer.
pub struct Page<T>(pub T);

/// Scripts and styles come from the hub alone, nobody frames the console, and forms go nowhere else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let html = match self.0.render() {
            Ok(html) => html,
            Err(error) => return Problem::internal(error).into_response(),
        };
        let headers: [(HeaderName, &str); 4] = [
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
        ];
        (headers, Html(html)).into_response()
    }
}

/// A page that says why there is nothing to see.
#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    frame: Frame,
    title: String,
    text: String,
}

/// A page of the console that cannot be shown, in the console's own dress.
pub fn message(status: StatusCode, watch: &Watch, title: &str, text: &str) -> Response {
    let frame = Frame::new("", title, "", watch);
    let page = Page(Message { frame, title: title.to_owned(), text: text.to_owned() });
    (status, page).into_response()
}
