//! A small carrier with an HTTP interface: sells labels, takes them back, and reports what it scanned.
//!
//! | call | what it does |
//! | --- | --- |
//! | `POST /v1/labels` with `Idempotency-Key` | sells a label; the same key and request get the same label again |
//! | `GET /v1/labels/{tracking}` | what became of it |
//! | `POST /v1/labels/{tracking}/void` | takes it back, as long as nothing was scanned |
//! | `POST /v1/labels/{tracking}/observe` | the carrier scans the parcel; the observation is posted to the webhook |
//! | `GET /readyz` | whether it is up |

mod book;
mod http;
mod label;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

pub use book::{Address, Counts, Fact, Parcel, PurchaseRequest};
pub use label::tracking_number;

use book::Book;

/// What a carrier must get through to the hub: the body of `POST /v1/carriers/observations`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Observation {
    /// The parcel.
    pub tracking: String,
    /// What was seen.
    pub fact: Fact,
    /// When, in milliseconds since 1970 (UTC).
    pub at: i64,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trouble {
    down: bool,
    delay: Duration,
    lose_next_answer: bool,
}

#[derive(Default)]
pub(crate) struct Shared {
    book: Mutex<Book>,
    trouble: Mutex<Trouble>,
    webhook: Mutex<Option<String>>,
    http: reqwest::Client,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A carrier. Clones are the same carrier; it is gone with the last of them.
#[derive(Clone)]
pub struct VirtualCarrier {
    address: SocketAddr,
    shared: Arc<Shared>,
    _task: Arc<AbortOnDropHandle<()>>,
}

impl VirtualCarrier {
    /// Opens for business at a free port of this machine.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Opens for business at this address.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let routes = http::routes(shared.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the virtual carrier stopped");
            }
        });
        Ok(Self { address, shared, _task: Arc::new(AbortOnDropHandle::new(task)) })
    }

    /// Where it is, such as `http://127.0.0.1:4711`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where observations are posted to from now on.
    pub fn set_webhook(&self, url: impl Into<String>) {
        *lock(&self.shared.webhook) = Some(url.into());
    }

    /// Whether it answers everything with "unavailable".
    pub fn set_down(&self, down: bool) {
        lock(&self.shared.trouble).down = down;
    }

    /// How long it thinks before it answers.
    pub fn set_delay(&self, delay: Duration) {
        lock(&self.shared.trouble).delay = delay;
    }

    /// The next purchase is booked and answered with an error, as when a gateway fails on the way back.
    pub fn lose_next_answer(&self) {
        lock(&self.shared.trouble).lose_next_answer = true;
    }

    /// What was bought, voided and replayed so far.
    pub fn counts(&self) -> Counts {
        lock(&self.shared.book).counts()
    }

    /// A parcel it knows.
    pub fn parcel(&self, tracking: &str) -> Option<Parcel> {
        lock(&self.shared.book).parcel(tracking).cloned()
    }

    /// All parcels, by tracking number.
    pub fn parcels(&self) -> Vec<Parcel> {
        lock(&self.shared.book).parcels().cloned().collect()
    }

    /// Scans a parcel and posts the observation; what the webhook answered, if it is set and could be reached.
    pub async fn observe(&self, tracking: &str, fact: Fact, at: i64) -> Result<Option<u16>, String> {
        http::observe_and_post(&self.shared, tracking, fact, at).await.map_err(|problem| problem.detail)
    }
}
