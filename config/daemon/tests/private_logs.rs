//! What a customer or a member of staff types into an address never reaches the logs. In a file of its own: the
//! subscriber belongs to the process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use outpost_daemon::{Problem, ServerOptions, guarded};
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn paths_and_queries_stay_out_of_the_logs() {
    let captured = Captured::default();
    let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    tracing::subscriber::set_global_default(lines.with_writer(captured.clone()).finish()).unwrap();
    let options = ServerOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        header_timeout: Duration::from_secs(1),
        request_timeout: Duration::from_secs(1),
        body_bytes_max: 1024,
        drain_timeout: Duration::from_secs(1),
    };
    let fail = || async { Problem::internal("the disk is full") };
    let router = guarded(Router::new().route("/v1/customers/{name}", get(fail)), &options);
    let request =
        Request::get("/v1/customers/erika-mustermann?phone=0301234567").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    let unknown = Request::get("/v1/erika-mustermann").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(unknown).await.unwrap().status(), 404);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("/v1/customers/{name}") && text.contains("the disk is full"), "{text}");
    assert!(!text.contains("mustermann") && !text.contains("0301234567"), "{text}");
}
