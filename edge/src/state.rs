//! What handlers and workers share.

use std::sync::Arc;

use outpost_config::EdgeSettings;
use outpost_daemon::Clock;
use tokio_util::sync::CancellationToken;

use crate::device::Desk;
use crate::moment::Moment;
use crate::replicate::LineStatus;
use crate::site::Site;
use crate::store::query::Readers;
use crate::write::Writer;

/// What handlers and workers share: cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The one way to change anything.
    pub writer: Writer,
    /// Read-only connections for screens.
    pub readers: Readers,
    /// The site.
    pub site: Arc<Site>,
    /// The settings as resolved.
    pub settings: Arc<EdgeSettings>,
    /// The printers and their jobs.
    pub desk: Desk,
    /// The clocks.
    pub clock: Clock,
    /// How the line to the hub is.
    pub line: LineStatus,
    /// Cancelled when the daemon ends: streams that never end by themselves watch it.
    pub shutdown: CancellationToken,
}

impl AppState {
    /// Now, on every clock.
    pub fn now(&self) -> Moment {
        Moment::read(&self.clock)
    }
}
