//! Counters and histograms of the process, in Prometheus' text form.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// Seconds; from a grouped commit on a fast disk to a request that is given up.
const SECONDS_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The process's recorder. Metrics whose names end in `_seconds` are histograms with fixed buckets.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

/// The recorder could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("cannot install the metrics recorder")]
pub struct MetricsError(#[source] BuildError);

impl Metrics {
    /// Installs the recorder of the process; a second call returns the same one.
    pub fn install() -> Result<Self, MetricsError> {
        static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
        // Held while installing: whoever comes second must find the handle, not a recorder without one.
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*installed {
            return Ok(Self { handle: handle.clone() });
        }
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS_BUCKETS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(MetricsError)?;
        *installed = Some(handle.clone());
        Ok(Self { handle })
    }

    /// Everything counted so far.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// A task for the supervisor: histograms gather samples until they are drained, whether or not anybody asks
    /// for them.
    pub async fn upkeep(self, token: CancellationToken) -> Result<(), Infallible> {
        loop {
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                () = tokio::time::sleep(UPKEEP_EVERY) => self.handle.run_upkeep(),
            }
        }
    }
}
