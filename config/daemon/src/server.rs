//! The HTTP server: bound before anybody is told it is ready, with a limit on everything a client can stretch.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::problem::{Problem, no_such_method, no_such_page};

/// Where the server listens and what a client may take.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// How long the headers may take, and the longest pause within a body.
    pub header_timeout: Duration,
    /// How long a request may take until its answer begins.
    pub request_timeout: Duration,
    /// The largest body an extractor reads.
    pub body_bytes_max: usize,
    /// How long running requests may take after shutdown was asked for.
    pub drain_timeout: Duration,
}

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}{}", hint(.source))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => " (another program listens there)",
        io::ErrorKind::AddrNotAvailable => " (this machine does not have that address)",
        io::ErrorKind::PermissionDenied => " (ports below 1024 need a privilege)",
        _ => "",
    }
}

/// A server that holds its port and does not answer yet.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
    address: SocketAddr,
    options: ServerOptions,
}

/// Takes the port.
pub fn bind(options: ServerOptions) -> Result<BoundServer, BindError> {
    let taken = TcpListener::bind(options.listen).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    match taken {
        Ok((listener, address)) => Ok(BoundServer { listener, address, options }),
        Err(source) => Err(BindError { address: options.listen, source }),
    }
}

impl BoundServer {
    /// The address with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is cancelled, then lets running requests finish within the drain timeout. Streams
    /// that never end by themselves must watch the same token.
    ///
    /// The router's fallbacks are set here: unknown addresses and methods answer with problems.
    pub async fn serve(self, router: Router, shutdown: CancellationToken) -> io::Result<()> {
        let handle = Handle::new();
        let mut server = axum_server::from_tcp(self.listener)?
            .handle(handle.clone())
            .first_request_timeout(self.options.header_timeout);
        server.http_builder().http1().header_read_timeout(self.options.header_timeout);
        server.http_builder().http2().keep_alive_interval(self.options.request_timeout);
        let service = guarded(router, &self.options).into_make_service_with_connect_info::<SocketAddr>();
        let drain_timeout = self.options.drain_timeout;
        let drain = async move {
            shutdown.cancelled().await;
            handle.graceful_shutdown(Some(drain_timeout));
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = server.serve(service) => result,
            () = drain => Ok(()),
        }
    }
}

/// The router with limits, traces, metrics and problems around it: what [`BoundServer::serve`] serves.
pub fn guarded(router: Router, options: &ServerOptions) -> Router {
    // The span holds the route as it was written, never the address as it was asked for: paths and queries can
    // carry names, phone numbers and codes.
    let trace = TraceLayer::new_for_http().make_span_with(|request: &Request| {
        tracing::debug_span!("http", method = %request.method(), route = route_of(request))
    });
    router
        .fallback(no_such_page)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(options.request_timeout, within_time))
        .layer(middleware::from_fn(without_panic))
        .layer(middleware::map_response(sealed))
        .layer(middleware::from_fn(measured))
        .layer(trace)
        .layer(RequestBodyTimeoutLayer::new(options.header_timeout))
        .layer(DefaultBodyLimit::max(options.body_bytes_max))
}

/// No page of ours belongs into a foreign frame, is to be guessed at, or tells other sites where the reader was.
async fn sealed(mut response: Response) -> Response {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn route_of(request: &Request) -> String {
    let matched = request.extensions().get::<MatchedPath>();
    matched.map_or("none".to_string(), |path| path.as_str().to_string())
}

async fn within_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(limit_ms = limit.as_millis() as u64, "a request took too long and was given up");
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "request_timeout", "The request took too long.")
                .detail("Its outcome is not known; asking again with the same id is safe.")
                .into_response()
        }
    }
}

async fn without_panic(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            Problem::internal(format!("a handler panicked: {}", panic_text(&*panic))).into_response()
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

async fn measured(request: Request, next: Next) -> Response {
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_string(),
        // A client could otherwise make up methods and with them time series without end.
        _ => "other".to_string(),
    };
    let route = route_of(&request);
    let began = tokio::time::Instant::now();
    let mut response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    let took = began.elapsed().as_secs_f64();
    // How long the daemon took, for whoever measures from outside: W3C Server Timing, in milliseconds.
    if let Ok(timing) = HeaderValue::from_str(&format!("total;dur={:.3}", took * 1_000.0)) {
        response.headers_mut().insert("server-timing", timing);
    }
    let labels = [("method", method), ("route", route), ("status", status)];
    metrics::counter!("outpost_http_requests_total", &labels).increment(1);
    metrics::histogram!("outpost_http_request_seconds", &labels).record(took);
    response
}
