//! How the line to the hub is, for screens.

use std::sync::Arc;

use outpost_model::time::UtcMillis;
use serde::Serialize;
use tokio::sync::watch;

/// How the line is now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LineState {
    /// Whether frames can be sent and the hub answers.
    pub up: bool,
    /// Since when it is as it is.
    pub since: Option<UtcMillis>,
    /// When the hub was last heard.
    pub last_contact: Option<UtcMillis>,
    /// What is wrong with it, if it is down.
    pub trouble: Option<String>,
    /// Whether another appliance with this one's identity took over the line: a clone is alive.
    pub taken_over: bool,
}

/// A shared view of the line.
#[derive(Debug, Clone)]
pub struct LineStatus(Arc<watch::Sender<LineState>>);

impl Default for LineStatus {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(LineState::default())))
    }
}

impl LineStatus {
    /// How it is.
    pub fn get(&self) -> LineState {
        self.0.borrow().clone()
    }

    /// Notes that the line came up or went down. True when that is news.
    pub fn note(&self, up: bool, now: UtcMillis, trouble: Option<String>, taken_over: bool) -> bool {
        self.0.send_if_modified(|state| {
            let changed = state.since.is_none() || state.up != up;
            if changed {
                state.since = Some(now);
            }
            state.up = up;
            state.trouble = trouble;
            state.taken_over = taken_over;
            changed
        })
    }

    /// Notes that the hub was heard.
    pub fn heard(&self, now: UtcMillis) {
        self.0.send_modify(|state| state.last_contact = Some(now));
    }
}
